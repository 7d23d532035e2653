"""Options of Kafka clients, from settings only: librdkafka's for Python, Java's for Spark."""

from __future__ import annotations

from typing import Any

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.settings import Settings

CONNECT_SECONDS = 10.0


def bootstrap_servers(settings: Settings) -> str:
    """Return the servers. Raises `UsageError` saying how to set them."""
    if not settings.bootstrap_servers:
        raise UsageError(
            "no Kafka broker is known: set ALERTFERRY_BOOTSTRAP_SERVERS, or start one here with "
            "`alertferry broker start`"
        )
    return settings.bootstrap_servers


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the options of a confluent-kafka client. Errors are ours to report, so the library stays silent."""
    return {**settings.kafka, "bootstrap.servers": bootstrap_servers(settings), "log_level": 0}


def reachable_servers(settings: Settings) -> None:
    """Raise `AlertferryError` when no broker answers in ten seconds."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    failures: list[str] = []
    options = client_options(settings) | {"error_cb": lambda error: failures.append(error.str())}
    admin = AdminClient(options)
    try:
        admin.list_topics(timeout=CONNECT_SECONDS)
    except KafkaException as error:
        said = next(iter(failures), error.args[0].str())
        raise AlertferryError(
            f"no Kafka broker answers at {settings.bootstrap_servers} ({settings.redact(said)}); check that it runs, "
            "the address, and the ALERTFERRY_KAFKA_* settings"
        ) from None


_JAVA_NAMES = {"sasl.mechanisms": "sasl.mechanism", "ssl.ca.location": "ssl.truststore.location"}
_NOT_JAVA = {"sasl.username", "sasl.password"}


def java_options(settings: Settings) -> dict[str, str]:
    """Return the options of Spark's Kafka sink (``kafka.`` prefix), the secrets included: never print them."""
    options = {"bootstrap.servers": bootstrap_servers(settings)}
    for name, value in settings.kafka.items():
        if name not in _NOT_JAVA:
            options[_JAVA_NAMES.get(name, name)] = value
    if "ssl.truststore.location" in options:
        options.setdefault("ssl.truststore.type", "PEM")
    if "sasl.username" in settings.kafka:
        options["sasl.jaas.config"] = _jaas(settings)
    return {f"kafka.{name}": value for name, value in options.items()}


def _jaas(settings: Settings) -> str:
    mechanism = settings.kafka.get("sasl.mechanism") or settings.kafka.get("sasl.mechanisms", "SCRAM-SHA-512")
    module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
    user, password = (
        settings.kafka.get(f"sasl.{part}", "").replace("\\", "\\\\").replace('"', '\\"')
        for part in ("username", "password")
    )
    return f'org.apache.kafka.common.security.{module} required username="{user}" password="{password}";'

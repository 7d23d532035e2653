"""Kafka clients for Python, their options from settings only, and what to say when they do not get through."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.kafka_security import check_security, mechanism_of, protocol_of
from alertferry.core.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka import KafkaError
    from confluent_kafka.admin import AdminClient, ClusterMetadata

CONNECT_SECONDS = 10.0

QUICK = {"reconnect.backoff.ms": "20"}
"""The library begins no connection earlier than half of this after the one before, the first one included. Of a broker
that is away it asks less and less often, up to ``reconnect.backoff.max.ms``."""

_LOOKS_SECONDS = (1.0, 2.0)
"""Soon enough to hear of a refusal; the look after these takes what is left, for the answer of a slow broker."""


def bootstrap_servers(settings: Settings) -> str:
    """Return the servers. Raises `UsageError` saying how to set them."""
    if not settings.bootstrap_servers:
        raise UsageError(
            "no Kafka broker is known: set ALERTFERRY_BOOTSTRAP_SERVERS, or start one here with "
            "`alertferry broker start`"
        )
    return settings.bootstrap_servers


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the options of a confluent-kafka client. Errors are ours to report, so the library stays silent.

    Raises `UsageError` for settings of TLS and login that cannot work.
    """
    check_security(settings.kafka)
    return {**QUICK, **settings.kafka, "bootstrap.servers": bootstrap_servers(settings), "log_level": 0}


def make_client(client: Callable[[dict[str, Any]], Any], options: dict[str, Any], settings: Settings) -> Any:
    """Return a client of the library. Raises `UsageError` for options that it refuses."""
    from confluent_kafka import KafkaException

    try:
        return client(options)
    except KafkaException as error:
        said = settings.redact(error.args[0].str())
        raise UsageError(
            f"the Kafka client refuses its options: {said}; correct the ALERTFERRY_KAFKA_* variable or the [kafka] "
            "table of the settings file (names are those of librdkafka, for example sasl.username, ssl.ca.location)"
        ) from None


def reachable_servers(settings: Settings, topic: str | None = None, seconds: float = CONNECT_SECONDS) -> None:
    """Raise `AlertferryError` when no broker lets us in, or may not make ``topic``, which is not made now.

    At once when a broker says why, else after some ``seconds``.
    """
    from confluent_kafka.admin import AdminClient

    heard: list[KafkaError] = []
    admin = make_client(AdminClient, client_options(settings) | {"error_cb": heard.append}, settings)
    cluster_of(admin, heard, settings, seconds)
    if topic is not None:
        _try_to_create(admin, topic, settings)


def _try_to_create(admin: AdminClient, topic: str, settings: Settings) -> None:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import NewTopic

    wanted = NewTopic(topic, settings.topic_partitions, settings.topic_replication)
    asked = admin.create_topics([wanted], validate_only=True, request_timeout=CONNECT_SECONDS)
    try:
        asked[topic].result()
    except KafkaException as error:
        raise refusal(error.args[0], f"topics like {topic} cannot be created") from None


def refusal(reason: KafkaError, what: str) -> AlertferryError:
    """Return the error for something that a broker does not do for a publisher: what, why, and whom to ask."""
    from confluent_kafka import KafkaError as Codes

    if reason.code() in (Codes.TOPIC_AUTHORIZATION_FAILED, Codes.CLUSTER_AUTHORIZATION_FAILED):
        return AlertferryError(
            f"{what}: this user may not ({reason.str()}); ask the broker's operator for CREATE and WRITE on topics "
            "that begin with ftransfer_ and fxmatch_"
        )
    return AlertferryError(f"{what}: {reason.str()}")


def cluster_of(
    admin: AdminClient, heard: Sequence[KafkaError], settings: Settings, seconds: float = CONNECT_SECONDS
) -> ClusterMetadata:
    """Return what the broker tells of itself and its topics.

    ``heard`` is filled by the client's ``error_cb``. Raises `AlertferryError` as `reachable_servers` does.
    """
    from confluent_kafka import KafkaException

    deadline = time.monotonic() + seconds
    looks, first_look = iter(_LOOKS_SECONDS), True
    while True:
        left = max(0.1, deadline - time.monotonic())
        try:
            return admin.list_topics(timeout=min(left, next(looks, left)))
        except KafkaException as error:
            admin.poll(0.1)
            hopeless = _refused(heard) or (first_look and _is_other_protocol(settings))
            first_look = False
            if hopeless or time.monotonic() >= deadline:
                said = [item.str() for item in heard] or [error.args[0].str()]
                raise connection_failure(settings, said, seconds) from None


def _refused(heard: Sequence[KafkaError]) -> bool:
    """Tell whether a broker has answered in a way that trying again will not change."""
    from confluent_kafka import KafkaError as Codes

    return any(error.code() in (Codes._AUTHENTICATION, Codes._SSL) for error in heard)


def connection_failure(settings: Settings, said: Sequence[str], seconds: float) -> AlertferryError:
    """Return the error for a broker that lets nobody in: in its own words, and what to check."""
    servers = settings.bootstrap_servers
    for pattern, explain in _CAUSES:
        words = next((text for text in said if re.search(pattern, text, re.I)), None)
        if words is not None:
            return AlertferryError(f"the Kafka broker at {servers} {explain(settings)} ({settings.redact(words)})")
    if _is_other_protocol(settings):
        return AlertferryError(f"the Kafka broker at {servers} {_protocol(settings)}: it encrypts")
    words = settings.redact(said[0]) if said else "no answer"
    return AlertferryError(
        f"no Kafka broker answers at {servers} within {seconds:.0f} s ({words}); check that it runs, the "
        "address (ALERTFERRY_BOOTSTRAP_SERVERS), that this network reaches it, and that it speaks "
        f"{protocol_of(settings.kafka)} there (ALERTFERRY_KAFKA_SECURITY_PROTOCOL)"
    )


def _is_other_protocol(settings: Settings) -> bool:
    """Tell whether the first server wants TLS and we do not, which Kafka's clients take for a broker that is away."""
    if protocol_of(settings.kafka).endswith("SSL"):
        return False
    host, _, port = bootstrap_servers(settings).partition(",")[0].strip().rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # only asked, nothing is told
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_LOOKS_SECONDS[0]) as connection:
            context.wrap_socket(connection).close()
    except (OSError, ValueError):
        return False
    return True


def _login(settings: Settings) -> str:
    if mechanism_of(settings.kafka) == "OAUTHBEARER":
        return (
            "refuses this user: no token, or one that it does not accept; check "
            "ALERTFERRY_KAFKA_SASL_OAUTHBEARER_CLIENT_ID, _CLIENT_SECRET and _TOKEN_ENDPOINT_URL"
        )
    return "refuses this user; check ALERTFERRY_KAFKA_SASL_USERNAME and ALERTFERRY_KAFKA_SASL_PASSWORD"


def _mechanism(settings: Settings) -> str:
    mechanism = mechanism_of(settings.kafka)
    return f"does not take {mechanism}; choose one that it supports with ALERTFERRY_KAFKA_SASL_MECHANISM"


def _certificate(settings: Settings) -> str:
    if settings.kafka.get("ssl.ca.location") or settings.kafka.get("ssl.ca.pem"):
        return (
            "shows a certificate that the authority in ALERTFERRY_KAFKA_SSL_CA_LOCATION has not signed, or not for "
            "this name; get the broker's CA file from its operator, and use the host name that the certificate is for"
        )
    return (
        "shows a certificate that no authority known here has signed, or not for this name; name the broker's CA file "
        "with ALERTFERRY_KAFKA_SSL_CA_LOCATION, and use the host name that the certificate is for"
    )


def _protocol(settings: Settings) -> str:
    return (
        f"does not speak {protocol_of(settings.kafka)} on this port; correct ALERTFERRY_KAFKA_SECURITY_PROTOCOL or the "
        "port in ALERTFERRY_BOOTSTRAP_SERVERS"
    )


def _own_certificate(_: Settings) -> str:
    return (
        "wants another certificate of ours, or any; set ALERTFERRY_KAFKA_SSL_CERTIFICATE_LOCATION and "
        "ALERTFERRY_KAFKA_SSL_KEY_LOCATION to what its operator has signed"
    )


_CAUSES: tuple[tuple[str, Callable[[Settings], str]], ...] = (
    (r"unsupported sasl mechanism", _mechanism),
    (r"certificate verify failed|could not be verified|hostname mismatch|ip address mismatch", _certificate),
    (
        r"alert (bad certificate|certificate required|unknown ca|certificate unknown)|certificate.required",
        _own_certificate,
    ),
    (r"incorrect security\.protocol|wrong version number|connecting to a PLAINTEXT|SSL handshake failed", _protocol),
    (r"authentication|OAUTHBEARER token", _login),
)
"""Words of librdkafka, most telling first, and what they mean for a user."""

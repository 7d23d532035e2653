"""Waiting for a broker that has just been started, and asking what it made of its properties."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Mapping
from typing import Any

from alertferry.broker.java import failure, telling_lines
from alertferry.broker.process import is_broker
from alertferry.broker.properties import NODE_ID
from alertferry.broker.security import own_options
from alertferry.broker.state import HOST, BrokerInfo
from alertferry.core.errors import AlertferryError, UsageError, did_you_mean

_READY_SECONDS = 90.0
_POLL_SECONDS = 0.05

_UNDEFINED = ("super.users", "allow.everyone.if.no.acl.found")
"""Properties that Kafka passes on to its authorizer without a definition of its own."""


class PortLostError(AlertferryError):
    """Another program took the broker's port between its choice and its use."""


def wait_until_ready(info: BrokerInfo) -> None:
    """Return when the broker answers a client and leads its partitions.

    Raises `AlertferryError` with the telling lines of the log when it ends or does not answer in time.
    """
    deadline = time.monotonic() + _READY_SECONDS
    while not _listens(info):
        _check_alive(info, deadline)
        time.sleep(_POLL_SECONDS)
    admin = _admin(info)
    while not _leads(admin):
        _check_alive(info, deadline)
        time.sleep(_POLL_SECONDS)


def check_properties(info: BrokerInfo, properties: Mapping[str, str]) -> None:
    """Raise `UsageError` for properties that the running broker does not know: Kafka itself ignores them."""
    if not properties:
        return
    from confluent_kafka.admin import ConfigResource

    resource = ConfigResource(ConfigResource.Type.BROKER, str(NODE_ID))
    admin = _admin(info)
    entries = admin.describe_configs([resource], request_timeout=30)[resource].result()
    known = [name for name, entry in entries.items() if not _looks_unknown(name, entry)]
    unknown = [name for name in properties if name in entries and name not in known]
    if unknown:
        raise UsageError("\n".join(f"no broker property {name!r}{did_you_mean(name, known)}" for name in unknown))


def _looks_unknown(name: str, entry: Any) -> bool:
    """Tell a name that Kafka has no definition of: it hides the value as it does a password, but lists the name."""
    secret = any(word in name for word in ("password", "secret", "key", "certificate", "jaas", "passphrase"))
    known = name in _UNDEFINED or name.startswith("listener.name.")
    return bool(entry.is_sensitive and entry.is_read_only and not secret and not known)


def _check_alive(info: BrokerInfo, deadline: float) -> None:
    text = info.log.read_text(errors="replace") if info.log.exists() else ""
    if not is_broker(info.pid, info.folder):
        error = failure(f"the broker ended while starting ({info.log})", text)
        raise PortLostError(str(error)) if "Address already in use" in text else error
    if time.monotonic() > deadline:
        lines = "".join(f"\n  {line}" for line in telling_lines(text))
        raise AlertferryError(
            f"the broker does not answer on {info.bootstrap_servers} after {_READY_SECONDS:.0f} s ({info.log}){lines}"
        )


def _listens(info: BrokerInfo) -> bool:
    try:
        socket.create_connection((HOST, info.port), timeout=1).close()
    except OSError:
        return False
    return True


def _admin(info: BrokerInfo) -> Any:
    from confluent_kafka.admin import AdminClient

    silent = logging.Logger("alertferry.broker.silent", logging.CRITICAL)
    options: dict[str, str | int | float | bool] = {
        **own_options(info.folder),
        "bootstrap.servers": info.bootstrap_servers,
        "reconnect.backoff.max.ms": 100,
    }
    return AdminClient(options, logger=silent)


def _leads(admin: Any) -> bool:
    from confluent_kafka import KafkaException

    try:
        cluster = admin.list_topics(timeout=2)
    except KafkaException:
        return False
    partitions = [part for topic in cluster.topics.values() for part in topic.partitions.values()]
    return NODE_ID in cluster.brokers and all(part.leader == NODE_ID for part in partitions)

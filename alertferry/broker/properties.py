"""The settings of the broker, and its ports."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from alertferry.broker.security import Kept, security_properties
from alertferry.broker.state import HOST, BrokerRecord
from alertferry.core.errors import UsageError

MAX_MESSAGE_BYTES = 10 * 1024 * 1024
"""Room for the largest packets with their cutouts, compressed batches included."""

NODE_ID = 1

DEFAULTS: Mapping[str, str] = {
    "auto.create.topics.enable": "false",
    "num.partitions": "10",
    "log.retention.hours": str(7 * 24),
    "message.max.bytes": str(MAX_MESSAGE_BYTES),
    "replica.fetch.max.bytes": str(MAX_MESSAGE_BYTES),
    # -1 leaves the buffers to the operating system, which sizes them better than a constant on loopback.
    "socket.send.buffer.bytes": "-1",
    "socket.receive.buffer.bytes": "-1",
    # One node holds the only copy of everything.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # A first consumer waits until these partitions exist: few of them make it start sooner.
    "offsets.topic.num.partitions": "5",
    "transaction.state.log.num.partitions": "5",
    "group.initial.rebalance.delay.ms": "0",
    # After a crash the controller waits this long before it lets the same broker in again.
    "broker.session.timeout.ms": "6000",
    "broker.heartbeat.interval.ms": "1000",
    # The default of 128 MiB is taken from the heap at once.
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
}

_OURS = (
    "advertised.listeners",
    "broker.id",
    "controller.listener.names",
    "controller.quorum.bootstrap.servers",
    "controller.quorum.voters",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "listeners",
    "log.dir",
    "log.dirs",
    "metadata.log.dir",
    "node.id",
    "process.roles",
)


def server_properties(
    folder: Path, port: int, controller_port: int, properties: Mapping[str, str], kept: Kept | None = None
) -> str:
    """Return the text of ``server.properties``; the user's ``properties`` win over `DEFAULTS` and the security's.

    Raises `UsageError` for a property that decides where the broker listens or keeps its data.
    """
    for name in properties:
        if name in _OURS:
            raise UsageError(
                f"broker property {name!r} cannot be set: the broker listens on this machine only "
                "and keeps its data in its own folder; the port has an option of its own"
            )
    kept = kept or Kept()
    protocol, inner = kept.security.protocol, "SASL_PLAINTEXT" if kept.security.users else "PLAINTEXT"
    fixed = {
        "process.roles": "broker,controller",
        "node.id": str(NODE_ID),
        "listeners": f"{protocol}://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"{protocol}://{HOST}:{port}",
        "listener.security.protocol.map": f"{protocol}:{protocol},CONTROLLER:{inner}",
        "inter.broker.listener.name": protocol,
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"{NODE_ID}@{HOST}:{controller_port}",
        "log.dirs": str(folder / "data"),
    }
    lines = [
        _line(name, value)
        for name, value in {**DEFAULTS, **security_properties(folder, kept), **properties, **fixed}.items()
    ]
    return "\n".join(lines) + "\n"


def choose_ports(requested: int | None, last: BrokerRecord | None) -> tuple[int, int]:
    """Return the ports of the broker and its controller: requested, last or free ones.

    Raises `UsageError` when the requested port is taken or is none.
    """
    if requested is not None:
        _check_port(requested)
    wanted = requested or (last.info.port if last and _is_free(last.info.port) else _free_port())
    if last and last.controller_port != wanted and _is_free(last.controller_port):
        return wanted, last.controller_port
    return wanted, _free_port(wanted)


def _check_port(port: int) -> None:
    if not 0 < port < 65536:
        raise UsageError(f"port must be between 1 and 65535, got {port}")
    try:
        _bind(port)
    except OSError as error:
        raise UsageError(
            f"port {port} of {HOST} cannot be used: {error.strerror}; choose another, or give none to take a free one"
        ) from None


def _is_free(port: int) -> bool:
    try:
        _bind(port)
    except OSError:
        return False
    return True


def _free_port(other_than: int = 0) -> int:
    port = _bind(0)
    return port if port != other_than else _free_port(other_than)


def _bind(port: int) -> int:
    with socket.socket() as probe:
        # As the broker itself does: connections that have just been closed do not occupy a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        return int(probe.getsockname()[1])


def _line(name: str, value: str) -> str:
    """Return one line of a Java properties file, which is Latin-1 with escapes."""
    if any(character in text for text in (name, value) for character in "\r\n\0"):
        raise UsageError(f"broker property {name!r}: a line break is not possible in its value")
    return f"{_escape(name, ' :=#!')}={_escape(value, '')}"


def _escape(text: str, special: str) -> str:
    escaped = text.replace("\\", "\\\\")
    for character in special:
        escaped = escaped.replace(character, "\\" + character)
    units = escaped.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    escaped = "".join(chr(code) if code < 127 else f"\\u{code:04x}" for code in codes)
    return "\\" + escaped if escaped.startswith(" ") else escaped

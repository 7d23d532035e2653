"""The gateway between Python and Spark's Java, without its pauses.

Java sends an answer of 8 KiB or more in pieces and holds the second back until the first is acknowledged, for which
Linux takes 40 ms: it waits for something to send along (issue 516 of py4j, corrected in later versions). The schema of
whole alerts is such an answer, and every job and every estimate asks for several.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class _AtOnce(socket.SocketIO):
    """Reads from a socket and acknowledges at once."""

    def readinto(self, buffer: Any) -> int | None:
        # each time, because Linux soon goes back to waiting
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # type: ignore[attr-defined]
        return super().readinto(buffer)


def acknowledge_at_once(spark: SparkSession) -> None:
    """Acknowledge Java's answers at once, on the connections that this session's gateway has and will have.

    Only Linux waits, and offers the means against it; a gateway made otherwise than expected is left as it is, and is
    only slower.
    """
    if not hasattr(socket, "TCP_QUICKACK"):
        return
    try:
        client = spark.sparkContext._gateway._gateway_client  # type: ignore[union-attr]
        create, present = client._create_new_connection, list(client.deque)
    except AttributeError:
        return
    if getattr(create, "at_once", False):
        return

    def created() -> Any:
        return _hastened(create())

    created.at_once = True  # type: ignore[attr-defined]
    client._create_new_connection = created
    for connection in present:
        _hastened(connection)


def _hastened(connection: Any) -> Any:
    raw = getattr(connection.stream, "raw", None)
    if type(raw) is socket.SocketIO:
        raw.__class__ = _AtOnce
    return connection

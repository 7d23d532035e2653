"""A broker behind a bad network: a TCP proxy that drops, swallows, delays and throttles."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

HOST = b"127.0.0.1"
PIECE_BYTES = 1 << 14


class Proxy:
    """Forwards to a broker on this machine, under its own port; the broker's answers name the proxy, too.

    ``holed`` swallows everything without closing anything; ``latency_seconds`` and ``bytes_per_second`` hold for every
    connection. All may be changed while it runs.
    """

    def __init__(self, broker_port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.port = 0
        self.holed = False
        self.latency_seconds = 0.0
        self.bytes_per_second = 0.0
        self.connections = 0
        self._broker_port = broker_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._carried: Counter[asyncio.StreamWriter] = Counter()
        self._dead: set[asyncio.StreamWriter] = set()
        self._loop = loop

    @property
    def servers(self) -> str:
        """The address that clients use."""
        return f"127.0.0.1:{self.port}"

    async def listen(self) -> asyncio.Server:
        """Begin to forward; called once."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def drop(self) -> None:
        """Cut every connection."""
        self._loop.call_soon_threadsafe(self._drop)

    def _drop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def kill_busiest(self) -> None:
        """Let the connection that carried most so far carry nothing any more, without closing it."""
        self._dead.add(max(self._writers, key=self._carried.__getitem__))

    def revive(self) -> None:
        """Let everything flow again."""
        self.holed = False
        self._dead.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            upstream, down = await asyncio.open_connection("127.0.0.1", self._broker_port)
        except OSError:
            writer.close()
            return
        both = {writer, down}
        self._writers |= both
        try:
            await asyncio.gather(self._questions(reader, down), self._answers(upstream, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side has gone
        finally:
            self._writers -= both
            for one in both:
                one.close()

    async def _questions(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(PIECE_BYTES):
            await self._forward(writer, data)

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # the broker names itself in its answers, and clients would go there; an answer begins with its length
        theirs, ours = (HOST + port.to_bytes(4, "big") for port in (self._broker_port, self.port))
        while True:
            head = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(head, "big"))
            await self._forward(writer, head + body.replace(theirs, ours))

    async def _forward(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            while self.holed or writer in self._dead:
                await asyncio.sleep(0.02)
            self._carried[writer] += len(piece)
            if self.bytes_per_second:
                await asyncio.sleep(len(piece) / self.bytes_per_second)
            writer.write(piece)
            await writer.drain()


@contextmanager
def proxied(broker_port: int) -> Iterator[Proxy]:
    """Give a proxy in front of the broker for the length of a ``with`` block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = Proxy(broker_port, loop)
    server = asyncio.run_coroutine_threadsafe(proxy.listen(), loop).result(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(server.close)
        proxy.revive()
        proxy.drop()
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)

"""Panel's page and socket, each user with their share of the server, and no more of it."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import panel.io.document
import panel.io.resources
import panel.io.server
from bokeh.server.tornado import BokehTornado
from panel.io.server import DocHandler, WSHandler
from panel.io.state import state
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from alertferry.core.errors import UsageError
from alertferry.core.settings import load_settings
from alertferry.ui.identity import ClosedCookies, Identity, SignIn
from alertferry.ui.session import coming_pages, open_pages
from alertferry.ui.shares import SHARES, Making

LOG = logging.getLogger("alertferry.ui")

TOO_LARGE = 1009
"""Code with which a socket is closed over a message that is too large (RFC 6455)."""

MESSAGE_LOGGERS = ("asyncio", "bokeh.server.protocol_handler", "bokeh.server.views.ws", "panel.reactive")
MOST_COMING = 6
"""Pages of one user that are made and whose browser has not answered; one more waits, half a minute at most. They are
kept for as long, and whatever is kept is gone through whenever Python looks for cycles."""
WAIT_SECONDS, WAITS = 0.1, 300

_ASKED: Counter[str | None] = Counter()
"""Pages of each user that were asked for and are not made yet: a thousand at once would pass the limit together."""

LONGEST_RECORD = 2000
LEFT = "Failed sending message as connection was closed"
"""What Bokeh logs for each message on its way to a page that was closed: as many as there are."""


class ShortRecords(logging.Filter):
    """Keeps short what Bokeh and Panel log of messages from pages: they write down the whole message.

    Where no code of ours took part, a page sent what no page of ours sends: one line says so. A user's mistake is told
    in the page, not here, and that a page was closed is nobody's. Only failures of our own keep their traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record."""
        error = record.exc_info[1] if record.exc_info else None
        text = record.getMessage()
        if isinstance(error, UsageError | WebSocketClosedError | StreamClosedError) or text == LEFT:
            return False
        if error is not None and record.name != "asyncio" and not _passes_our_code(error):
            text, record.exc_info = f"a page sent what cannot be read: {' '.join(str(error)[:200].split())}", None
        record.msg, record.args = text[:LONGEST_RECORD], None
        return True


def _passes_our_code(error: BaseException) -> bool:
    modules = {frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)}
    return any(name.startswith("alertferry.") for name in modules - {__name__, SHARES.__module__})


def _identity(handler: Any) -> Identity:
    found: Identity = handler.application.settings["identity"]
    return found


class Page(ClosedCookies, DocHandler):  # type: ignore[misc]
    """A page, made for who asks; only so many of one user at a time."""

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Make it, when it is this user's turn."""
        found = _identity(self).of_request(self.request)
        if found is None:
            DocHandler.get(self, *args, **kwargs)  # leads to where one signs in
            return
        owner, most = found.owner, load_settings().max_open_pages
        if _identity(self).signed_in and open_pages(owner) + _ASKED[owner] >= most:
            self.set_status(429)
            self.finish(f"You have {most} pages of this dashboard open; close one, and wait half a minute.\n")
            return
        _ASKED[owner] += 1
        try:
            for _ in range(WAITS):
                if coming_pages(owner) < MOST_COMING:
                    break
                await asyncio.sleep(WAIT_SECONDS)
            await SHARES.do(Making(owner), DocHandler.get(self, *args, **kwargs))
        finally:
            _ASKED[owner] -= 1


class Socket(WSHandler):  # type: ignore[misc]
    """The socket of a page. The gate has judged who opens it."""

    _user: SignIn | None = None
    _pending_bytes = 0
    _made = False

    def check_origin(self, origin: str) -> bool:
        """Leave it to the gate, which has judged the origin."""
        del origin
        return True

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Remember whose it is, so that a sign-out closes it."""
        identity = _identity(self)
        self._user = identity.of_request(self.request)
        if self._user is not None:
            identity.sockets[self._user.key].add(self)
        return super().open(*args, **kwargs)

    async def _handle(self, message: Any) -> Any:
        """Do what a message asks when it is this user's turn; tornado reads no further of this socket meanwhile."""
        if self._user is not None and _identity(self).of(self.request.cookies) is None:  # the password has changed
            self.close(1000, "signed out")
            return None
        owner, made = self._user and self._user.owner, self._made
        self._made = made or message.msgtype == "PATCH-DOC"  # the first one says that the page stands, and fills it
        return await SHARES.do(owner if made else Making(owner), super()._handle(message))

    async def write_message(self, message: Any, binary: bool = False, locked: bool = True) -> None:
        """Write; wait only while the page takes no more: else each of a message's three parts let others begin."""
        if locked:
            with await self.write_lock.acquire():
                await self.write_message(message, binary, locked=False)
            return
        written = WebSocketHandler.write_message(self, message, binary)
        if self.ws_connection is None or self.ws_connection.stream.writing():
            await written

    def on_close(self) -> None:
        """Clean up, once."""
        with suppress(AssertionError):  # Bokeh's, where the socket was closed from both sides
            super().on_close()

    async def _receive(self, fragment: str | bytes) -> Any:
        """Put a message together, unless its parts are more than a page ever sends."""
        self._pending_bytes += len(fragment) + 64
        if self._pending_bytes > 2 * self.max_message_size:
            LOG.warning("a page sent a message that is too large; it is closed")
            self.close(TOO_LARGE, "message too large")
            return None
        message = await super()._receive(fragment)
        if message is not None:
            self._pending_bytes = 0
        return message


def _kept(bundle_resources: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that lists what a page loads, which remembers it: our pages all load the same.

    Panel goes through all models that Bokeh knows, for each page: two thirds of the time that it takes to answer.
    """
    found: dict[Any, Any] = {}

    def bundle(roots: Any, resources: Any) -> Any:
        key = (resources.mode, resources.root_url, state.rel_path)
        if key not in found:
            found[key] = bundle_resources(roots, resources)
        return found[key]

    return bundle


def take_over(application: BokehTornado) -> None:
    """Let these handle what Panel's handled, and keep their log short."""
    for name in MESSAGE_LOGGERS:
        if not any(isinstance(known, ShortRecords) for known in logging.getLogger(name).filters):
            logging.getLogger(name).addFilter(ShortRecords())
    # Panel looks for cycles after each page that was closed, however few there are: half a second for all others
    panel.io.document._garbage_collect = lambda: None
    panel.io.server.bundle_resources = _kept(panel.io.resources.bundle_resources)
    ours = {DocHandler: Page, WSHandler: Socket}
    for rule in application.wildcard_router.rules:
        rule.target = ours.get(rule.target, rule.target)

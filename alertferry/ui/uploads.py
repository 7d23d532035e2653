"""The address that files are sent to: ``upload/TICKET``, where the ticket belongs to one page of one user.

A file never passes through the page's websocket. `alertferry.uploads` counts and keeps what arrives.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tornado.ioloop import IOLoop
from tornado.web import RequestHandler, stream_request_body

from alertferry.ui.identity import Identity
from alertferry.uploads import Receiving, Upload, UploadError, find, folder, named, safe_name, too_large

__all__ = ("Receiving", "Upload", "UploadError", "find", "folder", "named", "safe_name")

MAX_FILES = 50
"""Files of one page."""


@dataclass
class _Ticket:
    owner: str | None
    files: int = 0


class Tickets:
    """Who may send files now. One object serves the whole process."""

    def __init__(self) -> None:
        self._tickets: dict[str, _Ticket] = {}
        self._lock = threading.Lock()

    def issue(self, owner: str | None) -> str:
        """Return a new ticket for a page of this owner."""
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[ticket] = _Ticket(owner)
        return ticket

    def withdraw(self, ticket: str) -> None:
        """Let nothing more be sent with a ticket."""
        with self._lock:
            self._tickets.pop(ticket, None)

    def take(self, ticket: str, owner: str | None) -> None:
        """Count a file that an owner sends with this ticket. Raises `UploadError`."""
        with self._lock:
            found = self._tickets.get(ticket)
            if found is None or found.owner != owner:
                raise UploadError(404, "This page is no longer connected; reload it and try again.")
            if found.files >= MAX_FILES:
                raise UploadError(429, f"At most {MAX_FILES} files can be sent from one page; reload it.")
            found.files += 1


TICKETS = Tickets()


@stream_request_body
class UploadHandler(RequestHandler):
    """``PUT upload/TICKET``: answers ``{"id"}``, or ``{"error"}`` with a status. Other methods do nothing."""

    SUPPORTED_METHODS = ("PUT",)

    _receiving: Receiving | None = None

    def initialize(self, identity: Identity, max_bytes: int) -> None:
        """Take who knows the users, and the limit of one file."""
        self._identity = identity
        self._max_bytes = max_bytes

    def check_xsrf_cookie(self) -> None:
        """Leave it to the ticket, which no other site can know."""

    async def prepare(self) -> None:
        """Refuse at once what is too large or has no ticket."""
        self.request.connection.set_max_body_size(self._max_bytes + 1024)  # type: ignore[union-attr]
        try:
            found = self._identity.of_request(self.request)
            if found is None:
                raise UploadError(403, "Sign in again; this page belongs to nobody.")
            if self.request.headers.get("Content-Length", "0").isdigit() and self._length > self._max_bytes:
                raise UploadError(413, too_large(self._max_bytes))
            TICKETS.take(self.path_args[0], found.owner)
            name = unquote(self.request.headers.get("X-File-Name", "")[:1000], errors="replace")
            begin = Receiving, name, found.owner, self._max_bytes
            self._receiving = await IOLoop.current().run_in_executor(None, *begin)
            if self._gone:
                self.on_connection_close()
        except UploadError as error:
            self._refuse(error)

    _gone = False

    @property
    def _length(self) -> int:
        return int(self.request.headers.get("Content-Length", "0"))

    async def data_received(self, chunk: bytes) -> None:
        """Store a piece, elsewhere: a disk that is busy must not hold up everybody's clicks."""
        if (receiving := self._receiving) is None:
            return
        self._receiving = None  # nobody drops a file that is being written
        try:
            await IOLoop.current().run_in_executor(None, receiving.write, chunk)
        except UploadError as error:
            self._refuse(error)
        else:
            self._receiving = receiving
            if self._gone:
                self.on_connection_close()

    async def put(self, ticket: str) -> None:  # noqa: ARG002 - looked at in `prepare`
        """Say that it is here."""
        if (receiving := self._receiving) is None:
            return
        self._receiving = None
        try:
            done = await IOLoop.current().run_in_executor(None, receiving.finish)
        except UploadError as error:
            self._receiving = receiving  # `on_finish` drops it
            self._refuse(error)
        else:
            self.finish({"id": done.id})

    def on_finish(self) -> None:
        """Leave nothing behind, however the request has ended."""
        self.on_connection_close()

    def on_connection_close(self) -> None:
        """Remove a file that broke off."""
        self._gone = True
        if self._receiving is not None:
            IOLoop.current().run_in_executor(None, self._receiving.drop)
            self._receiving = None

    def _refuse(self, error: UploadError) -> None:
        if not self._finished:
            self.set_status(error.status)
            self.finish({"error": str(error)})


def routes(identity: Identity, max_bytes: int) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return the addresses of this module for the server."""
    return [(r"/upload/([\w-]+)", UploadHandler, {"identity": identity, "max_bytes": max_bytes})]

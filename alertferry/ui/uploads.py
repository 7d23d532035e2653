"""Files that users send: counted by the server while they arrive, stored under ids that the server makes.

A file is sent to ``upload/TICKET``, where the ticket belongs to one session. It never passes through the session's
websocket. Jobs name it ``ID/NAME``, relative to the folder of uploads.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from tornado.web import RequestHandler, stream_request_body

from alertferry.core.settings import load_settings

MAX_BYTES = 100_000_000
MAX_FILES = 50
"""Files of one session."""

_ID = re.compile(r"^[0-9a-f]{32}$")
_UNSAFE = re.compile(r"[^\w.+-]+", re.ASCII)
_OWNER = ".owner"


class UploadError(Exception):
    """A file is not taken; ``status`` is the answer's HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Upload:
    """A file that has arrived. ``path`` is how jobs name it; ``name`` is shown to its owner only."""

    id: str
    name: str
    path: str
    bytes: int


@dataclass
class _Ticket:
    owner: str | None
    files: int = 0


def folder() -> Path:
    """Return the folder of uploads; old ones are removed with the retention of catalogues."""
    return load_settings().home / "uploads"


def safe_name(name: str) -> str:
    """Return the end of a file name, with nothing in it that could lead elsewhere."""
    return _UNSAFE.sub("_", re.split(r"[/\\]", name)[-1])[-80:].lstrip("._") or "file"


class Tickets:
    """Who may send files now. One object serves the whole process."""

    def __init__(self) -> None:
        self._tickets: dict[str, _Ticket] = {}
        self._lock = threading.Lock()

    def issue(self, owner: str | None) -> str:
        """Return a new ticket for a session of this owner."""
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[ticket] = _Ticket(owner)
        return ticket

    def withdraw(self, ticket: str) -> None:
        """Let nothing more be sent with a ticket."""
        with self._lock:
            self._tickets.pop(ticket, None)

    def take(self, ticket: str) -> str | None:
        """Count a file to be sent with this ticket and return the owner. Raises `UploadError`."""
        with self._lock:
            found = self._tickets.get(ticket)
            if found is None:
                raise UploadError(404, "This page is no longer connected; reload it and try again.")
            if found.files >= MAX_FILES:
                raise UploadError(429, f"At most {MAX_FILES} files can be sent from one page; reload it.")
            found.files += 1
            return found.owner


TICKETS = Tickets()


class Receiving:
    """A file on its way in. `write` what comes, then `finish` it, or `drop` it."""

    def __init__(self, name: str, owner: str | None, max_bytes: int = MAX_BYTES) -> None:
        self.id = secrets.token_hex(16)
        self.name = safe_name(name)
        self.bytes = 0
        self._max_bytes = max_bytes
        self._folder = folder() / self.id
        self._folder.mkdir(parents=True, mode=0o700)
        (self._folder / _OWNER).write_text(json.dumps(owner))
        self._stream: BinaryIO = (self._folder / self.name).open("wb")

    def write(self, chunk: bytes) -> None:
        """Store a piece. Raises `UploadError` as soon as the file is too large."""
        self.bytes += len(chunk)
        if self.bytes > self._max_bytes:
            self.drop()
            raise UploadError(413, too_large(self._max_bytes))
        self._stream.write(chunk)

    def finish(self) -> Upload:
        """Return the stored file."""
        self._stream.close()
        return Upload(self.id, self.name, f"{self.id}/{self.name}", self.bytes)

    def drop(self) -> None:
        """Remove what has come."""
        self._stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def too_large(max_bytes: int) -> str:
    """Return what is said about a file over the limit."""
    return f"The file is larger than {max_bytes / 1e6:.0f} MB, the most that is taken."


def find(identifier: str, owner: str | None) -> Upload | None:
    """Return an owner's file by its id; None when there is none, or it is another's."""
    place = folder() / identifier
    if not _ID.match(identifier) or not place.is_dir() or _owner_of(place) != owner:
        return None
    found = next((file for file in place.iterdir() if file.name != _OWNER), None)
    return Upload(identifier, found.name, f"{identifier}/{found.name}", found.stat().st_size) if found else None


def _owner_of(place: Path) -> str | None:
    try:
        owner: str | None = json.loads((place / _OWNER).read_text())
    except (OSError, ValueError):
        return None
    return owner


def find_path(path: str, owner: str | None) -> Upload | None:
    """Return an owner's file by the path that a job names."""
    identifier, _, name = path.partition("/")
    found = find(identifier, owner)
    return found if found and found.name == name else None


@stream_request_body
class UploadHandler(RequestHandler):
    """``PUT upload/TICKET``: answers ``{"id"}``, or ``{"error"}`` with a status."""

    _receiving: Receiving | None = None

    def initialize(self, max_bytes: int) -> None:
        """Take the limit of one file."""
        self._max_bytes = max_bytes

    def check_xsrf_cookie(self) -> None:
        """Leave it to the ticket, which no other site can know."""

    def prepare(self) -> None:
        """Refuse at once what is too large or has no ticket."""
        try:
            if int(self.request.headers.get("Content-Length") or 0) > self._max_bytes:
                raise UploadError(413, too_large(self._max_bytes))
            owner = TICKETS.take(self.path_args[0])
            name = unquote(self.request.headers.get("X-File-Name", ""), errors="replace")
            self._receiving = Receiving(name, owner, self._max_bytes)
        except UploadError as error:
            self._refuse(error)
        self.request.connection.set_max_body_size(self._max_bytes + 1024)  # type: ignore[union-attr]

    def data_received(self, chunk: bytes) -> None:
        """Store a piece."""
        if self._receiving is None:
            return
        try:
            self._receiving.write(chunk)
        except UploadError as error:
            self._receiving = None
            self._refuse(error)

    def put(self, ticket: str) -> None:  # noqa: ARG002 - looked at in `prepare`
        """Say that it is here."""
        if self._receiving is not None:
            done, self._receiving = self._receiving.finish(), None
            self.finish({"id": done.id})

    def on_connection_close(self) -> None:
        """Remove a file that broke off."""
        if self._receiving is not None:
            self._receiving.drop()
            self._receiving = None

    def _refuse(self, error: UploadError) -> None:
        self.set_status(error.status)
        self.finish({"error": str(error)})


def routes(max_bytes: int = MAX_BYTES) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return the addresses of this module for the server."""
    return [(r"/upload/([\w-]+)", UploadHandler, {"max_bytes": max_bytes})]

"""Files that users fetch: streamed from disk by the server, under addresses that only the session at hand knows."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from alertferry.ui.identity import Identity

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Offer:
    """A file that may be fetched, the name it is saved under, and by whom."""

    path: Path
    name: str
    owner: str | None


class Offers:
    """What may be fetched now. One object serves the whole process."""

    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}
        self._lock = threading.Lock()

    def make(self, path: Path, name: str, owner: str | None) -> str:
        """Offer a file to its owner and return its address, relative to the page."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._offers[token] = Offer(path, name, owner)
        return f"download/{token}"

    def withdraw(self, address: str) -> None:
        """Offer a file no longer."""
        with self._lock:
            self._offers.pop(address.rpartition("/")[2], None)

    def find(self, token: str) -> Offer | None:
        """Return what is offered under an address."""
        return self._offers.get(token)


OFFERS = Offers()


class DownloadHandler(RequestHandler):
    """``GET download/TOKEN``."""

    def initialize(self, identity: Identity) -> None:
        """Take who knows the users."""
        self._identity = identity

    async def get(self, token: str) -> None:
        """Send the file, a piece at a time."""
        offer, found = OFFERS.find(token), self._identity.of_request(self.request)
        if offer is None or found is None or found.owner != offer.owner or not offer.path.is_file():
            raise HTTPError(404, reason="This file is no longer offered; open the job again")
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Length", str(offer.path.stat().st_size))
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(offer.name)}")
        self.set_header("Cache-Control", "no-store")
        with offer.path.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                self.write(chunk)
                try:
                    await self.flush()
                except StreamClosedError:
                    return


def routes(identity: Identity) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return the addresses of this module for the server."""
    return [(r"/download/([\w-]+)", DownloadHandler, {"identity": identity})]

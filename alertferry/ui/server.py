"""Serving the dashboard."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import panel as pn
from tornado.httputil import HTTPHeaders
from tornado.web import OutputTransform

from alertferry import service
from alertferry.core import working_folder
from alertferry.core.errors import AlertferryError
from alertferry.tags.provider import Kind
from alertferry.ui import downloads, drafts, lakes, results, uploads
from alertferry.ui.app import TITLE, page
from alertferry.ui.session import Site

LOG = logging.getLogger("alertferry.ui")

QUEUE_SECONDS = 1.0
SWEEP_EVERY = 1800
"""Looks at the queue between two looks for what is old."""

UNITS: tuple[Kind, ...] = ("tag", "block")
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


GUARDS = {
    "Content-Security-Policy": (
        "default-src 'self' blob: data:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; "
        "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""Headers of every answer: the page loads from and talks to its own server only, and no other site may frame it.

Bokeh compiles its templates in the page, so scripts of the server itself may be evaluated.
"""


class _Guarded(OutputTransform):
    """Adds the headers."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        del finishing
        for name, value in GUARDS.items():
            headers.setdefault(name, value)
        return status_code, headers, chunk


@dataclass(frozen=True)
class Serving:
    """How the dashboard is served.

    ``prefix`` is the path below which it stands behind a proxy, ``origins`` the hosts whose pages may connect.
    ``basic_auth`` is a JSON file of users and passwords, or one password for everybody. ``estimates`` says whether a
    worker with Spark may be started for them. ``options`` go to `panel.serve` as they are.
    """

    address: str = "127.0.0.1"
    port: int = 0
    prefix: str = ""
    origins: tuple[str, ...] = ()
    basic_auth: str | None = None
    cookie_secret: str | None = None
    estimates: bool = True
    options: Mapping[str, Any] | None = None

    @property
    def confined(self) -> bool:
        """Whether it serves others than the user of this machine."""
        return self.basic_auth is not None or self.address not in LOOPBACK


class Keeper:
    """Looks after the queue of jobs while the dashboard runs."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="alertferry-queue", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the last look is over."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _look(self) -> None:
        said, looks = "", 0
        while not self._stop.wait(QUEUE_SECONDS):
            try:
                service.run_queue()
                looks += 1
                if looks % SWEEP_EVERY == 0:
                    sweep()
                said = ""
            except AlertferryError as error:
                if str(error) != said:  # once is enough while it lasts
                    said = str(error)
                    LOG.warning("the queue of jobs: %s", error)
            except Exception:  # the queue must go on for the other jobs
                LOG.exception("the queue of jobs")


def prepare() -> None:
    """Let jobs name uploads relative to their folder, and read what every page needs before the first one asks."""
    place = uploads.folder()
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ[working_folder.VARIABLE] = str(place)
    sweep()
    for kind in lakes.surveys():
        if lakes.look(kind).nights:
            schema = lakes.schema_of(kind, ())
            lakes.fields_of(kind, schema)
            for unit in UNITS:
                lakes.tags_of(kind, unit, schema)


def sweep() -> None:
    """Remove drafts and files that were kept long enough."""
    drafts.sweep()
    results.sweep()


def make_server(serving: Serving) -> Any:
    """Return the server, not yet started; its port is `server.port`."""
    pn.extension()
    pn.config.reconnect = False  # a page that lost its server is loaded anew (nav.js): half of it lived there
    prefix = "/" + serving.prefix.strip("/") if serving.prefix.strip("/") else ""
    options = dict(serving.options or {})
    signed_in = bool(serving.basic_auth or signs_in_elsewhere())
    if signed_in:
        options["cookie_secret"] = serving.cookie_secret or pn.config.cookie_secret or secrets.token_hex(32)
    if serving.basic_auth:
        options["basic_auth"] = serving.basic_auth
    elif signed_in:
        options["oauth_provider"] = pn.config.oauth_provider
    site = Site(signed_in=signed_in, confined=serving.confined or signed_in, estimates=serving.estimates)
    patterns: list[Any] = [*uploads.routes(site.max_upload_bytes), *downloads.routes()]
    if serving.origins:
        options["websocket_origin"] = list(serving.origins)
    server = pn.io.server.get_server(
        {"/": lambda: page(site)},
        port=serving.port,
        address=serving.address,
        title=TITLE,
        prefix=prefix,
        show=False,
        start=False,
        liveness=True,
        extra_patterns=patterns,
        check_unused_sessions_milliseconds=5_000,
        unused_session_lifetime_milliseconds=15_000,
        **options,
    )
    server._tornado.transforms.append(_Guarded)
    return server


def signs_in_elsewhere() -> bool:
    """Tell whether users sign in at an OAuth provider: Panel's own ``PANEL_OAUTH_*`` variables say which."""
    return bool(pn.config.oauth_provider)


def url_of(server: Any, serving: Serving) -> str:
    """Return the address to open."""
    host = serving.address if serving.address not in ("0.0.0.0", "::") else "localhost"  # noqa: S104 - compared only
    prefix = "/" + serving.prefix.strip("/") if serving.prefix.strip("/") else ""
    return f"http://{'localhost' if host in LOOPBACK else host}:{server.port}{prefix}/"


def serve(serving: Serving, on_ready: Any) -> None:
    """Serve until interrupted; ``on_ready`` is called with the address."""
    prepare()
    server = make_server(serving)
    keeper = Keeper()
    keeper.start()
    try:
        server.start()
        on_ready(url_of(server, serving))
        server.io_loop.start()
    finally:
        keeper.stop()
        server.stop()


def users_file(path: str) -> str:
    """Return the absolute path of a file of users; a plain password stays as it is."""
    found = Path(path)
    return str(found.resolve()) if found.is_file() else path

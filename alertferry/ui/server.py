"""Serving the dashboard."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import secrets
import ssl
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import panel as pn
from tornado.httputil import HTTPHeaders
from tornado.web import OutputTransform

from alertferry import service
from alertferry.core import working_folder
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.private import demand_private, private_folder
from alertferry.core.settings import load_settings
from alertferry.tags.provider import Kind
from alertferry.ui import downloads, drafts, lakes, results, uploads
from alertferry.ui.app import TITLE, page
from alertferry.ui.gate import LOOPBACK, MAX_BODY_BYTES, MAX_HEAD_BYTES, Gate, put_before
from alertferry.ui.handlers import take_over
from alertferry.ui.identity import PANELS, Identity, kept_secret
from alertferry.ui.session import Site
from alertferry.ui.sign_in import (
    Elsewhere,
    Entrance,
    Failures,
    LoginHandler,
    LogoutHandler,
    Provider,
    Users,
    read_users,
    signs_in_elsewhere,
)

LOG = logging.getLogger("alertferry.ui")

QUEUE_SECONDS = 1.0
SWEEP_EVERY = 1800
"""Looks at the queue between two looks for what is old."""

UNITS: tuple[Kind, ...] = ("tag", "block")
SHORTEST_SECRET = 16


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
        if headers.get("Content-Type", "").startswith("text/html"):
            headers.setdefault("Cache-Control", "no-store")  # a page holds the token of its session
        return status_code, headers, chunk


@dataclass(frozen=True)
class Serving:
    """How the dashboard is served.

    ``prefix`` is the path below which it stands behind a proxy, ``origins`` the HOST[:PORT] whose pages may connect,
    with ``https://`` before them where they are reached so. ``basic_auth`` is a JSON file of users and passwords.
    Where nobody signs in, ``token`` stands in the address that is printed, and lets in. ``tls`` are the files of a
    certificate and its key. ``estimates`` says whether a worker with Spark may be started for them. ``options`` go to
    `panel.serve` as they are.
    """

    address: str = "127.0.0.1"
    port: int = 0
    prefix: str = ""
    origins: tuple[str, ...] = ()
    basic_auth: str | None = None
    cookie_secret: str | None = None
    estimates: bool = True
    tls: tuple[str, str] | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    options: Mapping[str, Any] | None = None

    @property
    def signed_in(self) -> bool:
        """Whether users sign in with names of their own."""
        return self.basic_auth is not None or signs_in_elsewhere()

    @property
    def confined(self) -> bool:
        """Whether it serves others than the user of this machine, as far as anybody can tell."""
        proxied = bool(self.prefix or self.origins or (self.options or {}).get("use_xheaders"))
        return self.signed_in or self.address not in LOOPBACK or proxied

    @property
    def path(self) -> str:
        """The path below which it stands: empty, or with a slash before it and none behind."""
        return "/" + self.prefix.strip("/") if self.prefix.strip("/") else ""

    @property
    def secure(self) -> bool:
        """Whether browsers reach it encrypted."""
        return self.tls is not None or any(origin.startswith("https://") for origin in self.origins)

    def check(self) -> None:
        """Raise `UsageError` for whatever would let in more than it should."""
        if self.address not in LOOPBACK and not self.signed_in:
            raise UsageError(
                f"on {self.address} anybody could come in: give --basic-auth FILE, or set the PANEL_OAUTH_* variables"
            )
        if self.basic_auth is not None:
            read_users(Path(self.basic_auth))
        if self.cookie_secret is not None and len(self.cookie_secret) < SHORTEST_SECRET:
            raise UsageError(f"the cookie secret is too short; give {SHORTEST_SECRET} random characters or more")
        if signs_in_elsewhere() and (pn.config.oauth_optional or pn.config.oauth_guest_endpoints):
            raise UsageError("PANEL_OAUTH_OPTIONAL and PANEL_OAUTH_GUEST_ENDPOINTS let anybody in; unset them")
        if self.tls is not None:
            _check_tls(*self.tls)


def _check_tls(certificate: str, key: str) -> None:
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        said = getattr(error, "reason", None) or error.strerror or "they do not belong together"
        raise UsageError(
            f"--tls-cert {certificate} and --tls-key {key} cannot be used: {said}; give a PEM certificate and its key"
        ) from None


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


SWITCH_SECONDS = 0.0005
"""How soon a thread that reads what users wrote lets the server's own go on; with Python's 5 ms, a page waited for all
of them in turn each time that it had written a message."""


NEW_OBJECTS = 3_000
"""So many between two looks for cycles. A hundred such looks may mean one at all objects, in which nobody is served:
some 0.25 s with twenty pages. A page is 15,000 objects."""


def prepare() -> None:
    """Close the home to others, let jobs name uploads, and read what every page needs before the first one asks.

    Raises `UsageError` when others of this machine could look into the home.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    demand_private(load_settings().home)
    place = private_folder(uploads.folder())
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
    serving.check()
    settings, key = load_settings(), secrets.token_bytes(32)
    users = Users(Path(serving.basic_auth)) if serving.basic_auth else None
    identity = _identity(serving, settings.home / "ui", users)
    failures = Failures(settings.max_sign_in_failures)
    entrance = Entrance(identity, failures, serving.path, users, "" if serving.signed_in else serving.token)
    site = Site(serving.signed_in, serving.confined, serving.estimates, settings.max_upload_bytes, identity)
    patterns: list[Any] = [*uploads.routes(identity, site.max_upload_bytes), *downloads.routes(identity)]
    patterns.append((r"/logout", LogoutHandler, {"identity": identity}))
    if not signs_in_elsewhere():
        patterns.append((r"/login", LoginHandler, {"entrance": entrance}))
    server = pn.io.server.get_server(
        {"/": lambda: page(site)},
        port=serving.port,
        address=serving.address,
        title=TITLE,
        prefix=serving.path,
        show=False,
        start=False,
        liveness=True,
        extra_patterns=patterns,
        check_unused_sessions_milliseconds=5_000,
        unused_session_lifetime_milliseconds=15_000,
        sign_sessions=True,
        secret_key=key,
        include_headers=["Host"],
        include_cookies=[identity.cookie],
        cookie_secret=identity.secret,
        auth_provider=Elsewhere(identity) if signs_in_elsewhere() else Provider(identity),
        websocket_max_message_size=settings.max_websocket_bytes,
        http_server_kwargs={"max_header_size": MAX_HEAD_BYTES, "max_body_size": MAX_BODY_BYTES},
        xsrf_cookie_name=f"{identity.cookie}-form",
        identity=identity,
        **_tls(serving),
        **(serving.options or {}),
    )
    origins = frozenset(origin.removeprefix("https://").removeprefix("http://").lower() for origin in serving.origins)
    put_before(server._tornado, Gate(entrance, key, origins))
    take_over(server._tornado)
    server._tornado.transforms.append(_Guarded)
    return server


def _tls(serving: Serving) -> dict[str, str]:
    return {"ssl_certfile": serving.tls[0], "ssl_keyfile": serving.tls[1]} if serving.tls else {}


def _identity(serving: Serving, folder: Path, users: Users | None) -> Identity:
    secret = serving.cookie_secret or pn.config.cookie_secret or kept_secret(folder)
    # browsers send a cookie to every port of a host: another installation there has another name for it
    own = f"alertferry-{hashlib.sha256(secret.encode()).hexdigest()[:8]}"
    name = PANELS if signs_in_elsewhere() else f"__Host-{own}" if serving.secure else own
    passwords = users.passwords if users else None
    return Identity(name, secret, folder, secure=serving.secure, passwords=passwords)


def url_of(server: Any, serving: Serving) -> str:
    """Return the address to open; where nobody signs in, with the token that lets in."""
    host = serving.address if serving.address not in ("0.0.0.0", "::") else "localhost"  # noqa: S104 - compared only
    scheme, token = "https" if serving.tls else "http", "" if serving.signed_in else f"?token={serving.token}"
    return f"{scheme}://{'localhost' if host in LOOPBACK else host}:{server.port}{serving.path}/{token}"


def serve(serving: Serving, on_ready: Any) -> None:
    """Serve until interrupted; ``on_ready`` is called with the address."""
    prepare()
    server = make_server(serving)
    keeper = Keeper()
    keeper.start()
    gc.freeze()  # what has been imported and read so far is never looked at for cycles again
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    try:
        server.start()
        on_ready(url_of(server, serving))
        server.io_loop.start()
    finally:
        keeper.stop()
        server.stop()
        drafts.flush()

"""What is let in: every request is judged by its head, before anything else of the server sees it.

Bokeh's and Panel's servers were made to be embedded in other pages and to take sessions from addresses. Nobody needs
that here, and each of these ways has been one into another user's page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bokeh.util.token import check_token_signature, get_token_payload
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import Application, RequestHandler

from alertferry.ui.identity import Identity, SignIn
from alertferry.ui.sign_in import Entrance, TokenHandler, local_path, signs_in_elsewhere

MAX_ADDRESS = 2048
MAX_HEAD_BYTES = 16 * 1024
"""Bytes of all headers of a request, checked by tornado; a page's own token is among them."""

MAX_BODY_BYTES = 16 * 1024
"""Bytes of a body that is no upload: what a form of ours sends."""

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))

_PLACES = ("", "/", "/ws", "/login", "/logout", "/liveness", "/favicon.ico")
_FOLDERS = ("/static/", "/components/", "/upload/", "/download/")
_SHIPPED = ("panel", "panel_material_ui", "bokeh", "alertferry")
"""Packages whose scripts and styles a page may load."""

_WRITES = {"POST": ("/login", "/logout"), "PUT": ("/upload/",)}


@dataclass(frozen=True)
class Refused:
    """Why a request is not let in: an HTTP status and a sentence."""

    status: int
    reason: str


@dataclass(frozen=True)
class Gate(Matcher):
    """Judges requests. As a rule of tornado's router it matches those that go no further."""

    entrance: Entrance
    session_key: bytes
    origins: frozenset[str] = frozenset()
    """HOST[:PORT] whose pages may connect, beside the server's own."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return how a refused request is answered; None for those that are let in."""
        found = self.judge(request)
        if found is None:
            return None
        return {"target_kwargs": {"refused": found}}

    def judge(self, request: HTTPServerRequest) -> Refused | None:
        """Return why a request is refused, if it is."""
        path = request.path.removeprefix(self.entrance.prefix) if request.path != "/favicon.ico" else request.path
        return next((found for found in self._objections(request, path)), None)

    def _objections(self, request: HTTPServerRequest, path: str) -> Iterator[Refused]:
        if len(request.uri or "") > MAX_ADDRESS:
            yield Refused(414, "This address is too long.")
        if path not in _PLACES and not path.startswith(_FOLDERS):
            yield Refused(404, "There is nothing at this address.")
        if any(name.strip().lower().startswith("bokeh-") for name in request.arguments) or any(
            name.lower().startswith("bokeh-") for name in request.headers
        ):
            yield Refused(403, "A page cannot be taken over from another one; open the dashboard without its number.")
        yield from _form(request, path)
        yield from self._origin(request)
        if signs_in_elsewhere() and any(
            local_path(value.decode(errors="replace"), self.entrance.prefix) != value.decode(errors="replace")
            for value in request.arguments.get("next", ())
        ):
            yield Refused(400, "This address leads elsewhere.")
        if path == "/liveness" and request.arguments:
            yield Refused(400, "This address takes nothing.")
        if path.startswith("/components/") and not _shipped(path.split("/")[2]):
            yield Refused(404, "There is nothing at this address.")
        if path == "/ws":
            yield from self._socket(request)

    def _origin(self, request: HTTPServerRequest) -> Iterator[Refused]:
        """Refuse what pages of other sites ask for in the name of who looks at them."""
        host = _host(request.host)
        if not self.entrance.identity.signed_in and host not in LOOPBACK | set(map(_host, self.origins)):
            # another site's name may be made to lead to this machine
            yield Refused(403, f"This dashboard is not called {host[:80]!r}; open the address that was printed.")
        if request.method in ("GET", "HEAD") and "Upgrade" not in request.headers:
            return
        origin = request.headers.get("Origin")
        if origin is not None and _place(origin) not in self.origins | {request.host.lower()}:
            yield Refused(403, "Another site cannot do this.")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            yield Refused(403, "Another site cannot do this.")

    def _socket(self, request: HTTPServerRequest) -> Iterator[Refused]:
        """Refuse a socket whose token we did not sign, or signed for somebody else."""
        identity = self.entrance.identity
        here, page = identity.of_request(request), signed_in_by(_token(request), self.session_key, identity)
        if here is None or page is None or here.owner != page.owner:
            yield Refused(403, "This page belongs to another sign-in; reload it.")


def _form(request: HTTPServerRequest, path: str) -> Iterator[Refused]:
    allowed = _WRITES.get(request.method or "", ())
    if request.method not in ("GET", "HEAD") and not (path in allowed or path.startswith(tuple(allowed) or ("\0",))):
        yield Refused(405, "This cannot be done here.")
    body = request.headers.get("Transfer-Encoding") or request.headers.get("Content-Length", "0").strip() not in (
        "",
        "0",
    )
    if request.method in ("GET", "HEAD") and body:
        yield Refused(400, "A request for a page has no content.")
    if path.startswith("/upload/") and request.method == "GET":
        yield Refused(405, "Files are sent here, not fetched.")


def _host(given: str) -> str:
    """Return the name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{given}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _place(origin: str) -> str:
    """Return HOST[:PORT] of an Origin header."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _shipped(module: str) -> bool:
    """Tell whether a module of a page's components may be looked into; none is imported because an address names it."""
    return module.split(".", maxsplit=1)[0] in _SHIPPED and module in sys.modules


def _token(request: HTTPServerRequest) -> str:
    parts = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    return parts[1] if len(parts) == 2 and parts[0] == "bokeh" else ""


def signed_in_by(token: str, key: bytes, identity: Identity) -> SignIn | None:
    """Return the sign-in that a page was made for, by the token that we gave it; None when it is not ours.

    What is in a token is unpacked only once its signature is found to be ours: it may be a bomb.
    """
    try:
        if not token or not check_token_signature(token, secret_key=key, signed=True):
            return None
        return identity.of(get_token_payload(token).get("cookies", {}))
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError):
        return None


class RefusedHandler(RequestHandler):
    """Answers what is refused."""

    def initialize(self, refused: Refused) -> None:
        """Take the reason."""
        self._refused = refused

    def check_xsrf_cookie(self) -> None:
        """Nothing is done, so nothing need be checked."""

    def prepare(self) -> None:
        """Say why."""
        self.set_status(self._refused.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Connection", "close")
        self.finish(self._refused.reason + "\n")


@dataclass(frozen=True)
class _ByToken(Matcher):
    """Matches the printed address."""

    prefix: str

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return nothing more to know for the first page with a token; None for anything else."""
        here = request.path in (self.prefix or "/", f"{self.prefix}/") and "token" in request.query_arguments
        return {} if here and request.method == "GET" else None


def put_before(application: Application, gate: Gate) -> None:
    """Let a gate judge whatever is asked of an application."""
    rules = [Rule(gate, RefusedHandler)]
    if gate.entrance.token:
        rules.append(Rule(_ByToken(gate.entrance.prefix), TokenHandler, {"entrance": gate.entrance}))
    application.default_router.rules[:0] = rules

"""Signing in and out: a page for names and passwords, or for the token of the printed address."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import panel as pn
from bokeh.server.auth_provider import AuthProvider
from panel.auth import OAuthProvider
from tornado.web import RequestHandler

from alertferry.core.errors import UsageError
from alertferry.ui.identity import NOBODY, ClosedCookies, Identity

LOG = logging.getLogger("alertferry.ui")

MINUTE = 60.0
FIRST_WAIT = 4.0
LONGEST_WAIT = 900.0
LONGEST_NAME = 200
_MOST_KEPT = 10_000
_WIDER = 10
"""A name from all addresses together, and an address for all names, may fail so many times as often."""


@dataclass
class _Failed:
    count: int = 0
    first: float = 0.0
    until: float = 0.0


class Failures:
    """Counts sign-ins that failed: over the limit of a minute, each further one doubles the wait before the next."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._found: OrderedDict[tuple[str, str], _Failed] = OrderedDict()

    def _keys(self, user: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
        wide = self._limit * _WIDER
        return ((user, address), self._limit), ((user, ""), wide), (("", address), wide)

    def wait(self, user: str, address: str) -> float:
        """Return for how many seconds a sign-in is refused unseen; 0 when it may be tried."""
        found = (self._found.get(key) for key, _ in self._keys(user, address))
        return max(0.0, *(failed.until - self._clock() if failed else 0.0 for failed in found))

    def add(self, user: str, address: str) -> None:
        """Count a failure."""
        now = self._clock()
        for key, limit in self._keys(user, address):
            failed = self._found.setdefault(key, _Failed(first=now))
            long_ago = MINUTE if failed.count < limit else MINUTE + LONGEST_WAIT
            if now - max(failed.first, failed.until) > long_ago:
                failed = self._found[key] = _Failed(first=now)
            failed.count += 1
            if failed.count >= limit:
                failed.until = now + min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failed.count - limit, 10))
            self._found.move_to_end(key)
        while len(self._found) > _MOST_KEPT:
            self._found.popitem(last=False)

    def forget(self, user: str, address: str) -> None:
        """Forget the failures of who has signed in after all."""
        self._found.pop((user, address), None)


@dataclass(frozen=True)
class Entrance:
    """How one comes in: by the names and passwords of ``users``, or else by ``token``."""

    identity: Identity
    failures: Failures
    prefix: str = ""
    users: Users | None = None
    token: str = field(default="", repr=False)

    def admits(self, user: str, password: str) -> bool:
        """Tell whether a password is right; takes as long for names that do not exist."""
        known = self.users.passwords() if self.users else {NOBODY: self.token}
        right = _same(password, known.get(user, ""))
        return right and bool(known.get(user))


class Users:
    """Names and passwords of a JSON file, read again whenever it has changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[Any, dict[str, str]] = ("not yet", {})

    def passwords(self) -> Mapping[str, str]:
        """Return password by name; none while the file cannot be used, which the log says once."""
        try:
            facts = os.stat(self._file)
            version = facts.st_ino, facts.st_mtime_ns, facts.st_size
        except OSError:
            version = None
        if version != self._read[0]:
            self._read = version, self._passwords()
        return self._read[1]

    def _passwords(self) -> dict[str, str]:
        try:
            return read_users(self._file)
        except UsageError as error:
            LOG.error("nobody can sign in: %s", error)
            return {}


def _same(one: str, other: str) -> bool:
    """Compare two texts in a time that says nothing about either."""
    digests = (hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in (one, other))
    return hmac.compare_digest(*digests)


def read_users(file: Path) -> dict[str, str]:
    """Return the passwords by user of a JSON file. Raises `UsageError` for anything that it should not be.

    Names that people, or a database, could take for one another are refused: jobs belong to names.
    """
    try:
        found = json.loads(file.read_text())
    except OSError as error:
        raise UsageError(f"--basic-auth {file}: {error.strerror}; it is the name of a JSON file") from None
    except ValueError:
        raise UsageError(f"--basic-auth {file}: is no JSON; {_USERS}") from None
    if not isinstance(found, dict) or not found:
        raise UsageError(f"--basic-auth {file}: {_USERS}")
    seen: dict[str, str] = {}
    for name, password in found.items():
        if not isinstance(password, str) or not password or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise UsageError(f"--basic-auth {file}: the entry of {name[:LONGEST_NAME]!r} is not used; {_USERS}")
        same = seen.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
        if same != name:
            raise UsageError(f"--basic-auth {file}: {same!r} and {name!r} look alike; keep one of these names")
    return found


_USERS = 'it holds names and passwords, as {"ann": "her password"}'


def local_path(given: str, prefix: str) -> str:
    """Return a path of this dashboard to go to; its first page instead of one that leads elsewhere."""
    plain = given.startswith(f"{prefix}/") and not given.startswith("//")
    return given if plain and given.isprintable() and "\\" not in given and " " not in given else f"{prefix}/"


def signs_in_elsewhere() -> bool:
    """Tell whether users sign in at an OAuth provider: Panel's own ``PANEL_OAUTH_*`` variables say which."""
    return bool(pn.config.oauth_provider)


class _Entering(ClosedCookies):
    def initialize(self, entrance: Entrance) -> None:
        self.entrance = entrance

    def _try(self, user: str, password: str) -> float | None:
        """Sign in; return None, or the seconds to wait after a failure."""
        address, failures = self.request.remote_ip or "", self.entrance.failures
        # Nobody guesses a token: counted, its failures would only let pages of other sites lock its owner out.
        counted = self.entrance.users is not None
        if counted and (wait := failures.wait(user, address)) > 0:
            LOG.warning("sign-in of %r from %s refused unseen for %.0f s", user[:LONGEST_NAME], address, wait)
            return wait
        if self.entrance.admits(user, password):
            failures.forget(user, address)
            self.entrance.identity.give(self, user)
            return None
        if counted:
            failures.add(user, address)
        LOG.warning("sign-in of %r from %s failed", user[:LONGEST_NAME], address)
        return 0.0


class TokenHandler(_Entering):
    """``GET /?token=…``: the address that was printed. Signs in and leads on to the address without it."""

    def get(self) -> None:
        """Sign in."""
        token = self.get_query_argument("token", "")
        rest = {key: values[-1] for key, values in self.request.query_arguments.items() if key != "token"}
        if self._try(NOBODY, token) is None:
            self.redirect(f"{self.entrance.prefix}/" + (f"?{urlencode(rest)}" if rest else ""), status=303)
        else:
            self.redirect(f"{self.entrance.prefix}/login?wrong=1", status=303)


class LoginHandler(_Entering):
    """``/login``: names and passwords, or the token of the printed address."""

    def get(self) -> None:
        """Show the page."""
        self._show("That token is not the one that was printed." if self.get_query_argument("wrong", "") else "")

    def post(self) -> None:
        """Try what was entered."""
        self.check_xsrf_cookie()
        by_name = self.entrance.users is not None
        user = self.get_body_argument("username", "", strip=False) if by_name else NOBODY
        wait = self._try(user, self.get_body_argument("password", "", strip=False))
        if wait is None:
            self.redirect(local_path(self.get_body_argument("next", ""), self.entrance.prefix), status=303)
            return
        self.set_status(429 if wait else 401)
        if wait:
            self.set_header("Retry-After", str(int(wait) + 1))
        self._show(f"Too many attempts; try again in {int(wait) + 1} s." if wait else "That is not right; try again.")

    def _show(self, said: str) -> None:
        given = self.get_argument("next", "")
        self.render(
            "sign_in.html",
            by_name=self.entrance.users is not None,
            said=said,
            next=local_path(given, self.entrance.prefix),
            action="login",
        )


class LogoutHandler(ClosedCookies):
    """``/logout``: ends a sign-in, everywhere that it is used."""

    def initialize(self, identity: Identity) -> None:
        """Take who knows the cookies."""
        self.identity = identity

    def get(self) -> None:
        """Sign out, unless another site has led here: that is asked about."""
        if self.request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none"):
            self._leave()
        else:
            self.render("sign_in.html", by_name=False, said="", next="", action="logout")

    def post(self) -> None:
        """Sign out."""
        self.check_xsrf_cookie()
        self._leave()

    def _leave(self) -> None:
        self.identity.revoke(self)
        self.redirect("login", status=303)


class Provider(AuthProvider):
    """Bokeh's way to ask who sends a request."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        super().__init__()

    @property
    def get_user(self) -> Any:
        """Return what tells the user of a request."""
        return lambda handler: _user(self._identity, handler)

    @property
    def login_url(self) -> str:
        """Return where one signs in."""
        return "/login"


def _user(identity: Identity, handler: RequestHandler) -> str | None:
    found = identity.of_request(handler.request)
    return None if found is None else found.owner or NOBODY


class Elsewhere(OAuthProvider):  # type: ignore[misc]
    """Panel's sign-in at another server, without its guests, and with our sign-out."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        super().__init__()

    @property
    def get_user_async(self) -> Any:
        """Return what tells the user of a request."""
        asked = OAuthProvider.get_user_async.fget(self)

        async def get_user(handler: RequestHandler) -> str | None:
            return _user(self._identity, handler) and await asked(handler)

        return get_user

    def _allow_guest(self, uri: str) -> bool:
        del uri
        return False

    @property
    def login_handler(self) -> type[RequestHandler]:
        """Return Panel's handler for the provider."""
        return type("SignInElsewhere", (ClosedCookies, OAuthProvider.login_handler.fget(self)), {})

    @property
    def logout_handler(self) -> None:
        """Return nothing: our own stands at its address."""
        return

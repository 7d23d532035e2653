"""Who sends a request: told by one signed cookie, and by nothing else that a browser sends."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler, create_signed_value, decode_signed_value

from alertferry.core.private import private_folder

DAYS = 7.0
"""How long a sign-in lasts; as long as a request in the making is kept."""

NOBODY = "-"
"""What the cookie says where nobody signs in, and whoever has the printed address is the user of this machine."""


PANELS = "user"
"""The cookie that Panel gives to who has signed in at another server."""


@dataclass(frozen=True)
class SignIn:
    """A valid sign-in: whose, and which. ``owner`` is None for the user of this machine."""

    owner: str | None
    key: str


class Identity:
    """Gives, reads and revokes the cookies of one server.

    ``signed_in``: users sign in with names of their own, here or elsewhere. ``passwords`` returns the present ones by
    name, where they sign in here: a sign-in ends with the password that it was made with. ``secure``: browsers send
    the cookie encrypted only. Sockets that were opened are known, so that a sign-out closes them.
    """

    def __init__(
        self,
        cookie: str,
        secret: str,
        folder: Path,
        *,
        secure: bool = False,
        passwords: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self.cookie, self.secret, self.secure = cookie, secret, secure
        self.signed_in = passwords is not None or cookie == PANELS
        self._passwords = passwords
        self.sockets: dict[str, WeakSet[Any]] = defaultdict(WeakSet)
        self._named = re.compile(rf"(?:^|[;,])\s*{re.escape(cookie)}\s*=")
        self._revoked = _Revoked(folder / "signed-out.json")

    def of(self, cookies: Mapping[str, Any]) -> SignIn | None:
        """Return the sign-in of some cookies, plain or as tornado has them; None when there is no valid one."""
        found = cookies.get(self.cookie)
        value = str(getattr(found, "value", found) or "")
        name = decode_signed_value(self.secret, self.cookie, value, max_age_days=DAYS) if value else None
        key = hashlib.sha256(value.encode()).hexdigest()
        if name is None or key in self._revoked:
            return None
        signed = name.decode(errors="replace")
        if self.cookie == PANELS:
            return SignIn(signed, key)
        owner, _, seal = [*json.loads(signed), ""][:3]
        if not hmac.compare_digest(seal, self._seal(owner)):
            return None
        return SignIn(owner if self.signed_in else None, key)

    def _seal(self, owner: str) -> str:
        """Return what a cookie says of the password it was given for; empty where there are no passwords."""
        if self._passwords is None:
            return ""
        password = self._passwords().get(owner)
        text = f"{owner}\0{password}".encode(errors="surrogatepass")
        return "gone" if password is None else hmac.new(self.secret.encode(), text, "sha256").hexdigest()[:32]

    def of_request(self, request: HTTPServerRequest) -> SignIn | None:
        """Return who sends a request. Two cookies of our name, one of them perhaps planted by another site: nobody."""
        sent = ";".join(request.headers.get_list("Cookie"))
        return self.of(request.cookies) if len(self._named.findall(sent)) == 1 else None

    def give(self, handler: RequestHandler, owner: str) -> None:
        """Sign somebody in."""
        signed = json.dumps([owner, secrets.token_hex(8), self._seal(owner)])
        value = create_signed_value(self.secret, self.cookie, signed).decode()
        handler.set_cookie(self.cookie, value, path="/", expires_days=DAYS)

    def revoke(self, handler: RequestHandler) -> None:
        """Sign out: the cookie is taken away, is worth nothing any more, and what was open with it is closed."""
        found = self.of_request(handler.request)
        handler.clear_all_cookies()
        handler.clear_cookie(self.cookie, path="/")
        if found is not None:
            self._revoked.add(found.key)
            for socket in list(self.sockets.pop(found.key, ())):
                socket.close(1000, "signed out")


class ClosedCookies(RequestHandler):
    """A handler whose cookies no script, no other site and no listener gets."""

    def set_cookie(self, name: str, value: str | bytes, *args: Any, **kwargs: Any) -> None:
        """Set a cookie, as tornado does."""
        secure = self.settings["identity"].secure or self.request.protocol == "https"
        closed: dict[str, Any] = {"httponly": True, "samesite": "Lax", "secure": secure}
        super().set_cookie(name, value, *args, **closed | kwargs)


class _Revoked:
    """Sign-ins that were ended, kept on disk for as long as their cookies would be valid."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, threading.Lock()
        self._ended: dict[str, float] = self._read()

    def _read(self) -> dict[str, float]:
        try:
            return {str(key): float(when) for key, when in json.loads(self._file.read_text()).items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def __contains__(self, key: str) -> bool:
        return key in self._ended

    def add(self, key: str) -> None:
        oldest = time.time() - DAYS * 86_400
        with self._lock:
            self._ended = {k: when for k, when in self._ended.items() if when > oldest} | {key: time.time()}
            private_folder(self._file.parent)
            part = self._file.with_suffix(".part")
            part.write_text(json.dumps(self._ended))
            part.replace(self._file)


def kept_secret(folder: Path) -> str:
    """Return the key that signs the cookies of an installation, made at its first start and readable for us only."""
    private_folder(folder)
    file = folder / "cookie-key"
    try:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as stream:
            stream.write(secrets.token_hex(32))
    except FileExistsError:
        file.chmod(0o600)
    return file.read_text().strip() or secrets.token_hex(32)

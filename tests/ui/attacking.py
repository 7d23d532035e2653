"""What an attacker has: raw requests, cookies and sockets, without a browser that keeps rules."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

PASSWORDS = {name: f"the words of {name}" for name in ("ann", "bob", "eve", *(f"eve{n}" for n in range(10)))}


@dataclass
class Answer:
    """What the server said."""

    status: int
    text: str
    headers: http.client.HTTPMessage

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies that were set, with values."""
        return dict(text.partition(";")[0].split("=", 1) for text in self.headers.get_all("Set-Cookie") or ())

    @property
    def token(self) -> str:
        """The token of a page."""
        return re.search(r'"token":\s*"([^"]+)"', self.text)[1]


@dataclass
class Client:
    """A browser that does what it is told."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def ask(self, path="", method="GET", body=None, headers=None, host=None) -> Answer:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=60)
        sent = {"Host": host or address.netloc}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, f"{address.path}{path}", body, sent | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(errors="replace"), answer.headers)
        finally:
            connection.close()

    def post(self, path, headers=None, **values) -> Answer:
        return self.ask(
            path, "POST", urlencode(values), {"Content-Type": "application/x-www-form-urlencoded"} | (headers or {})
        )

    def form(self) -> str:
        """Open the page to sign in; return what its form must send back."""
        page = self.ask("login")
        self.cookies |= page.cookies
        return re.search(r'name="_xsrf" value="([^"]+)"', page.text)[1]

    def enter(self, user, password=None, then="", headers=None) -> Answer:
        """Try to sign in."""
        password = PASSWORDS[user] if password is None else password
        found = self.post("login", headers, _xsrf=self.form(), username=user, password=password, next=then)
        self.cookies |= found.cookies
        return found

    def open_socket(self, token, headers=None) -> int:
        """Ask for a socket with a token; return the status of the answer."""
        asked = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        asked |= {
            "Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode(),
            "Sec-WebSocket-Protocol": f"bokeh, {token}",
        }
        address = urlsplit(self.url)
        sent = asked | {"Host": address.netloc, "Origin": f"http://{address.netloc}"}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        lines = "".join(f"{name}: {value}\r\n" for name, value in (sent | (headers or {})).items())
        with socket.create_connection(("127.0.0.1", address.port), timeout=60) as connection:
            connection.sendall(f"GET {address.path}ws HTTP/1.1\r\n{lines}\r\n".encode())
            said = connection.recv(64)
        return int(said.split()[1]) if said else 0


def signed_in(url, user, password=None) -> Client:
    """Return a client who has signed in."""
    client = Client(url)
    assert client.enter(user, password).status == 303
    return client


def users_file(folder):
    file = folder / "users.json"
    file.write_text(json.dumps(PASSWORDS))
    return file

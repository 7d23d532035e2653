"""Pages of the dashboard without a browser: they speak Bokeh's own protocol over real connections."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect


@dataclass
class Page:
    """A page that is open without a browser."""

    url: str
    socket: WebSocketClientConnection | None = None
    calendar: str = ""
    cookie: str = ""
    waits_ms: list[float] = field(default_factory=list)

    async def open(self) -> None:
        """Fetch the page, connect, and wait until its first step is there."""
        await self.connect()
        await self.say("PULL-DOC-REQ", {})
        await self.event("document_ready", {})
        while not self.calendar:
            text = await self.hear()
            self.calendar = calendar_of(json.loads(text)) if "Calendar" in text else ""

    async def connect(self) -> None:
        """Come in by the address with its token, if it has one, fetch the page and open its socket."""
        if "?token=" in self.url:
            found = await AsyncHTTPClient().fetch(self.url, follow_redirects=False, raise_error=False)
            self.cookie, self.url = cookies_of(found.headers), self.url.partition("?")[0]
        sent = {"Cookie": self.cookie} if self.cookie else {}
        answer = await AsyncHTTPClient().fetch(self.url, headers=sent, request_timeout=120)
        token = re.search(r'"token":\s*"([^"]+)"', answer.body.decode())[1]
        address = self.url.replace("http", "ws", 1) + "ws"
        origin = {"Origin": re.match(r"https?://[^/]+", self.url)[0]}
        request = HTTPRequest(address, headers=origin | sent, connect_timeout=120, request_timeout=120)
        self.socket = await websocket_connect(request, subprotocols=["bokeh", token], max_message_size=1 << 30)
        await self.hear()

    async def tick(self, nights: list[str], on: bool) -> None:
        """Tick nights and wait until the gauge has changed."""
        started = time.perf_counter()
        data = {"type": "map", "entries": [["nights", nights], ["on", on]]}
        await self.event("data_event", {"model": {"id": self.calendar}, "data": data})
        while '"attr":"alerts"' not in await self.hear():
            pass
        self.waits_ms.append(1000 * (time.perf_counter() - started))

    def close(self) -> None:
        """Leave, as a tab that is closed."""
        if self.socket is not None:
            self.socket.close()

    async def say(self, kind: str, content: dict[str, Any]) -> None:
        """Send one message."""
        header = {"msgid": "bench", "msgtype": kind}
        for part in (header, {}, content):
            await self.socket.write_message(json.dumps(part))

    async def event(self, name: str, values: dict[str, Any]) -> None:
        """Send what happened in the page."""
        data = {"type": "event", "name": name, "values": {"type": "map", "entries": list(values.items())}}
        await self.say("PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}]})

    async def hear(self) -> str:
        """Return the text of what comes next."""
        text = await self.socket.read_message()
        assert text is not None, "the server has closed the page"
        return text if isinstance(text, str) else ""


def cookies_of(headers: Any) -> str:
    """Return the Cookie header that answers the cookies which were set."""
    set_cookies = headers.get_list if hasattr(headers, "get_list") else headers.get_all
    return "; ".join(text.partition(";")[0] for text in set_cookies("Set-Cookie") or ())


def calendar_of(told: Any) -> str:
    """Return the id of the calendar in what the server has told; empty when it is not there."""
    if isinstance(told, dict):
        if told.get("attributes", {}).get("class_name") == "Calendar":
            return str(told["id"])
        told = list(told.values())
    return next(filter(None, map(calendar_of, told)), "") if isinstance(told, list) else ""

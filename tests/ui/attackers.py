"""Ten attackers at once, in a process of their own: ``python -m tests.ui.attackers URL SECONDS``.

Each has a name and a password of the dashboard and does one thing without a pause. What they have seen is printed at
the end, as JSON: texts of the server's files and of other users must not be among it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from tests.ui.attacking import Client
from tests.ui.wire import Page

LEFT = (
    OSError,
    AssertionError,
    TypeError,
    HTTPClientError,
    StreamClosedError,
    WebSocketClosedError,
    asyncio.TimeoutError,
)
"""What an attacker sees whom the server has turned away: they come again."""

SECRETS = re.compile(r"root:x:0|the words of ann|an operator's secret")


class Puppet(Page):
    """A page that knows its models by their classes and labels, and reads whatever it is told."""

    def __init__(self, url: str, cookie: str) -> None:
        super().__init__(url, cookie=cookie)
        self.models: dict[str, str] = {}
        self.of: dict[str, str] = {}
        self.ticket = ""
        self.seen: list[str] = []
        self.told: list[str] = []

    async def until(self, words: str) -> None:
        """Wait until the page is told some words."""
        for _ in range(2000):
            if any(words in text for text in self.told):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"the page was never told {words!r}")

    async def has(self, model: str) -> None:
        """Wait until the page has a model."""
        for _ in range(2000):
            if model in self.models:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"the page never had {model!r}")

    async def begin(self) -> None:
        """Open the page and read on in the background."""
        await asyncio.wait_for(self.connect(), 60)
        await self.say("PULL-DOC-REQ", {})
        await self.event("document_ready", {})
        self._reader = asyncio.ensure_future(self._read())
        for _ in range(600):
            if "Calendar" in self.models:
                return
            await asyncio.sleep(0.05)

    async def _read(self) -> None:
        with contextlib.suppress(*LEFT):
            while True:
                text = await self.hear()
                self.seen += SECRETS.findall(text)
                self.told = [*self.told[-200:], text]
                if text.startswith(("{", "[")):
                    self._learn(json.loads(text))

    def _learn(self, told: Any) -> None:
        if isinstance(told, dict):
            facts = told.get("attributes") or {}
            if "id" in told and isinstance(facts, dict):
                if facts.get("class_name"):
                    self.models[facts["class_name"]] = told["id"]
                data = facts.get("data") or {}
                for name in (data.get("attributes") or {}).get("label"), (data.get("attributes") or {}).get("title"):
                    if isinstance(name, str) and name:
                        self.models[f"data of {name}"] = data["id"]
                        self.models[name] = told["id"]
                        self.of[name] = data["attributes"].get("of", "")
                self.ticket = (data.get("attributes") or {}).get("ticket") or self.ticket
            told = list(told.values())
        for item in told if isinstance(told, list) else ():
            if isinstance(item, dict | list):
                self._learn(item)

    async def send(self, model: str, **message: Any) -> None:
        """Send a message to a component, as its script does."""
        data = {"type": "map", "entries": [list(pair) for pair in message.items()]}
        await self.event("data_event", {"model": {"id": self.models[model]}, "data": data})
        await asyncio.sleep(0)

    async def set(self, label: str, value: Any) -> None:
        """Set the value of a control."""
        change = {
            "kind": "ModelChanged",
            "model": {"id": self.models[f"data of {label}"]},
            "attr": "value",
            "new": value,
        }
        await self.say("PATCH-DOC", {"events": [change]})

    async def enter(self, label: str, text: Any) -> None:
        """Enter a text in an entry that stands by itself."""
        await self.send(label, of=self.of[label], path="text", text=text)

    async def go(self, step: str) -> None:
        """Turn to a step."""
        await self.send("Stepper", go=step)
        await asyncio.sleep(1)

    def close(self) -> None:
        """Leave."""
        super().close()
        with contextlib.suppress(AttributeError):
            self._reader.cancel()


Script = Callable[[Client], Awaitable[list[str]]]
SCRIPTS: list[Script] = []


def _page(script: Callable[[Puppet, Client], Awaitable[None]]) -> Callable[[Client], Awaitable[list[str]]]:
    """Make a script of what is done in one page; the page is opened again when the server has closed it."""

    async def run(client: Client) -> list[str]:
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        page = Puppet(client.url, cookie)
        try:
            await page.begin()
            await script(page, client)
        finally:
            page.close()
        return page.seen

    SCRIPTS.append(run)
    return run


@_page
async def tick_without_end(page: Puppet, _: Client) -> None:
    """Choose nights and give them up again, and again."""
    for turn in range(10_000):
        await page.send("Calendar", nights=["2026-03-01", "2026-03-02", "2026-03-04"], on=turn % 2 == 0)


@_page
async def ask_for_all_of_history(page: Puppet, _: Client) -> None:
    """Ask for nights before there were telescopes."""
    for turn in range(1000):
        await page.enter("Nights and ranges", f"0001-01-01..9999-12-3{turn % 2}")
        await page.enter("Nights and ranges", ", ".join([f"1990-01-0{1 + turn % 9}..2019-12-31"] * 2000))
        await page.enter("Nights and ranges", "x" * 900_000)


@_page
async def write_endless_conditions(page: Puppet, _: Client) -> None:
    """Write what a slow lexer never gets through."""
    await page.go("filters")
    await page.send("Kind of filter", value="sql")
    await asyncio.sleep(1)
    for turn in range(1000):
        for text in ("'" * 60_000, "a\n" * 30_000, "(" * 60_000, "`" * 60_000, "x'" * 30_000, '"' * 900_000):
            await page.send("SqlEditor", text=text + str(turn))


@_page
async def name_it_at_length(page: Puppet, _: Client) -> None:
    """Give the job a name of nearly a megabyte."""
    await page.go("review")
    for turn in range(10_000):
        await page.enter("Name of the job (optional)", "n" * 900_000 + str(turn))


async def open_pages(client: Client) -> list[str]:
    """Open page after page, and leave them."""
    sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}
    while True:
        fetch = (AsyncHTTPClient().fetch(client.url, headers=sent, raise_error=False) for _ in range(8))
        await asyncio.gather(*fetch)


SCRIPTS.append(open_pages)


@_page
async def send_job_files(page: Puppet, client: Client) -> None:
    """Open job files as deep, long and wrong as may be."""
    await page.go("review")
    files = [
        "a: [" * 15 + "]" * 15,
        "version: 1\nfilters:\n" + "- {kind: tags, all_of: [x]}\n" * 2300,
        "version: 1\nsource: {kind: lsst, nights: [" + "2026-03-01, " * 5000 + "]}\n",
        '"' * 65_000,
        "[" * 65_000,
    ]
    for turn in range(1000):
        sent = await _send(client, page.ticket, files[turn % len(files)].encode())
        await page.send("Open a job file", file=sent)


@_page
async def read_the_servers_files(page: Puppet, client: Client) -> None:
    """Open job files that name what is not theirs, and look at every panel."""
    source = "source: {kind: lsst, nights: [2026-03-01]%s}\noutput: {kind: kafka, packet: full}\n"
    wanted = [
        ("", "- {kind: crossmatch, catalog: /etc/passwd, radius_arcsec: 1}"),
        ("", "- {kind: crossmatch, catalog: ../users.json, radius_arcsec: 1}"),
        ("", "- {kind: crossmatch, catalog: ../secret.csv, radius_arcsec: 1}"),
        ("", "- {kind: region, moc: /etc/passwd}"),
        ("", "- {kind: region, skymap: ../jobs.sqlite}"),
        (", lake: /etc", "[]"),
        (", lake: 's3://x/y?endpoint_override=localhost:1'", "[]"),
    ]
    for turn in range(1000):
        lake, step = wanted[turn % len(wanted)]
        await page.go("review")
        sent = await _send(client, page.ticket, f"version: 1\n{source % lake}filters:\n{step}\n".encode())
        await page.send("Open a job file", file=sent)
        for step in ("nights", "filters"):
            await page.go(step)
        for kind in ("crossmatch", "region"):
            await page.send("Kind of filter", value=kind)
            await asyncio.sleep(0.5)


async def guess_passwords(client: Client) -> list[str]:
    """Guess at ann's password."""
    while True:
        await asyncio.gather(
            *(asyncio.to_thread(Client(client.url).enter, "ann", f"guess {turn}") for turn in range(4))
        )


SCRIPTS.append(guess_passwords)


@_page
async def send_messages_without_end(page: Puppet, _: Client) -> None:
    """Announce a billion buffers and send them."""
    header = {"msgid": "x", "msgtype": "PATCH-DOC", "num_buffers": 1_000_000_000}
    await page.socket.write_message(json.dumps(header))
    await page.socket.write_message("{}")
    await page.socket.write_message('{"events": []}')
    for turn in range(100_000):
        await page.socket.write_message(json.dumps({"id": str(turn)}))
        await page.socket.write_message(b"x" * 900_000, binary=True)


async def fill_the_disk(client: Client) -> list[str]:
    """Send files as large as may be, from many pages; leave connections half open."""
    address = urlsplit(client.url)
    idle = []
    for _ in range(200):
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nX: ".encode())
        idle.append((reader, writer))
    page = Puppet(client.url, "; ".join(f"{name}={value}" for name, value in client.cookies.items()))
    await page.begin()
    await page.go("review")
    while True:
        await _send(client, page.ticket, b"x" * 50_000_000)


SCRIPTS.append(fill_the_disk)


async def _send(client: Client, ticket: str, content: bytes) -> str:
    found = await asyncio.to_thread(client.ask, f"upload/{ticket}", "PUT", content, {"X-File-Name": "job.yml"})
    with contextlib.suppress(ValueError):
        return str(json.loads(found.text).get("id", ""))
    return ""


async def _attack(script: Script, client: Client, end: float, seen: list[str], turns: dict[str, int]) -> None:
    """Do one thing until the end; whoever is turned away comes again."""
    while (left := end - time.monotonic()) > 0:
        with contextlib.suppress(*LEFT, KeyError):
            seen += await asyncio.wait_for(script(client), left)
        name = getattr(script, "__name__", "page")
        turns[name] = turns.get(name, 0) + 1
        await asyncio.sleep(0.1)


async def main(url: str, seconds: float) -> None:
    """Let everybody loose."""
    AsyncHTTPClient.configure(None, max_clients=100, defaults={"request_timeout": 60.0})
    seen: list[str] = []
    turns: dict[str, int] = {}
    clients = []
    for number in range(len(SCRIPTS)):
        client = Client(url)
        client.enter(f"eve{number}")
        clients.append(client)
    print("begun", flush=True)
    end = time.monotonic() + seconds
    await asyncio.gather(
        *(_attack(script, client, end, seen, turns) for script, client in zip(SCRIPTS, clients, strict=True))
    )
    print(json.dumps({"seen": seen, "turns": turns}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))

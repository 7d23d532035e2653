"""Measure the dashboard: time to the first page, from a tick to a new gauge, with many pages at once, and its memory.

One real Chromium tells what a single user sees. Many users are pages without a browser, that speak Bokeh's own protocol
over real connections: drawing is left out, as every user brings their own machine for that.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import sync_playwright
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from alertferry.testing.simulator import simulate
from tests.ui.browsing import CHROMIUM, Dashboard, Tab, serving

NIGHTS = [date(2026, 3, 1) + timedelta(days=day) for day in range(20)]


@dataclass
class Page:
    """A page that is open without a browser."""

    url: str
    socket: WebSocketClientConnection | None = None
    calendar: str = ""
    waits_ms: list[float] = field(default_factory=list)

    async def open(self) -> None:
        """Fetch the page, connect, and wait until its first step is there."""
        answer = await AsyncHTTPClient().fetch(self.url, request_timeout=120)
        token = re.search(r'"token":\s*"([^"]+)"', answer.body.decode())[1]
        address = self.url.replace("http", "ws", 1) + "ws"
        origin = {"Origin": self.url.rstrip("/")}
        request = HTTPRequest(address, headers=origin, connect_timeout=120, request_timeout=120)
        self.socket = await websocket_connect(request, subprotocols=["bokeh", token], max_message_size=1 << 30)
        await self.hear()
        await self.say("PULL-DOC-REQ", {})
        await self.event("document_ready", {})
        while not self.calendar:
            text = await self.hear()
            self.calendar = calendar_of(json.loads(text)) if "Calendar" in text else ""

    async def tick(self, nights: list[str], on: bool) -> None:
        """Tick nights and wait until the gauge has changed."""
        started = time.perf_counter()
        data = {"type": "map", "entries": [["nights", nights], ["on", on]]}
        await self.event("data_event", {"model": {"id": self.calendar}, "data": data})
        while '"attr":"alerts"' not in await self.hear():
            pass
        self.waits_ms.append(1000 * (time.perf_counter() - started))

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


def calendar_of(told: Any) -> str:
    """Return the id of the calendar in what the server has told; empty when it is not there."""
    if isinstance(told, dict):
        if told.get("attributes", {}).get("class_name") == "Calendar":
            return str(told["id"])
        told = list(told.values())
    return next(filter(None, map(calendar_of, told)), "") if isinstance(told, list) else ""


async def many(url: str, pages: int, ticks: int, pause: float = 0) -> tuple[float, list[float]]:
    """Open many pages at once, let every user tick every now and then; return seconds until all were open, and waits."""
    found = [Page(url) for _ in range(pages)]
    started = time.perf_counter()
    await asyncio.gather(*(page.open() for page in found))
    opened = time.perf_counter() - started
    await asyncio.sleep(pause)  # as users first look at what they see
    nights = [str(night) for night in NIGHTS]

    async def use(page: Page, first: float) -> None:
        await asyncio.sleep(first)
        for number in range(ticks):
            await page.tick(nights[: 1 + number % len(nights)] if number % 2 == 0 else nights, number % 2 == 0)
            await asyncio.sleep(pause)

    await asyncio.gather(*(use(page, pause * index / pages) for index, page in enumerate(found)))
    for page in found:
        page.socket.close()
    return opened, [wait for page in found for wait in page.waits_ms]


def one_user(dashboard: Dashboard) -> list[str]:
    """Return what a single user waits for, seen in a browser."""
    with sync_playwright() as starter:
        browser = starter.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        paints, ready, gauges = [], [], []
        for _ in range(5):
            context = browser.new_context()
            tab = Tab(context.new_page())
            started = time.perf_counter()
            tab.open(dashboard.url)
            ready.append(time.perf_counter() - started)
            paints.append(
                tab.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
            )
            for count in range(1, 6):
                day = tab.page.get_by_role("button", name=re.compile(f"^{NIGHTS[count - 1]}"))
                started = time.perf_counter()
                day.click()
                tab.has_alerts(str(count * 50))
                gauges.append(time.perf_counter() - started)
            context.close()
        browser.close()
    return [
        line("first paint", paints, 2),
        line("page ready to use", ready),
        line("tick to gauge, in the browser", gauges, 0.5),
    ]


def line(name: str, seconds: list[float], bar: float | None = None) -> str:
    """Return one line of the table."""
    wanted = "" if bar is None else f"< {bar} s"
    return f"| {name} | {statistics.median(seconds):.2f} s | {at(seconds, 95):.2f} s | {wanted} |"


def at(values: list[float], percentile: int) -> float:
    """Return a percentile."""
    return sorted(values)[min(len(values) - 1, len(values) * percentile // 100)]


def resident_mb(dashboard: Dashboard) -> float:
    """Return the memory of the server, its workers left out."""
    return psutil.Process(dashboard.process.pid).memory_info().rss / 1e6


def memory(dashboard: Dashboard, pages: int) -> str:
    """Open and close pages twice; return the line that compares the memory after the second time with the first."""
    found = []
    for _ in range(3):
        for _ in range(pages // 20):
            asyncio.run(many(dashboard.url, 20, 1))
        time.sleep(25)  # until the server has given up the sessions
        found.append(resident_mb(dashboard))
    words = ", ".join(f"{mb:.0f}" for mb in found)
    return (
        f"| memory after each {pages} pages opened and closed | {words} MB | {found[2] / found[1] - 1:+.0%} | < 10 % |"
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--ticks", type=int, default=10)
    parser.add_argument("--pause", type=float, default=3, help="seconds between two ticks of a user")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        lakes = {survey: root / survey for survey in ("lsst", "ztf")}
        for survey, lake in lakes.items():
            simulate(survey, lake, NIGHTS, 50, seed=5)
        with serving(root / "home", lakes, "localhost:1", "--no-estimates") as dashboard:
            print("| what | median | 95th percentile | bar |\n|---|---|---|---|")
            print("\n".join(one_user(dashboard)))
            opened, waits = asyncio.run(many(dashboard.url, options.pages, options.ticks, options.pause))
            print(f"| {options.pages} pages opened at once, all ready | {opened:.1f} s | | |")
            users = f"a tick to a gauge with {options.pages} pages open, each ticking every {options.pause:g} s"
            print(line(users, [wait / 1000 for wait in waits], 1))
            print(memory(dashboard, 100))


if __name__ == "__main__":
    main()

"""Measure the dashboard: time to the first page, from a tick to a new gauge, with many pages at once, and its memory.

One real Chromium tells what a single user sees. Many users are pages without a browser, that speak Bokeh's own protocol
over real connections: drawing is left out, as every user brings their own machine for that.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

from alertferry.testing.simulator import simulate
from tests.ui.browsing import CHROMIUM, Dashboard, Tab, serving
from tests.ui.wire import Page

NIGHTS = [date(2026, 3, 1) + timedelta(days=day) for day in range(20)]


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
        page.close()
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
            asyncio.run(many(dashboard.entry, 20, 1))
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
            opened, waits = asyncio.run(many(dashboard.entry, options.pages, options.ticks, options.pause))
            print(f"| {options.pages} pages opened at once, all ready | {opened:.1f} s | | |")
            users = f"a tick to a gauge with {options.pages} pages open, each ticking every {options.pause:g} s"
            print(line(users, [wait / 1000 for wait in waits], 1))
            print(memory(dashboard, 100))


if __name__ == "__main__":
    main()

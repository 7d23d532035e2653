"""A real dashboard in a process of its own, and a real browser to use it with."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alertferry.core.settings import load_settings
from tests.waiting import PATIENCE_SECONDS

ENTRIES: dict[str, str] = {}
"""The addresses that were printed, with their tokens, by the address that comes of each."""

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 60_000


@dataclass
class Dashboard:
    """A served dashboard; it can be stopped and started again at the same address."""

    environment: dict[str, str]
    log: Path
    options: tuple[str, ...] = ()
    port: int = 0
    url: str = ""
    entry: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "alertferry.cli", "ui", "--port", str(self.port), *self.options]
        before = len(self.log.read_text()) if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.findall(r"(https?)://localhost:(\d+)(\S*)", self.log.read_text()[before:])):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "the dashboard did not start: " + self.log.read_text()
            time.sleep(0.05)
        scheme, port, path = found[-1]
        self.port = int(port)
        self.entry = f"{scheme}://localhost:{self.port}{path}"
        self.url = self.entry.partition("?")[0]
        ENTRIES[self.url] = self.entry
        self._wait_until_it_answers(end)

    def jobs(self) -> list[str]:
        """Return the ids of the jobs that were submitted."""
        command = [sys.executable, "-m", "alertferry.cli", "jobs", "list", "--json"]
        found = subprocess.run(command, env=self.environment, capture_output=True, check=True)
        return [job["id"] for job in json.loads(found.stdout)["jobs"]]

    def _wait_until_it_answers(self, end: float) -> None:
        from urllib.error import URLError
        from urllib.request import urlopen

        while time.monotonic() < end:
            with suppress(URLError, ConnectionError):
                unverified = ssl._create_unverified_context()
                urlopen(self.url + "liveness", timeout=5, context=unverified).close()
                return
            time.sleep(0.05)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE_SECONDS)


@contextmanager
def serving(home: Path, lakes: dict[str, Path], bootstrap: str, *options: str) -> Iterator[Dashboard]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ALERTFERRY_")}
    environment |= {f"ALERTFERRY_LAKE_{survey.upper()}": str(folder) for survey, folder in lakes.items()}
    environment |= {"ALERTFERRY_HOME": str(home), "ALERTFERRY_BOOTSTRAP_SERVERS": bootstrap, "PYTHONUNBUFFERED": "1"}
    environment["XDG_CONFIG_HOME"] = str(home / "config")
    home.mkdir(exist_ok=True)
    with suppress(FileExistsError):  # fetched once, not by every test
        (home / "jars").symlink_to(load_settings().home / "jars")
    found = Dashboard(environment, home / "ui.log", options)
    try:
        found.start()
        yield found
    finally:
        if found.process is not None and found.process.poll() is None:
            found.stop()


def enter(page: Any, url: str) -> None:
    """Let a browser's page come in where nobody signs in, as whoever opens the printed address does."""
    entry = next((entry for plain, entry in ENTRIES.items() if url.startswith(plain) and "token=" in entry), "")
    if entry:
        page.request.get(entry)


@dataclass
class Tab:
    """A page of the browser with what it complained about and where it went."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._requested)

    def _requested(self, request: Any) -> None:
        if not re.match(r"(https?|wss?)://localhost[:/]|blob:|data:", request.url):
            self.elsewhere.append(request.url)

    def open(self, url: str) -> None:
        enter(self.page, url)
        self.page.goto(url)
        self.page.get_by_role("navigation", name="Steps").or_(self.heading("Jobs")).first.wait_for()

    def heading(self, words: str) -> Any:
        return self.page.get_by_role("heading", name=words, exact=True, level=1)

    def next(self, heading: str) -> None:
        self.page.locator("button.next").click()
        self.heading(heading).wait_for()

    def kind(self, label: str) -> None:
        self.page.get_by_role("group", name="Kind of filter").get_by_text(label, exact=True).click()

    @property
    def alerts(self) -> str:
        return str(self.page.locator(".gauge.alerts b").inner_text())

    def has_alerts(self, text: str) -> None:
        self.page.locator(".gauge.alerts b").get_by_text(text, exact=True).wait_for()

"""When to fetch from a topic that is still being written, so that few large files come of it, and when to give up."""

from __future__ import annotations

import time
from collections.abc import Sequence

from alertferry.consumer.folder import Folder
from alertferry.consumer.intake import Limits
from alertferry.consumer.source import Outlook
from alertferry.consumer.spans import Span

HOLD_SECONDS = 30.0
"""Alerts wait on the broker, safe, for at most this long until there are enough for a file."""


class Pacing:
    """Watches the clock over a topic: what is new since when, and since when nothing was fetched."""

    def __init__(self, limits: Limits, follow: bool = False) -> None:
        self._limits = limits
        self._follow = follow
        self._publishing = False
        self._news = self._answered = time.monotonic()
        self._last_fetch: float | None = None
        self._known: tuple[dict[int, int], str | None] | None = None
        self._mean_bytes = 0.0

    def saw(self, outlook: Outlook) -> None:
        """Take note of a look at the topic."""
        self._answered = time.monotonic()
        state = (dict(outlook.high), outlook.manifest.state if outlook.manifest else None)
        self._publishing = state[1] == "publishing"
        if state != self._known:
            self._known = state
            self._news = time.monotonic()

    def fetched(self, folder: Folder) -> None:
        """Take note of a fetch."""
        self._last_fetch = time.monotonic()
        files = [file for commit in folder.commits.values() for file in commit.files]
        rows = sum(file.rows for file in files)
        self._mean_bytes = sum(file.bytes for file in files) / rows if rows else 0.0

    @property
    def idle_seconds(self) -> float:
        """Seconds since the topic last had something new."""
        return time.monotonic() - self._news

    def gave_up(self) -> bool:
        """Whether nothing new came for the whole timeout; a job that is followed may take its time."""
        if self._follow and self._publishing:
            return False
        return self.idle_seconds > self._limits.timeout

    def unanswered(self) -> bool:
        """Whether the broker has not answered for the whole timeout."""
        return time.monotonic() - self._answered > self._limits.timeout

    def due(self, todo: Sequence[Span], outlook: Outlook) -> bool:
        """Whether to fetch now: all of a finished job; else a first look, a full file, or what has waited long."""
        if not todo:
            return False
        if outlook.receipt is not None or self._last_fetch is None or self.gave_up():
            return True
        if max(span.size for span in todo) >= self._full():
            return True
        return time.monotonic() - self._last_fetch >= min(HOLD_SECONDS, self._limits.timeout / 2)

    def _full(self) -> float:
        """Return the number of alerts of a full file."""
        by_bytes = self._limits.batch_bytes / self._mean_bytes if self._mean_bytes else float("inf")
        return min(self._limits.batch_alerts, by_bytes)

"""Who fetches: this process, or several. Each writes and commits its own files; only what it committed is reported."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from alertferry.consumer.archive import Archive, Recipe, Skips
from alertferry.consumer.commits import Commit
from alertferry.consumer.intake import Intake, Limits, OvertakenError, SilentBrokerError, Stop
from alertferry.consumer.spans import Span, share
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.settings import Settings

POLL_SECONDS = 0.2
ERRORS: dict[str, type[AlertferryError]] = {
    kind.__name__: kind for kind in (AlertferryError, UsageError, OvertakenError, SilentBrokerError)
}
"""Errors that keep their meaning on the way from a worker."""


@dataclass(frozen=True)
class Task:
    """Everything a worker needs, as plain data. Settings hold secrets: they travel by pipe, never as arguments."""

    settings: Settings
    recipe: Recipe
    group: str
    limits: Limits

    def to_line(self) -> str:
        """Return one line of JSON."""
        data = {
            "settings": self.settings.model_dump(mode="json"),
            "recipe": asdict(self.recipe),
            "group": self.group,
            "limits": asdict(self.limits),
        }
        return json.dumps(data)

    @classmethod
    def from_line(cls, line: str) -> Task:
        """Read what `to_line` wrote."""
        data = json.loads(line)
        return cls(
            Settings.model_validate(data["settings"]),
            Recipe(**data["recipe"]),
            data["group"],
            Limits(**data["limits"]),
        )


class Crew(Protocol):
    """Fetches spans into committed files."""

    def fetch(self, spans: Sequence[Span], skips: Skips, stop: Stop) -> Iterator[Commit]:
        """Yield every commit as it is made; end early, without open chunks, when ``stop()``."""

    def close(self) -> None:
        """Let connections and processes end."""


class Alone:
    """Fetches in this process."""

    def __init__(self, task: Task) -> None:
        self._archive = Archive(task.recipe)
        self._intake = Intake(task.settings, task.recipe.topic, task.group, task.limits)

    def fetch(self, spans: Sequence[Span], skips: Skips, stop: Stop) -> Iterator[Commit]:
        """Yield every commit as it is made."""
        for chunk in self._intake.fetch(spans, stop):
            yield self._archive.write(chunk, skips)
            self._intake.confirm(chunk.span.partition, chunk.span.end)

    def close(self) -> None:
        """Close the connection."""
        self._intake.close()


class _Worker:
    """One process and the thread that listens to it."""

    def __init__(self, task: Task, lock: int, heard: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]]) -> None:
        command = [sys.executable, "-m", "alertferry.consumer.worker"]
        # the worker inherits the folder's lock: it stays taken until the last worker of a killed parent is gone;
        # a process group of its own keeps the terminal's Ctrl-C away: the parent decides what that means
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(lock,), process_group=0, text=True
        )
        self._heard = heard
        self.say(task.to_line())
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def say(self, line: str) -> None:
        """Send one line; a worker that is gone is noticed by the listener."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            return

    def fetch(self, spans: Sequence[Span], skips: Skips) -> None:
        """Ask for spans."""
        wanted = [[span.partition, span.start, span.end] for span in spans]
        numbers = {span.partition for span in spans}
        skipped = {number: sorted(skips[number]) for number in numbers if number in skips}
        self.say(json.dumps({"fetch": wanted, "skips": skipped}))

    def ended(self) -> str:
        """Return how the process ended, in words."""
        code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """End the process: it stops when its input closes, and whatever it had open is dropped."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(timeout=5)
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard.put((self, json.loads(line)))
        self._heard.put((self, None))


class Several:
    """Fetches in worker processes, each with its own share of the spans."""

    def __init__(self, task: Task, workers: int, lock: int) -> None:
        self._heard: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        try:
            for _ in range(workers):
                self._workers.append(_Worker(task, lock, self._heard))
        except BaseException:
            self.close()
            raise

    def fetch(self, spans: Sequence[Span], skips: Skips, stop: Stop) -> Iterator[Commit]:
        """Yield every commit as it is made."""
        shares = share(spans, len(self._workers))
        busy = set(self._workers[: len(shares)])
        for worker, wanted in zip(self._workers, shares, strict=False):
            worker.fetch(wanted, skips)
        failure: AlertferryError | None = None
        told = False
        while busy:
            if (stop() or failure) and not told:
                told = True
                for worker in busy:
                    worker.say(json.dumps({"stop": True}))
            try:
                worker, said = self._heard.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if said is not None and "commit" in said:
                yield Commit.model_validate(said["commit"])
                continue
            busy.discard(worker)
            failure = failure or _failure(worker, said)
        # raised only now: whatever the others still had to commit must be known before anything is fetched again
        if failure is not None:
            raise failure

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()


def _failure(worker: _Worker, said: dict[str, Any] | None) -> AlertferryError | None:
    if said is None:
        return AlertferryError(
            f"a worker process ended by itself ({worker.ended()}), perhaps for lack of memory; what is committed is "
            "safe: run the same command again, with fewer --workers if it happens again"
        )
    if "error" in said:
        return ERRORS.get(said["error"], AlertferryError)(said["message"])
    return None

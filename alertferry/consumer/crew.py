"""Fetching in this process: what is polled, decoded, written and committed, and what is needed for it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from alertferry.consumer.archive import Archive, Recipe, Skips
from alertferry.consumer.commits import Commit
from alertferry.consumer.intake import Chunk, Intake, Limits, OvertakenError, SilentBrokerError, Stop
from alertferry.consumer.spans import Span
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.settings import Settings

WRITERS = 2

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
            Recipe.from_dict(data["recipe"]),
            data["group"],
            Limits(**data["limits"]),
        )


class Crew(Protocol):
    """Fetches spans into committed files."""

    def fetch(self, spans: Sequence[Span], skips: Skips, stop: Stop) -> Iterator[Commit]:
        """Yield every commit as it is made; end early, without open chunks, when ``stop()``."""

    def close(self) -> None:
        """Let connections and processes end."""


More = Callable[[], tuple[Sequence[Span], Skips]]
"""Asked for further spans when everything is fetched but perhaps not yet written."""


class Alone:
    """Fetches in this process: one thread polls, others decode, encode and write the chunks before.

    Decoding, compressing and writing happen outside Python's lock, so they do go on side by side.
    """

    def __init__(self, task: Task) -> None:
        # chunks divided into folders are decoded as a whole: fewer and smaller ones keep memory small
        divided = task.recipe.partitioning is not None
        self._count = 1 if divided else WRITERS
        limits = replace(task.limits, batch_bytes=max(1, task.limits.batch_bytes // 2)) if divided else task.limits
        self._intake = Intake(task.settings, task.recipe.topic, task.group, limits)
        self._writers = ThreadPoolExecutor(self._count, "alertferry-writer")
        self._archive = self._writers.submit(Archive, task.recipe)  # made while the first messages are on their way

    def fetch(self, spans: Sequence[Span], skips: Skips, stop: Stop, more: More | None = None) -> Iterator[Commit]:
        """Yield every commit as it is made."""
        writing: deque[Future[list[Commit]]] = deque()
        try:
            while spans:
                for chunk in self._intake.fetch(spans, stop):
                    # one chunk for each writer, one being filled: memory does not grow when the disk is slow
                    yield from self._written(writing, self._count - 1)
                    writing.append(self._writers.submit(self._write, chunk, skips))
                    del chunk
                spans, skips = more() if more and not stop() else ((), skips)
            yield from self._written(writing)
        except (OvertakenError, SilentBrokerError):
            # what is being written will count: it must be known before anything is fetched again
            yield from self._written(writing)
            raise
        finally:
            wait(writing)

    def _write(self, chunk: Chunk, skips: Skips) -> list[Commit]:
        archive = self._archive.result()
        return [archive.write(part, skips) for part in archive.portions(chunk)]

    def halve(self) -> list[Span]:
        """Give away half of what is left to fetch."""
        return self._intake.halve()

    def close(self) -> None:
        """Close the connection."""
        self._writers.shutdown()
        self._intake.close()

    def _written(self, writing: deque[Future[list[Commit]]], may_stay: int = 0) -> Iterator[Commit]:
        """Yield commits until no more than ``may_stay`` chunks are being written, and those that are ready."""
        while len(writing) > may_stay or (writing and writing[0].done()):
            for commit in writing.popleft().result():
                span = commit.span
                if span is not None:
                    self._intake.confirm(span.partition, span.end)
                yield commit

"""Who gives work to whom: a worker with nothing left to fetch takes half of what the busiest has left."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from alertferry.consumer.spans import Span, to_numbers, total

WorkerT = TypeVar("WorkerT", bound=Hashable)
Letter = tuple[WorkerT, dict[str, Any]]
"""A worker and what to tell it."""


class Sharing(Generic[WorkerT]):
    """Keeps count of what each worker has left; every method returns the letters that are to be sent.

    One worker is asked at a time: ``{"halve": true}``, answered by what it gives away; the one that waits is told
    ``{"spans": [...]}``, or an empty list when nobody has enough left to share.
    """

    def __init__(self, left: dict[WorkerT, int]) -> None:
        self._left = dict(left)
        self._idle: deque[WorkerT] = deque()
        self._asked: WorkerT | None = None
        self._refused: set[WorkerT] = set()
        self._stopped = False

    def committed(self, worker: WorkerT, offsets: int) -> None:
        """Take note of work that is done."""
        self._left[worker] = max(0, self._left.get(worker, 0) - offsets)

    def waits(self, worker: WorkerT) -> list[Letter[WorkerT]]:
        """Take note of a worker that has nothing left to fetch."""
        self._left[worker] = 0
        self._idle.append(worker)
        return self._go_on()

    def gives(self, worker: WorkerT, spans: Sequence[Span]) -> list[Letter[WorkerT]]:
        """Pass on what a worker gives away, if anything."""
        self._asked = None
        if not spans:
            self._refused.add(worker)
            return self._go_on()
        size = total(spans)
        self.committed(worker, size)
        if not self._idle:
            return []  # who waited has died: this run fails, and the next one fetches them
        receiver = self._idle.popleft()
        self._left[receiver] = size
        self._refused.clear()
        return [_spans(receiver, spans), *self._go_on()]

    def gone(self, worker: WorkerT) -> list[Letter[WorkerT]]:
        """Take note of a worker that has ended, in order or not."""
        self._left.pop(worker, None)
        if worker in self._idle:
            self._idle.remove(worker)
        if self._asked == worker:
            self._asked = None
        return self._go_on()

    def stop(self) -> list[Letter[WorkerT]]:
        """Share nothing from now on."""
        self._stopped = True
        return self._go_on()

    def _go_on(self) -> list[Letter[WorkerT]]:
        letters: list[Letter[WorkerT]] = []
        while self._idle and self._asked is None:
            giver = self._richest()
            if giver is not None:
                self._asked = giver
                letters.append((giver, {"halve": True}))
            else:
                letters.append(_spans(self._idle.popleft(), ()))
                self._refused.clear()
        return letters

    def _richest(self) -> WorkerT | None:
        if self._stopped:
            return None
        able = [worker for worker, left in self._left.items() if left > 0 and worker not in self._refused]
        return max(able, key=lambda worker: self._left[worker], default=None)


def _spans(worker: WorkerT, spans: Iterable[Span]) -> Letter[WorkerT]:
    return worker, {"spans": to_numbers(spans)}

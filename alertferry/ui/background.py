"""Threads for what takes longer than a blink. They never keep the server from ending.

Each kind of work has threads of its own, so that nothing waits behind what is slower; within a kind, users take turns.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

MOST_WAITING = 20
"""Tasks of one user that wait for the threads of one kind; an older one goes when there are more."""

Task = Callable[[], None]


@dataclass(frozen=True)
class _Waiting:
    """A task in a queue; ``place`` is what a newer one of the same place replaces."""

    task: Task
    place: object | None
    dropped: Task | None


class Crew:
    """A few threads for one kind of work: users take turns, each has at most ``share`` of the threads at once."""

    def __init__(self, name: str, size: int, share: int | None = None) -> None:
        self._name, self._size, self._share = name, size, share or size
        self._queues: OrderedDict[str | None, deque[_Waiting]] = OrderedDict()
        self._running: dict[str | None, int] = {}
        self._threads = 0
        self._changed = threading.Condition()

    def do(
        self, task: Task, *, owner: str | None = None, place: object | None = None, dropped: Task | None = None
    ) -> None:
        """Do something soon; the task must not raise.

        It takes the place of an older one of ``owner`` that waits and has the same ``place``. ``dropped`` is called if
        the task never begins because its owner has too many waiting.
        """
        gone = None
        with self._changed:
            queue = self._queues.setdefault(owner, deque())
            if place is not None:
                queue = self._queues[owner] = deque(item for item in queue if item.place != place)
            queue.append(_Waiting(task, place, dropped))
            if len(queue) > MOST_WAITING:
                gone = queue.popleft().dropped
            if self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
            self._changed.notify()
        if gone is not None:
            gone()

    def _work(self) -> None:
        while True:
            with self._changed:
                while (found := self._next()) is None:
                    self._changed.wait()
                owner, task = found
                self._running[owner] = self._running.get(owner, 0) + 1
            try:
                task()
            finally:
                del task, found  # else a thread that waits would hold the page of its last task
                with self._changed:
                    self._running[owner] -= 1
                    if not self._running[owner]:
                        del self._running[owner]

    def _next(self) -> tuple[str | None, Task] | None:
        """Return whose turn it is, and what they wait for; they come last then."""
        for owner, queue in self._queues.items():
            if queue and self._running.get(owner, 0) < self._share:
                task = queue.popleft().task
                self._queues.move_to_end(owner)
                if not queue:
                    del self._queues[owner]
                return owner, task
        return None


QUICK = Crew("alertferry-ui", 8, share=4)
CHECKS = Crew("alertferry-ui-check", 3, share=1)
READERS = Crew("alertferry-ui-read", 2, share=1)
"""These read what was written, in Python: the more of them do so at once, the less the server's own thread gets on."""
JOBS = Crew("alertferry-ui-jobs", 4, share=2)
CATALOGUES = Crew("alertferry-ui-catalogues", 4, share=1)
ESTIMATES = Crew("alertferry-ui-estimates", 3, share=1)
PREVIEWS = Crew("alertferry-ui-previews", 2, share=1)
RESULTS = Crew("alertferry-ui-results", 2, share=1)
DRAFTS = Crew("alertferry-ui-drafts", 2, share=1)
FILES = Crew("alertferry-ui-files", 2, share=1)

_CREW_OF = {
    "check": CHECKS,
    "marks": READERS,
    "sql": READERS,
    "form": READERS,
    "open": READERS,
    "submit": JOBS,
    "resubmit": JOBS,
    "cancel": JOBS,
    "delete": JOBS,
    "newer": JOBS,
    "catalogue": CATALOGUES,
    "region": CATALOGUES,
    "estimate": ESTIMATES,
    "preview": PREVIEWS,
    "result": RESULTS,
    "file": FILES,
}
"""Who does what is asked for, by the first word of its key; `QUICK` does the rest."""


def crew_of(key: str) -> Crew:
    """Return who does a kind of task: what waits for Spark or for files never stands in the way of the rest."""
    return _CREW_OF.get(key.partition(" ")[0], QUICK)

"""Threads for what takes longer than a blink. They never keep the server from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Crew:
    """A few threads that do what they are given, in order; they start with the first task."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def do(self, task: Callable[[], None]) -> None:
        """Do something soon. The task must not raise."""
        self._tasks.put(task)
        with self._lock:
            if len(self._threads) < self._size:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        while True:
            self._tasks.get()()


QUICK = Crew("alertferry-ui", 8)
SPARK = Crew("alertferry-ui-spark", 4)
FILES = Crew("alertferry-ui-files", 2)

_CREW_OF = {"estimate": SPARK, "preview": SPARK, "submit": SPARK, "result": FILES, "file": FILES}


def crew_of(key: str) -> Crew:
    """Return who does a kind of task: what waits for Spark or for files never stands in the way of the rest."""
    return _CREW_OF.get(key.partition(" ")[0], QUICK)

"""One fetching process, ``python -m alertferry.consumer.worker``, steered by `workers` in JSON lines.

The first line is the task; then ``{"fetch": [[partition, start, end], ...], "skips": {...}, "order": n}`` is answered
by one ``{"commit": ...}`` a chunk. When everything is fetched ``{"more": true}`` asks for further spans, which come as
``{"spans": [...]}``; with none, ``{"done": true}`` follows the last commit, or ``{"error": kind, "message": text}``.
``{"halve": true}`` is answered at once by ``{"given": [...]}``, spans that this process will not fetch. ``{"stop": n}``
ends order ``n`` early. When the input closes the process ends, wherever it is: nothing but commits counts.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from alertferry.consumer.archive import Skips
from alertferry.consumer.commits import plain
from alertferry.consumer.crew import ERRORS, Alone, Task
from alertferry.consumer.repeats import Offsets
from alertferry.consumer.spans import Span, from_numbers, to_numbers
from alertferry.consumer.starting import start_quickly
from alertferry.core.errors import AlertferryError, IncompleteError

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Serve one parent until it is done or gone."""
    start_quickly()
    served = _Served(_private_output())
    task = Task.from_line(sys.stdin.readline())
    threading.Thread(target=served.listen, args=(sys.stdin,), daemon=True).start()
    while True:
        served.carry_out(served.orders.get(), task)


class _Served:
    """What one parent asked for so far."""

    def __init__(self, say: Say) -> None:
        self.orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._say = say
        self._answers: queue.SimpleQueue[list[Span]] = queue.SimpleQueue()
        self._stopped = 0
        self._crew: Alone | None = None
        self._began = threading.Event()

    def carry_out(self, order: dict[str, Any], task: Task) -> None:
        """Fetch what is asked for and say how it ended."""
        skips = {int(number): Offsets(offsets) for number, offsets in order["skips"].items()}

        def stop() -> bool:
            return self._stopped >= int(order["order"])

        def more() -> tuple[list[Span], Skips]:
            self._say({"more": True})
            return self._answers.get(), skips

        try:
            try:
                self._crew = self._crew or Alone(task)
            finally:
                self._began.set()
            spans = from_numbers(order["fetch"]) or more()[0]
            for commit in self._crew.fetch(spans, skips, stop, more):
                self._say({"commit": plain(commit)})
            self._say({"done": True})
        except AlertferryError as error:
            self._say({"error": _kind(error), "message": str(error)})

    def listen(self, source: TextIO) -> None:
        """Take what the parent says, beside the fetching; end with it."""
        for line in source:
            message = json.loads(line)
            if "stop" in message:
                self._stopped = message["stop"]
            elif "halve" in message:
                # a worker that is still importing has all of its share to give
                self._began.wait()
                given = self._crew.halve() if self._crew else []
                self._say({"given": to_numbers(given)})
            elif "spans" in message:
                self._answers.put(from_numbers(message["spans"]))
            else:
                self.orders.put(message)
        os._exit(IncompleteError.exit_code)


def _kind(error: AlertferryError) -> str:
    return next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in ERRORS), AlertferryError.__name__)


def _private_output() -> Say:
    """Return a channel to the parent that stray prints of libraries cannot reach."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(message: dict[str, Any]) -> None:
        try:
            with lock:
                channel.write(json.dumps(message) + "\n")
                channel.flush()
        except OSError:
            os._exit(IncompleteError.exit_code)

    return say


if __name__ == "__main__":
    main()

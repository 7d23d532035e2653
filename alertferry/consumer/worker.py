"""One fetching process, ``python -m alertferry.consumer.worker``, steered by `alertferry.consumer.crew` in JSON lines.

The first line is the task; then ``{"fetch": [[partition, start, end], ...], "skips": {...}}`` is answered by one
``{"commit": ...}`` a chunk and ``{"done": true}`` or ``{"error": kind, "message": text}``. ``{"stop": true}`` ends a
fetch early. When the input closes the process ends at once, wherever it is: nothing but commits counts.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

from alertferry.consumer.commits import plain
from alertferry.consumer.crew import ERRORS, Alone, Task
from alertferry.consumer.spans import Span
from alertferry.core.errors import AlertferryError, IncompleteError

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Serve one parent until it is done or gone."""
    say = _private_output()
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    stop = threading.Event()
    task = Task.from_line(sys.stdin.readline())
    threading.Thread(target=_listen, args=(sys.stdin, orders, stop), daemon=True).start()
    crew: Alone | None = None
    while True:
        order = orders.get()
        stop.clear()
        try:
            crew = crew or Alone(task)
            _fetch(crew, order, stop, say)
            say({"done": True})
        except AlertferryError as error:
            say({"error": _kind(error), "message": str(error)})


def _fetch(crew: Alone, order: dict[str, Any], stop: threading.Event, say: Say) -> None:
    spans = [Span(*numbers) for numbers in order["fetch"]]
    skips = {int(number): frozenset(offsets) for number, offsets in order["skips"].items()}
    for commit in crew.fetch(spans, skips, stop.is_set):
        say({"commit": plain(commit)})


def _kind(error: AlertferryError) -> str:
    return next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in ERRORS), AlertferryError.__name__)


def _private_output() -> Say:
    """Return a channel to the parent that stray prints of libraries cannot reach."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        try:
            channel.write(json.dumps(message) + "\n")
            channel.flush()
        except OSError:
            os._exit(IncompleteError.exit_code)

    return say


def _listen(source: TextIO, orders: queue.SimpleQueue[dict[str, Any]], stop: threading.Event) -> None:
    for line in source:
        order = json.loads(line)
        if "stop" in order:
            stop.set()
        else:
            orders.put(order)
    os._exit(IncompleteError.exit_code)


if __name__ == "__main__":
    main()

"""Watching over one answer: nobody waits for a query that hangs, and no query runs for somebody who has gone."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from alertferry.core.errors import AlertferryError
from alertferry.estimates.messages import Reply, send

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

LOOK_SECONDS = 0.2

GRACE_SECONDS = 5.0
"""How long a query and its tasks may take to stop; then this process ends, and the next question starts another."""


QUIET_SECONDS = 1.0
"""How long no task may run before a query counts as stopped."""


class Guard:
    """Cancels Spark's jobs when an answer takes too long or is not wanted any more.

    The time begins anew with every remark of progress (`say`): drawing many samples may take as long as it takes.
    """

    def __init__(self, spark: SparkSession, connection: socket.socket, seconds: float) -> None:
        self._context = spark.sparkContext
        self._connection = connection
        self._seconds = seconds
        self._pause = min(LOOK_SECONDS, seconds)
        self._since = time.monotonic()
        self._over = threading.Event()
        self._late = False
        self._stopped = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def say(self, text: str) -> None:
        """Tell the one who waits how far the answer is."""
        self._since = time.monotonic()
        send(self._connection, Reply(say=text))

    def __enter__(self) -> Self:
        # tasks that call Python are only stopped by interrupting them
        self._context.setJobGroup("estimate", "estimate", interruptOnCancel=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        if self._stopped:
            self._wait_for_tasks()
        if self._late and kind is not None:
            raise AlertferryError(_LATE.format(seconds=self._seconds)) from None

    def _watch(self) -> None:
        while not self._over.wait(self._pause):
            self._late = time.monotonic() - self._since > self._seconds
            if self._late or hung_up(self._connection):
                self._stop()
                return

    def _stop(self) -> None:
        """Cancel whatever Spark does for this answer; end the process if that does not help."""
        self._stopped = time.monotonic()
        while not self._over.wait(self._pause):
            self._context.cancelAllJobs()
            if time.monotonic() - self._stopped > GRACE_SECONDS:
                self._end()

    def _wait_for_tasks(self) -> None:
        """Return when no task has run for a second; end this process when that takes too long.

        A task that is deaf to its cancellation would slow down all later answers. Other threads of the same answer may
        begin another query just now, so what begins is cancelled too.
        """
        quiet = time.monotonic()
        while time.monotonic() - quiet < QUIET_SECONDS:
            self._context.cancelAllJobs()
            if running_tasks(self._context):
                quiet = time.monotonic()
            if time.monotonic() - self._stopped > GRACE_SECONDS + QUIET_SECONDS:
                self._end()
            time.sleep(self._pause)

    def _end(self) -> None:
        """End this process and its Java; the next question starts others."""
        try:
            if self._late:
                send(self._connection, Reply.of(AlertferryError(_LATE.format(seconds=self._seconds))))
        finally:
            end_java(self._context)
            os._exit(1)


def running_tasks(context: SparkContext) -> int:
    """Return how many tasks Spark's threads work on, those of cancelled jobs too.

    The scheduler is asked: what Spark's status tracker tells comes by listeners, and may still lack them.
    """
    counts = context._jsc.sc().taskScheduler().runningTasksByExecutors().valuesIterator()
    total = 0
    while counts.hasNext():
        total += int(counts.next())
    return total


def end_java(context: SparkContext) -> None:
    """End Spark's Java at once: left to itself it would wait for its tasks."""
    process = getattr(context._gateway, "proc", None)
    if process is not None:
        process.kill()


_LATE = (
    "no answer after {seconds:g} s, so the query was stopped: simplify its conditions, ask for fewer nights, or raise "
    "ALERTFERRY_ESTIMATE_SECONDS; the job itself has no such limit"
)


def hung_up(connection: socket.socket) -> bool:
    """Tell whether the other side has closed a connection."""
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True

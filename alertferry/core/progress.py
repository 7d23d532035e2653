"""Progress of a running job as JSON lines on standard output, one event a line."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from alertferry.core.steps import Report

PERIOD_SECONDS = 0.5

SILENT = "the Kafka broker does not answer; the job waits for it, and fails once it has waited for some two minutes"


class Progress:
    """Prints events; while watched, also how far Spark is."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.published: Callable[[], int | None] | None = None
        self.total: int | None = None

    @classmethod
    def of(cls, spark: SparkSession) -> Progress:
        """Print on standard output under ``spark-submit``, nothing in process (see `alertferry.core.submit`)."""
        speaks = spark.conf.get("spark.alertferry.events", "false") == "true"
        return cls(sys.stdout if speaks else None)

    def event(self, event: str, /, **details: Any) -> None:
        """Print one event."""
        if self._stream is None:
            return
        line = json.dumps({"event": event, **details}, separators=(",", ":"))
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()

    def step(self, name: str, alerts: int | None, **details: Any) -> None:
        """Say that a step is prepared, with its number of alerts where known."""
        self.event("step", name=name, alerts=alerts, **details)

    def result(self, report: Report, seconds: float) -> None:
        """Say that the job is complete, with its receipt: the last line."""
        receipt = report.receipt
        self.event(
            "result",
            state="complete",
            topic=report.topic,
            destination=report.destination,
            alerts=receipt.alerts,
            bytes=receipt.bytes,
            seconds=round(seconds, 3),
            steps=[step.model_dump() for step in receipt.steps],
            receipt=receipt.model_dump(mode="json"),
        )

    @contextlib.contextmanager
    def watching(self, spark: SparkSession) -> Iterator[None]:
        """Print the state of Spark's stages every half second while the block runs."""
        if self._stream is None:
            yield
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(spark, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=1)  # it may be waiting for the broker, and says nothing more

    def _watch(self, spark: SparkSession, stop: threading.Event) -> None:
        from py4j.protocol import Py4JError

        store = spark.sparkContext._jsc.sc().statusStore()
        started, silent = time.monotonic(), False
        while not stop.wait(PERIOD_SECONDS):
            try:
                active = store.activeStages()
                stages = [active.apply(index) for index in range(active.size())]
            except Py4JError:  # the session is being stopped under us; progress is over
                return
            if not stages:
                continue
            counts = _Counts(self.total, self.published and self.published(), bool(self.published))
            if stop.is_set():
                return
            if (counts.publishing and counts.published is None) != silent:
                silent = not silent
                self.event("note", path="output", message=SILENT if silent else "the Kafka broker answers again")
            self.event("progress", **_measure(stages, counts, time.monotonic() - started))


@dataclass(frozen=True)
class _Counts:
    total: int | None
    published: int | None
    publishing: bool


def _measure(stages: list[Any], counts: _Counts, seconds: float) -> dict[str, Any]:
    read = sum(stage.inputRecords() for stage in stages)
    handled = read if counts.published is None else counts.published
    return {
        "stage": "publish" if counts.publishing else "write",
        "alerts_total": counts.total,
        "alerts_read": read,
        "alerts_kept": counts.published,
        "alerts_published": counts.published,
        "tasks_done": sum(stage.numCompleteTasks() for stage in stages),
        "tasks": sum(stage.numTasks() for stage in stages),
        "rate": round(handled / seconds, 1),
        "eta_seconds": round(seconds * (counts.total - read) / read, 1) if counts.total and read else None,
        "seconds": round(seconds, 1),
    }

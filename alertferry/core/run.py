"""What a rendered job calls: read, filter, write, with progress and a receipt.

A `Run` lives for one job in one Spark session.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import JobError, Problem, below
from alertferry.core.job import Job
from alertferry.core.progress import Progress
from alertferry.core.receipt import StepCount
from alertferry.core.settings import Settings, load_settings
from alertferry.core.steps import Alerts, Filter, Output, Predicate, Report, Source
from alertferry.core.topics import new_topic

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",  # a value that cannot be cast is null, as users of the peer expect
    "spark.sql.runSQLOnFiles": "false",
    "spark.sql.codegen.maxFields": "10000",  # wide alerts read in batches too
    "spark.sql.caseSensitive": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.variable.substitute": "false",  # Spark would put ${env:...} into users' conditions
    # Kafka by the V2 sink: only there do observed metrics arrive with the write itself
    "spark.sql.sources.useV1SourceList": "avro,csv,json,orc,parquet,text",
}
"""Session settings that every job runs with."""


@dataclass(frozen=True)
class _Applied:
    """A filter as it was applied: its name, its condition if it is a predicate, the alerts after it."""

    name: str
    condition: Column | None
    after: Alerts


class Run:
    """One job under way in a Spark session."""

    def __init__(self, spark: SparkSession, name: str | None = None, topic: str | None = None) -> None:
        self.spark = spark
        self.name = name
        self.settings: Settings = load_settings()
        self.progress = Progress.of(spark)
        self.timings: dict[str, float] = {}
        self._topic = topic or spark.conf.get("spark.alertferry.topic", None)
        self._started = time.monotonic()
        self._source: Source | None = None
        self._first: Alerts | None = None
        self._filters: list[Filter] = []
        self._applied: list[_Applied] = []
        for key, value in SESSION.items():
            spark.conf.set(key, value)

    def read(self, source: Source) -> Alerts:
        """Find the nights and return their alerts, unread. Raises `UsageError` when there is none."""
        started = time.monotonic()
        self._source = source
        alerts = source.load(self.spark, self.settings)
        self._first = alerts
        self.timings["look_at_lake"] = time.monotonic() - started
        self.progress.total = alerts.count
        self.progress.step(source.kind, alerts.count, nights=alerts.nights.model_dump(mode="json"))
        return alerts

    def filter(self, alerts: Alerts, step: Filter) -> Alerts:
        """Select. Raises `JobError` before Spark starts a job when the filter does not fit the alerts."""
        position = f"filters[{len(self._filters)}]"
        alerts = self._derive(alerts, step)
        _refuse(step.problems(alerts.survey, alerts.schema), position)
        self._filters.append(step)
        try:
            condition = step.checked(alerts) if isinstance(step, Predicate) else None
        except JobError as error:
            raise JobError(below(position, error.problems)) from None
        after = alerts.where(condition) if condition is not None else step.apply(alerts)
        self._applied.append(_Applied(self._step_name(step), condition, after))
        return replace(after, added=tuple(dict.fromkeys([*alerts.added, *(field.name for field in step.adds())])))

    def write(self, alerts: Alerts, output: Output) -> Report:
        """Write the alerts and return the report with the receipt, after the last alert is safe."""
        alerts = self._derive(alerts, output)
        _refuse(output.problems(alerts.survey, alerts.schema, alerts.added), "output")
        self._output = output
        with self.progress.watching(self.spark):
            report = output.write(alerts, self)
        self.progress.result(report, self.seconds)
        return report

    def _derive(self, alerts: Alerts, step: Filter | Output) -> Alerts:
        """Add the columns that a step mentions; what comes after is counted from there, as it may use them."""
        derived = alerts.derive(step.mentions)
        if derived is not alerts and self._applied:
            self._applied[-1] = replace(self._applied[-1], condition=None, after=derived)
        elif derived is not alerts:
            self._first = derived
        return derived

    @property
    def seconds(self) -> float:
        """Seconds since the job began."""
        return time.monotonic() - self._started

    @property
    def job(self) -> Job:
        """The job as it was rendered."""
        assert self._source is not None
        return Job(name=self.name, source=self._source, filters=tuple(self._filters), output=self._output)

    @property
    def topic(self) -> str:
        """The topic of this job, chosen once."""
        assert self._source is not None
        if self._topic is None:
            kinds = [step.kind for step in self._filters]
            self._topic = new_topic(self._source.survey.name, kinds)
        return self._topic

    def _step_name(self, step: Filter) -> str:
        same = sum(applied.name.partition("-")[0] == step.kind for applied in self._applied)
        return f"{step.kind}-{same + 1}" if same else step.kind

    def funnel(self, selected: int) -> tuple[StepCount, ...]:
        """Return how many alerts each step left, given the exact number that was selected in the end.

        What the source read is known from the footers and the last step from the write itself; steps between
        are counted together in one pass that reads only the columns they need.
        """
        assert self._source is not None
        assert self._first is not None
        names = [self._source.kind, *(applied.name for applied in self._applied)]
        counts: list[int | None] = [self._first.count, *([None] * len(self._applied))]
        counts[-1] = selected
        missing = [index for index, count in enumerate(counts) if count is None]
        if missing:
            counts = self._count(counts, missing)
        return tuple(StepCount(name=name, alerts=int(count or 0)) for name, count in zip(names, counts, strict=True))

    def _count(self, counts: list[int | None], missing: list[int]) -> list[int | None]:
        """Count the steps in ``missing``, those with a common base in one query."""
        from pyspark.sql import functions as F

        queries: dict[int, list[Column]] = {}
        for index in missing:
            base, conditions = self._since_base(index)
            passed = reduce(and_, conditions, F.lit(True))
            queries.setdefault(base, []).append(F.count_if(passed).alias(str(index)))
        for base, sums in queries.items():
            row = self._frame_at(base).agg(*sums).first()
            assert row is not None
            for name, count in row.asDict().items():
                counts[int(name)] = count
        return counts

    def _since_base(self, index: int) -> tuple[int, list[Column]]:
        """Return the last step up to ``index`` that is no predicate, and the conditions applied since."""
        conditions: list[Column] = []
        while index > 0:
            condition = self._applied[index - 1].condition
            if condition is None:
                break
            conditions.append(condition)
            index -= 1
        return index, conditions

    def _frame_at(self, index: int) -> DataFrame:
        assert self._first is not None
        return self._applied[index - 1].after.frame if index else self._first.frame

    def event(self, event: str, /, **details: Any) -> None:
        """Print one event line."""
        self.progress.event(event, **details)


def _refuse(problems: Iterable[Problem], prefix: str) -> None:
    found = list(below(prefix, problems))
    if found:
        raise JobError(found)

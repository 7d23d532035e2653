"""The plan of a job, as a run of it would make it, over all alerts or over a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from alertferry.core.content import PacketOutput
from alertferry.core.errors import JobError, below
from alertferry.core.job import Job
from alertferry.core.projection import quote
from alertferry.core.run import Run
from alertferry.core.settings import Settings
from alertferry.core.steps import Alerts, Source
from alertferry.core.survey import PARTITION_COLUMNS, Survey
from alertferry.plugins.outputs import packing
from alertferry.plugins.outputs.packing import Packing

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

PYTHON = "EvalPython"
"""Part of the names of Spark's operators that call Python."""


@dataclass(frozen=True)
class StepCounts:
    """Alerts that passed a step, by night."""

    name: str
    alerts: Mapping[date, int]

    @property
    def total(self) -> int:
        """Alerts of all nights."""
        return sum(self.alerts.values())


@dataclass(frozen=True)
class _Loaded:
    """Stands for a source whose alerts are at hand."""

    source: Source
    alerts: Alerts

    @property
    def kind(self) -> str:
        return self.source.kind

    @property
    def survey(self) -> Survey:
        return self.source.survey

    def load(self, spark: SparkSession, settings: Settings) -> Alerts:  # noqa: ARG002 - as a source is called
        return self.alerts


@dataclass
class Plan:
    """A job applied to some alerts: ``final`` are those that pass every filter, not read yet.

    ``known`` is the number of alerts of each night before any filter, empty where only reading them tells.
    """

    job: Job
    run: Run
    final: Alerts
    known: Mapping[date, int]

    @cached_property
    def _parts(self) -> list[tuple[tuple[str, ...], bool, DataFrame]]:
        """Return names of steps, whether the first repeats the step before, and counts by night, for each part."""
        found: list[tuple[tuple[str, ...], bool, DataFrame]] = []
        for part in self.run.selection.parts:
            repeats = bool(found) and found[-1][0][0] == part.name
            found.append((part.steps, repeats, part.counts(*_night(part.base))))
        return found

    def counts(self) -> tuple[StepCounts, ...]:
        """Count the alerts after each step, night by night: one pass over the data for each join."""
        found: list[StepCounts] = []
        for names, repeats, frame in self._parts:
            if not found and self.known and len(names) == 1:
                found.append(StepCounts(names[0], self.known))
                continue
            rows = [(date(row.year, row.month, row.day), row) for row in frame.collect()]
            steps = [
                StepCounts(name, {night: row[str(index)] for night, row in rows}) for index, name in enumerate(names)
            ]
            found += steps[1:] if repeats else steps
        return tuple(found)

    def passing_ids(self, most: int) -> dict[date, list[Any]]:
        """Return the ids of some alerts that pass, by night."""
        from pyspark.sql import functions as F

        key = F.col(quote(self.final.survey.alert_id)).alias("key")
        found: dict[date, list[Any]] = {}
        for row in self.final.frame.select(*_night(self.final), key).orderBy(F.xxhash64("key")).limit(most).collect():
            found.setdefault(date(row.year, row.month, row.day), []).append(row.key)
        return found

    @cached_property
    def _operators(self) -> list[tuple[str, Any]]:
        return [item for _, _, frame in self._parts for item in operators(frame)]

    @property
    def roots(self) -> frozenset[str]:
        """Root columns of the lake that counting reads."""
        return _roots(self._operators)

    @property
    def calls_python(self) -> bool:
        """Whether a filter is a Python function."""
        return any(PYTHON in name for name, _ in self._operators)

    @cached_property
    def packing(self) -> Packing | None:
        """How the output makes packets; None for outputs that do not say."""
        output = self.job.output
        return packing.pack(output, self.final, self.run) if isinstance(output, PacketOutput) else None

    @property
    def packet_roots(self) -> frozenset[str]:
        """Root columns of the lake that making packets reads, beside those of the filters."""
        output, survey = self.job.output, self.final.survey
        if not isinstance(output, PacketOutput):
            return self.roots
        found = {item.root for item in output.content(survey, self.final.schema, self.final.added)}
        derived = [path for item in survey.derived if item.name in found for path in item.needs]
        lake = {field.name for field in self.run.selection.start.schema}
        return self.roots | (lake & {root_of(path) for path in (*found, *derived, survey.alert_id)})


def root_of(path: str) -> str:
    """Return the root column of a dotted path."""
    return path.partition(".")[0]


def plan(spark: SparkSession, job: Job, alerts: Alerts, nights: Mapping[date, int] | None = None) -> Plan:
    """Apply a job's filters and look at its output; ``nights`` has the number of alerts that are in the files of each.

    Raises `JobError` with paths as in the job file.
    """
    run = Run(spark, job.name)
    selected = run.read(cast(Source, _Loaded(job.source, alerts)))
    for step in job.filters:
        selected = run.filter(selected, step)
    final = run.selection.derive(job.output.derives(selected.survey))
    problems = list(below("output", job.output.problems(final.survey, final.schema, final.added)))
    if problems:
        raise JobError(problems)
    run.warn("output", job.output.warnings(final.survey, final.schema, final.added))
    return Plan(job, run, final, nights if nights and not getattr(job.source, "times", ()) else {})


def _night(alerts: Alerts) -> list[Column]:
    """Return the columns of the night; all of one night where a source has none."""
    from pyspark.sql import functions as F

    known = {field.name.lower() for field in alerts.schema}
    return [(F.col(name).cast("int") if name in known else F.lit(1)).alias(name) for name in PARTITION_COLUMNS]


def operators(frame: DataFrame) -> list[tuple[str, Any]]:
    """Return the operators of a physical plan, each with its name."""

    def walk(node: Any) -> Iterator[tuple[str, Any]]:
        yield str(node.getClass().getSimpleName()), node
        children = node.children()
        for index in range(children.size()):
            yield from walk(children.apply(index))

    return list(walk(frame._jdf.queryExecution().sparkPlan()))


def _roots(found: list[tuple[str, Any]]) -> frozenset[str]:
    scans = [node for name, node in found if name == "FileSourceScanExec"]
    return frozenset(str(name) for node in scans for name in node.requiredSchema().fieldNames())

"""What a rendered job calls: read, filter, write, with progress and a receipt.

A `Run` lives for one job in one Spark session.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import AlertferryError, JobError, Problem, below
from alertferry.core.gateway import acknowledge_at_once
from alertferry.core.job import Job
from alertferry.core.lake_files import FileChangedError
from alertferry.core.lake_source import lake_problems
from alertferry.core.progress import Progress
from alertferry.core.receipt import StepCount
from alertferry.core.selection import Selection
from alertferry.core.settings import Settings, load_settings
from alertferry.core.spark_errors import from_spark_error, names_no_file
from alertferry.core.steps import Alerts, Filter, Output, Report, Source
from alertferry.core.topics import new_topic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_log = logging.getLogger(__name__)

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
    # whatever a site has set: a file that cannot be read ends the job, and nanoseconds are converted by us
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    # other writers' options do appear in plans, which end in logs and event logs
    "spark.sql.redaction.options.regex": r"(?i)url|kafka\.(sasl|ssl)\.|password|secret|token",
}
"""Session settings that every job runs with."""

STARTED_WITH = {
    # else every column made in Python asks the JVM who made it, for messages about code that users never see: four
    # times slower
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}
"""The same, for settings that only a new Spark takes."""

PROCESS_BEGAN = "spark.alertferry.process_began"
"""Session setting: when the process of a job began, in seconds since 1970; absent in a session that serves several."""


class Run:
    """One job under way in a Spark session."""

    def __init__(self, spark: SparkSession, name: str | None = None, topic: str | None = None) -> None:
        self.spark = spark
        acknowledge_at_once(spark)
        self.name = name
        self.settings: Settings = load_settings()
        self.progress = Progress.of(spark)
        self.timings: dict[str, float] = {}
        self._topic = topic or spark.conf.get("spark.alertferry.topic", None)
        self.owner = spark.conf.get("spark.alertferry.owner", None)
        self._started = time.monotonic()
        began = spark.conf.get(PROCESS_BEGAN, None)
        if began is not None:
            self.timings["start"] = time.time() - float(began)
        self._source: Source | None = None
        self._selection: Selection | None = None
        self._most: int | None = None
        self._proved = False
        self._told: tuple[BaseException, AlertferryError] | None = None
        self.warnings: list[Problem] = []
        for key, value in SESSION.items():
            spark.conf.set(key, value)

    def read(self, source: Source) -> Alerts:
        """Find the nights and return their alerts, unread. Raises `UsageError` when there is none."""
        self._source = source
        with self.timed("lake"):
            alerts = source.load(self.spark, self.settings)
        self._selection = Selection(source.kind, alerts)
        self.progress.total = alerts.count
        self.progress.step(source.kind, alerts.count, nights=alerts.nights.model_dump(mode="json"))
        return alerts

    def filter(self, alerts: Alerts, step: Filter) -> Alerts:
        """Select. Raises `JobError` before Spark starts a job when the filter does not fit the alerts."""
        position = f"filters[{len(self.selection.steps)}]"
        with self.timed(f"prepare_{step.kind}"):
            alerts = self._derive(alerts, step.mentions)
            _refuse(step.problems(alerts.survey, alerts.schema), position)
            self.warn(position, step.warnings(alerts.survey, alerts.schema))
            try:
                return self.selection.filter(step)
            except JobError as error:
                raise JobError(below(position, error.problems)) from None

    def limit(self, alerts: Alerts, most: int) -> Alerts:
        """Keep at most so many alerts: the same ones whenever this job runs over the same lake.

        Which ones they are is found out now, by reading what the filters and the ids need.
        """
        self._most = most
        self.selection.meet(alerts)
        with self.timed("limit"), self.progress.watching(self.spark), self._blaming_changes():
            return self.selection.limit(most)

    def write(self, alerts: Alerts, output: Output) -> Report:
        """Write the alerts and return the report with the receipt, after the last alert is safe."""
        alerts = self._derive(alerts, output.derives(alerts.survey))
        _refuse(output.problems(alerts.survey, alerts.schema, alerts.added), "output")
        if self._source is not None:
            _refuse(lake_problems(self._source, output, self.settings), "output")
        self.warn("output", output.warnings(alerts.survey, alerts.schema, alerts.added))
        self._output = output
        with self.progress.watching(self.spark), self._blaming_changes():
            report = output.write(alerts, self)
        if not self._proved:  # an output that makes its receipt by itself
            self.prove(report.receipt.steps)
        self.progress.result(report, self.seconds)
        return report

    def prove(self, steps: Sequence[StepCount]) -> None:
        """Hold what was read against what the source found, when everything is written and before a receipt says so.

        ``steps`` are the counts of the receipt, the source's first. Raises `AlertferryError` when the files of the lake
        changed meanwhile, or other alerts were read than they hold.
        """
        start = self.selection.start
        if start.refuse_changes:
            with self.timed("lake_again"):
                start.refuse_changes()
        if steps:
            start.refuse_other_count(steps[0].alerts)
        self._proved = True

    @contextmanager
    def _blaming_changes(self) -> Iterator[None]:
        """Say of whatever fails because files of the lake changed that they did."""
        try:
            yield
        except Exception as error:  # whatever it is, a changed lake may be why
            told = self.told(error)
            if isinstance(told, FileChangedError):
                raise told from None
            if names_no_file(error):
                raise told from error  # with what was found of the files
            raise

    def told(self, error: BaseException) -> AlertferryError:
        """Return what the job says of whatever ended its writing: that the lake changed, if it did, for then it is why.

        An output that must tell others why it failed asks here, so that they hear what the job itself says.
        """
        if self._told is None or self._told[0] is not error:
            self._told = error, self._translated(error)
        return self._told[1]

    def _translated(self, error: BaseException) -> AlertferryError:
        refuse_changes = self.selection.start.refuse_changes
        if refuse_changes and isinstance(error, Exception) and not isinstance(error, FileChangedError):
            try:
                refuse_changes()
            except FileChangedError as changed:
                return changed
            except AlertferryError as unknown:  # the first error is the one to see
                _log.info("%s", unknown)
        told, blame = from_spark_error(error), self.selection.start.blame
        return blame(told) if blame and told is not error and names_no_file(error) else told

    def _derive(self, alerts: Alerts, mentions: Callable[[str], bool]) -> Alerts:
        """Add the columns that a step mentions."""
        self.selection.meet(alerts)
        return self.selection.derive(mentions)

    @property
    def selection(self) -> Selection:
        """The filters applied so far; there after `read`."""
        assert self._selection is not None, "read comes first"
        return self._selection

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the seconds that the block takes to a part of `timings`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.timings[part] = self.timings.get(part, 0.0) + time.monotonic() - started

    @property
    def seconds(self) -> float:
        """Seconds since the job began; in a process of its own it began when `timings` ``start`` had passed."""
        return time.monotonic() - self._started

    @property
    def job(self) -> Job:
        """The job as it was rendered."""
        assert self._source is not None
        filters = tuple(self.selection.steps)
        return Job(name=self.name, source=self._source, filters=filters, limit=self._most, output=self._output)

    @property
    def topic(self) -> str:
        """The topic of this job, chosen once."""
        assert self._source is not None
        if self._topic is None:
            kinds = [step.kind for step in self.selection.steps]
            self._topic = new_topic(self._source.survey.name, kinds, test=self.job.is_test)
        return self._topic

    def warn(self, position: str, warnings: Iterable[Problem]) -> None:
        """Tell what was surely not meant, as events ``note``, and keep it in `warnings`."""
        for warning in below(position, warnings):
            self.warnings.append(warning)
            self.event("note", path=warning.path, message=warning.message)

    def event(self, event: str, /, **details: Any) -> None:
        """Print one event line."""
        self.progress.event(event, **details)


def _refuse(problems: Iterable[Problem], prefix: str) -> None:
    found = list(below(prefix, problems))
    if found:
        raise JobError(found)

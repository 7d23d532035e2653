"""The four kinds of steps that plugins provide: source, filter, output, launcher.

A step is a frozen pydantic model: its fields are its options in a job file, on the command line and in Python.
Subclass one of these, give it a ``kind`` and return the class from a ``register_...`` hook.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from alertferry.core.errors import AlertferryError, Problem
from alertferry.core.frames import root_names, schema_of
from alertferry.core.nights import summarise
from alertferry.core.receipt import Nights, Receipt
from alertferry.core.schema import Field, Struct
from alertferry.core.survey import Survey, called

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from alertferry.core.job import Job
    from alertferry.core.lake_ids import LakeIds
    from alertferry.core.run import Run
    from alertferry.core.settings import Settings

HIDDEN = "__alertferry_"
"""Start of the names of columns that steps add for themselves; none of them reaches another step or an output."""


class Step(BaseModel):
    """One step of a job: a kind and its options."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    kind: ClassVar[str]
    """How job files call this step."""

    nested: ClassVar[tuple[str, ...]] = ()
    """Options that hold further filters (``of`` of ``any`` and ``not``)."""

    def options(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, as plain JSON-like values."""
        plain = self.model_dump(mode="json", exclude_defaults=True, exclude=set(self.nested))
        return plain | {name: [step.to_dict() for step in getattr(self, name)] for name in self.nested}

    def to_dict(self) -> dict[str, Any]:
        """Return the step as a job file holds it."""
        return {"kind": self.kind, **self.options()}

    def mentions(self, name: str) -> bool:  # noqa: ARG002 - for subclasses
        """Tell whether this step uses or asks for a column that the survey can derive (`Survey.derived`)."""
        return False

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return working examples; they feed the documentation, golden files and contract tests."""
        return ()


@dataclass(frozen=True)
class Alerts:
    """A lazy set of alerts on its way through a job.

    ``added`` names the root columns that filters added (``xmatch``); ``nights`` is what the source found;
    ``count`` is the number of alerts where it is known without reading them. ``root_bytes`` maps a root column to
    its uncompressed bytes an alert in the lake, ``stored_bytes`` to those that it takes there when compressed.
    ``refuse_changes`` raises `FileChangedError` when what they are read from is no longer what it was when they were
    found, and another `AlertferryError` when that cannot be told.
    ``ids`` are those of all alerts that the source found, where they can be had without Spark. ``blame`` looks for the
    damaged file where an error of Spark names none, and returns what to say instead.
    """

    frame: DataFrame
    survey: Survey
    nights: Nights = field(default_factory=Nights)
    count: int | None = None
    root_bytes: Mapping[str, float] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    stored_bytes: Mapping[str, float] = field(default_factory=dict)
    refuse_changes: Callable[[], None] | None = None
    ids: LakeIds | None = None
    blame: Callable[[AlertferryError], AlertferryError] | None = None

    @cached_property
    def schema(self) -> Struct:
        """Schema of the frame."""
        return schema_of(self.frame)

    def refuse_other_count(self, read: int) -> None:
        """Raise `AlertferryError` when other than all these alerts were read, where their number is known."""
        if self.count is not None and read != self.count:
            nights = ", ".join(summarise(map(date.fromisoformat, self.nights.found)))
            raise AlertferryError(
                f"the files of {nights} hold {self.count:,} alerts by their footers, but Spark read {read:,}; run the "
                "job again, and if it happens again tell the lake's operator"
            )

    def where(self, condition: Column) -> Alerts:
        """Keep the alerts for which ``condition`` is true; null counts as false."""
        return self.selected(self, condition)

    def selected(self, staged: Alerts, condition: Column) -> Alerts:
        """Keep the alerts for which ``condition`` is true on ``staged``: these very alerts, with hidden columns."""
        frame = staged.frame.where(condition)
        kept = replace(self, frame=frame if staged is self else _without_hidden(frame), count=None)
        if "schema" in self.__dict__:  # Spark takes long to tell it
            kept.__dict__["schema"] = self.schema
        return kept

    def derive(self, mentions: Callable[[str], bool]) -> Alerts:
        """Add the columns that a step mentions and the survey can derive; the same alerts when there is none."""
        alerts = self
        for item in self.survey.to_derive(self.schema, mentions) if self.survey.derived else ():
            alerts = called(item.build)(alerts)
        return alerts


def _without_hidden(frame: DataFrame) -> DataFrame:
    return frame.drop(*(name for name in root_names(frame) if name.startswith(HIDDEN)))


@dataclass(frozen=True)
class Glance:
    """What can be seen of a lake without Spark: the nights that it has not, and the union of the schemas of its files.

    ``partial`` says that not all files were looked at, so that there may be more fields.
    """

    absent: tuple[date, ...]
    schema: Struct | None
    partial: bool = False


class Source(Step, ABC):
    """Where alerts come from: a survey and a way to read its nights."""

    survey: ClassVar[Survey]

    @abstractmethod
    def read(self, spark: SparkSession, nights: Sequence[date]) -> DataFrame:
        """Return the alerts of exactly these nights, with one schema."""

    @abstractmethod
    def requested(self) -> tuple[date, ...]:
        """Return the nights asked for, in order."""

    def load(self, spark: SparkSession, settings: Settings) -> Alerts:  # noqa: ARG002 - for subclasses
        """Find the nights that exist and read them. Raises `UsageError` when there is none."""
        nights = self.requested()
        found = Nights(found=tuple(night.isoformat() for night in nights))
        return Alerts(self.read(spark, nights), self.survey, found)

    def glance(self, settings: Settings) -> Glance | None:  # noqa: ARG002 - for subclasses
        """Look at the data without Spark, where that is cheap; None where it is not."""
        return None

    def warnings(self, glance: Glance | None) -> Iterable[Problem]:  # noqa: ARG002 - for subclasses
        """Yield what may be asked for but is surely not meant, given what `glance` saw; needs no Spark."""
        return ()


class Filter(Step, ABC):
    """A selection of alerts."""

    cost: ClassVar[int] = 0
    """0 for native Spark expressions; higher for joins and Python functions, which run after these."""

    keeps_rows: ClassVar[bool] = False
    """Whether `apply` is known to give one row at most for each alert: ids then need not be looked at behind it."""

    def problems(self, survey: Survey, schema: Struct) -> Iterable[Problem]:  # noqa: ARG002 - for subclasses
        """Yield what is wrong with this filter on alerts of this schema; needs no Spark."""
        return ()

    def warnings(self, survey: Survey, schema: Struct) -> Iterable[Problem]:  # noqa: ARG002 - for subclasses
        """Yield what may be asked for but is surely not meant; needs no Spark, and is asked only without `problems`."""
        return ()

    def unchecked(self, survey: Survey, schema: Struct) -> Iterable[Problem]:  # noqa: ARG002 - for subclasses
        """Yield what `problems` cannot tell without Spark; `check` shows it among the warnings."""
        return ()

    @abstractmethod
    def apply(self, alerts: Alerts) -> Alerts:
        """Return the selected alerts, with columns added where the filter says so."""

    def adds(self) -> tuple[Field, ...]:
        """Return the root columns that this filter adds."""
        return ()

    def originals(self) -> Mapping[str, str]:
        """Return what fields of added columns are called where they come from, by their paths, if otherwise."""
        return {}

    def report(self, before: Alerts, read: Alerts) -> dict[str, Any]:  # noqa: ARG002 - for subclasses
        """Return what the receipt should say of this filter, by field of `Receipt`; asked after the alerts are safe.

        ``before`` are the alerts that the filter was given, ``read`` all those of the chosen nights.
        """
        return {}


class Predicate(Filter):
    """A filter that only decides, alert by alert."""

    keeps_rows: ClassVar[bool] = True

    @property
    def effort(self) -> int:
        """`cost` of this very filter; those of less effort run first."""
        return self.cost

    @abstractmethod
    def condition(self, survey: Survey) -> Column:
        """Return the boolean expression that selected alerts fulfil; null counts as false."""

    def checked(self, alerts: Alerts) -> Column:
        """Return the condition for these alerts; null may still stand for false.

        Override it when the condition must be checked against the schema. A selection uses it as it is: wrapped
        in ``coalesce`` it would not reach the parquet reader.
        """
        return self.condition(alerts.survey)

    def bound(self, alerts: Alerts) -> Column:
        """Return the condition for these alerts, never null: what negations and combinations are made of."""
        from pyspark.sql import functions as F

        return F.coalesce(self.checked(alerts), F.lit(False))

    def staged(self, alerts: Alerts) -> Alerts:
        """Return the alerts with hidden columns (see `HIDDEN`) that make the condition cheaper.

        An optimisation for what takes several steps to compute: Spark would repeat the steps in one expression. The
        condition must hold for alerts without these columns too.
        """
        return alerts

    def apply(self, alerts: Alerts) -> Alerts:
        """Keep the alerts that fulfil the condition."""
        staged = self.staged(alerts)
        return alerts.selected(staged, self.checked(staged))


@dataclass(frozen=True)
class Report:
    """What an output did: where the alerts are and the receipt that proves it."""

    destination: str
    receipt: Receipt
    topic: str | None = None


class Output(Step, ABC):
    """Where selected alerts go, and what each packet contains."""

    def problems(self, survey: Survey, schema: Struct, added: Sequence[str]) -> Iterable[Problem]:  # noqa: ARG002
        """Yield what is wrong with this output for alerts of this schema; needs no Spark."""
        return ()

    def warnings(self, survey: Survey, schema: Struct, added: Sequence[str]) -> Iterable[Problem]:  # noqa: ARG002
        """Yield what may be asked for but is surely not meant; needs no Spark, and is asked only without `problems`."""
        return ()

    def derives(self, survey: Survey) -> Callable[[str], bool]:  # noqa: ARG002 - for subclasses
        """Return what tells whether a column that the survey can derive is part of what is written."""
        return self.mentions

    def problems_with_lake(self, lake: str) -> Iterable[Problem]:  # noqa: ARG002 - for subclasses
        """Yield what is wrong with writing while alerts are read from a lake (path or URL); needs no Spark."""
        return ()

    @abstractmethod
    def write(self, alerts: Alerts, run: Run) -> Report:
        """Write the alerts; return only when they are safely there."""


@dataclass(frozen=True)
class Handle:
    """A submitted job: enough to ask for its state from another process."""

    id: str
    launcher: str
    folder: Path
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """State of a submitted job: ``queued``, ``running``, ``complete``, ``failed`` or ``cancelled``.

    ``result`` is the result line of the script once there is one; ``reason`` says why a job failed.
    """

    state: str
    result: dict[str, Any] | None = None
    reason: str | None = None

    @property
    def over(self) -> bool:
        """Whether the state is final."""
        return self.state in {"complete", "failed", "cancelled"}


class Launcher(Step, ABC):
    """A way to run a rendered job."""

    @abstractmethod
    def submit(self, job: Job, settings: Settings) -> Handle:
        """Start the job and return at once."""

    @abstractmethod
    def status(self, handle: Handle) -> Status:
        """Return the state of the job."""

    @abstractmethod
    def events(self, handle: Handle) -> Iterator[dict[str, Any]]:
        """Yield the script's events as they come, until the job is over."""

    @abstractmethod
    def log(self, handle: Handle) -> str:
        """Return the log of the job so far."""

    @abstractmethod
    def cancel(self, handle: Handle) -> None:
        """Stop the job; return when nothing of it runs any more."""

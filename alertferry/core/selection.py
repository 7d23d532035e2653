"""The filters of a job as they are applied: cheap ones first, counted in the order of the job.

Predicates commute. So those that are plain Spark expressions run first, wherever they stand in the job, and reach the
parquet reader; those that take several steps to compute, or Python, see only what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from alertferry.core.projection import quote
from alertferry.core.receipt import StepCount
from alertferry.core.steps import Alerts, Filter, Predicate

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

LIMIT = "limit"
"""What a receipt calls the last step of a job that has a limit."""


@dataclass(frozen=True)
class _Decision:
    """A predicate on its way: its name among the steps, and its condition on staged alerts.

    Without a ``step`` it is the limit, whose condition spares all others most of their work.
    """

    name: str
    step: Predicate | None
    condition: Column

    @property
    def effort(self) -> int:
        return -1 if self.step is None else self.step.effort

    def staged(self, alerts: Alerts) -> Alerts:
        return alerts if self.step is None else self.step.staged(alerts)

    def applied(self, alerts: Alerts) -> Alerts:
        """Select among alerts."""
        return alerts.selected(self.staged(alerts), self.condition)


@dataclass(frozen=True)
class Part:
    """Alerts as the source, or a step that is no predicate, left them; and the predicates since."""

    name: str
    base: Alerts
    decisions: tuple[_Decision, ...] = ()

    @cached_property
    def alerts(self) -> Alerts:
        """The selected alerts."""
        alerts = self.base
        for decision in sorted(self.decisions, key=_effort):
            alerts = decision.applied(alerts)
        return alerts

    def also(self, decision: _Decision) -> Part:
        """Return this part with one more predicate."""
        wider = replace(self, decisions=(*self.decisions, decision))
        if all(_effort(earlier) <= _effort(decision) for earlier in self.decisions):
            wider.__dict__["alerts"] = decision.applied(self.alerts)  # it comes last: no need to begin anew
        return wider

    @property
    def steps(self) -> tuple[str, ...]:
        """Names of the base and of every predicate."""
        return (self.name, *(decision.name for decision in self.decisions))

    def counts(self, *by: Column) -> DataFrame:
        """Return the number of alerts after each of `steps`, in columns ``0``, ``1``, …: one row, or one a group."""
        alerts, passed = self._decided()
        return alerts.frame.groupBy(*by).agg(*_numbers(passed))

    def first(self, most: int) -> tuple[Column, list[int]]:
        """Return the condition for the ``most`` first of the selected alerts, and how many each of `steps` leaves.

        Alerts are ordered by the XXH64 of their ids as text, with the receipt's own seed, and by the id where these
        are equal, so that it does not matter which task reads what. An id counts once, however many packets it has: it
        comes with all of them. Those without an id cannot be told apart, and come last: all, or none where they are too
        many. Reads only what predicates and id need; one row comes back.
        """
        from pyspark.sql import Observation
        from pyspark.sql import functions as F

        alerts, passed = self._decided()
        key = F.col(quote(alerts.survey.alert_id)).cast("string")
        order = F.struct(F.xxhash64(key).alias("code"), key.alias("id"))
        named = [item.alias(str(index)) for index, item in enumerate(passed)]
        last, seen = F.col(str(len(passed) - 1)), Observation()
        nameless = F.count_if(last & F.col("order.id").isNull()).alias("nameless")
        rows = alerts.frame.select(order.alias("order"), *named)
        rows = rows.observe(seen, *_numbers([F.col(str(index)) for index in range(len(passed))]), nameless)
        ids = rows.where(last & F.col("order.id").isNotNull()).select("order.*").distinct()
        first = ids.orderBy("code", "id").limit(most)
        found = first.agg(F.count("*"), F.max(F.struct("code", "id"))).first()
        assert found is not None
        count, end = found
        told = seen.get
        within = order <= F.struct(F.lit(end["code"]), F.lit(end["id"])) if count == most else F.lit(True)
        room = F.lit(count + told["nameless"] <= most)
        return F.when(key.isNull(), room).otherwise(within), [told[str(index)] for index in range(len(passed))]

    def _decided(self) -> tuple[Alerts, list[Column]]:
        """Return the base's alerts, staged for every predicate, and what tells which are left after each of `steps`."""
        from pyspark.sql import functions as F

        alerts, passed = self.base, [F.lit(True)]
        for decision in self.decisions:
            alerts = decision.staged(alerts)
            passed.append(passed[-1] & F.coalesce(decision.condition, F.lit(False)))
        return alerts, passed


def _numbers(passed: Sequence[Column]) -> list[Column]:
    from pyspark.sql import functions as F

    return [F.count_if(item).alias(str(index)) for index, item in enumerate(passed)]


@dataclass
class Selection:
    """What a job has selected so far.

    ``start`` are the alerts of the chosen nights, ``name`` is what the receipt calls them. ``parts`` are the alerts
    between two steps that are no predicates. ``rows`` are the alerts of which no later step can make several rows.
    """

    name: str
    start: Alerts
    steps: list[Filter] = field(default_factory=list)
    parts: list[Part] = field(init=False)
    rows: Alerts = field(init=False)
    _joins: list[tuple[Filter, Alerts]] = field(default_factory=list)
    _before_limit: list[int] | None = None

    def __post_init__(self) -> None:
        self.parts = [Part(self.name, self.start)]
        self.rows = self.start

    @property
    def alerts(self) -> Alerts:
        """The selected alerts."""
        return self.parts[-1].alerts

    def meet(self, alerts: Alerts) -> None:
        """Go on from these alerts, should they be others than this selection gave out."""
        if alerts is not self.alerts:
            self.parts.append(Part(self.parts[-1].name, alerts))
            self.rows = alerts

    def derive(self, mentions: Callable[[str], bool]) -> Alerts:
        """Add the columns that a step mentions and the survey can derive; predicates keep every column."""
        part = self.parts[-1]
        wider = part.base.derive(mentions)
        if wider is not part.base:
            self.parts[-1] = replace(part, base=wider)
        return self.alerts

    def filter(self, step: Filter) -> Alerts:
        """Select. Raises `JobError` when the filter does not fit the alerts."""
        name, part = self._name_of(step), self.parts[-1]
        if isinstance(step, Predicate):
            condition = step.checked(step.staged(part.base))
            self.parts[-1] = part.also(_Decision(name, step, condition))
        else:
            before, after = part.alerts, step.apply(part.alerts)
            self.rows = self.rows if step.keeps_rows else after
            added = dict.fromkeys([*after.added, *(item.name for item in step.adds())])
            self._joins.append((step, before))
            self.parts.append(Part(name, replace(after, added=tuple(added))))
        self.steps.append(step)
        return self.alerts

    def limit(self, most: int) -> Alerts:
        """Select at most so many of the alerts that every filter has left; it comes last, and reads them once."""
        condition, self._before_limit = self.parts[-1].first(most)
        self.parts[-1] = self.parts[-1].also(_Decision(LIMIT, None, condition))
        return self.alerts

    def _name_of(self, step: Filter) -> str:
        same = sum(earlier.kind == step.kind for earlier in self.steps)
        return f"{step.kind}-{same + 1}" if same else step.kind

    def reports(self) -> dict[str, tuple[Any, ...]]:
        """Return what filters have to say in the receipt, by field of `Receipt`, in the order of the filters."""
        found: dict[str, tuple[Any, ...]] = {}
        for step, before in self._joins:
            for name, value in step.report(before, self.start).items():
                found[name] = (*found.get(name, ()), value)
        return found

    def funnel(self, selected: int) -> tuple[StepCount, ...]:
        """Return how many alerts each step left, given the exact number that was selected in the end.

        What the source read is known from the footers and the last step from the write itself; steps between are
        counted in one pass for each part, which reads only the columns it needs.
        """
        names, counts = list[str](), list[int]()
        for part in self.parts:
            found = self._counted(part, selected)
            fresh = slice(1 if names and part.name == names[-1] else 0, None)  # a part that only took others' alerts
            names += part.steps[fresh]
            counts += found[fresh]
        return tuple(StepCount(name=name, alerts=count) for name, count in zip(names, counts, strict=True))

    def _counted(self, part: Part, selected: int) -> Sequence[int]:
        known = part.base.count
        if part is self.parts[-1] and self._before_limit is not None:
            return [*self._before_limit, selected]
        if part is self.parts[-1] and not part.decisions:
            return [selected]
        if part is self.parts[-1] and len(part.decisions) == 1 and known is not None:
            return [known, selected]
        if not part.decisions and known is not None:
            return [known]
        row = part.counts().first()
        assert row is not None
        counts = [int(row[str(index)]) for index in range(len(part.steps))]
        return [*counts[:-1], selected] if part is self.parts[-1] else counts


def _effort(decision: _Decision) -> int:
    return decision.effort

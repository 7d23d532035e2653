"""Which alerts to look at for a job: all of them where these are few, else samples that have the columns it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from alertferry.core.columns import bytes_of
from alertferry.core.job import Job
from alertferry.core.lake_source import LakeSource
from alertferry.core.settings import Settings
from alertferry.core.steps import Alerts, Step
from alertferry.estimates.doctor import diagnose
from alertferry.estimates.finding import find_alerts
from alertferry.estimates.interval import Stratum
from alertferry.estimates.looking import Looker, Nights
from alertferry.estimates.plan import Plan, StepCounts, plan
from alertferry.estimates.results import Diagnosis
from alertferry.estimates.samples import NightSample, SampleStore, Wanted
from alertferry.estimates.tiers import MEGABYTE, TIERS, Tier, left_out, rows_of, tier_with

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXACT_ALERTS = 50_000
"""Jobs over so few alerts are counted, if the columns they need are not too large either."""

ROWS = 100_000
"""Rows that a look at samples takes from all nights together, about."""

SLOW_ROWS = 20_000
"""The same where a filter is a Python function, and where packets are made of the alerts that were counted."""

PACKET_ROWS = 10_000
"""Rows of samples that are read to make packets, about."""

READ_BYTES = 256 * MEGABYTE
"""Uncompressed bytes that one look may read."""

PACKET_BYTES = 64 * MEGABYTE
"""The same for making packets, which reads every column of them."""

FETCHED = 10
"""Alerts that are fetched from the lake by themselves, at least, where no sample has any that pass."""


@dataclass
class Look:
    """A job's plan over alerts that were chosen for it.

    ``samples`` are those of each night; None when every alert is looked at. ``drawn`` is (all alerts, alerts looked
    at) where a source has no samples by night.
    """

    plan: Plan
    tier: Tier | None = None
    samples: Mapping[date, NightSample] | None = None
    drawn: tuple[int, int] | None = None

    @cached_property
    def counts(self) -> tuple[StepCounts, ...]:
        """Alerts after each step among those looked at."""
        return self.plan.counts()

    @property
    def passing(self) -> int:
        """Alerts looked at that pass every filter."""
        return self.counts[-1].total

    @property
    def looked_at(self) -> int:
        """Number of alerts looked at."""
        if self.samples is not None:
            return sum(sample.rows for sample in self.samples.values())
        return self.drawn[1] if self.drawn else self.counts[0].total

    @cached_property
    def diagnosis(self) -> Diagnosis | None:
        """Why nothing passes; None when something does, or nothing is there to pass."""
        if self.passing or not self.plan.job.filters or not self.counts[0].total:
            return None
        return diagnose(self.plan.job, self.plan.run.selection.start, self.counts)

    @property
    def exact(self) -> bool:
        """Whether these are all alerts."""
        if self.samples is not None:
            return all(sample.rows == sample.alerts for sample in self.samples.values())
        return self.drawn is None

    def strata(self, step: StepCounts) -> list[Stratum]:
        """Return what a step leaves of each night."""
        if self.samples is not None:
            return [
                Stratum(sample.alerts, sample.rows, step.alerts.get(night, 0), sample.groups)
                for night, sample in self.samples.items()
            ]
        total, drawn = self.drawn or (step.total, step.total)
        return [Stratum(total, drawn, step.total)]


@dataclass
class View:
    """The alerts of one job, seen through one Spark session."""

    spark: SparkSession
    job: Job
    settings: Settings
    looker: Looker
    say: Callable[[str], None]
    exact_alerts: int = EXACT_ALERTS
    _looks: dict[tuple[str, int], Look] = field(default_factory=dict)
    _found: tuple[int, Look | None] | None = None
    _kept: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def nights(self) -> Nights | None:
        """The nights in the lake; None for sources that are no lake."""
        source = self.job.source
        return self.looker.look(self.spark, source, self.settings) if isinstance(source, LakeSource) else None

    @cached_property
    def _loaded(self) -> Alerts:
        if self.nights is None:
            return self.job.source.load(self.spark, self.settings)
        return self.nights.whole(self.spark)

    @cached_property
    def alerts(self) -> int:
        """Number of alerts in the nights asked for."""
        if self.nights is not None:
            return self.nights.lake.alerts
        known = self._loaded.count
        return self._loaded.frame.count() if known is None else known

    @cached_property
    def _whole(self) -> Look:
        return Look(plan(self.spark, self.job, self._loaded, self.nights.lake.by_night if self.nights else None))

    @property
    def stands(self) -> bool:
        """Whether the samples it has looked at are still there."""
        samples = [sample for look in self._looks.values() for sample in (look.samples or {}).values()]
        return all(Path(file).exists() for sample in samples for part in sample.parts for file in part.files)

    def counting(self) -> Look:
        """Return the look that the filters are counted on."""
        if self.nights is None:
            return self._whole if self.alerts <= self.exact_alerts else self._bernoulli()
        few = self.alerts <= self.exact_alerts
        if few or not self._ready(self.nights):
            roots = self._whole.plan.roots  # the job's mistakes show here, before anything is drawn
            slow = self._whole.plan.calls_python and self.alerts > SLOW_ROWS
            if few and not slow and self._rows(roots, self.exact_alerts) >= self.alerts:
                return self._whole
            return self._sampled(self._tier(roots), self._limit(self._whole.plan))
        shape = _shape(self.job)
        look = self._sampled(*self.looker.chosen(shape, (TIERS[0], ROWS)))  # mostly right: planning twice is slow
        tier, rows = self._tier(look.plan.roots), self._limit(look.plan)
        self.looker.choose(shape, (tier, rows))
        return self._sampled(tier, rows)

    def packing(self, counted: Look) -> Look:
        """Return the look that packets are made from: with all columns, and few alerts where these are heavy."""
        roots = counted.plan.packet_roots
        if self.nights is None:
            return counted
        rows = self._rows(roots, SLOW_ROWS, PACKET_BYTES)
        looked_at = self.alerts if counted.samples is None else counted.looked_at
        fits = counted.tier in (None, self._tier(roots)) and looked_at <= rows
        return counted if fits else self._sampled(self._tier(roots), min(rows, PACKET_ROWS))

    def found(self, counted: Look, most: int) -> Look | None:
        """Return the look at some alerts that pass, fetched from the lake by id; None for sources that are no lake.

        For jobs so selective that no sample with all their columns holds any. It lasts until the view is closed.
        """
        if self.nights is None:
            return None
        if self._found is None or self._found[0] < most:
            most = max(most, FETCHED)
            alerts = find_alerts(self.nights.files, counted.plan.passing_ids(most), self.job.source.survey.alert_id)
            root, samples = self._kept.enter_context(self._store.found(alerts))
            found = self.nights.sampled(self.spark, root, samples) if samples else None
            self._found = most, Look(plan(self.spark, self.job, found)) if found else None
        return self._found[1]

    def close(self) -> None:
        """Remove what was fetched."""
        self._found = None
        self._kept.close()

    def _limit(self, planned: Plan) -> int:
        return self._rows(planned.roots, SLOW_ROWS if planned.calls_python else ROWS)

    def _rows(self, roots: Collection[str], most: int, bytes_: int = READ_BYTES) -> int:
        """Return how many alerts may be read with these columns, at most ``most``."""
        size = bytes_of(roots, self.column_bytes)
        return min(most, int(bytes_ / size)) if size else most

    @property
    def column_bytes(self) -> Mapping[str, float]:
        """Uncompressed bytes an alert of each root column in the lake."""
        return self.nights.lake.root_bytes if self.nights else self._loaded.root_bytes

    def _tier(self, roots: Collection[str]) -> Tier:
        assert self.nights is not None
        return tier_with(roots, self.job.source.survey, self.nights.lake.schema())

    @cached_property
    def _store(self) -> SampleStore:
        assert isinstance(self.job.source, LakeSource)
        return SampleStore(self.settings.home, self.job.source.survey.name, self.job.source.location(self.settings))

    def _wanted(self, tier: Tier) -> Wanted:
        assert self.nights is not None
        absent = left_out(tier, self.job.source.survey, self.nights.lake.schema())
        return Wanted(tier, absent, rows_of(tier, self.settings.sample_alerts, self.column_bytes, absent))

    def _ready(self, nights: Nights) -> bool:
        return self._store.ready(nights.files, self._wanted(TIERS[0]))

    def _sampled(self, tier: Tier, rows: int) -> Look:
        """Return the look at samples of a tier, about ``rows`` alerts in all, no fewer than one part of each night."""
        assert self.nights is not None
        key = (tier.name, rows)
        if key not in self._looks:
            found = self._store.samples(self.nights.files, self._wanted(tier), self.say)
            samples = {night: sample.first(rows // len(found)) for night, sample in found.items()}
            alerts = self.nights.sampled(self.spark, self._store.folder(tier), _nonempty(samples))
            known = {night: sample.rows for night, sample in samples.items() if sample.rows}
            self._looks[key] = Look(plan(self.spark, self.job, alerts, known), tier, samples)
        return self._looks[key]

    def _bernoulli(self) -> Look:
        """Return a look at a random part of a source that keeps no samples."""
        chosen = self._loaded.frame.sample(min(1.0, ROWS / self.alerts), seed=1)
        alerts = Alerts(chosen, self._loaded.survey, self._loaded.nights)
        return Look(plan(self.spark, self.job, alerts), drawn=(self.alerts, chosen.count()))


def _shape(job: Job) -> tuple[str, ...]:
    """Return the kinds of a job's source and steps, in their order: jobs alike mostly need the same columns."""
    return (job.source.kind, *(kind for step in job.filters for kind in _kinds(step)))


def _kinds(step: Step) -> tuple[str, ...]:
    inner = (inner for option in step.nested for inner in getattr(step, option))
    return (step.kind, *(kind for part in inner for kind in _kinds(part)))


def _nonempty(samples: Mapping[date, NightSample]) -> Sequence[NightSample]:
    return [sample for sample in samples.values() if sample.rows]

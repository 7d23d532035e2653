"""Answering for a job: how many alerts and bytes, some records, or why there are none."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from alertferry.core.content import PacketOutput
from alertferry.core.errors import UsageError
from alertferry.core.job import Job
from alertferry.core.lake_source import LakeSource
from alertferry.core.nights import shortened
from alertferry.core.selection import LIMIT
from alertferry.core.settings import Settings
from alertferry.core.working_folder import identity, resolved
from alertferry.estimates.interval import Interval, count_interval, ratio_interval
from alertferry.estimates.looking import Looker
from alertferry.estimates.packets import Sizes, columns, measure, records
from alertferry.estimates.plan import StepCounts
from alertferry.estimates.results import Estimate, EstimatedStep, Preview
from alertferry.estimates.session import session_of_its_own
from alertferry.estimates.view import EXACT_ALERTS, FETCHED, Look, View

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PARQUET_MARGIN = 0.15
"""How much better or worse large parquet files may compress than the small one that is measured."""

KEPT_SECONDS = 120.0
"""How long a look at a job may serve another question about it."""

MEASURED = 2_000
"""Packets to measure, about, where many alerts pass: more of them say nothing new."""

FEW = 10
"""With fewer passing alerts among those looked at, an estimate says how little it rests on."""


@dataclass
class Answerer:
    """Answers questions about jobs with one warm Spark."""

    spark: SparkSession
    exact_alerts: int = EXACT_ALERTS
    _looker: Looker = field(default_factory=Looker)
    _last: tuple[str, float, View] | None = None
    # one for all questions, as a thread's connection to Java outlives it
    _other: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def estimate(self, job: Job, settings: Settings, say: Callable[[str], None]) -> Estimate:
        """Return how much a job will carry. Raises what a run of it would raise before it reads alerts."""
        started = time.monotonic()
        view = self._view(job, settings, say)
        look = view.counting()
        with self._preparing(view, look) as packets:
            counts = look.counts
        steps = [(step.name, _interval(look, step, job)) for step in counts]
        if job.limit is not None:
            steps.append((LIMIT, steps[-1][1].at_most(job.limit)))
        total = steps[-1][1]
        sizes, measured = _sizes(view, look, packets)
        size = _bytes(total, sizes, job)
        return Estimate(
            **_rounded(total, "alerts", "low", "high"),
            **_rounded(size, "bytes", "bytes_low", "bytes_high"),
            bytes_per_alert=sizes.mean if measured else None,
            steps=tuple(EstimatedStep(name=name, **_rounded(found, "alerts", "low", "high")) for name, found in steps),
            sampled=look.looked_at,
            exact=look.exact,
            seconds=round(time.monotonic() - started, 3),
            notes=tuple(_notes(view, look, total, measured)),
            doctor=look.diagnosis,
        )

    def preview(self, job: Job, settings: Settings, rows: int, say: Callable[[str], None]) -> Preview:
        """Return some records as the job would deliver them. Raises `UsageError` for outputs that make no packets."""
        started = time.monotonic()
        view = self._view(job, settings, say)
        look = view.counting()
        source = view.packing(look)
        packing = source.plan.packing
        if packing is None:
            raise UsageError(f"output: records of kind {job.output.kind!r} cannot be previewed")
        found = _some(view, look, source, min(rows, job.limit or rows)) if look.passing else []
        doctor = None if found else look.diagnosis
        return Preview(
            columns=columns(packing.avro_schema),
            records=tuple(found),
            avro_schema=packing.avro_schema,
            seconds=round(time.monotonic() - started, 3),
            notes=(*_warnings(look), *_absent(view), *_limited(job, len(found))),
            doctor=doctor,
        )

    @contextmanager
    def _preparing(self, view: View, look: Look) -> Iterator[Future[Look]]:
        """Plan the packets of sampled alerts in another thread while the block counts how many alerts pass.

        Planning keeps Python busy, counting keeps Spark busy.
        """
        from pyspark import inheritable_thread_target

        # to Spark it is part of the same answer, and cancelled with that
        planned = self._other.submit(inheritable_thread_target(self.spark)(_packets), view, look)
        try:
            yield planned
        finally:
            wait([planned])  # nobody else uses the view meanwhile

    def _view(self, job: Job, settings: Settings, say: Callable[[str], None]) -> View:
        """Return the view of a job; that of the question before, if it was about the same job a moment ago.

        Who asks how much a job carries often asks next what it looks like.
        """
        now = time.monotonic()
        view = View(session_of_its_own(self.spark), job, settings, self._looker, say, self.exact_alerts)
        facts = _facts(view)
        if self._last is not None and facts and self._last[0] == facts and now - self._last[1] < KEPT_SECONDS:
            last = self._last[2]
            if last.stands:
                last.say = say
                return last
        self.close()
        self._last = (facts, now, view)
        return view

    def close(self) -> None:
        """Forget the last job that was asked about."""
        if self._last is not None:
            self._last[2].close()
            self._last = None


def _packets(view: View, counted: Look) -> Look:
    """Return the look that packets are made from, planned; the same where the output makes none."""
    if not isinstance(view.job.output, PacketOutput):
        return counted
    look = view.packing(counted)
    _ = look.plan.packing
    return look


def _some(view: View, counted: Look, source: Look, rows: int) -> list[dict[str, Any]]:
    """Return some records of a job that lets some pass: those of the look for packets, unless it has too few."""
    likely = source.exact or _expected(counted, source) >= rows
    found = _records(source, rows) if likely else []
    if source.exact or len(found) >= min(rows, counted.passing):
        return found
    fetched = view.found(counted, rows)
    more = _records(fetched, rows) if fetched else []
    return more or found or ([] if likely else _records(source, rows))


def _expected(counted: Look, source: Look) -> float:
    """Return how many alerts of a look should pass, by how many of those counted do."""
    return counted.passing * source.looked_at / counted.looked_at


def _facts(view: View) -> str:
    """Return all that an answer depends on, the state of files included; empty when that cannot be known."""
    if view.nights is None:
        return ""
    asked = json.dumps([view.job.to_dict(), view.settings.model_dump(mode="json")], default=str)
    return "\n".join([asked, *_mentioned(view.job.to_dict()), *(night.fingerprint for night in view.nights.files)])


def _mentioned(value: Any) -> Iterator[str]:
    """Yield the state of every file that a job names, anywhere."""
    if isinstance(value, str):
        with contextlib.suppress(OSError, ValueError):
            path = resolved(value)
            yield f"{path} {identity(path)}"
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _mentioned(item)


def _interval(look: Look, step: StepCounts, job: Job) -> Interval:
    if step is look.counts[0] and not getattr(job.source, "times", ()):
        total = float(sum(stratum.alerts for stratum in look.strata(step)))
        return Interval(total, total, total)
    return count_interval(look.strata(step))


def _rounded(found: Interval, value: str, low: str, high: str) -> dict[str, int]:
    """Return an interval in whole numbers, rounded outwards."""
    tolerance = 1e-6
    below, above = math.floor(found.low + tolerance), math.ceil(found.high - tolerance)
    return {value: round(found.value), low: below, high: above}


def _sizes(view: View, counted: Look, packets: Future[Look]) -> tuple[Sizes, bool]:
    """Return the size of packets, and whether it was measured; else it is guessed from the lake's columns."""
    found = None
    if counted.passing and isinstance(view.job.output, PacketOutput):
        look = packets.result()
        found = _measured(look, max(1, int(_expected(counted, look) / MEASURED)))
        if found:
            return replace(found, all_measured=look.exact and found.all_measured), True
        fetched = view.found(counted, FETCHED)
        found = _measured(fetched) if fetched else None
    if found:
        return replace(found, all_measured=counted.exact and found.measured == counted.passing), True
    guess = sum(view.column_bytes.get(root, 0.0) for root in counted.plan.packet_roots)
    return Sizes(2, guess, guess / 2), False


def _bytes(total: Interval, sizes: Sizes, job: Job) -> Interval:
    found = ratio_interval(total, sizes.mean, sizes.deviation, sizes.measured, sizes.all_measured)
    margin = PARQUET_MARGIN if job.output.kind == "files" else 0.0
    return Interval(found.value, found.low * (1 - margin), found.high * (1 + margin))


def _measured(look: Look, one_of: int = 1) -> Sizes | None:
    return measure(look.plan, look.plan.packing, one_of) if look.plan.packing else None


def _records(look: Look, rows: int) -> list[dict[str, Any]]:
    return records(look.plan, look.plan.packing, rows) if look.plan.packing else []


def _notes(view: View, look: Look, total: Interval, measured: bool) -> Iterator[str]:
    yield from _warnings(look)
    yield from _absent(view)
    if not look.exact:
        yield from _sampled(view, look, total)
    yield from _limited(view.job, total.high)
    if look.passing and not measured:
        yield "no packet of these alerts could be measured; bytes are guessed from the sizes of the lake's columns"
    if measured and view.job.output.kind == "files":
        yield "bytes are those of parquet files, measured on some hundred packets"


def _warnings(look: Look) -> Iterator[str]:
    return map(str, look.plan.run.warnings)


def _sampled(view: View, look: Look, total: Interval) -> Iterator[str]:
    seen, all_alerts = f"{look.looked_at:,}", f"{view.alerts:,}"
    if look.passing == 0:
        yield f"none of the {seen} alerts looked at passes; of all {all_alerts}, up to {math.ceil(total.high):,} may"
    elif look.passing < FEW:
        yield f"only {look.passing} of the {seen} alerts looked at pass, so the interval is wide"
    else:
        yield f"from {seen} of {all_alerts} alerts, drawn at random in each night"


def _limited(job: Job, alerts: float) -> Iterator[str]:
    if job.limit is not None and alerts >= job.limit:
        yield f"the job delivers at most {job.limit:,} of these alerts; which ones, it finds out when it runs"


def _absent(view: View) -> Iterator[str]:
    asked = isinstance(view.job.source, LakeSource) and view.job.source.nights
    absent = view.nights.lake.absent if view.nights and asked else ()
    if absent:
        yield f"no data for {shortened(absent)}"

"""The source for surveys whose datalake has one folder a night: subclass it and name the survey."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from alertferry.core.damage import blamed
from alertferry.core.errors import Problem, UsageError
from alertferry.core.file_option import LakeOption
from alertferry.core.local_lake import glance, local_path
from alertferry.core.nights import Interval, NightRange, as_list, bounds, check_count, expand, shortened
from alertferry.core.paths import split_path
from alertferry.core.places import absolute
from alertferry.core.problems import shown
from alertferry.core.receipt import Nights
from alertferry.core.steps import Alerts, Glance, Output, Source
from alertferry.core.time_scales import from_utc
from alertferry.core.working_folder import is_url, resolved

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from alertferry.core.lake_ids import LakeIds
    from alertferry.core.lake_nights import LakeNights
    from alertferry.core.settings import Settings
    from alertferry.core.survey import Survey


def _time_range(text: str) -> str:
    first, separator, last = text.partition("..")
    try:
        start, stop = datetime.fromisoformat(first.strip()), datetime.fromisoformat(last.strip())
    except ValueError:
        example = "2026-01-01T03:00..2026-01-01T05:30"
        raise ValueError(f"must be START..STOP in UTC, as {example}, got {shown(text)}") from None
    if start.tzinfo or stop.tzinfo or not separator:
        raise ValueError(f"times are UTC and carry no zone, got {shown(text)}")
    if stop <= start:
        raise ValueError(f"must end after it starts, got {shown(text)}")
    return f"{start.isoformat()}..{stop.isoformat()}"


TimeRange = Annotated[str, AfterValidator(_time_range)]
"""A half-open range of UTC times of observation, ``START..STOP``."""


class LakeSource(Source):
    """Alerts of a datalake with one folder a night."""

    nights: Annotated[tuple[NightRange, ...], BeforeValidator(as_list)] = ()
    """Nights to read: dates and inclusive ranges. Nights without data are named in the receipt."""

    times: Annotated[tuple[TimeRange, ...], BeforeValidator(as_list)] = ()
    """Times of observation (UTC, START..STOP) to keep; without nights, those around are read."""

    lake: LakeOption | None = None
    """Path or URL of another lake than the configured one, or the name that the settings have it under."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.nights and not self.times:
            raise ValueError("names no nights; give nights: [YYYY-MM-DD, FIRST..LAST] or times: [START..STOP]")
        check_count(self._intervals())
        return self

    def requested(self) -> tuple[date, ...]:
        """Return the nights to look for: those named, or all that may hold the times asked for."""
        return expand(f"{first}..{last}" for first, last in self._intervals())

    def _intervals(self) -> list[Interval]:
        return [bounds(text) for text in self.nights] if self.nights else [_around(text) for text in self.times]

    def location(self, settings: Settings) -> str:
        """Return the path or URL of the lake. Raises `UsageError` when none is known."""
        return lake_location(self.survey, self.lake, settings)

    def read(self, spark: SparkSession, nights: Sequence[date]) -> DataFrame:
        """Return the alerts of these nights, their schemas united."""
        from alertferry.core.lake import open_nights, read_nights
        from alertferry.core.settings import load_settings

        found = open_nights(spark, self.location(load_settings()), nights, documented=self.survey.documented)
        return read_nights(spark, found)

    def load(self, spark: SparkSession, settings: Settings) -> Alerts:
        """Find the nights, unite their schemas, keep the times asked for."""
        from alertferry.core.lake import open_nights, read_nights

        found = open_nights(spark, self.location(settings), self.requested(), documented=self.survey.documented)
        return self.alerts(found, read_nights(spark, found))

    def alerts(self, found: LakeNights, frame: DataFrame) -> Alerts:
        """Return alerts of these nights, all of them or a sample, as those of a job: the times asked for."""
        from alertferry.core.lake import refuse_changed_files

        nights = Nights(
            found=tuple(map(str, found.found)),
            absent=tuple(map(str, found.absent if self.nights else ())),
            lacking=found.lacking(),
            converted=found.converted(),
        )
        alerts = Alerts(
            frame,
            self.survey,
            nights,
            count=found.alerts,
            root_bytes=found.root_bytes,
            stored_bytes=found.stored_bytes,
            refuse_changes=partial(refuse_changed_files, frame.sparkSession, found),
            ids=_ids(found, self.survey.alert_id),
            blame=partial(blamed, files=found.files, is_local=found.is_local),
        )
        return alerts.where(self._within()) if self.times else alerts

    def _within(self) -> Any:
        """Return the condition on the survey's time column, bounds converted to its scale."""
        from functools import reduce

        from pyspark.sql import functions as F

        column = F.col(self.survey.time)
        bounds = [_bounds(text, self.survey.time_scale) for text in self.times]
        return reduce(lambda one, other: one | other, ((column >= low) & (column < high) for low, high in bounds))

    def warnings(self, glance: Glance | None) -> Iterator[Problem]:
        """Yield which of the named nights are not in the lake."""
        if glance and glance.absent and self.nights:
            yield Problem("nights", f"no data for {shortened(glance.absent)}")

    def glance(self, settings: Settings) -> Glance | None:
        """Look at a lake on a local disk; None for other filesystems or when no lake is configured."""
        if not (self.lake or settings.lakes.get(self.survey.name)):
            return None
        root = local_path(self.location(settings))
        if root is None:
            return None
        seen = glance(root, self.requested(), self.survey.documented)
        return Glance(seen.absent if self.nights else (), seen.schema(), seen.partial)


def lake_problems(source: Source, output: Output, settings: Settings) -> list[Problem]:
    """Return what is wrong with an output because of the lake that is read, where one is known."""
    try:
        return list(output.problems_with_lake(source.location(settings))) if isinstance(source, LakeSource) else []
    except UsageError:
        return []  # whoever looks at the lake tells


def lake_location(survey: Survey, lake: str | None, settings: Settings) -> str:
    """Return the path or URL of a survey's lake: of the one named, by its name in the settings or its place.

    The one rule for jobs, commands and pages. Raises `UsageError` when none is known.
    """
    found = settings.lakes.get(lake or survey.name)
    if not found and not lake:
        variable = f"ALERTFERRY_LAKE_{survey.name.upper()}"
        raise UsageError(
            f"no lake is known for {survey.name}: set {variable} or source.lake in the job, or give --lake"
        )
    if found and lake and _is_another_folder(lake, found):
        raise UsageError(f"{lake!r} is a lake of the settings, and a folder here: write ./{lake} for that")
    found = absolute(found or str(lake))
    if is_url(found):
        return found
    return os.path.realpath(found)  # not Path.resolve: of links in a circle, it says so by a RuntimeError


def _ids(found: LakeNights, column: str) -> LakeIds | None:
    """Return the ids of a lake's alerts, if they are a root column."""
    from alertferry.core.lake_ids import LakeIds
    from alertferry.core.lake_nights import footer_memory
    from alertferry.core.settings import load_settings

    names = split_path(column)
    if len(names) > 1:
        return None
    return LakeIds(found, names[0], footer_memory(load_settings().home), found.is_local)


def _is_another_folder(name: str, lake: str) -> bool:
    here = resolved(name)
    return os.path.isdir(here) and (is_url(lake) or os.path.realpath(here) != os.path.realpath(resolved(lake)))


def _around(text: str) -> Interval:
    """Return the nights whose folders may hold the times: a folder can hold the UTC date before or after it."""
    start, stop = (datetime.fromisoformat(part).date() for part in text.split(".."))
    day = timedelta(days=1)
    return max(start, date.min + day) - day, min(stop, date.max - day) + day


def _bounds(text: str, scale: str) -> tuple[float, float]:
    start, stop = (from_utc(part, scale) for part in text.split(".."))
    return start, stop

"""Times of observation as Julian years, to which moving sources are followed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from alertferry.core.time_scales import days_to_tt

if TYPE_CHECKING:
    from pyspark.sql import Column

_J2000 = 2451545.0
_YEAR_DAYS = 365.25

_MARGIN_DAYS = 2.0
"""A night's folder may hold observations of the day before or after."""


def years_of(nights: Sequence[str]) -> tuple[float, float]:
    """Return the Julian years between which the alerts of some nights (``YYYY-MM-DD``) were observed."""
    days = [date.fromisoformat(night).toordinal() + 1721424.5 for night in nights]
    first, last = min(days) - _MARGIN_DAYS, max(days) + 1 + _MARGIN_DAYS
    return 2000 + (first - _J2000) / _YEAR_DAYS, 2000 + (last - _J2000) / _YEAR_DAYS


def julian_year(time: Column, scale: str, years: tuple[float, float]) -> Column:
    """Return times as Julian years of terrestrial time, never null.

    A time outside ``years``, which no observation of these nights can have, counts as their nearest end; so does null.
    """
    from pyspark.sql import functions as F

    offset = days_to_tt(scale, sum(years) / 2) - _J2000  # over some years it changes by seconds
    year = F.lit(2000.0) + (time.cast("double") + F.lit(offset)) / F.lit(_YEAR_DAYS)
    low, high = map(F.lit, years)
    return F.coalesce(F.greatest(F.least(year, high), low), low)

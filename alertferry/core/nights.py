"""Observing nights as users write them: dates and inclusive ranges."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from alertferry.core.problems import shown

MAX_NIGHTS = 36_525
"""A hundred years: no request is expanded beyond, whatever a site allows (``ALERTFERRY_MAX_NIGHTS``)."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

Interval = tuple[date, date]
"""First and last night."""


def _night(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError(f"must be a night YYYY-MM-DD or a range YYYY-MM-DD..YYYY-MM-DD, got {shown(text)}")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is not a date of the calendar: {shown(text)}") from None


def bounds(text: str) -> Interval:
    """Return the first and the last night of a date or range. Raises `ValueError` saying what is wrong with it."""
    first, _, last = (part.strip() for part in text.partition(".."))
    return _night(first), _night(last) if ".." in text else _night(first)


def _check(text: str) -> str:
    first, last = bounds(text)
    if last < first:
        raise ValueError(f"the range is reversed: write '{last}..{first}', got {shown(text)}")
    check_count([(first, last)])
    return first.isoformat() if first == last else f"{first}..{last}"


def check_count(intervals: Iterable[Interval], most: int = MAX_NIGHTS) -> None:
    """Raise `ValueError` when intervals hold too many nights together; found by arithmetic, nothing is expanded."""
    nights = sum((last - first).days + 1 for first, last in merged(intervals))
    if nights > most:
        years = f" ({round(most / 365.25)} years)" if most >= 366 else ""
        raise ValueError(f"holds {nights:,} nights; at most {most:,}{years} are allowed in one request")


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same nights as intervals in order, none of which overlaps or touches the next."""
    found: list[Interval] = []
    for first, last in sorted(intervals):
        if found and (first - found[-1][1]).days <= 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        elif first <= last:
            found.append((first, last))
    return found


def _as_text(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, int) else value  # 20260301, which is told how nights are written


NightRange = Annotated[str, BeforeValidator(_as_text), AfterValidator(_check)]
"""A night (``2026-01-01``) or an inclusive range (``2026-03-01..2026-03-07``), normalised."""


def as_list(value: Any) -> Any:
    """Let one night stand where a list of nights is expected."""
    return [value] if isinstance(value, str | date) else value


def expand(ranges: Iterable[str]) -> tuple[date, ...]:
    """Return every night of the ranges once, in order. Raises `ValueError` for more than `MAX_NIGHTS`."""
    intervals = merged(bounds(text) for text in ranges)
    check_count(intervals)
    return tuple(first + timedelta(days=day) for first, last in intervals for day in range((last - first).days + 1))


def summarise(nights: Iterable[date]) -> list[str]:
    """Return nights as the shortest list of dates and ranges."""
    runs: list[list[date]] = []
    for night in sorted(nights):
        if runs and night - runs[-1][1] == timedelta(days=1):
            runs[-1][1] = night
        else:
            runs.append([night, night])
    return [str(first) if first == last else f"{first}..{last}" for first, last in runs]


def shortened(nights: Iterable[date]) -> str:
    """Return nights for a sentence: at most five dates and ranges, and how many more there are."""
    parts = summarise(nights)
    return ", ".join(parts[:5]) + (f" and {len(parts) - 5} more" if len(parts) > 5 else "")

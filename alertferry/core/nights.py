"""Observing nights as users write them: dates and inclusive ranges."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

MAX_NIGHTS = 20_000

_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def _night(text: str) -> date:
    if not _DATE.match(text):
        raise ValueError(f"must be a night YYYY-MM-DD or a range YYYY-MM-DD..YYYY-MM-DD, got {text!r}")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is not a date of the calendar: {text!r}") from None


def _bounds(text: str) -> tuple[date, date]:
    first, _, last = (part.strip() for part in text.partition(".."))
    return _night(first), _night(last) if ".." in text else _night(first)


def _check(text: str) -> str:
    first, last = _bounds(text)
    if last < first:
        raise ValueError(f"the range is reversed: write '{last}..{first}', got {text!r}")
    if (last - first).days >= MAX_NIGHTS:
        raise ValueError(f"holds {(last - first).days + 1} nights; at most {MAX_NIGHTS} are allowed")
    return first.isoformat() if first == last else f"{first}..{last}"


def _as_text(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return value


NightRange = Annotated[str, BeforeValidator(_as_text), AfterValidator(_check)]
"""A night (``2026-01-01``) or an inclusive range (``2026-03-01..2026-03-07``), normalised."""


def as_list(value: Any) -> Any:
    """Let one night stand where a list of nights is expected."""
    return [value] if isinstance(value, str | date) else value


def expand(ranges: Iterable[str]) -> tuple[date, ...]:
    """Return every night of the ranges once, in order."""
    nights: set[date] = set()
    for text in ranges:
        first, last = _bounds(text)
        nights.update(first + timedelta(days=day) for day in range((last - first).days + 1))
    return tuple(sorted(nights))


def summarise(nights: Iterable[date]) -> list[str]:
    """Return nights as the shortest list of dates and ranges."""
    runs: list[list[date]] = []
    for night in sorted(nights):
        if runs and night - runs[-1][1] == timedelta(days=1):
            runs[-1][1] = night
        else:
            runs.append([night, night])
    return [str(first) if first == last else f"{first}..{last}" for first, last in runs]

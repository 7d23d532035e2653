"""Why a job delivered no alert, and what to relax, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alertferry.ui.text import printable, step_text

_ADVICE = {
    "sql": "Relax one of the conditions, or choose more nights.",
    "tags": "Ask for one of several tags instead of all of them, or take a tag out.",
    "blocks": "Take a block out, or choose more nights.",
    "region": "Make the region larger, or look at Review whether the survey has been there.",
    "crossmatch": "Make the matching radius larger, or look whether the catalogue lies where the survey observed.",
    "class": "Choose more classes, or more nights.",
    "ids": "Look whether the identifiers are those of this survey, and choose the nights on which they were seen.",
}
_ANY = "Relax this filter, or choose more nights."
_SHOWN = 5


def emptied_by(steps: Sequence[dict[str, Any]], survey: str) -> tuple[str, str]:
    """Return the step that left nothing, for people, and what to do about it."""
    before = None
    for step in steps:
        name, alerts = str(step["name"]), step.get("alerts")
        if alerts == 0:
            if name == survey or before is None:
                return "The chosen nights hold no alert.", "Choose other nights: the calendar shows those with data."
            said = f"{step_text(name, survey)} left none of the {before:,} alerts that reached it."
            return said, _ADVICE.get(name.partition("-")[0], _ANY)
        before = alerts if alerts is not None else before
    return "No alert passed all filters.", _ANY


def conditions_text(doctor: Any) -> list[str]:
    """Return what each condition does by itself: what Review's estimate finds."""
    found = []
    for line in sorted(doctor.lines if doctor else (), key=lambda line: line.passing)[:_SHOWN]:
        holds = "; ".join(_holds(fact) for fact in line.fields)
        passing = "no alert fulfils it" if not line.passing else f"{line.share:.2%} of the alerts fulfil it by itself"
        found.append(f"{printable(line.line)}: {passing}{f' ({holds})' if holds else ''}.")
    if found and all(line.passing for line in doctor.lines):
        found.append("Each condition is fulfilled by some alerts, but not all of them by the same: take one out.")
    return found


def _holds(fact: Any) -> str:
    if fact.null_share + fact.nan_share > 1 - 1e-9:
        return f"{fact.path} has no value"
    missing = f", without a value in {fact.null_share + fact.nan_share:.0%}" if fact.null_share + fact.nan_share else ""
    return f"{fact.path} is {_short(fact.min)} to {_short(fact.max)}{missing}"


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value), 40)

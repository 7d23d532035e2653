"""Small texts for people: durations, times, logs without control characters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from alertferry.catalogs.display import options_called

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean_log(text: str) -> str:
    """Return a log without colours and without characters that could disturb a page."""
    return _CONTROL.sub("", _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def printable(text: str, longest: int = 400) -> str:
    """Return a text of unknown origin for a page: control characters shown as what they are, cut where it is long."""
    shown = _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text[: longest + 1])
    return shown if len(text) <= longest else f"{shown[:longest]}…"


FILTERS = {
    "tags": "Tags",
    "blocks": "Blocks",
    "class": "Classes",
    "sql": "Conditions",
    "region": "Region",
    "crossmatch": "Catalogue",
}
"""What pages call a kind of filter; one that a plugin brings has its own name."""
GROUPS = {"all": "all of these", "any": "at least one of these", "not": "none of these"}


CATALOGUE_OPTIONS = {
    "ra": "Right ascension",
    "dec": "Declination",
    "id": "Identifier",
    "radius_arcsec": "Radius (arcsec)",
    "radius": "Radius of each source",
    "keep": "Matches",
    "on_bad_rows": "Rows that cannot be used",
    "columns": "Catalogue columns to include",
    "pmra": "Proper motion in RA, times cos(dec) (mas/yr)",
    "pmdec": "Proper motion in Dec (mas/yr)",
    "epoch": "Epoch of the positions: Julian year, or its column",
    "table": "Table: name or number",
    "unit": "Unit of RA and Dec",
    "ra_unit": "Unit of RA alone",
    "dec_unit": "Unit of Dec alone",
    "max_rows": "Most rows",
    "name": "Name of the match in the packet",
}
"""What pages call the options of a match with a catalogue."""

_VALUES = {"drop": "leave them out, and count them"}


def catalogue_text(message: str) -> str:
    """Return a message about a catalogue with the page's labels for the options of a job file (``ra_unit: hour``)."""

    def labelled(name: str, value: str, _: bool) -> str:
        label = CATALOGUE_OPTIONS.get(name, name.capitalize()).partition(":")[0]
        return f"“{label}: {_VALUES.get(value, value)}”" if value else f"“{label}”"

    return options_called(message, labelled)


def filter_text(kind: str) -> str:
    """Return what pages call a kind of filter."""
    if kind in GROUPS:
        return f"Group: {GROUPS[kind]}"
    return FILTERS.get(kind) or kind.replace("_", " ").replace("-", " ").capitalize()


def number_text(place: Iterable[int]) -> str:
    """Return the number of a filter, or of one in a group: ``2.1`` is the first one of the second."""
    return ".".join(str(index + 1) for index in place)


def step_text(name: str, survey: str) -> str:
    """Return the name of a step of a job for people: ``sql-2`` as ``Conditions 2``."""
    if name == survey:
        return "Chosen nights"
    kind, _, number = name.partition("-")
    return f"{filter_text(kind)} {number}".strip()


def left_by_cancelling(record: Any) -> str:
    """Return what a job leaves that is stopped now."""
    if record.state == "queued":
        return "It has not begun; nothing is published."
    return "What it has published stays in the topic, which will never be complete."


def duration_text(seconds: float) -> str:
    """Return a duration as ``45 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def time_text(moment: datetime | None) -> str:
    """Return a time in UTC as ``2026-03-01 12:34``; a dash for none."""
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"

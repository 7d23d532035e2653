"""Units of angles and of proper motions, in the spellings of FITS, VOTable, CDS and spreadsheets."""

from __future__ import annotations

import math
import re

from alertferry.catalogs.display import shown
from alertferry.catalogs.model import Column
from alertferry.core.errors import UsageError

HOURS = "hourangle"

_SPELLINGS = {
    "deg": "deg degs degr degree degrees d °",
    HOURS: "hourangle hour hours hr hrs h hh:mm:ss hh:mm:ss.s h:m:s hms",
    "rad": "rad rads radian radians",
    "arcmin": "arcmin arcmins arcminute arcminutes amin '",
    "arcsec": 'arcsec arcsecs arcsecond arcseconds asec as "',
    "mas": "mas milliarcsec milliarcsecond milliarcseconds",
    "uas": "uas microarcsec µas μas",
}
_SEXAGESIMAL_DEGREES = "d:m:s dms dd:mm:ss dd:mm:ss.s"

_DEGREES_IN = {
    "deg": 1.0,
    HOURS: 15.0,
    "rad": math.degrees(1.0),
    "arcmin": 1 / 60,
    "arcsec": 1 / 3600,
    "mas": 1 / 3.6e6,
    "uas": 1 / 3.6e9,
}
_UNIT_OF = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}
_UNIT_OF |= dict.fromkeys(_SEXAGESIMAL_DEGREES.split(), "deg")

_PER_YEAR = re.compile(
    r"(.+?)\s*(?:[/.*\s]\s*)(yr|a|year|years|julianyear)(?:\s*(?:\*\*|\^)?\s*\(?-1\)?)?", re.IGNORECASE
)


def angle_unit(column: Column, default: str) -> str:
    """Return the unit of an angle: ``deg``, ``hourangle``, ``rad``, ``arcmin``, ``arcsec``, ``mas`` or ``uas``.

    Raises `UsageError` when the column's unit is none of an angle.
    """
    unit = _known(column.unit)
    if unit == "" and column.unit.strip():
        raise UsageError(_wrong(column, "an angle (deg, hourangle, rad, arcmin, arcsec)"))
    return unit or default


def degrees_in(unit: str) -> float:
    """Return how many degrees one of these units is."""
    return _DEGREES_IN[unit]


def is_angle(unit: str) -> bool:
    """Tell whether ``unit`` is a known spelling of a unit of angle."""
    return bool(_known(unit))


def mas_per_year_in(column: Column) -> float:
    """Return how many mas/yr one unit of a proper motion column is; without a unit it is mas/yr."""
    if not column.unit.strip():
        return 1.0
    found = _PER_YEAR.fullmatch(_bare(column.unit))
    unit = _known(found.group(1)) if found else ""
    if unit in ("", HOURS):
        raise UsageError(_wrong(column, "a proper motion (mas/yr, arcsec/yr, deg/yr)"))
    return degrees_in(unit) * 3.6e6


def require_years(column: Column) -> None:
    """Raise `UsageError` unless an epoch is in years."""
    if _bare(column.unit).lower() not in ("", "yr", "a", "year", "years", "julianyear"):
        raise UsageError(_wrong(column, "an epoch in Julian years (2016.0)"))


def _known(unit: str) -> str:
    bare = _bare(unit)
    return _UNIT_OF.get(bare.lower(), _UNIT_OF.get(unit.strip(), ""))


def _bare(unit: str) -> str:
    """Return a unit without the quotes and brackets that VizieR and headers put around it."""
    text = unit.strip()
    if len(text) > 2 and (text[0], text[-1]) in (('"', '"'), ("'", "'"), ("[", "]"), ("(", ")")):
        return text[1:-1].strip()
    return text


def _wrong(column: Column, wanted: str) -> str:
    return f"column {shown(column.name)!r} has the unit {shown(column.unit)!r}, which is not {wanted}"

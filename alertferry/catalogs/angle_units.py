"""Units of angles and of proper motions, in the spellings of FITS, VOTable, CDS and spreadsheets."""

from __future__ import annotations

import math
import re

from alertferry.catalogs.display import shown
from alertferry.catalogs.guess import unit_in_name
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
_MAS_IN = {
    "deg": 3.6e6,
    "rad": math.degrees(1.0) * 3.6e6,
    "arcmin": 60e3,
    "arcsec": 1e3,
    "mas": 1.0,
    "uas": 1e-3,
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


def arcsec_in(unit: str) -> float:
    """Return how many arcsec one of these units is."""
    return 1.0 if unit == "arcsec" else degrees_in(unit) * 3600


def is_angle(unit: str) -> bool:
    """Tell whether ``unit`` is a known spelling of a unit of angle."""
    return bool(_known(unit))


def mas_per_year_in(column: Column) -> float:
    """Return how many mas/yr one unit of a proper motion column is; without a unit it is mas/yr."""
    if not column.unit.strip():
        return 1.0
    found = _PER_YEAR.fullmatch(_bare(column.unit))
    if found is None or _known(found.group(1)) not in _MAS_IN:
        raise UsageError(_wrong(column, "a proper motion (mas/yr, arcsec/yr, deg/yr)"))
    return _MAS_IN[_known(found.group(1))]


def is_motion(unit: str) -> bool:
    """Tell whether ``unit`` is a known spelling of a unit of proper motion."""
    found = _PER_YEAR.fullmatch(_bare(unit))
    return bool(found and _known(found.group(1)) in _MAS_IN)


def unit_of_name(name: str) -> str:
    """Return the unit in a name such as ``RA (deg)`` when it is one of angle or proper motion."""
    unit = unit_in_name(name)
    return unit if is_angle(unit) or is_motion(unit) else ""


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

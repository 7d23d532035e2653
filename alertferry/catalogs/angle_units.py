"""Units of angles and of proper motions, in the spellings of FITS, VOTable, CDS and spreadsheets."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from alertferry.catalogs.display import shown
from alertferry.catalogs.guess import last_word, name_without_unit, unit_in_name
from alertferry.catalogs.model import Column
from alertferry.core.errors import UsageError

HOURS = "hourangle"

Role = Literal["ra", "dec", "radius", "pmra", "pmdec", "epoch"]

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

_WORDS_IN_NAMES_OF_RADII = {
    word: unit for word, unit in _UNIT_OF.items() if len(word) > 2 and unit not in (HOURS, "rad") and word.isalpha()
}
_WORDS_IN_NAMES = {word: unit for word, unit in _UNIT_OF.items() if word.isalpha() and word != "as"}

_MULTIPLE = re.compile(r"(?P<factor>\d*\.?\d+(?:e[+-]?\d+)?)\s*[*.]?\s*(?P<of>[^\d\s].*)")
_JOINED = re.compile(r"(?i)_?(?:ra|decl?|de)(deg|degrees?|hours?|hr|rad|radians?)$")
_MOTION_NAME = re.compile(r"(?<![a-z])(deg|arcsec|mas|uas)[_ ]?(?:per[_ ]?)?(?:yr|year|a)$")
_PER_YEAR = re.compile(
    r"(.+?)\s*(?:[/.*\s]\s*)(yr|a|year|years|julianyear)(?:\s*(?:\*\*|\^)?\s*\(?-1\)?)?", re.IGNORECASE
)


@dataclass(frozen=True)
class Understood:
    """The unit of a column (empty: none is known) and what says so, in words that follow "as"."""

    unit: str = ""
    why: str = ""


ASSUMED = "nothing says otherwise"
BY_HEADER = "the file says"
BY_JOB = "the job says"
BY_NAME = "the name of the column says"
BY_FORM = "its values are written"


def angle_unit(column: Column, role: Role, given: str = "") -> Understood:
    """Return the unit of a column of angles: what the job says, else the header, else the name of the column.

    The unit is ``deg``, ``hourangle``, ``rad``, ``arcmin``, ``arcsec``, ``mas`` or ``uas``, or empty where nothing
    tells it. Raises `UsageError` when the header's unit is none of an angle, or contradicts the name.
    """
    if given:
        return Understood(_known(given), BY_JOB)
    declared, named = _known(column.unit), angle_in_name(column.name, role)
    if declared == "" and column.unit.strip():
        raise UsageError(_wrong(column, role, "an angle (deg, hourangle, rad, arcmin, arcsec)"))
    if declared and named and declared != named:
        raise UsageError(
            f"column {shown(column.name)!r} is in {spoken(named)} by its name, and in {spoken(declared)} by the header "
            f"of the file; {_remedy(role, named, declared)}"
        )
    if declared:
        return Understood(declared, BY_HEADER)
    return Understood(named, BY_NAME) if named else Understood()


def angle_in_name(name: str, role: Role) -> str:
    """Return the unit of angle in a name such as ``RA (deg)``, ``ra_hours`` or ``radius_arcmin``, else nothing."""
    # `err_rad` and `r_d` are radii, not in radians or degrees; `RA_h` and `DEC_d` are coordinates.
    words = _WORDS_IN_NAMES_OF_RADII if role == "radius" else _WORDS_IN_NAMES
    joined = _JOINED.match(name_without_unit(name))
    return _known(unit_in_name(name)) or words.get(joined.group(1).lower() if joined else last_word(name), "")


def given_unit(unit: str) -> str:
    """Return the usual spelling of a unit: ``hour``, ``deg``, ``rad``, ``arcmin``, ``arcsec``, ``mas`` or ``uas``.

    Raises `ValueError` when it is no unit of angle.
    """
    known = _known(unit)
    if not known:
        raise ValueError(f"must be deg, hour, rad, arcmin, arcsec, mas or uas; got {shown(unit)!r}")
    return "hour" if known == HOURS else known


def is_hours(unit: str) -> bool:
    """Tell whether ``unit`` is a spelling of hours."""
    return _known(unit) == HOURS


def says_minutes_of_degrees(column: Column) -> bool:
    """Tell whether header or name say degrees, minutes and seconds (``d:m:s``), not only degrees."""
    return not {_bare(column.unit).lower(), unit_in_name(column.name).lower()}.isdisjoint(_SEXAGESIMAL_DEGREES.split())


def spoken(unit: str) -> str:
    """Return a unit in words."""
    return {"deg": "degrees", HOURS: "hours", "rad": "radians"}.get(unit, unit)


def _remedy(role: Role, *units: str) -> str:
    if role in ("ra", "dec"):
        return "say which is right with " + " or ".join(f"{role}_unit: {given_unit(unit)}" for unit in units)
    return "rename the column, or correct the header"


def degrees_in(unit: str) -> float:
    """Return how many degrees one of these units is."""
    return _DEGREES_IN[unit]


def arcsec_in(unit: str) -> float:
    """Return how many arcsec one of these units is."""
    return 1.0 if unit == "arcsec" else degrees_in(unit) * 3600


def motion_unit(column: Column, role: Role) -> Understood:
    """Return the angle that a proper motion column is in, a year; without any unit it is mas.

    The unit in the header holds, else that in the name (``pmra_mas_yr``, ``pm (arcsec/yr)``). Raises `UsageError` when
    the header's unit is no proper motion, or contradicts the name.
    """
    declared, named = (
        _angle_per_year(column.unit),
        _angle_per_year(unit_in_name(column.name)) or _motion_in(column.name),
    )
    if column.unit.strip() and not declared:
        raise UsageError(_wrong(column, role, "a proper motion (mas/yr, arcsec/yr, deg/yr)"))
    if declared and named and declared != named:
        raise UsageError(
            f"column {shown(column.name)!r} is in {spoken(named)}/yr by its name, and in {spoken(declared)}/yr by the "
            f"header of the file; {_remedy(role)}"
        )
    if declared:
        return Understood(declared, BY_HEADER)
    return Understood(named, BY_NAME) if named else Understood("mas", ASSUMED)


def mas_in(unit: str) -> float:
    """Return how many mas one of the units of proper motions is."""
    return _MAS_IN[unit]


def _angle_per_year(unit: str) -> str:
    found = _PER_YEAR.fullmatch(_bare(unit))
    known = _known(found.group(1)) if found else ""
    return known if known in _MAS_IN else ""


def _motion_in(name: str) -> str:
    found = _MOTION_NAME.search(name_without_unit(name).lower())
    return found.group(1) if found else ""


def require_years(column: Column) -> None:
    """Raise `UsageError` unless an epoch is in years."""
    if _bare(column.unit).lower() not in ("", "yr", "a", "year", "years", "julianyear"):
        raise UsageError(_wrong(column, "epoch", "an epoch in Julian years (2016.0)"))


def _known(unit: str) -> str:
    """Return the unit that a text spells, also as a multiple of another: astropy writes hours as ``15deg``."""
    bare = _bare(unit)
    known = _UNIT_OF.get(bare.lower(), _UNIT_OF.get(unit.strip(), ""))
    multiple = _MULTIPLE.fullmatch(bare.lower())
    if known or not multiple or multiple["of"] not in _UNIT_OF:
        return known
    degrees = float(multiple["factor"]) * _DEGREES_IN[_UNIT_OF[multiple["of"]]]
    return next((name for name, size in _DEGREES_IN.items() if math.isclose(size, degrees, rel_tol=1e-9)), "")


def _bare(unit: str) -> str:
    """Return a unit without the quotes and brackets that VizieR and headers put around it."""
    text = unit.strip()
    if len(text) > 2 and (text[0], text[-1]) in (('"', '"'), ("'", "'"), ("[", "]"), ("(", ")")):
        return text[1:-1].strip()
    return text


def _wrong(column: Column, role: Role, wanted: str) -> str:
    say = f"; if the file is wrong, say which is right with {role}_unit: deg, {role}_unit: hour or {role}_unit: rad"
    say = say if role in ("ra", "dec") else ""
    return f"column {shown(column.name)!r} has the unit {shown(column.unit)!r}, which is not {wanted}{say}"

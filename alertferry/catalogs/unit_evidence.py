"""What speaks against the unit in which coordinates were read: the user is asked, and never overruled.

Nothing in a table of plain numbers says that they are degrees, but values can say that they are not: right ascensions
that fill the range of hours (0 to 24) or of radians (0 to 2 pi) while declinations spread over more than 24 degrees, as
those of a single field hardly do; or both coordinates in the ranges of radians. And sexagesimal right ascensions
below 24 are hours, even where a header says degrees.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from alertferry.catalogs import numeric
from alertferry.catalogs.angle_units import ASSUMED, BY_FORM, BY_JOB, BY_NAME, HOURS, degrees_in, given_unit, spoken
from alertferry.catalogs.display import shown
from alertferry.catalogs.faults import Measured
from alertferry.core.errors import UsageError

_FEW = 3
_WIDE = 24.0
_MANY = 10
_QUARTER = math.pi / 2 + 1e-4
_GALACTIC = ("l", "b", "gl", "gb", "glon", "glat", "gallon", "gallat", "gall", "galb", "galacticl", "galacticb")
_SMALL_UNITS = ("rad", "arcmin", "arcsec", "mas", "uas")


def require_degrees(ra: Measured, dec: Measured) -> None:
    """Raise `UsageError` where values, or the unit of the other coordinate, speak against the units that were taken."""
    if dec.read_as.unit == HOURS and dec.read_as.why != BY_JOB:
        raise UsageError(
            f"declinations in {shown(dec.column)!r} are in hours, as {dec.read_as.why}, in which hardly anybody writes "
            "them; say which is right with dec_unit: deg or dec_unit: hour"
        )
    _agree(ra, dec)
    _within_its_circle(ra)
    if ra.read_as.why != ASSUMED:
        return
    ras, decs = _good(ra, dec)
    if len(ras) < _FEW or ras.min() < 0:
        return
    spread = np.ptp(ras)
    if ras.max() <= 2 * math.pi and spread > math.pi and (np.abs(decs).max() <= _QUARTER or np.ptp(decs) > _WIDE):
        ask = "unit: rad" if np.abs(decs).max() <= _QUARTER else "ra_unit: rad"
        raise UsageError(_question(ra, "2 pi, as in radians", ask))
    if ras.max() <= 24 and spread > 12 and np.ptp(decs) > _WIDE:
        raise UsageError(_question(ra, "24, as in hours", "ra_unit: hour"))


def require_no_hours(ra: Measured, texts: pa.ChunkedArray) -> None:
    """Ask when sexagesimal right ascensions without marks are in degrees by header or name, and all are below 24.

    Such columns are called ``RA (deg)`` where another one of the table is in degrees; hardly anybody writes right
    ascensions in degrees, minutes and seconds.
    """
    good = ra.values[~ra.bad()]
    if ra.read_as.unit != "deg" or not len(good) or good.max() >= 24:
        return
    if any(numeric.matching(chunk, r"(?i)[dh°º˚ʰᵈ]").any() for chunk in texts.chunks):
        return
    raise UsageError(
        f"right ascensions in {shown(ra.column)!r} are in degrees, as {ra.read_as.why}, but written as hours, minutes "
        "and seconds are, and all are below 24; say which is right with ra_unit: hour or ra_unit: deg"
    )


def unit_warnings(ra: Measured, dec: Measured) -> list[str]:
    """Return what a user should know of the units and frame of the coordinates."""
    found = [
        f"{shown(column.column)!r} was read in {spoken(column.read_as.unit)}, as {BY_NAME}"
        for column in (ra, dec)
        if column.read_as.why == BY_NAME and column.read_as.unit != "deg"
    ]
    ras = ra.values[~ra.bad()]
    taken = ra.read_as.why in (ASSUMED, BY_JOB) and ra.read_as.unit == "deg"
    if taken and len(ras) >= _MANY and ras.max() <= 24 and np.ptp(ras) > 12:
        found.append(
            f"every right ascension in {shown(ra.column)!r} is between 0 and 24 and was taken as degrees; "
            "if they are hours, say ra_unit: hour"
        )
    galactic = [column.column for column in (ra, dec) if _plain(column.column) in _GALACTIC]
    if galactic:
        found.append(
            f"{' and '.join(repr(shown(name)) for name in galactic)} look like galactic coordinates and were taken as "
            "ICRS (equatorial) ones; convert them if they are not"
        )
    return found


def _agree(ra: Measured, dec: Measured) -> None:
    """Ask when one coordinate is known to be in radians or the like, and nothing tells the unit of the other."""
    for one, other, role in ((ra, dec, "dec"), (dec, ra, "ra")):
        unit = one.read_as.unit
        if other.read_as.why == ASSUMED and one.read_as.why != BY_FORM and unit in _SMALL_UNITS:
            raise UsageError(
                f"{shown(one.column)!r} is in {spoken(unit)}, as {one.read_as.why}, and nothing tells the unit of "
                f"{shown(other.column)!r}; say {role}_unit: {unit} or {role}_unit: deg"
            )


def _within_its_circle(ra: Measured) -> None:
    """Ask when a name says hours or radians and most values are beyond a circle of them."""
    unit = ra.read_as.unit
    if ra.read_as.why != BY_NAME or unit not in (HOURS, "rad") or not len(ra.values):
        return
    # Beyond a circle a value is bad, and `values` holds nan for it; what was read is in `source`.
    beyond = sum(int(fault.mask.sum()) for fault in ra.faults if "outside" in fault.reason)
    if beyond > len(ra.values) / 2:
        circle = 360 / degrees_in(unit)
        raise UsageError(
            f"{shown(ra.column)!r} is in {spoken(unit)} by its name, but most of its values are beyond {circle:.4g}; "
            f"say which is right with ra_unit: deg or ra_unit: {given_unit(unit)}"
        )


def _good(ra: Measured, dec: Measured) -> tuple[np.ndarray, np.ndarray]:
    good = ~(ra.bad() | dec.bad())
    return ra.values[good], dec.values[good]


def _question(ra: Measured, bound: str, ask: str) -> str:
    return (
        f"right ascensions in {shown(ra.column)!r} end at {bound}, and nothing tells their unit; say {ask}, or "
        "unit: deg if they are degrees"
    )


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())

"""Positions in degrees, from whatever a column of coordinates holds.

How a column is written is decided once for the whole column, by the majority of its values: decimal numbers in the
column's unit (degrees when it has none), or sexagesimal text, of which a right ascension is in hours and a declination
in degrees. A value written the other way is a bad row, never read by guess.

Right ascension may run from -180 to 360 degrees; it is returned as 0 <= ra < 360.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.catalogs import numeric
from alertferry.catalogs.angle_units import HOURS, angle_unit, arcsec_in, degrees_in
from alertferry.catalogs.display import shown
from alertferry.catalogs.faults import Measured
from alertferry.catalogs.model import MAX_RADIUS_ARCSEC, Column
from alertferry.catalogs.sexagesimal import LOOKS_SEXAGESIMAL, Axis, parse_sexagesimal, tidy
from alertferry.core.errors import UsageError

_OTHER_FRAMES = ("fk4", "b1950", "gal", "ecl")


def measure_coordinate(column: Column, values: pa.Array, axis: Axis) -> Measured:
    """Return right ascension (0 <= ra < 360) or declination in degrees."""
    require_equatorial(column.ucd, column.name)
    if numeric.is_text(values.type):
        measured = _from_text(column, values, axis)
    else:
        measured = numeric.measure_numbers(column.name, values).scaled(degrees_in(angle_unit(column, "deg")))
    return _wrap_ra(measured) if axis == "ra" else _limit_dec(measured)


def require_equatorial(frame: str, column: str) -> None:
    """Raise `UsageError` when a UCD or a coordinate system is not ICRS or FK5 (J2000)."""
    if any(word in frame.lower() for word in _OTHER_FRAMES):
        raise UsageError(
            f"column {shown(column)!r} holds {shown(frame)!r} coordinates; convert them to ICRS (or FK5 J2000) first"
        )


def measure_radius(column: Column, values: pa.Array) -> Measured:
    """Return matching radii in arcsec, the unit that holds when the file says none."""
    measured = numeric.measure_numbers(column.name, values).scaled(arcsec_in(angle_unit(column, "arcsec")))
    measured = measured.refuse(~(measured.values > 0), "a radius must be > 0")
    return measured.refuse(measured.values > MAX_RADIUS_ARCSEC, f"a radius must be <= {MAX_RADIUS_ARCSEC:g} arcsec")


def unit_suspected(column: Column, measured: Measured) -> str:
    """Return a warning when right ascensions without a unit fill the range of hours or radians, else nothing."""
    values = measured.values[~measured.bad()]
    if column.unit or len(values) < 10 or not _is_decimal(measured.source):
        return ""
    for unit, circle in (("rad", 2 * np.pi), ("h", 24.0)):
        if values.max() <= circle and np.ptp(values) > circle / 2:
            return (
                f"every right ascension in {shown(column.name)!r} is between 0 and {circle:.4g} and was taken as "
                f"degrees; if the unit is {unit}, call the column '{shown(column.name)} [{unit}]'"
            )
    return ""


def single_precision(column: Column, values: pa.Array) -> str:
    """Return a warning when positions are stored in 32 bits or less, else an empty string."""
    if pa.types.is_float32(values.type) or pa.types.is_float16(values.type):
        return f"{shown(column.name)!r} is stored in single precision: positions are good to about 0.1 arcsec only"
    return ""


def _from_text(column: Column, values: pa.Array, axis: Axis) -> Measured:
    text = tidy(values)
    decimal = numeric.decimal_texts(text)
    unit = angle_unit(column, "")
    if decimal.all() or numeric.matching(text, LOOKS_SEXAGESIMAL).sum() <= decimal.sum():
        measured = Measured(column.name, numeric.to_floats(text, decimal), values).scaled(degrees_in(unit or "deg"))
        return _refuse_unread(measured, text, "is not a number, but most of the column is decimal degrees")
    if unit not in ("", "deg", HOURS):
        raise UsageError(
            f"column {shown(column.name)!r} is sexagesimal text with the unit {shown(column.unit)!r}; "
            "only deg and hourangle make sense"
        )
    angles = parse_sexagesimal(text, axis, unit or (HOURS if axis == "ra" else "deg"))
    measured = Measured(column.name, angles.degrees, values, angles.faults)
    measured = measured.refuse(decimal, "is a plain number in a column of sexagesimal values")
    return _refuse_unread(measured, text, "is not an angle")


def _refuse_unread(measured: Measured, text: pa.Array, otherwise: str) -> Measured:
    unread = np.isnan(measured.values) & ~measured.bad()
    measured = numeric.refuse_texts(measured, text, unread, otherwise)
    return measured.refuse(~np.isfinite(measured.values), numeric.NOT_FINITE)


def _wrap_ra(measured: Measured) -> Measured:
    ra = measured.values
    measured = measured.refuse(~((ra >= -180) & (ra <= 360)), "right ascension outside -180 to 360 degrees")
    wrapped = np.where(measured.bad(), np.nan, ra) % 360.0
    # A tiny negative angle wraps to 360.0 itself when the sum is rounded.
    return replace(measured, values=np.where(wrapped == 360.0, 0.0, wrapped))


def _limit_dec(measured: Measured) -> Measured:
    return measured.refuse(~(np.abs(measured.values) <= 90), "declination outside -90 to 90 degrees")


def _is_decimal(source: pa.Array) -> bool:
    if not numeric.is_text(source.type):
        return True
    return not pc.any(pc.match_substring_regex(tidy(source.slice(0, 10)), LOOKS_SEXAGESIMAL)).as_py()

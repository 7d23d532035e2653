"""Positions in degrees, from whatever a column of coordinates holds.

How a column is written is decided once for the whole column, by the majority of its values: decimal numbers in the
column's unit (degrees when nothing tells it), or sexagesimal text, of which a right ascension is in hours and a
declination in degrees. A value written the other way is a bad row, never read by guess. Values that speak against
degrees are asked about (`alertferry.catalogs.unit_evidence`).

Right ascension may run from -180 to 360 degrees; it is returned as 0 <= ra < 360.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from alertferry.catalogs import numeric
from alertferry.catalogs.angle_units import (
    ASSUMED,
    BY_FORM,
    BY_JOB,
    HOURS,
    Understood,
    angle_unit,
    arcsec_in,
    degrees_in,
    says_minutes_of_degrees,
)
from alertferry.catalogs.display import shown
from alertferry.catalogs.faults import Measured, in_parts
from alertferry.catalogs.model import MAX_RADIUS_ARCSEC, Column
from alertferry.catalogs.sexagesimal import LOOKS_SEXAGESIMAL, Axis, parse_sexagesimal, tidy
from alertferry.catalogs.unit_evidence import require_no_hours
from alertferry.core.errors import UsageError

_OTHER_FRAMES = ("fk4", "b1950", "gal", "ecl")


def measure_coordinate(column: Column, values: pa.Array | pa.ChunkedArray, axis: Axis, given: str = "") -> Measured:
    """Return right ascension (0 <= ra < 360) or declination in degrees; ``given`` is the unit that the job says."""
    require_equatorial(column.ucd, column.name)
    unit = angle_unit(column, axis, given)
    limit = _wrap_ra if axis == "ra" else _limit_dec
    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    if not numeric.is_text(values.type):
        return in_parts(chunked, lambda part: limit(_in_degrees(numeric.measure_numbers(column.name, part), unit)))
    if not _is_sexagesimal(chunked):
        return in_parts(chunked, lambda part: limit(_from_decimals(column, part, unit)))
    read_as = _sexagesimal_unit(column, axis, unit)
    measured = in_parts(chunked, lambda part: limit(_from_sexagesimal(column, part, axis, read_as)))
    if axis == "ra" and read_as.why != BY_JOB and not says_minutes_of_degrees(column):
        require_no_hours(measured, chunked)
    return measured


def require_equatorial(frame: str, column: str) -> None:
    """Raise `UsageError` when a UCD or a coordinate system is not ICRS or FK5 (J2000)."""
    if any(word in frame.lower() for word in _OTHER_FRAMES):
        raise UsageError(
            f"column {shown(column)!r} holds {shown(frame)!r} coordinates; convert them to ICRS (or FK5 J2000) first"
        )


def measure_radius(column: Column, values: pa.Array) -> Measured:
    """Return matching radii in arcsec, the unit that holds when neither header nor name says one."""
    unit = angle_unit(column, "radius")
    unit = unit if unit.unit else Understood("arcsec", ASSUMED)
    measured = numeric.measure_numbers(column.name, values).scaled(arcsec_in(unit.unit))
    measured = replace(measured, read_as=unit)
    measured = measured.refuse(~(measured.values > 0), "a radius must be > 0")
    return measured.refuse(measured.values > MAX_RADIUS_ARCSEC, f"a radius must be <= {MAX_RADIUS_ARCSEC:g} arcsec")


def single_precision(column: str, kind: pa.DataType) -> str:
    """Return a warning when positions are stored in 32 bits or less, else an empty string."""
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return f"{shown(column)!r} is stored in single precision: positions are good to about 0.1 arcsec only"
    return ""


def _in_degrees(measured: Measured, unit: Understood) -> Measured:
    unit = unit if unit.unit else Understood("deg", ASSUMED)
    return replace(measured.scaled(degrees_in(unit.unit)), read_as=unit)


def _is_sexagesimal(values: pa.ChunkedArray) -> bool:
    """Tell how most of a column of texts is written."""
    balance = 0
    for chunk in values.chunks:
        text = tidy(chunk)
        decimals = int(numeric.decimal_texts(text).sum())
        balance -= decimals
        if decimals < len(text):
            balance += int(numeric.matching(text, LOOKS_SEXAGESIMAL).sum())
    return balance > 0


def _from_decimals(column: Column, values: pa.Array, unit: Understood) -> Measured:
    text = tidy(values)
    decimal = numeric.decimal_texts(text)
    measured = _in_degrees(Measured(column.name, numeric.to_floats(text, decimal), values), unit)
    return _refuse_unread(measured, text, "is not a number, but most of the column is decimal degrees")


def _sexagesimal_unit(column: Column, axis: Axis, unit: Understood) -> Understood:
    if unit.unit in ("", "deg", HOURS):
        return unit if unit.unit else Understood(HOURS if axis == "ra" else "deg", BY_FORM)
    raise UsageError(
        f"column {shown(column.name)!r} is sexagesimal text with the unit {unit.unit!r}, as {unit.why}; only deg "
        f"and hourangle make sense: say {axis}_unit: {'hour' if axis == 'ra' else 'deg'}"
    )


def _from_sexagesimal(column: Column, values: pa.Array, axis: Axis, read_as: Understood) -> Measured:
    text = tidy(values)
    angles = parse_sexagesimal(text, axis, read_as.unit)
    measured = Measured(column.name, angles.degrees, values, angles.faults, read_as)
    measured = measured.refuse(numeric.decimal_texts(text), "is a plain number in a column of sexagesimal values")
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

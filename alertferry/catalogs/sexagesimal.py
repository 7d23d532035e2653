"""Angles written as hours or degrees, minutes and seconds.

The usual spellings are matched a whole column at a time; astropy reads the rare ones, each distinct text once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.catalogs.angle_units import HOURS
from alertferry.catalogs.display import shown
from alertferry.catalogs.faults import Fault, Mask
from alertferry.core.errors import UsageError

if TYPE_CHECKING:
    from alertferry.catalogs.model import FloatArray

Axis = Literal["ra", "dec"]

_MAX_RARE = 20_000
_MAX_LENGTH = 64

LOOKS_SEXAGESIMAL = r"(?i)^[+-]? ?\d{1,3}(?:\.\d*)? ?[:hd ]"

_PATTERNS = (
    r"^(?P<sign>[+-]?) ?(?P<whole>\d{1,3})(?P<mark>:)(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d*)?))?$",
    r"^(?P<sign>[+-]?) ?(?P<whole>\d{1,3})(?P<mark> )(?P<minutes>\d{1,2})(?: (?P<seconds>\d{1,2}(?:\.\d*)?))?$",
    r"^(?P<sign>[+-]?) ?(?P<whole>\d{1,3}) ?(?P<mark>[hd])"
    r" ?(?P<minutes>\d{1,2}) ?[m'](?: ?(?P<seconds>\d{1,2}(?:\.\d*)?) ?(?:s|\"|'')?)?$",
    r"^(?P<sign>[+-]?) ?(?P<whole>\d{1,3})(?P<mark>[: ])(?P<minutes>\d{1,2}\.\d*)(?P<seconds>)$",
)

# Signs and marks that people and typesetting programs use, and what they stand for.
_TYPOGRAPHY = (
    (r"[\x{2212}\x{2010}\x{2011}\x{2012}\x{2013}\x{FE63}\x{FF0D}]", "-"),
    (r"[\x{FF0B}\x{FE62}]", "+"),
    (r"[°º˚ᵈ]", "d"),
    (r"ʰ", "h"),
    (r"[′’‘ʹʼ´ᵐ]", "'"),
    (r"[″”“ʺˢ]", '"'),
    (r"[\x{00A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}\x{200B}\x{FEFF}]", " "),
)


@dataclass(frozen=True)
class Angles:
    """Angles in degrees, nan where a text is no angle, and the faults that are known more exactly."""

    degrees: FloatArray
    faults: tuple[Fault, ...]


def tidy(text: pa.Array) -> pa.Array:
    """Return texts without surrounding blanks and with plain signs and marks (``−12°`` becomes ``-12d``)."""
    if not pc.all(pc.string_is_ascii(text)).as_py():
        for pattern, plain in _TYPOGRAPHY:
            text = pc.replace_substring_regex(text, pattern, plain)
    return pc.utf8_trim_whitespace(text)


def parse_sexagesimal(text: pa.Array, axis: Axis, unit: str) -> Angles:
    """Read a tidied column in which a bare first number is in ``unit`` (``deg`` or ``hourangle``).

    The marks ``h`` and ``d`` within a text go before ``unit``. A sign holds for the whole angle, also for ``-0``.
    """
    text = pc.replace_substring_regex(text, r"\s*:\s*", ":")
    cased = pc.replace_substring_regex(text, r"\s+", " ")
    text = pc.utf8_lower(cased)
    degrees = np.full(len(text), np.nan)
    hours = np.zeros(len(text), dtype=bool)
    too_many = np.zeros(len(text), dtype=bool)
    for rows, parts in _matches(text):
        value = parts["whole"] + parts["minutes"] / 60 + parts["seconds"] / 3600
        in_hours = (parts["mark"] == "h") | ((parts["mark"] != "d") & (unit == HOURS))
        hours[rows] = parts["mark"] == "h"
        degrees[rows] = parts["sign"] * value * np.where(in_hours, 15.0, 1.0)
        too_many[rows] = (parts["minutes"] > 60) | (parts["seconds"] > 60)
    rare = np.isnan(degrees) & np.asarray(pc.fill_null(pc.match_substring_regex(text, LOOKS_SEXAGESIMAL), False))
    degrees[rare] = _by_astropy(cased.filter(pa.array(rare)), unit)
    if axis == "dec":
        hours |= np.asarray(pc.fill_null(pc.match_substring(text, "h"), False)) & ~np.isnan(degrees)
    faults = [Fault(too_many, "minutes and seconds must be below 60")]
    if axis == "dec":
        faults.append(Fault(hours, "a declination in hours; write degrees"))
    return Angles(degrees, tuple(fault for fault in faults if fault.mask.any()))


def _matches(text: pa.Array) -> Iterator[tuple[Mask, dict[str, Any]]]:
    """Give for each usual spelling the rows that have it and the parts of their texts."""
    left = np.ones(len(text), dtype=bool)
    for pattern in _PATTERNS:
        found = pc.extract_regex(text, pattern=pattern)
        rows = np.asarray(pc.is_valid(found)) & left
        if rows.any():
            yield rows, _parts(found.filter(pa.array(rows)))
            left &= ~rows
        if not left.any():
            return


def _parts(found: pa.Array) -> dict[str, Any]:
    negative = np.asarray(pc.equal(found.field("sign"), "-"))
    return {
        "sign": np.where(negative, -1.0, 1.0),
        "mark": np.asarray(found.field("mark").to_numpy(zero_copy_only=False), dtype="U1"),
        **{name: _number(found.field(name)) for name in ("whole", "minutes", "seconds")},
    }


def _number(text: pa.Array) -> FloatArray:
    """Return numbers, 0 for an absent part."""
    present = pc.if_else(pc.equal(text, ""), "0", text)
    return np.asarray(pc.cast(pc.fill_null(present, "0"), pa.float64()))


def _by_astropy(text: pa.Array, unit: str) -> FloatArray:
    """Return what astropy makes of unusual spellings, in degrees; nan for those it does not read either."""
    encoded = text.dictionary_encode()
    if len(encoded.dictionary) > _MAX_RARE:
        example = shown(encoded.dictionary[0].as_py())
        raise UsageError(
            f"more than {_MAX_RARE:,} coordinates are in an unusual spelling, such as {example!r}; "
            "write 12:34:56.7, 12h34m56.7s or decimal degrees"
        )
    values = np.array([_one_by_astropy(value, unit) for value in encoded.dictionary.to_pylist()], dtype=float)
    return values[np.asarray(encoded.indices)] if len(text) else values


def _one_by_astropy(text: str, unit: str) -> float:
    import warnings

    from astropy.coordinates import Angle

    if len(text) > _MAX_LENGTH:
        return float("nan")
    # Whatever a stranger's text makes the parser raise, it is no angle then.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for spelling in (text, text.lower()):  # 12°30′S is south, 12D30M is degrees
            try:
                return float(Angle(spelling, unit=unit).deg)
            except Exception:  # noqa: S112 - astropy's parser raises many kinds; the next spelling is tried
                continue
    return float("nan")

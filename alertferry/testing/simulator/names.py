"""Identifiers and names, in the formats of the surveys; none is ever given twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from alertferry.testing.simulator.columns import digits, joined
from alertferry.testing.simulator.draws import Array, fold, whole
from alertferry.testing.simulator.population import Campaign, Exposures, Objects, night_date

# MJD of 2017-01-01, the first night of ZTF's count.
ZTF_FIRST_NIGHT = 57754
# Rubin's day count, as found in its diaSourceIds: 2025-12-31 is day 38611.
LSST_FIRST_DAY = 22429

_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_NAMES_A_NIGHT = 366


def calendar(nights: Array, text: Callable[[int], str]) -> Any:
    """Return ``text(night)`` of each night (MJD), made once for each different night."""
    different, which = np.unique(nights, return_inverse=True)
    return pa.array([text(int(night)) for night in different], pa.string()).take(pa.array(which))


def ztf_image(exposures: Exposures) -> Array:
    """Return ZTF's ``pid``: night, hundred-thousandths of the day, detector."""
    frac = np.floor((exposures.mjd - exposures.night) * 1e5).astype(np.int64)
    night = exposures.night - ZTF_FIRST_NIGHT
    return np.asarray((night * 100_000 + frac) * 10_000 + exposures.objects.chip * 100 + 15)


def ztf_row(exposures: Exposures) -> Array:
    """Return ZTF's ``tblid``, the row in the table of the image: below 5000, and no two alike on one image."""
    objects = exposures.objects
    start = whole(fold(objects.field, objects.chip), "row", 130)
    return (objects.counter * 7 + start) % 5000


def ztf_candid(exposures: Exposures, positive: Array) -> Array:
    """Return ZTF's 19-digit ``candid``: the image, the sign of the difference and the row of the detection."""
    return ztf_image(exposures) * 10**6 + np.where(positive, 15_000, 10_000) + ztf_row(exposures)


def ztf_object_name(slot: Array, birth: Array) -> Any:
    """Return ZTF's ``objectId`` of the object that slot ``slot`` saw first on night ``birth`` (MJD)."""
    dates = calendar(birth, lambda night: night_date(night).strftime("%y %j"))
    year, day = (np.array([text.split()[part] for text in dates.to_pylist()]) for part in (0, 1))
    return joined("ZTF", pa.array(year), letters(slot * _NAMES_A_NIGHT + day.astype(np.int64) - 1, 7))


def letters(numbers: Array, width: int) -> Any:
    """Return ``numbers`` written with the letters a to z as digits, ``width`` of them."""
    powers = 26 ** np.arange(width - 1, -1, -1)
    places = (numbers[:, None] // powers) % 26
    text = np.frombuffer(_LETTERS, dtype=np.uint8)[places]
    return pa.array(np.ascontiguousarray(text).view(f"S{width}").ravel()).cast(pa.string())


def lsst_visit(exposures: Exposures) -> Array:
    """Return Rubin's ``visit``: the observing day, which begins at noon before, and the exposure's number."""
    days = [int(night_date(int(night) - 1).strftime("%Y%m%d")) for night in np.unique(exposures.night)]
    which = np.unique(exposures.night, return_inverse=True)[1]
    return np.array(days, dtype=np.int64)[which] * 100_000 + exposures.sequence


def lsst_detector(campaign: Campaign, exposures: Exposures) -> Array:
    """Return the detector; the camera turns from visit to visit."""
    turned = exposures.objects.chip + 37 * exposures.night + 11 * exposures.visit
    return np.asarray(turned % campaign.fields.chips)


def lsst_source_id(campaign: Campaign, exposures: Exposures) -> Array:
    """Return Rubin's ``diaSourceId``: the day, 15 bits of the visit, 8 of the detector and 19 of a counter."""
    day = exposures.night - 1 - LSST_FIRST_DAY
    detector = lsst_detector(campaign, exposures)
    # Odd, so that no identifier survives a detour through 64-bit floats.
    counter = (exposures.objects.counter << 8) | 2 * whole(exposures.objects.key, "identifier", 128) + 1
    return np.asarray((day << 42) | (exposures.sequence << 27) | (detector << 19) | counter)


def lsst_forced_id(campaign: Campaign, exposures: Exposures) -> Array:
    """Return an identifier for a forced measurement; the highest bit of a day tells it from a detection."""
    return lsst_source_id(campaign, exposures) | (1 << 41)


_YEARS = 30
_HALF_MONTHS = "ABCDEFGHJKLMNOPQRSTUVWXY"
_ORDER = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
_CYCLES = 620
_DESIGNATIONS = _YEARS * len(_HALF_MONTHS) * len(_ORDER) * _CYCLES
_NUMBERED = 700_000
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _body(objects: Objects) -> Array:
    return np.asarray(objects.slot * 64 + objects.birth % 64)


def minor_planet_number(objects: Objects) -> Array:
    """Return the number under which the MPC lists solar system objects, different for all of up to 10,000 slots."""
    return 1 + _body(objects) * 123_457 % _NUMBERED


def designation_index(objects: Objects) -> Array:
    """Return a number for each solar system object from which its designation follows; different for 170,000 slots."""
    return _body(objects) % _DESIGNATIONS * 7_654_321 % _DESIGNATIONS


def _designation_parts(number: Array) -> tuple[Array, Array, Array, Array]:
    year, rest = 1995 + number % _YEARS, number // _YEARS
    half, rest = rest % len(_HALF_MONTHS), rest // len(_HALF_MONTHS)
    return year, half, rest % len(_ORDER), rest // len(_ORDER)


def designation(number: Array) -> Any:
    """Return readable provisional designations: 2002 JP146."""
    year, half, order, cycle = _designation_parts(number)
    suffix = digits(cycle)
    plain = pa.array(np.where(cycle == 0, "", suffix.to_numpy(zero_copy_only=False).astype(str)))
    return joined(digits(year), " ", _pick(_HALF_MONTHS, half), _pick(_ORDER, order), plain)


def packed_designation(number: Array) -> Any:
    """Return provisional designations in the MPC's packed form: K02JE6P."""
    year, half, order, cycle = _designation_parts(number)
    century = pa.array(np.where(year < 2000, "J", "K"))
    tens = _pick(_DIGITS, cycle // 10)
    ones = digits(cycle % 10)
    return joined(century, digits(year % 100, 2), _pick(_HALF_MONTHS, half), tens, ones, _pick(_ORDER, order))


def packed_number(packed: Any) -> Array:
    """Return Rubin's ``ssObjectId``: the seven letters of a packed designation read as one number."""
    codes = np.frombuffer("".join(packed.to_pylist()).encode(), dtype=np.uint8).reshape(-1, 7)
    return codes.astype(np.int64) @ (256 ** np.arange(6, -1, -1, dtype=np.int64))


def _pick(alphabet: str, index: Array) -> Any:
    return pa.array(list(alphabet)).take(pa.array(index))

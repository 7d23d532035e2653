"""How surveys count time: Julian dates or modified ones, of UTC, TAI, TT or TCB.

Dates of UTC are found without astropy, as the consumer must stay light; `astropy.time` does all other conversions, and
tests hold the two against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import pyarrow as pa

TimeScale = Literal["jd-utc", "jd-tai", "jd-tt", "jd-tcb", "mjd-utc", "mjd-tai", "mjd-tt", "mjd-tcb"]
"""Form and scale of a survey's times."""

TIME_SCALES: tuple[str, ...] = get_args(TimeScale)

MJD_ZERO = 2400000.5
"""Julian date at which modified Julian dates begin."""

LEAP_SECONDS = (
    *((41317, 10), (41499, 11), (41683, 12), (42048, 13), (42413, 14), (42778, 15), (43144, 16), (43509, 17)),
    *((43874, 18), (44239, 19), (44786, 20), (45151, 21), (45516, 22), (46247, 23), (47161, 24), (47892, 25)),
    *((48257, 26), (48804, 27), (49169, 28), (49534, 29), (50083, 30), (50630, 31), (51179, 32), (53736, 33)),
    *((54832, 34), (56109, 35), (57204, 36), (57754, 37)),
)
"""MJD from which TAI - UTC has so many seconds (IERS Bulletin C); before, 10 is up to 10 s off."""

_DAY = 86400.0
_TT_TAI = 32.184
_TCB_RATE, _TCB_START, _TDB_START = 1.550519768e-8, 43144.0003725, -6.55e-5
"""TDB and TCB by IAU 2006 resolution B3: rate, the MJD at which they agreed but for so many seconds."""


def label(scale: str) -> str:
    """Return a time scale as plots name it: ``MJD (TAI)``."""
    form, _, of = scale.upper().partition("-")
    return f"{form} ({of})"


def utc_days(times: pa.Array, scale: str) -> pa.Array:
    """Return the date of UTC of each time, as whole MJD; what is no time stays so.

    A leap second belongs to the day that it ends. Raises `KeyError` for a scale of another name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    form, _, of = scale.partition("-")
    mjd = pc.subtract(times.cast(pa.float64()), MJD_ZERO if form == "jd" else 0.0)
    if of == "utc":
        return pc.floor(mjd)
    tai = {"tai": _same, "tt": _tai_of_tt, "tcb": _tai_of_tcb}[of](mjd)
    return pc.floor(pc.subtract(tai, pc.divide(_leap_seconds(tai), _DAY)))


def _leap_seconds(tai: pa.Array) -> Any:
    """Return TAI - UTC in seconds, the new one from the beginning of the leap second that leads to it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    earliest = pc.min(tai).as_py()
    begins = [start + (seconds - 1) / _DAY for start, seconds in LEAP_SECONDS]
    passed = sum(1 for begin in begins[1:] if earliest is not None and earliest >= begin)
    found: Any = float(LEAP_SECONDS[passed][1])
    for begin in begins[passed + 1 :]:
        found = pc.add(found, pc.greater_equal(tai, begin).cast(pa.float64()))
    return found


def _same(mjd: pa.Array) -> pa.Array:
    return mjd


def _tai_of_tt(mjd: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.subtract(mjd, _TT_TAI / _DAY)


def _tai_of_tcb(mjd: pa.Array) -> pa.Array:
    """Return TAI of TCB; between TDB and TT stands the largest of the periodic terms (USNO Circular 179, eq. 2.6)."""
    import pyarrow.compute as pc

    drift = pc.multiply(pc.subtract(mjd, _TCB_START), _TCB_RATE)
    tdb = pc.add(pc.subtract(mjd, drift), _TDB_START / _DAY)
    angle = pc.add(pc.multiply(pc.subtract(tdb, 51544.5), 628.3076 / 36525), 6.2401)
    usable = pc.if_else(pc.is_finite(angle), angle, 0.0)  # the sine of an infinity is an error
    return _tai_of_tt(pc.subtract(tdb, pc.multiply(pc.sin(usable), 0.001657 / _DAY)))


def days_to_tt(scale: str, year: float) -> float:
    """Return what to add to times of a scale around a Julian year to make them Julian dates of TT, in days."""
    moment = _moment(year)
    form, _, of = scale.partition("-")
    return float((moment.tt.jd - getattr(moment, of).jd) + (MJD_ZERO if form == "mjd" else 0.0))


def _moment(year: float) -> Any:
    from astropy.time import Time

    return Time(year, format="jyear", scale="tt")


def from_utc(text: str, scale: str) -> float:
    """Return a time of UTC (``2026-01-01T03:00``) in a survey's time scale."""
    from astropy.time import Time

    form, _, of = scale.partition("-")
    return float(getattr(getattr(Time(text, format="isot", scale="utc"), of), form))

"""Time scales, held against astropy: every day since 1972, and every leap second among them."""

from datetime import date

import erfa
import pyarrow as pa
import pytest
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.catalogs.epochs import years_of
from alertferry.core.lake_source import _bounds
from alertferry.core.survey import Packet, Survey
from alertferry.core.time_scales import LEAP_SECONDS, TIME_SCALES, days_to_tt, label, utc_days

MJD_1858 = date(1858, 11, 17).toordinal()
LEAPS = [date.fromordinal(MJD_1858 + mjd - 1) for mjd, _ in LEAP_SECONDS[1:]]
"""Days that end with a leap second."""


def in_scale(moment, scale):
    form, _, of = scale.partition("-")
    return float(getattr(getattr(moment, of), form))


@pytest.mark.filterwarnings("ignore:ERFA function:erfa.ErfaWarning")  # of years to come
@settings(deadline=None)
@given(
    st.sampled_from(TIME_SCALES),
    st.sampled_from(LEAPS) | st.dates(date(1972, 1, 1), date(2060, 1, 1)),
    st.floats(0.001, 86400.999, exclude_max=True) | st.sampled_from([0.001, 86399.999, 86400.001, 86400.5, 86400.999]),
)
def test_the_date_of_utc_is_astropys(scale, day, second):
    last = 86401 if day in LEAPS else 86400
    second = min(max(second, 0.001), last - 0.001)  # a Julian date tells 40 microseconds apart
    hour, minute = min(int(second // 3600), 23), min(int(second % 3600 // 60), 59)
    if second >= 86400:
        hour, minute = 23, 59
    moment = Time(f"{day}T{hour:02d}:{minute:02d}:{second - 3600 * hour - 60 * minute:09.6f}", scale="utc")
    value = in_scale(moment, scale)
    for beside in ([], [41400.0 + (2400000.5 if scale.startswith("jd") else 0), None, float("nan"), float("inf")]):
        found = utc_days(pa.array([value, *beside]), scale).to_pylist()
        assert date.fromordinal(MJD_1858 + int(found[0])) == day


def test_no_leap_second_is_missing():
    """Fails when the IERS has announced another one: astropy's table comes with its releases."""
    table = [row for row in erfa.leap_seconds.get() if row["year"] >= 1972]
    known = [(date(row["year"], row["month"], 1).toordinal() - MJD_1858, int(row["tai_utc"])) for row in table]
    assert list(LEAP_SECONDS) == known


@pytest.mark.parametrize("scale", TIME_SCALES)
def test_times_asked_for_in_utc_are_compared_in_the_surveys_scale(scale):
    low, high = _bounds("2016-12-31T23:59:59..2017-01-01T00:00:01", scale)
    seconds = (high - low) * 86400
    assert seconds == pytest.approx(3, abs=1e-3)  # one of them a leap second
    assert low == in_scale(Time("2016-12-31T23:59:59", scale="utc"), scale)


@pytest.mark.parametrize("scale", TIME_SCALES)
@pytest.mark.parametrize("year", [1985.0, 2003.5, 2017.01, 2026.2])
def test_years_of_observation_are_those_of_terrestrial_time(scale, year):
    moment = Time(year, format="jyear", scale="tt")
    assert in_scale(moment, scale) + days_to_tt(scale, year) == pytest.approx(moment.tt.jd, abs=1e-8)
    first, last = years_of([moment.utc.iso[:10]])
    assert first < year < last


def test_an_unknown_scale_is_refused_with_the_known_ones():
    roles = dict.fromkeys(("alert_id", "object_id", "ra", "dec", "time"), "x")
    with pytest.raises(ValueError, match=r"survey 'mine': no time scale 'mjd-tia'; did you mean 'mjd-tai'"):
        Survey(
            name="mine", title="", **roles, time_scale="mjd-tia", packets={"full": Packet(description="", roots=True)}
        )
    with pytest.raises(ValueError, match="no time scale 'unix'; there are: jd-utc, jd-tai"):
        Survey(name="mine", title="", **roles, time_scale="unix", packets={})


def test_plots_name_them():
    assert (label("mjd-tai"), label("jd-utc")) == ("MJD (TAI)", "JD (UTC)")

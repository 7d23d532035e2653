from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from alertferry.core.nights import NightRange, expand, summarise

NIGHT = TypeAdapter(NightRange)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01..2026-01-03", "2026-01-01..2026-01-03"),
        ("2026-01-01 .. 2026-01-01", "2026-01-01"),
        (date(2026, 1, 1), "2026-01-01"),
    ],
)
def test_nights_are_normalised(written, kept):
    assert NIGHT.validate_python(written) == kept


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2026-03-07..2026-03-01", "the range is reversed: write '2026-03-01..2026-03-07'"),
        ("2026-02-30", "is not a date of the calendar: '2026-02-30'"),
        ("1 May", "must be a night YYYY-MM-DD or a range YYYY-MM-DD..YYYY-MM-DD, got '1 May'"),
        ("2026-01-01..", "must be a night YYYY-MM-DD"),
        ("0001-01-01..9999-01-01", "at most 36,525 (100 years) are allowed"),
        ("२०२६-01-01", "must be a night YYYY-MM-DD"),
    ],
)
def test_what_is_no_night_is_explained(written, message):
    with pytest.raises(ValidationError) as caught:
        NIGHT.validate_python(written)
    assert message in str(caught.value)


@given(st.lists(st.dates(date(2000, 1, 1), date(2000, 3, 1)), max_size=20))
def test_summarise_is_the_inverse_of_expand(nights):
    assert expand(summarise(nights)) == tuple(sorted(set(nights)))


def test_overlapping_ranges_give_each_night_once():
    first = date(2026, 3, 1)
    nights = expand(["2026-03-01..2026-03-03", "2026-03-02..2026-03-04"])
    assert nights == tuple(first + timedelta(days=day) for day in range(4))

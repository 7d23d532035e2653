"""The gauges say what is known, and no more."""

from dataclasses import replace
from datetime import date

import pytest

from alertferry.estimates.results import Estimate
from alertferry.ui.draft import new_draft, with_filter, with_limit, with_nights
from alertferry.ui.gauges import at_once, measured, nightly, size_text
from alertferry.ui.lakes import Lake, NightCount

LAKE = Lake(tuple(NightCount(date(2026, 3, day), 1000 * day) for day in (1, 2, 4)))
DRAFT = with_nights(new_draft("lsst", "full"), ["2026-03-01..2026-03-03"])


def test_without_filters_the_nights_are_counted():
    found = at_once(DRAFT, LAKE, 1500.0, False)
    assert (found.alerts, found.size, found.size_note) == ("3,000", "4.5 MB", "1.5 kB per packet")
    assert nightly(DRAFT, LAKE) == 3000


def test_with_filters_it_is_a_limit():
    draft = with_filter(DRAFT, "sql", {"where": ["a > 1"]})
    assert at_once(draft, LAKE, 10.0, False).alerts == "≤ 3,000"
    assert at_once(draft, LAKE, 10.0, True).alerts_note == "estimating"


def test_a_job_with_a_limit_carries_no_more():
    found = at_once(with_limit(DRAFT, "20"), LAKE, 1500.0, False)
    assert (found.alerts, found.alerts_note, found.size) == ("20", "as limited", "30.0 kB")
    assert at_once(with_limit(DRAFT, "5000"), LAKE, 1500.0, False).alerts == "3,000"
    filtered = with_filter(with_limit(DRAFT, "20"), "sql", {"where": ["a > 1"]})
    assert at_once(filtered, LAKE, 1500.0, False).alerts == "≤ 20"


def test_nights_with_one_that_cannot_be_read_have_no_number():
    lake = replace(LAKE, nights=(*LAKE.nights, NightCount(date(2026, 3, 3), None)))
    assert nightly(DRAFT, lake) is None
    found = at_once(DRAFT, lake, 1500.0, False)
    assert (found.alerts, found.size) == ("–", "–")
    assert found.alerts_note == "not known: 2026-03-03 cannot be read"
    assert nightly(with_nights(DRAFT, ["2026-03-01..2026-03-02"]), lake) == 3000


@pytest.mark.parametrize(
    ("draft", "lake", "note"),
    [
        (new_draft("lsst", "full"), LAKE, "choose nights"),
        (DRAFT, Lake(reason="elsewhere"), "not known for this lake"),
    ],
)
def test_what_is_not_known_is_not_said(draft, lake, note):
    found = at_once(draft, lake, None, False)
    assert (found.alerts, found.size, found.alerts_note) == ("–", "–", note)


def test_an_estimate_comes_with_its_interval():
    estimate = Estimate(alerts=212, low=180, high=249, bytes=424_000, bytes_low=360_000, bytes_high=498_000)
    found = measured(estimate, None)
    assert (found.alerts, found.alerts_note) == ("≈ 212", "180 to 249 (95 %)")
    assert (found.size, found.size_note) == ("424 kB", "360 kB to 498 kB")


def test_a_count_is_no_estimate():
    estimate = Estimate(
        alerts=7, low=7, high=7, bytes=70, bytes_low=70, bytes_high=70, bytes_per_alert=10.0, exact=True
    )
    found = measured(estimate, None)
    assert (found.alerts, found.alerts_note, found.size_note) == ("7", "counted", "10 B per packet")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (1e6, "1.0 MB"), (176e9, "176 GB"), (2e12, "2.0 TB")],
)
def test_sizes_have_a_number_and_a_unit(count, text):
    assert size_text(count) == text

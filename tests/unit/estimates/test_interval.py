"""The interval holds the truth as often as it says: simulated on populations whose truth is known."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.estimates.gamma import gamma_below, gamma_quantile
from alertferry.estimates.interval import Interval, Stratum, count_interval, ratio_interval

TRIALS = 400
TOLERANCE = 0.03  # three standard deviations of a share of 95 % in 400 trials


@st.composite
def populations(draw):
    """Nights of different sizes, sampled differently, with alerts that pass from none to all."""
    share = draw(st.sampled_from([0.0, 1e-4, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.8, 0.97, 0.999, 1.0]))
    nights = []
    for _ in range(draw(st.integers(1, 6))):
        alerts = draw(st.integers(100, 50_000))
        sampled = draw(st.integers(50, alerts))
        passing = round(alerts * share * draw(st.floats(0.3, 1.0)))
        nights.append((alerts, sampled, passing))
    return nights


@settings(max_examples=25, deadline=None, derandomize=True)
@given(populations(), st.integers(0, 2**32 - 1))
def test_the_truth_lies_inside_in_95_of_100_cases(nights, seed):
    random = np.random.default_rng(seed)
    truth = sum(passing for _, _, passing in nights)
    drawn = np.array([random.hypergeometric(good, size - good, taken, TRIALS) for size, taken, good in nights]).T
    inside = 0
    for outcome, times in Counter(map(tuple, drawn.tolist())).items():
        found = count_interval(
            Stratum(size, taken, seen) for (size, taken, _), seen in zip(nights, outcome, strict=True)
        )
        assert found.low <= found.value + 1e-6
        assert found.value <= found.high + 1e-6
        inside += times * (math.floor(found.low + 1e-6) <= truth <= math.ceil(found.high - 1e-6))
    assert inside / TRIALS >= 0.95 - TOLERANCE, (nights, inside / TRIALS)


def test_intervals_are_not_wider_than_needed():
    found = count_interval([Stratum(100_000, 10_000, 1_000)] * 4)
    deviation = math.sqrt(4 * 100_000 * 90_000 * 0.1 * 0.9 / 9_999)
    assert found.value == pytest.approx(40_000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.02)


def test_none_of_a_sample_is_no_false_zero():
    found = count_interval([Stratum(1_000_000, 10_000, 0)])
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(-math.log(0.025) * 100, rel=0.01)


def test_none_of_all_is_zero_and_all_of_all_is_all():
    assert count_interval([Stratum(1_000, 1_000, 0)]) == Interval(0, 0, 0)
    assert count_interval([Stratum(1_000, 1_000, 1_000), Stratum(7, 7, 3)]) == Interval(1_003, 1_003, 1_003)


def test_all_of_a_sample_is_not_certainly_all():
    found = count_interval([Stratum(100_000, 1_000, 1_000)])
    assert found.high == 100_000
    assert 99_000 < found.low < 99_700


def test_a_night_without_a_sample_may_hold_anything():
    assert count_interval([Stratum(500, 0, 0), Stratum(100, 100, 10)]) == Interval(10, 10, 510)


def test_what_was_seen_is_certain():
    found = count_interval([Stratum(1_000, 990, 4)])
    assert found.low >= 4
    assert found.high <= 14


def test_few_groups_tell_less_than_as_many_alerts():
    alone = count_interval([Stratum(100_000, 1_000, 100)])
    grouped = count_interval([Stratum(100_000, 1_000, 100, groups=20)])
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)
    assert (
        count_interval([Stratum(100_000, 1_000, 0, groups=20)]).high > count_interval([Stratum(100_000, 1_000, 0)]).high
    )


def test_without_strata_there_is_nothing():
    assert count_interval([]) == Interval(0, 0, 0)


def test_the_product_is_as_uncertain_as_its_factors():
    total = Interval(1_000, 900, 1_100)
    known = ratio_interval(total, 50, 0, 100, complete=True)
    assert (known.value, known.low, known.high) == (50_000, 45_000, pytest.approx(55_000))
    scattered = ratio_interval(total, 50, 25, 100, complete=False)
    assert scattered.low < known.low
    assert scattered.high == pytest.approx(50_000 * (1 + math.hypot(0.1, 0.1 * 0.992)), rel=1e-3)
    assert ratio_interval(Interval(0, 0, 40), 50, 0, 2, complete=True) == Interval(0, 0, 2_000)


@pytest.mark.parametrize(
    ("degrees", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (9, 2.262), (30, 2.042), (199, 1.972)]
)
def test_means_of_few_packets_are_uncertain_as_student_says(degrees, expected):
    measured = degrees + 1
    found = ratio_interval(Interval(1, 1, 1), 1.0, math.sqrt(measured), measured, complete=False)
    assert found.high - 1 == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [(0.025, 1, 0.000982), (0.975, 2, 7.378), (0.025, 10, 3.247), (0.975, 10, 20.483), (0.975, 100, 129.561)],
)
def test_quantiles_are_those_of_the_chi_square_tables(probability, degrees, expected):
    assert gamma_quantile(probability, degrees / 2, 2) == pytest.approx(expected, rel=1e-3)


@given(st.floats(0.5, 900), st.sampled_from([0.025, 0.5, 0.975]))
@settings(max_examples=50, deadline=None)
def test_quantile_and_distribution_are_inverse(shape, probability):
    assert gamma_below(shape, gamma_quantile(probability, shape, 1.0)) == pytest.approx(probability, abs=1e-5)


def test_large_shapes_go_on_where_small_ones_end():
    for probability in (0.025, 0.975):
        below, above = (gamma_quantile(probability, shape, 1.0) for shape in (999.999, 1000.001))
        assert above - below == pytest.approx(0.002, abs=0.002)

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.consumer.layout import data_files, is_hidden, parse_stem, stem, temporary
from alertferry.consumer.spans import Covered, Span, coverage, gaps, missing, share, total, within

offsets = st.integers(0, 300)
spans = st.lists(
    st.builds(lambda partition, start, size: Span(partition, start, start + size), st.integers(0, 3), offsets, offsets)
)


def as_set(found) -> set[tuple[int, int]]:
    return {(span.partition, offset) for span in found for offset in range(span.start, span.end)}


@given(spans, offsets, offsets)
def test_what_is_covered_and_its_gaps_make_the_whole(known, start, end):
    covered = coverage(known)
    ends = dict.fromkeys(range(4), end)
    found = missing(covered, dict.fromkeys(range(4), start), ends)
    whole = {(partition, offset) for partition in range(4) for offset in range(start, end)}
    assert as_set(found) == whole - as_set(known)
    assert total(found) == len(as_set(found))


@given(spans)
def test_coverage_is_sorted_and_disjoint(known):
    for intervals in coverage(known).values():
        assert all(before.end < after.start for before, after in pairwise(intervals))


def test_touching_intervals_become_one():
    assert coverage([Span(1, 5, 9), Span(1, 0, 5)]) == {1: [Covered(0, 9)]}


def test_a_gap_in_the_middle_is_found():
    assert gaps(2, [Covered(0, 3), Covered(7, 9)], 0, 12) == [Span(2, 3, 7), Span(2, 9, 12)]


@given(spans, st.integers(0, 500))
def test_a_budget_is_met_exactly(known, budget):
    taken = within(known, budget)
    assert total(taken) == min(budget, total(known))
    assert as_set(taken) <= as_set(known)


def test_no_budget_takes_everything():
    assert within([Span(0, 0, 9)], None) == [Span(0, 0, 9)]


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=12), st.integers(1, 6))
def test_shares_are_the_whole_and_no_offset_twice(sizes, workers):
    wanted = [Span(number, 0, size) for number, size in enumerate(sizes)]
    shares = share(wanted, workers)
    assert len(shares) <= workers
    pieces = [span for one in shares for span in one]
    assert total(pieces) == total(wanted)
    assert missing(coverage(pieces), {}, dict(enumerate(sizes))) == []
    assert share(wanted, workers) == shares


def test_one_long_partition_keeps_every_worker_busy():
    assert [total(one) for one in share([Span(0, 0, 40_000)], 4)] == [10_000] * 4


def test_a_small_topic_is_not_cut():
    assert share([Span(0, 0, 1_000)], 4) == [[Span(0, 0, 1_000)]]


@given(st.integers(0, 99_999), st.integers(0, 10**11), st.integers(1, 10**6))
def test_file_names_round_trip(partition, start, size):
    span = Span(partition, start, start + size)
    assert parse_stem(stem(span)) == span


def test_file_names_are_those_of_the_contract():
    assert stem(Span(3, 12_000, 24_000)) == "p03-000000012000-000000023999"


@pytest.mark.parametrize(
    "name", ["p3-000000000000-000000000001", "p03-000000000005-000000000001", "part-0", "p03-1-2", "empty"]
)
def test_other_names_are_not_ours(name):
    assert parse_stem(name) is None


def test_readers_skip_hidden_names(tmp_path):
    for name in ("a.parquet", "_x/b.parquet", ".c.parquet.tmp", "d/e.avro", "f.txt", ".g.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in data_files(tmp_path)] == ["a.parquet", "e.avro"]
    assert is_hidden(temporary(tmp_path / "a.parquet"), tmp_path)

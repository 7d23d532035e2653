"""Rows put together into transactions."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.plugins.outputs.transactions import Full, chunks

FOREVER = 1e9


def batch(rows):
    return pa.record_batch({"value": [bytes(100)] * rows, "key": [b"1"] * rows})


def rows_of(found):
    return [[item.num_rows for item in chunk] for chunk in found]


@settings(deadline=None)
@given(st.lists(st.integers(0, 30)), st.integers(1, 50))
def test_chunks_are_all_rows_in_their_order_and_no_larger_than_needed(sizes, alerts):
    found = rows_of(chunks(map(batch, sizes), Full(10**9, alerts, FOREVER)))
    flat = [size for chunk in found for size in chunk]
    assert [size for size in flat if size] == [size for size in sizes if size]
    assert all(sum(chunk) >= alerts for chunk in found[:-1])
    assert all(sum(chunk[:-1]) < alerts for chunk in found)
    assert all(sum(chunk) for chunk in found)


def test_bytes_fill_a_chunk_too():
    assert rows_of(chunks(map(batch, [10, 10, 10, 10]), Full(2000, 10**6, FOREVER))) == [[10, 10], [10, 10]]


def test_rows_do_not_wait_for_long():
    assert rows_of(chunks(map(batch, [1, 1, 1]), Full(10**9, 10**6, 0.0))) == [[1], [1], [1]]

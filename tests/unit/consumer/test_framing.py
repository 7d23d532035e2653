import io
import json

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.consumer.framing import FramingError, block, blocks, header, new_sync, scan, slices, varint
from tests.publishing import LIGHT, encode, light_alerts


@given(st.integers(-(2**63), 2**63 - 1))
def test_numbers_are_written_as_fastavro_writes_them(value):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, "long", value)
    assert varint(value) == stream.getvalue()


def container(messages, block_bytes=1 << 20) -> bytes:
    sync = new_sync()
    head = header(json.dumps(LIGHT), sync, {"alertferry.topic": "t"})
    return b"".join((head, *blocks(messages, sync, block_bytes)))


@pytest.mark.parametrize("block_bytes", [1, 200, 1 << 20])
def test_a_container_is_read_by_fastavro(block_bytes):
    alerts = light_alerts(50)
    reader = fastavro.reader(io.BytesIO(container(encode(LIGHT, alerts), block_bytes)))
    assert list(reader) == alerts
    assert reader.metadata["alertferry.topic"] == "t"
    assert reader.codec == "null"


def test_a_container_without_records_is_read_too():
    assert list(fastavro.reader(io.BytesIO(container([])))) == []


def test_scanning_counts_records_and_finds_the_metadata():
    metadata, rows = scan(io.BytesIO(container(encode(LIGHT, light_alerts(50)), 100)))
    assert rows == 50
    assert metadata["alertferry.topic"] == "t"
    assert json.loads(metadata["avro.schema"]) == LIGHT


def test_scanning_a_file_of_fastavro():
    stream = io.BytesIO()
    fastavro.writer(stream, LIGHT, light_alerts(30), codec="deflate", sync_interval=50)
    stream.seek(0)
    assert scan(stream)[1] == 30


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-40], lambda data: data[:20]])
def test_a_file_cut_short_is_noticed(damage):
    with pytest.raises(FramingError):
        scan(io.BytesIO(damage(container(encode(LIGHT, light_alerts(50)), 100))))


def test_a_damaged_sync_marker_is_noticed():
    data = bytearray(container(encode(LIGHT, light_alerts(5))))
    data[-1] ^= 1
    with pytest.raises(FramingError, match="sync marker"):
        scan(io.BytesIO(data))


def test_other_files_are_refused():
    with pytest.raises(FramingError, match="begin"):
        scan(io.BytesIO(b"PAR1"))


@settings(max_examples=1_000)
@given(st.lists(st.binary(max_size=40)), st.integers(1, 100))
def test_slices_are_the_whole_in_order(messages, size):
    found = list(slices(messages, size))
    assert [message for start, stop in found for message in messages[start:stop]] == messages
    for start, stop in found:
        assert start < stop
        assert sum(map(len, messages[start : stop - 1])) < 1.5 * size + 1
    assert len(found) <= max(1, round(sum(map(len, messages)) / size))


def test_slices_are_even():
    messages = [b"m" * 10] * 280
    assert [stop - start for start, stop in slices(messages, 1_000)] == [94, 94, 92]
    assert list(slices(messages, 2_400)) == [(0, 280)]


def test_a_block_states_count_and_size():
    assert block([b"ab", b"c"], b"S" * 16) == varint(2) + varint(3) + b"abc" + b"S" * 16

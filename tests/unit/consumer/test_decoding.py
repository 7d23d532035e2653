"""Every value that Avro can hold arrives as fastavro reads it, whichever decoder did the work."""

import json
import math
import struct
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertferry.consumer.decode import Checker, Decoder
from alertferry.consumer.fastpath import FastReader, ReadError, slice_bytes
from alertferry.consumer.framing import slices
from alertferry.consumer.slowpath import SlowReader
from tests.publishing import LIGHT, encode, light_alerts

NAN = struct.unpack(">d", bytes.fromhex("7ff8000000000abc"))[0]


def record(*fields):
    return {"type": "record", "name": "top", "fields": [{"name": name, "type": kind} for name, kind in fields]}


def table(schema, messages) -> pa.Table:
    decoder = Decoder(json.dumps(schema))
    decoded = decoder.decode(messages)
    assert decoded.bad == {}
    found = pa.Table.from_batches(decoded.results, schema=decoder.schema)
    found.validate(full=True)
    return found


def plain(value, kind):
    """A value of Arrow as fastavro gives it: maps as dicts."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return {key: plain(item, kind.item_type) for key, item in value}
    if pa.types.is_list(kind):
        return [plain(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {field.name: plain(value[field.name], field.type) for field in kind}
    return value


def rows(found: pa.Table):
    return [{field.name: plain(row[field.name], field.type) for field in found.schema} for row in found.to_pylist()]


def bits(value):
    """A value in which equal means equal in every bit."""
    if isinstance(value, float):
        return struct.pack(">d", value)
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    return [bits(item) for item in value] if isinstance(value, list) else value


@st.composite
def kinds(draw, depth=3, name="n"):
    """A random Avro type and a strategy of its values; ``name`` keeps the names of its records apart."""
    leaves = {
        "boolean": st.booleans(),
        "int": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1),
        "double": st.floats(),
        "float": st.floats(width=32),
        "string": st.text(st.characters(codec="utf-8"), max_size=6),
        "bytes": st.binary(max_size=6),
    }
    choice = draw(
        st.sampled_from([*leaves, "enum", "fixed", *(["array", "map", "record", "union"] * 2 if depth else [])])
    )
    if choice in leaves:
        return choice, leaves[choice]
    if choice == "enum":
        return {"type": "enum", "name": name, "symbols": ["A", "B"]}, st.sampled_from(["A", "B"])
    if choice == "fixed":
        return {"type": "fixed", "name": name, "size": 3}, st.binary(min_size=3, max_size=3)
    if choice == "record":
        count = draw(st.integers(1, 4))
        fields = [(f"f{number}", *draw(kinds(depth - 1, f"{name}_{number}"))) for number in range(count)]
        schema = record(*((field, kind) for field, kind, _ in fields)) | {"name": name}
        return schema, st.fixed_dictionaries({field: values for field, _, values in fields})
    inner, values = draw(kinds(depth - 1, f"{name}_x"))
    if choice == "array":
        return {"type": "array", "items": inner}, st.lists(values, max_size=3)
    if choice == "map":
        return {"type": "map", "values": inner}, st.dictionaries(st.text("abc", max_size=3), values, max_size=3)
    if isinstance(inner, list):
        return inner, values
    return draw(st.sampled_from([["null", inner], [inner, "null"]])), st.none() | values


@st.composite
def schemas_with_records(draw):
    kind, values = draw(kinds())
    schema = record(("id", "long"), ("x", kind))
    alerts = draw(st.lists(st.fixed_dictionaries({"id": st.integers(0, 2**62), "x": values}), min_size=1, max_size=5))
    return schema, alerts


@given(schemas_with_records())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_schemas_and_values_arrive_bit_for_bit(case):
    schema, alerts = case
    messages = encode(schema, alerts)
    slow = SlowReader(schema)
    expected = [slow.record(message) for message in messages]
    assert bits(rows(table(schema, messages))) == bits(expected)
    structs = slow.read(messages)
    assert bits([plain(row, structs.type) for row in structs.to_pylist()]) == bits(expected)


def test_every_light_alert_arrives():
    alerts = light_alerts(5_000)
    assert rows(table(LIGHT, encode(LIGHT, alerts))) == alerts


def test_numbers_keep_every_bit():
    schema = record(("a", "long"), ("b", ["null", "double"]))
    alerts = [{"a": 2**63 - 1, "b": NAN}, {"a": -(2**63), "b": -0.0}, {"a": 2**53 + 1, "b": math.inf}]
    assert bits(rows(table(schema, encode(schema, alerts)))) == bits(alerts)


def test_dates_times_and_decimals_are_exact():
    from datetime import UTC, date, datetime, time
    from decimal import Decimal

    logical = {
        "day": ("int", "date", date(2026, 11, 21)),
        "time": ("long", "time-micros", time(1, 2, 3, 456_789)),
        "stamp": ("long", "timestamp-micros", datetime(2026, 11, 21, 1, 2, 3, 456_789, tzinfo=UTC)),
        "local": ("long", "local-timestamp-millis", datetime(2026, 11, 21, 1, 2, 3, 456_000)),
    }
    fields = [(name, ["null", {"type": kind, "logicalType": what}]) for name, (kind, what, _) in logical.items()]
    fields.append(("money", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2}))
    schema = record(*fields)
    alert = {name: value for name, (_, _, value) in logical.items()} | {"money": Decimal("-1234567890123456789.25")}
    empty = dict.fromkeys(logical) | {"money": Decimal("0.00")}
    assert rows(table(schema, encode(schema, [alert, empty]))) == [alert, empty]


def test_a_record_without_fields_still_counts():
    assert table(record(), [b"", b""]).num_rows == 2


@pytest.mark.parametrize("schema", [LIGHT, record(("x", ["null", {"type": "map", "values": "long"}]))])
def test_common_schemas_take_the_fast_path(schema):
    assert Decoder(json.dumps(schema)).fast


def test_the_reader_below_polars_is_there_without_polars():
    code = (
        "import json, sys; from alertferry.consumer.decode import Decoder; "
        f"assert Decoder({json.dumps(LIGHT)!r}).fast; assert 'polars' not in sys.modules; "
        "import polars_avro; from polars_avro import _avro_rs; assert _avro_rs is sys.modules['polars_avro._avro_rs']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("sizes", [[0] * 3000, [1, 70_000, 9_000_000, 1], [5_000_000] * 3, [200] * 2000 + [100_000]])
def test_messages_of_any_size_arrive_whole(sizes):
    schema = record(("image", "bytes"))
    images = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    found = table(schema, encode(schema, [{"image": image} for image in images]))
    assert found["image"].to_pylist() == images


def test_schemas_that_the_fast_reader_refuses_are_decoded_all_the_same():
    schema = record(("a", ["long"]), ("n", "null"))
    assert not Decoder(json.dumps(schema)).fast
    assert rows(table(schema, encode(schema, [{"a": 7, "n": None}]))) == [{"a": 7, "n": None}]


def test_recursive_and_mixed_schemas_can_be_checked():
    schema = record(("a", ["null", "long", "string"]), ("next", ["null", "top"]))
    messages = encode(schema, [{"a": 1, "next": {"a": "x", "next": None}}])
    assert Checker(json.dumps(schema)).bad([*messages, b"\xff"]).keys() == {1}


def with_bad_ones(messages):
    found = list(messages)
    found[0] = found[0] + b"\0\0"
    found[5] = b"junk"
    found[6] = b""
    found[77] = None
    found[90] = found[90][:-3]
    found[-1] = found[-1] + b"\0"
    return found, {0, 5, 6, 77, 90, len(found) - 1}


def test_bad_messages_are_named_and_all_others_kept():
    alerts = light_alerts(200)
    messages, bad = with_bad_ones(encode(LIGHT, alerts))
    decoded = Decoder(json.dumps(LIGHT)).decode(messages)
    assert decoded.bad.keys() == bad == Checker(json.dumps(LIGHT)).bad(messages).keys()
    kept = pa.Table.from_batches(decoded.results)["diaSourceId"].to_pylist()
    assert kept == [alert["diaSourceId"] for index, alert in enumerate(alerts) if index not in bad]


def test_the_reasons_are_told():
    messages, _ = with_bad_ones(encode(LIGHT, light_alerts(200)))
    bad = Decoder(json.dumps(LIGHT)).decode(messages).bad
    assert bad[0] == "2 bytes are left over after the record"
    assert bad[90] == "the bytes end before the record does"
    assert bad[77] == "the message has no value"


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_damage_neither_hangs_nor_shifts_a_neighbour(data):
    alerts = light_alerts(3)
    messages = [bytearray(message) for message in encode(LIGHT, alerts)]
    victim = messages[1]
    for _ in range(data.draw(st.integers(0, 3))):
        victim[data.draw(st.integers(0, len(victim) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(victim)))
    more = data.draw(st.binary(max_size=5))
    messages[1] = victim[:cut] + more if data.draw(st.booleans()) else victim + more
    decoder = Decoder(json.dumps(LIGHT))
    decoded = decoder.decode([bytes(message) for message in messages])
    found = rows(pa.Table.from_batches(decoded.results, schema=decoder.schema))
    assert (found[0], found[-1]) == (alerts[0], alerts[2])
    assert len(found) + len(decoded.bad) == 3


def test_a_message_cannot_end_inside_its_neighbour():
    messages = encode(LIGHT, light_alerts(2))
    reader = FastReader(LIGHT)
    joined = messages[0] + messages[1]
    with pytest.raises(ReadError):
        reader.read([joined[:-4], joined[-4:]])
    assert len(reader.read(messages)) == 2


def test_maps_of_lists_arrive():
    schema = record(("m", {"type": "map", "values": {"type": "array", "items": ["null", "string"]}}))
    alerts = [{"m": {}}, {"m": {"é": [], "b": ["x", None]}}]
    assert rows(table(schema, encode(schema, alerts))) == alerts


@pytest.mark.parametrize(
    ("size", "count", "expected"), [(900, 30_000, 4), (900, 3_000, 1), (120_000, 240, 2), (0, 9, 1)]
)
def test_blocks_hold_as_many_messages_as_are_best_decoded_together(size, count, expected):
    messages = [bytes(size)] * count
    assert len(list(slices(messages, slice_bytes(messages)))) == expected

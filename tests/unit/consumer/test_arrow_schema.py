import json

import pyarrow as pa
import pytest

from alertferry.consumer.decode import Decoder
from alertferry.consumer.schema_check import judge
from alertferry.consumer.schemas import UnsupportedSchemaError, arrow_schema, parse_schema, storage_schema
from alertferry.consumer.sizes import Sizes
from alertferry.consumer.slowpath import SlowReader
from alertferry.core.errors import DamagedError, UsageError


def record(*fields, **more):
    return {"type": "record", "name": "top", "fields": [{"name": name, "type": kind} for name, kind in fields], **more}


def only(kind) -> pa.Field:
    return arrow_schema(record(("x", kind))).field("x")


@pytest.mark.parametrize(
    ("avro", "arrow"),
    [
        ("boolean", pa.bool_()),
        ("int", pa.int32()),
        ("long", pa.int64()),
        ("float", pa.float32()),
        ("double", pa.float64()),
        ("bytes", pa.binary()),
        ("string", pa.string()),
        ({"type": "fixed", "name": "f", "size": 3}, pa.binary(3)),
        ({"type": "enum", "name": "e", "symbols": ["A"]}, pa.string()),
        ({"type": "int", "logicalType": "date"}, pa.date32()),
        ({"type": "int", "logicalType": "time-millis"}, pa.time32("ms")),
        ({"type": "long", "logicalType": "time-micros"}, pa.time64("us")),
        ({"type": "long", "logicalType": "timestamp-millis"}, pa.timestamp("ms", "UTC")),
        ({"type": "long", "logicalType": "timestamp-micros"}, pa.timestamp("us", "UTC")),
        ({"type": "long", "logicalType": "local-timestamp-micros"}, pa.timestamp("us")),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, pa.decimal128(9, 2)),
        ({"type": "bytes", "logicalType": "decimal", "precision": 50}, pa.decimal256(50, 0)),
        ({"type": "string", "logicalType": "uuid"}, pa.string()),
        ({"type": "long", "logicalType": "no-such-thing"}, pa.int64()),
        ({"type": "bytes", "logicalType": "decimal", "precision": 1, "scale": 2}, pa.binary()),
        ({"type": {"type": "long"}}, pa.int64()),
    ],
)
def test_each_type_has_one_counterpart(avro, arrow):
    assert only(avro) == pa.field("x", arrow, nullable=False)
    assert only([avro, "null"]) == only(["null", avro]) == pa.field("x", arrow, nullable=True)


def test_maps_are_maps_and_nullability_is_kept_at_every_level():
    kind = {"type": "array", "items": ["null", {"type": "map", "values": ["double", "null"]}]}
    expected = pa.list_(pa.field("item", pa.map_(pa.string(), pa.field("value", pa.float64()))))
    assert only(kind) == pa.field("x", expected, nullable=False)
    strict = {"type": "map", "values": {"type": "array", "items": "long"}}
    inner = pa.list_(pa.field("item", pa.int64(), nullable=False))
    assert only(strict).type == pa.map_(pa.string(), pa.field("value", inner, nullable=False))


def test_names_are_found_again_across_namespaces():
    inner = record(("q", "long"), name="inner", namespace="z")
    schema = record(
        ("a", inner), ("b", ["null", "z.inner"]), ("c", {"type": "array", "items": "z.inner"}), namespace="x"
    )
    struct = pa.struct([pa.field("q", pa.int64(), nullable=False)])
    found = arrow_schema(schema)
    assert found.field("a") == pa.field("a", struct, nullable=False)
    assert found.field("b") == pa.field("b", struct)
    assert found.field("c").type.value_type == struct


def test_a_name_belongs_to_the_namespace_around_it():
    kind = {"type": "enum", "name": "e", "symbols": ["A"]}
    found = arrow_schema(record(("a", kind), ("b", "e"), ("c", "x.e"), namespace="x"))
    assert {field.type for field in found} == {pa.string()}


@pytest.mark.parametrize(
    "schema",
    [
        record(
            ("a", record(("b", {"type": "enum", "name": "e", "symbols": ["A"]}), name="i")), ("c", "i"), namespace=None
        ),
        record(
            ("a", record(("b", {"type": "enum", "name": "e", "symbols": ["A"]}), name="i", namespace=None)),
            ("c", "x.i"),
            ("d", "x.e"),
            namespace="x",
        ),
        record(
            ("a", record(("b", {"type": "enum", "name": "e", "symbols": ["A"]}), name="i", namespace="")),
            ("c", "i"),
            ("d", {"type": "e"}),
            namespace="x",
        ),
        record(("a", {"type": "fixed", "name": "AlertferryMark", "size": 8}), ("c", ["AlertferryMark", "null"])),
    ],
    ids=["null-outside", "null-inside", "none-inside", "a-name-of-ours"],
)
def test_every_reader_finds_a_name_where_the_judge_found_it(schema):
    """A null for a namespace is none of its own; the empty one is that of names without a dot."""
    text = json.dumps(schema)
    value = {"b": "A"} if "symbols" in text else b"12345678"
    message = b"\0" * len(schema["fields"]) if "symbols" in text else value + b"\0" + value
    found = Decoder(text).decode([message] * 3)
    assert not found.bad
    assert [row["c"] for batch in found.results for row in batch.to_pylist()] == [value] * 3
    assert SlowReader(judge(text).schema).read([message]).to_pylist()[0]["c"] == value
    assert Sizes(judge(text)).refused([message]) == {}


def test_unions_of_several_types_are_refused_by_path():
    schema = record(("a", {"type": "array", "items": record(("b", ["null", "long", "string"]), name="r")}))
    with pytest.raises(
        UnsupportedSchemaError, match=r"'a\.item\.b' is a union of several types.*--format avro"
    ) as caught:
        arrow_schema(schema)
    assert caught.value.exit_code == UsageError.exit_code


def test_records_that_contain_themselves_are_refused():
    schema = record(("next", ["null", "top"]))
    with pytest.raises(UnsupportedSchemaError, match="'next' contains itself"):
        arrow_schema(schema)


@pytest.mark.parametrize(
    ("text", "said"), [("nonsense", "not JSON"), ('"long"', "not an Avro record"), ("[]", "record")]
)
def test_schemas_that_are_none_are_damage(text, said):
    with pytest.raises(DamagedError, match=said):
        parse_schema(text)


def test_an_unknown_name_is_damage():
    with pytest.raises(DamagedError, match="'ghost'"):
        arrow_schema(record(("x", "ghost")))


def test_decoding_needs_neither_texts_nor_dates():
    schema = record(("t", {"type": "long", "logicalType": "timestamp-micros"}), doc="text")
    schema["fields"][0] |= {"doc": "text", "default": 0, "aliases": ["u"]}
    assert json.dumps(storage_schema(schema)) == json.dumps(record(("t", {"type": "long"})))

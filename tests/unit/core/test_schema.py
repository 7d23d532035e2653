import pytest

from alertferry.core.schema import (
    Array,
    Field,
    Map,
    Primitive,
    Struct,
    find,
    from_arrow,
    from_spark,
    lacking,
    merge,
    to_ddl,
)

LONG, DOUBLE, INT = Primitive("long"), Primitive("double"), Primitive("int")
SOURCE = Struct((Field("ra", DOUBLE), Field("flux", Primitive("float"))))
LAKE = Struct((Field("id", LONG, False), Field("source", SOURCE), Field("history", Array(SOURCE))))


def test_paths_enter_structs_and_arrays_of_structs():
    assert find(LAKE, "source.ra") == Field("ra", DOUBLE)
    assert find(LAKE, "history.flux") == Field("flux", Primitive("float"))
    assert find(LAKE, "source.RA") is None
    assert find(LAKE, "id.ra") is None


def test_union_keeps_order_and_widens():
    other = Struct((Field("extra", LONG), Field("source", Struct((Field("dec", DOUBLE), Field("flux", DOUBLE))))))
    union = merge([LAKE, other])
    assert union.names == ("id", "source", "history", "extra")
    assert find(union, "source.flux") == Field("flux", DOUBLE)
    assert list(lacking(LAKE, union)) == ["source.dec", "extra"]
    assert list(lacking(other, union)) == ["id", "source.ra", "history"]


def test_contradicting_types_are_named():
    with pytest.raises(ValueError, match=r"source\.ra is double in some nights and string in others"):
        merge([LAKE, Struct((Field("source", Struct((Field("ra", Primitive("string")),))),))])


def test_arrow_and_spark_agree():
    import pyarrow as pa

    arrow = pa.schema(
        [
            ("id", pa.int64()),
            ("flag", pa.bool_()),
            ("when", pa.timestamp("ns")),
            ("xs", pa.list_(pa.struct([("n", pa.int32())]))),
            ("m", pa.map_(pa.string(), pa.float32())),
        ]
    )
    spark = {
        "type": "struct",
        "fields": [
            {"name": "id", "type": "long", "nullable": True},
            {"name": "flag", "type": "boolean", "nullable": True},
            {"name": "when", "type": "timestamp", "nullable": True},
            {
                "name": "xs",
                "type": {
                    "type": "array",
                    "elementType": {"type": "struct", "fields": [{"name": "n", "type": "integer", "nullable": True}]},
                },
                "nullable": True,
            },
            {"name": "m", "type": {"type": "map", "keyType": "string", "valueType": "float"}, "nullable": True},
        ],
    }
    assert from_arrow(arrow) == from_spark(spark)


def test_ddl_quotes_every_name():
    data = Struct((Field("odd `name`", Map(Primitive("string"), LONG)), Field("xs", Array(INT))))
    assert to_ddl(data) == "struct<`odd ``name```: map<string, bigint>, `xs`: array<int>>"

import json

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
    to_ddl,
    to_json,
)
from alertferry.core.uniting import unite

LONG, DOUBLE, INT = Primitive("long"), Primitive("double"), Primitive("int")
SOURCE = Struct((Field("ra", DOUBLE), Field("flux", Primitive("float"))))
LAKE = Struct((Field("id", LONG, False), Field("source", SOURCE), Field("history", Array(SOURCE))))


def test_paths_enter_structs_and_arrays_of_structs():
    assert find(LAKE, "source.ra") == Field("ra", DOUBLE)
    assert find(LAKE, "history.flux") == Field("flux", Primitive("float"))
    assert find(LAKE, "source.RA") is None
    assert find(LAKE, "id.ra") is None


def test_what_is_lacking_is_named_by_its_path():
    other = Struct((Field("extra", LONG), Field("Source", Struct((Field("dec", DOUBLE), Field("FLUX", DOUBLE))))))
    union = unite([LAKE, other])
    assert list(lacking(LAKE, union)) == ["source.dec", "extra"]
    assert list(lacking(other, union)) == ["id", "source.ra", "history"]


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


def test_json_is_what_spark_writes_of_its_types():
    data = Struct((Field("a", Map(Primitive("string"), Array(Struct((Field("b`.c", INT),))))), Field("d", LONG)))
    assert from_spark(json.loads(to_json(data))) == data

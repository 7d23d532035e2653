"""Our encoder writes what Spark's own does, byte by byte, whatever the types and wherever the values lie."""

import datetime
import io
import json
import math
import shutil
import struct
import uuid

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from py4j.java_gateway import JavaClass, JavaPackage
from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.avro.functions import to_avro

from alertferry.core.catalyst import java
from alertferry.core.encoder import column
from alertferry.core.encoder.column import avro_packets
from alertferry.core.encoder.jar import encoder_jar
from alertferry.core.spark_errors import from_spark_error

pytestmark = pytest.mark.spark

AS_LIGHT = T.StructType([T.StructField("id", T.LongType(), False), T.StructField("name", T.StringType())])


def float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SIMPLE = {
    T.BooleanType(): st.booleans(),
    T.ByteType(): st.integers(-(2**7), 2**7 - 1),
    T.ShortType(): st.integers(-(2**15), 2**15 - 1),
    T.IntegerType(): st.integers(-(2**31), 2**31 - 1),
    T.LongType(): st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**53 + 1, -64, 63, 64, -65]),
    T.FloatType(): st.floats(width=32).map(float32),
    T.DoubleType(): st.floats(),
    T.StringType(): TEXTS,
    T.BinaryType(): st.binary(max_size=12),
    T.DateType(): st.dates(datetime.date(1800, 1, 1), datetime.date(2200, 1, 1)),
    T.TimestampType(): st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2200, 1, 1)),
    T.TimestampNTZType(): st.datetimes(datetime.datetime(1800, 1, 1), datetime.datetime(2200, 1, 1)),
}


def types(leaves):
    def nested(kinds):
        return st.one_of(
            st.builds(T.ArrayType, kinds, st.booleans()),
            st.builds(T.MapType, st.just(T.StringType()), kinds, st.booleans()),
            structs(kinds),
        )

    return st.recursive(leaves, nested, max_leaves=4)


def structs(kinds):
    fields = st.lists(st.tuples(kinds, st.booleans()), min_size=1, max_size=6)
    return fields.map(
        lambda found: T.StructType([T.StructField(f"f{i}", kind, null) for i, (kind, null) in enumerate(found)])
    )


def values(kind, nullable):
    """Values of a type as Spark takes them from Python."""
    match kind:
        case T.StructType():
            found = st.tuples(*(values(field.dataType, field.nullable) for field in kind))
        case T.ArrayType():
            found = st.lists(values(kind.elementType, kind.containsNull), max_size=4)
        case T.MapType():
            found = st.dictionaries(TEXTS, values(kind.valueType, kind.valueContainsNull), max_size=4)
        case _:
            found = SIMPLE[kind]
    return st.none() | found if nullable else found


@st.composite
def tables(draw):
    schema = draw(structs(types(st.sampled_from(list(SIMPLE)))))
    return schema, draw(st.lists(values(schema, False), min_size=1, max_size=5))


def avro_of(spark, kind: T.StructType) -> str:
    jvm = spark._jvm
    java = jvm.org.apache.spark.sql.types.DataType.fromJson(kind.json())
    return jvm.org.apache.spark.sql.avro.SchemaConverters.toAvroType(java, False, "topLevelRecord", "").toString()


def both(spark, frame) -> list[tuple[bytes, bytes]]:
    """The packets of our encoder and those of Spark's."""
    schema = avro_of(spark, frame.schema)
    columns = [F.col(name) for name in frame.columns]
    ours, theirs = avro_packets(columns, frame.schema, schema), to_avro(F.struct(*columns), schema)
    assert "AvroEncoder" in str(ours._jc), "Spark's own was used"
    rows = frame.select(ours.alias("ours"), theirs.alias("theirs")).collect()
    for row in rows:
        fastavro.schemaless_reader(io.BytesIO(row["ours"]), json.loads(schema), None)
    return [(bytes(row["ours"]), bytes(row["theirs"])) for row in rows]


@given(table=tables(), where=st.sampled_from(["as made", "moved", "in columns"]))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_bytes_are_those_of_spark(spark, tmp_path_factory, table, where):
    """Rows lie in Java objects, in bytes once they have moved, in columns when they come from a file."""
    schema, rows = table
    frame = spark.createDataFrame(rows, schema)
    file = tmp_path_factory.getbasetemp() / f"encoder-{uuid.uuid4().hex}"
    if where == "moved":
        frame = frame.repartition(2)
    elif where == "in columns":
        frame.write.parquet(str(file))
        frame = spark.read.parquet(str(file))
    found = both(spark, frame)
    assert len(found) == len(rows)
    assert [ours for ours, _ in found] == [theirs for _, theirs in found]
    shutil.rmtree(file, ignore_errors=True)


def test_alerts_of_the_surveys_too(spark, alerts):
    """Whole alerts, with history and stamps."""
    for survey in alerts:
        found = both(spark, survey.frame.limit(50))
        assert len(found) == 50
        assert [ours for ours, _ in found] == [theirs for _, theirs in found]


def test_a_packet_larger_than_any_before(spark):
    sizes = [0, 1, 70_000, 40_000_000, 3]
    schema = "size int, stamp binary"
    frame = spark.createDataFrame([(size, b"x" * size) for size in sizes], schema).coalesce(1)
    found = both(spark, frame)
    assert [len(ours) for ours, _ in found] == [len(theirs) for _, theirs in found]
    assert all(ours == theirs for ours, theirs in found)


def test_what_it_does_not_know_is_left_to_spark(spark):
    frame = spark.sql("SELECT 1 AS id, CAST(1.5 AS DECIMAL(10, 2)) AS price")
    schema = avro_of(spark, frame.schema)
    packets = avro_packets([F.col("id"), F.col("price")], frame.schema, schema)
    assert "AvroEncoder" not in str(packets._jc)
    expected = to_avro(F.struct("id", "price"), schema)
    row = frame.select(packets.alias("ours"), expected.alias("theirs")).first()
    assert row["ours"] == row["theirs"]


def test_a_class_that_the_session_has_not_got_is_a_package_to_python(spark):
    """By which a session without our jar is known."""
    assert isinstance(java(spark, "alertferry.AvroEncoder"), JavaClass)
    assert isinstance(java(spark, "alertferry.NoSuchEncoder"), JavaPackage)


def test_every_type_that_it_says_to_know_is_tried_here():
    assert {kind.typeName() for kind in SIMPLE} == column.KNOWN


def test_null_where_none_may_be_is_an_error_that_names_the_place(spark):
    frame = spark.sql("SELECT 1L AS id, array(named_struct('flux', CAST(NULL AS DOUBLE))) AS history")
    schema = json.loads(avro_of(spark, frame.schema))
    history = schema["fields"][1]["type"]["items"]
    history["fields"][0]["type"] = "double"
    packets = avro_packets([F.col("id"), F.col("history")], frame.schema, json.dumps(schema))
    with pytest.raises(Exception, match=r"history\[\]\.flux is null") as caught:
        frame.select(packets).collect()
    assert "history[].flux is null" in str(from_spark_error(caught.value))


@pytest.mark.parametrize(
    "schema",
    [
        [{"name": "id", "type": "long"}],
        [{"name": "name", "type": ["string", "null"]}, {"name": "id", "type": "long"}],
        [{"name": "id", "type": "int"}, {"name": "name", "type": ["string", "null"]}],
        [{"name": "id", "type": "long"}, {"name": "name", "type": ["string", "null", "int"]}],
    ],
    ids=["a field less", "another order", "another type", "another union"],
)
def test_a_schema_of_other_alerts_is_refused_before_any_task(spark, schema):
    described = json.dumps({"type": "record", "name": "topLevelRecord", "fields": schema})
    with pytest.raises((IllegalArgumentException, Py4JJavaError), match="cannot write"):
        avro_packets([F.col("id"), F.col("name")], AS_LIGHT, described)


def test_numbers_keep_their_bits(spark):
    """NaN, the infinities, both zeros, the largest and the smallest."""
    numbers = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1.7976931348623157e308]
    frame = spark.createDataFrame([(number,) for number in numbers], "x double").coalesce(1)
    found = [struct.unpack("<d", ours[1:])[0] for ours, _ in both(spark, frame)]
    assert [struct.pack("d", item) for item in found] == [struct.pack("d", item) for item in numbers]


def test_the_jar_is_made_once_and_anew_when_it_is_lost(tmp_path):
    jar = encoder_jar(tmp_path)
    assert jar is not None
    made = jar.stat()
    assert encoder_jar(tmp_path) == jar
    assert jar.stat().st_mtime_ns == made.st_mtime_ns
    jar.unlink()
    assert encoder_jar(tmp_path) == jar
    assert jar.is_file()
    assert [item.name for item in (tmp_path / "jars").iterdir() if item.name != ".lock"] == [jar.name]


def test_where_it_cannot_be_compiled_spark_does_the_work(tmp_path, monkeypatch, caplog):
    """A Java that has no compiler in its Spark, as it were."""
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho no Janino here >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(java.parent.parent))
    assert encoder_jar(tmp_path) is None
    assert "Spark's own are used" in caplog.text
    assert "no Janino here" in caplog.text

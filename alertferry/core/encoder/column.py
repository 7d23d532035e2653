"""Packets as a column of a data frame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alertferry.core.catalyst import invoked, java, literal
from alertferry.core.encoder.jar import JAR_NAME

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession
    from pyspark.sql.types import DataType, StructType

_NUMBERS = ("byte", "short", "integer", "long", "float", "double")
KNOWN = frozenset((*_NUMBERS, "boolean", "string", "binary", "date", "timestamp", "timestamp_ntz"))
"""Names of the simple types that our encoder writes; also arrays and structs of these, and maps of them by strings."""


def avro_packets(columns: list[Column], packet: StructType, avro_schema: str) -> Column:
    """Return the packets of some columns: for each row one Avro record without a header.

    Our own encoder makes them where driver and executors have it and it knows all types, else Spark's `to_avro`. The
    bytes are the same.

    Parameters
    ----------
    columns
        The fields of the record, in the order of the schema.
    packet
        Their types, with the names of the schema (`alertferry.core.naming`).
    avro_schema
        What Spark makes of these, as JSON.
    """
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import to_avro

    spark = SparkSession.active()
    encoder = _java_encoder(spark) if _is_known(packet) else None
    if encoder is None:
        # the schema is given: left to itself Spark drops the null union of a column that a condition proves not null
        return to_avro(F.struct(*columns).cast(packet), avro_schema)
    binary = java(spark, "org.apache.spark.sql.types.DataTypes").BinaryType
    made = literal(spark).fromObject(encoder(packet.json(), avro_schema))
    return invoked(spark, made, "encode", binary, F.struct(*columns))


def _is_known(kind: DataType) -> bool:
    from pyspark.sql.types import ArrayType, MapType, StringType, StructType

    match kind:
        case StructType():
            return all(_is_known(field.dataType) for field in kind)
        case ArrayType():
            return _is_known(kind.elementType)
        case MapType():
            return isinstance(kind.keyType, StringType) and _is_known(kind.valueType)
    return kind.typeName() in KNOWN


def _java_encoder(spark: SparkSession) -> Any | None:
    """Return the Java class of our encoder; None in a session of which a part was started without it."""
    from py4j.java_gateway import JavaClass

    found = java(spark, "alertferry.AvroEncoder")
    if not isinstance(found, JavaClass) or not on_executors(dict(spark.sparkContext.getConf().getAll())):
        return None
    return found


def on_executors(conf: Mapping[str, str]) -> bool:
    """Whether the executors of a session have what its driver has: they are the driver, or were given our jar."""
    if re.fullmatch(r"local(\[.*\])?", conf.get("spark.master", "")):
        return True
    return any(JAR_NAME in conf.get(option, "") for option in ("spark.jars", "spark.executor.extraClassPath"))

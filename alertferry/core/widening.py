"""Columns of one type as another that holds the same values: Spark expressions that fail rather than change one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertferry.core.parquet_schema import NANOSECONDS, VOID
from alertferry.core.schema import Array, Map, Primitive, Struct, Type, to_ddl
from alertferry.core.spark_errors import NOT_EXACT

if TYPE_CHECKING:
    from pyspark.sql import Column

_WHOLE = {"double": 2**53, "float": 2**24}
"""From here on a floating-point number may stand for several whole ones: 2^53 + 1 is stored as 2^53 (IEEE 754)."""

_FILE = "_metadata.file_path"
"""Spark's hidden column of each row's file."""


def widened(column: Column, stored: Type, wanted: Type, path: str) -> Column:
    """Return a column of the wanted type. Where a value cannot be one exactly, Spark's task fails and names its file.

    Parameters
    ----------
    column
        A column of the type that Spark gives what is stored: nanoseconds are longs.
    stored, wanted
        Types that `alertferry.core.uniting.unite` has united.
    path
        Dotted path of the column, for the message.
    """
    from pyspark.sql import functions as F

    if stored == wanted:
        return column
    match stored, wanted:
        case Struct(), Struct():
            return _struct(column, stored, wanted, path)
        case Array(), Array():
            return F.transform(column, lambda item: widened(item, stored.element, wanted.element, path))
        case Map(), Map():
            keys = F.transform_keys(column, lambda key, _: widened(key, stored.key, wanted.key, path))
            return F.transform_values(keys, lambda _, value: widened(value, stored.value, wanted.value, path))
    if stored == VOID:
        return F.lit(None).cast(to_ddl(wanted))
    return _primitive(column, str(stored), str(wanted), path)


def _struct(column: Column, stored: Struct, wanted: Struct, path: str) -> Column:
    from pyspark.sql import functions as F

    own = {field.name.lower(): field for field in stored}
    parts = []
    for field in wanted:
        known = own.get(field.name.lower())
        inside = f"{path}.{field.name}"
        part = widened(column[known.name], known.type, field.type, inside) if known else F.lit(None)
        parts.append(part.cast(to_ddl(field.type)).alias(field.name))
    return F.when(column.isNotNull(), F.struct(*parts))


def _primitive(column: Column, stored: str, wanted: str, path: str) -> Column:
    from pyspark.sql import functions as F

    cast = column.cast(to_ddl(Primitive(wanted)))
    if stored == NANOSECONDS.name:
        micros = F.timestamp_micros(F.call_function("div", column, F.lit(1000)))
        return _if(column % 1000 == 0, micros, column, path, "in nanoseconds: Spark keeps times to the microsecond")
    if wanted != "long" or stored in ("byte", "short", "int"):
        return cast
    exact = cast.cast(to_ddl(Primitive(stored))) == column
    if stored not in _WHOLE:
        return _if(exact, cast, column, path, "more than a long holds")
    sure = _if(
        F.abs(column) < _WHOLE[stored],
        cast,
        column,
        path,
        f"too large to be exact as a {stored}, and other files have the column as long",
    )
    whole = F.when(
        ~exact, _refused(column, path, "no whole number, and other files have the column as long")
    ).otherwise(sure)
    return F.when(F.isnan(column), F.lit(None)).otherwise(whole)  # NaN: how pandas writes a long that is not there


def _if(exact: Column, value: Column, column: Column, path: str, why: str) -> Column:
    from pyspark.sql import functions as F

    return F.when(column.isNull() | exact, value).otherwise(_refused(column, path, why))


def _refused(column: Column, path: str, why: str) -> Column:
    from pyspark.sql import functions as F

    said = F.concat(F.lit(f"{NOT_EXACT}{path} holds "), column.cast("string"), F.lit(f", {why}, in <"), F.col(_FILE))
    return F.raise_error(F.concat(said, F.lit(">")))

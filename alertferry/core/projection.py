"""From alerts to packets: the chosen columns, in types that every Avro reader of the field understands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from alertferry.core.columns import Content
from alertferry.core.content import packet_fields
from alertferry.core.paths import quoted, split_path
from alertferry.core.schema import Array, Map, Primitive, Struct, Type

if TYPE_CHECKING:
    from pyspark.sql import Column

    from alertferry.core.steps import Alerts

_KEPT = {"boolean", "byte", "short", "int", "long", "float", "double", "string", "binary", "void"}


def project(alerts: Alerts, contents: Iterable[Content]) -> list[Column]:
    """Return the packet's columns.

    Times, dates and decimals become strings (UTC), as the peer's client refuses Avro's logical types; every
    other value, null structs included, stays as it is.
    """
    from pyspark.sql import functions as F

    return [
        as_plain(F.col(quote(content.path)), field.type).alias(content.name)
        for content, field in packet_fields(contents, alerts.schema)
    ]


def quote(path: str) -> str:
    """Return a dotted path with every part in back quotes, so that it can only be a name."""
    return ".".join(map(quoted, split_path(path)))


def as_plain(column: Column, data_type: Type) -> Column:
    """Return ``column`` with every value of a logical type, at any depth, as a string."""
    change = _change(data_type)
    return change(column) if change else column


def _change(data_type: Type) -> Callable[[Column], Column] | None:
    """Return what must be done to values of this type, or None when nothing is."""
    from pyspark.sql import functions as F

    match data_type:
        case Primitive(name):
            return None if name in _KEPT else lambda column: column.cast("string")
        case Array(element):
            inner = _change(element)
            return inner and (lambda column: F.transform(column, inner))
        case Map(key, value):
            keys, values = _change(key), _change(value)
            return (keys or values) and (lambda column: _change_map(column, keys, values))
        case Struct() if any(_change(field.type) for field in data_type):
            return lambda column: _change_struct(column, data_type)
    return None


def _change_map(column: Column, keys: Callable[..., Column] | None, values: Callable[..., Column] | None) -> Column:
    from pyspark.sql import functions as F

    if keys:
        column = F.transform_keys(column, lambda key, _: keys(key))
    return F.transform_values(column, lambda _, value: values(value)) if values else column


def _change_struct(column: Column, struct: Struct) -> Column:
    """Rebuild a struct; a null struct stays null and does not become a struct of nulls."""
    from pyspark.sql import functions as F

    parts = [as_plain(column[field.name], field.type).alias(field.name) for field in struct]
    return F.when(column.isNotNull(), F.struct(*parts))

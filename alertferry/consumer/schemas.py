"""From the Avro schema of a topic to the Arrow schema of its files: decided once, never by a batch of data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from alertferry.consumer.schema_check import judge
from alertferry.core.errors import UsageError
from alertferry.core.paths import split_path

if TYPE_CHECKING:
    import pyarrow as pa

Avro = Any
"""A judged Avro schema: text, list or mapping, as the specification writes it, every name in full."""

_NAMES = ("type", "name")
_KEPT = {
    "record": _NAMES,
    "array": ("type", "items"),
    "map": ("type", "values"),
    "enum": (*_NAMES, "symbols"),
    "fixed": (*_NAMES, "size"),
}
"""What decoding needs of each type."""
_PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_LOGICAL = {
    ("int", "date"),
    ("int", "time-millis"),
    ("long", "time-micros"),
    *(("long", f"{kind}timestamp-{unit}") for kind in ("", "local-") for unit in ("millis", "micros", "nanos")),
}


class UnsupportedSchemaError(UsageError):
    """A schema has no exact counterpart in parquet."""


def parse_schema(schema_json: str | bytes) -> dict[str, Any]:
    """Read the schema of a topic, which is one record, and write every name in it in full.

    Raises `DamagedError` when the text is not an Avro record schema, or none that can be used.
    """
    return judge(schema_json).schema


def is_decimal(schema: Mapping[str, Any]) -> bool:
    """Tell whether a bytes or fixed schema is a valid decimal; the specification ignores invalid ones."""
    if schema.get("logicalType") != "decimal" or schema.get("type") not in ("bytes", "fixed"):
        return False
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if isinstance(precision, bool) or isinstance(scale, bool):
        return False
    return isinstance(precision, int) and isinstance(scale, int) and 0 <= scale <= precision <= 76 and precision > 0


def storage_schema(schema: Avro, *, decimals: bool = True) -> Avro:
    """Return what decoding needs of a schema: no texts, defaults or aliases, decimals as only logical type, or none.

    Dates and times are decoded as the integers they are stored as, and become dates and times by one exact cast.
    """
    if isinstance(schema, str):
        return schema
    if isinstance(schema, list):
        return [storage_schema(branch, decimals=decimals) for branch in schema]
    kind = schema["type"]
    kept: dict[str, Any] = {key: schema[key] for key in _KEPT.get(kind, ("type",)) if key in schema}
    if decimals and is_decimal(schema):
        kept |= {key: schema[key] for key in ("logicalType", "precision", "scale") if key in schema}
    for key in ("items", "values"):
        if key in kept:
            kept[key] = storage_schema(kept[key], decimals=decimals)
    if kind == "record":
        kept["fields"] = [
            {"name": field["name"], "type": storage_schema(field["type"], decimals=decimals)}
            for field in schema["fields"]
        ]
    return kept


def arrow_schema(schema: str | bytes | dict[str, Any]) -> pa.Schema:
    """Return the Arrow schema of the parquet files for an Avro record schema.

    Unions with null are nullable fields and nothing else is; maps are maps, enums are strings, dates and times keep
    their unit. Raises `UnsupportedSchemaError` for unions of several types and for recursive records.
    """
    import pyarrow as pa

    text = json.dumps(schema) if isinstance(schema, dict) else schema
    return pa.schema(list(arrow_type(parse_schema(text))))


def arrow_type(schema: Avro, *, storage: bool = False, dictionary: bool = False) -> pa.DataType:
    """Return the Arrow type of a judged Avro type.

    With ``storage``, dates and times stay integers; with ``dictionary``, enums are dictionaries, not strings.
    """
    builder = _Builder(names={}, open_names=(), path="", storage=storage, dictionary=dictionary)
    return builder.field("", schema).type


@dataclass(frozen=True)
class _Builder:
    """One place in a schema: the names known there, the records around it, and its path for messages."""

    names: dict[str, Avro]
    open_names: tuple[str, ...]
    path: str
    storage: bool
    dictionary: bool

    def field(self, name: str, schema: Avro) -> pa.Field:
        import pyarrow as pa

        below = replace(self, path=f"{self.path}.{name}".strip("."))
        if isinstance(schema, list):
            branches = [branch for branch in schema if branch != "null"]
            if len(branches) > 1:
                below.refuse("is a union of several types")
            inner = branches[0] if branches else "null"
            nullable = len(branches) < len(schema)
            return pa.field(name, below.type(inner), nullable)
        kind = below.type(schema)
        return pa.field(name, kind, pa.types.is_null(kind))

    def refuse(self, why: str) -> None:
        raise UnsupportedSchemaError(
            f"the field {self.path or '(record)'!r} {why}, which parquet cannot hold exactly; "
            "use `--format avro`, which keeps the messages as they are"
        )

    def type(self, schema: Avro) -> pa.DataType:
        if isinstance(schema, str):
            return _primitive(schema) if schema in _PRIMITIVES else self.named(schema)
        if isinstance(schema, list):
            return self.field("", schema).type
        kind = schema["type"]
        logical = schema.get("logicalType")
        if not self.storage and isinstance(logical, str) and (kind, logical) in _LOGICAL:
            return _logical(logical)
        compound: dict[str, Callable[[Avro], pa.DataType]] = {
            "record": self.record,
            "array": self.array,
            "map": self.map,
            "enum": self.enum,
            "fixed": self.fixed,
        }
        if kind in compound:
            return compound[kind](schema)
        return _decimal(schema) if is_decimal(schema) else self.type(kind)

    def named(self, name: str) -> pa.DataType:
        if name in self.open_names:
            self.refuse("contains itself")
        return self.type(self.names[name])

    def record(self, schema: Avro) -> pa.DataType:
        import pyarrow as pa

        self.names[schema["name"]] = schema
        inside = replace(self, open_names=(*self.open_names, schema["name"]))
        return pa.struct([inside.field(field["name"], field["type"]) for field in schema["fields"]])

    def array(self, schema: Avro) -> pa.DataType:
        import pyarrow as pa

        return pa.list_(self.field("item", schema["items"]))

    def map(self, schema: Avro) -> pa.DataType:
        import pyarrow as pa

        return pa.map_(pa.string(), self.field("value", schema["values"]))

    def enum(self, schema: Avro) -> pa.DataType:
        import pyarrow as pa

        self.names[schema["name"]] = schema
        return pa.dictionary(pa.int32(), pa.string()) if self.dictionary else pa.string()

    def fixed(self, schema: Avro) -> pa.DataType:
        import pyarrow as pa

        self.names[schema["name"]] = schema
        return _decimal(schema) if is_decimal(schema) else pa.binary(schema["size"])


def _primitive(name: str) -> pa.DataType:
    import pyarrow as pa

    types = (
        pa.null(),
        pa.bool_(),
        pa.int32(),
        pa.int64(),
        pa.float32(),
        pa.float64(),
        pa.binary(),
        pa.string(),
    )
    return dict(zip(_PRIMITIVES, types, strict=True))[name]


def _decimal(schema: Mapping[str, Any]) -> pa.DataType:
    import pyarrow as pa

    precision, scale = schema["precision"], schema.get("scale", 0)
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def _logical(name: str) -> pa.DataType:
    import pyarrow as pa

    if name == "date":
        return pa.date32()
    if name.startswith("time-"):
        return pa.time32("ms") if name == "time-millis" else pa.time64("us")
    unit = {"millis": "ms", "micros": "us", "nanos": "ns"}[name.rpartition("-")[2]]
    return pa.timestamp(unit, None if name.startswith("local-") else "UTC")


def fields_to(schema: pa.Schema, path: str) -> list[pa.Field]:
    """Return the fields on a dotted path, from root column through structs to its end; none when it leads nowhere."""
    import pyarrow as pa

    fields: list[pa.Field] = []
    kind: Any = pa.struct(list(schema))
    for name in split_path(path):
        if not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
            return []
        fields.append(kind.field(name))
        kind = fields[-1].type
    return fields


def field_at(schema: pa.Schema, path: str) -> pa.Field | None:
    """Return the field at a dotted path; None when there is none."""
    fields = fields_to(schema, path)
    return fields[-1] if fields else None


def column_at(table: pa.Table | pa.RecordBatch, path: str) -> Any:
    """Return the column at a dotted path, where `field_at` finds a field: chunked in a table, an array in a batch."""
    root, *rest = split_path(path)
    return nested(table.column(root), rest)


def nested(column: Any, names: Sequence[str]) -> Any:
    """Return what is at the end of some names in a column of structs; null where any of the structs around it is."""
    import pyarrow.compute as pc

    return pc.struct_field(column, list(names)) if names else column

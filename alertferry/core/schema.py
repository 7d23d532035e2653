"""The schema of a lake as a small tree, the same whether it comes from Spark, Arrow or a field table.

Nothing here needs a JVM, so that fields can be checked before Spark starts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from alertferry.core.paths import as_part, split_path

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Primitive:
    """A type without parts, by Spark's simple name (``long``, ``double``, ``binary``, ...)."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Struct:
    """An ordered set of named fields; a whole schema is one too."""

    fields: tuple[Field, ...]

    def __str__(self) -> str:
        return f"struct of {len(self.fields)} fields"

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields, in order."""
        return tuple(field.name for field in self.fields)

    def get(self, name: str) -> Field | None:
        """Return the field called ``name`` (exact spelling), or None."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, Field]:
        return {field.name: field for field in reversed(self.fields)}

    @cached_property
    def paths_by_name(self) -> Mapping[str, tuple[str, ...]]:
        """Dotted paths of root columns and of fields of structs, at any depth, by their own name."""
        found: dict[str, tuple[str, ...]] = {}
        for field in self.fields:
            own = as_part(field.name)
            found[field.name] = (*found.get(field.name, ()), own)
            inner = field.type.paths_by_name if isinstance(field.type, Struct) else {}
            for name, paths in inner.items():
                found[name] = (*found.get(name, ()), *(f"{own}.{path}" for path in paths))
        return found


@dataclass(frozen=True)
class Array:
    """A list of elements of one type."""

    element: Type

    def __str__(self) -> str:
        return f"array of {self.element}"


@dataclass(frozen=True)
class Map:
    """Keys and values of one type each."""

    key: Type
    value: Type

    def __str__(self) -> str:
        return f"map of {self.key} to {self.value}"


Type = Primitive | Struct | Array | Map


@dataclass(frozen=True)
class Field:
    """A named, typed part of a struct."""

    name: str
    type: Type
    nullable: bool = True


def inner_struct(data_type: Type) -> Struct | None:
    """Return the struct whose fields a dotted path may enter: the struct itself or an array's element."""
    while isinstance(data_type, Array):
        data_type = data_type.element
    return data_type if isinstance(data_type, Struct) else None


def find(schema: Struct, path: str) -> Field | None:
    """Return the field at a dotted path (``diaSource.ra``, ``prvDiaSources.psfFlux``), or None."""
    field, inside = None, inner_struct(schema)
    for name in split_path(path):
        field = inside.get(name) if inside else None
        if field is None:
            return None
        inside = inner_struct(field.type)
    return field


def paths(schema: Struct, prefix: str = "") -> Iterator[tuple[str, Field]]:
    """Yield every dotted path that content may name, structs before their leaves."""
    for field in schema:
        path = prefix + as_part(field.name)
        yield path, field
        inside = inner_struct(field.type)
        if inside:
            yield from paths(inside, path + ".")


def lacking(schema: Struct, union: Struct, prefix: str = "") -> Iterator[str]:
    """Yield the dotted paths of ``union`` that ``schema`` has not, in any letter case; a missing struct is one path."""
    names = {field.name.lower(): field for field in schema}
    for field in union:
        own, path = names.get(field.name.lower()), prefix + field.name
        if own is None:
            yield path
            continue
        inside, whole = inner_struct(own.type), inner_struct(field.type)
        if inside and whole:
            yield from lacking(inside, whole, path + ".")


def from_spark(data: str | Mapping[str, Any]) -> Type:
    """Read a Spark type from its JSON form (``df.schema.jsonValue()``)."""
    if isinstance(data, str):
        return Primitive({"integer": "int", "bigint": "long"}.get(data, data))
    match data["type"]:
        case "struct":
            return Struct(
                tuple(Field(item["name"], from_spark(item["type"]), item["nullable"]) for item in data["fields"])
            )
        case "array":
            return Array(from_spark(data["elementType"]))
        case "map":
            return Map(from_spark(data["keyType"]), from_spark(data["valueType"]))
        case other:
            return Primitive(str(other))


_ARROW_NAMES = {
    "int8": "byte",
    "int16": "short",
    "int32": "int",
    "int64": "long",
    "bool": "boolean",
    "halffloat": "float",
    "large_string": "string",
    "large_binary": "binary",
    "date32[day]": "date",
}


def from_arrow(schema: pa.Schema | pa.StructType) -> Struct:
    """Read an Arrow schema."""
    return Struct(tuple(Field(item.name, _arrow_type(item.type), item.nullable) for item in schema))


def _arrow_type(data_type: Any) -> Type:
    import pyarrow as pa

    if pa.types.is_struct(data_type):
        return from_arrow(data_type)
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        return Array(_arrow_type(data_type.value_type))
    if pa.types.is_map(data_type):
        return Map(_arrow_type(data_type.key_type), _arrow_type(data_type.item_type))
    if pa.types.is_timestamp(data_type):
        return Primitive("timestamp")
    return Primitive(_ARROW_NAMES.get(str(data_type), str(data_type)))


def to_json(data_type: Struct) -> str:
    """Return a schema as Spark reads it from JSON; all that files hold may be null."""
    return json.dumps(_as_json(data_type))


def _as_json(data_type: Type) -> Any:
    match data_type:
        case Struct(fields):
            found = [
                {"name": field.name, "type": _as_json(field.type), "nullable": True, "metadata": {}} for field in fields
            ]
            return {"type": "struct", "fields": found}
        case Array(element):
            return {"type": "array", "elementType": _as_json(element), "containsNull": True}
        case Map(key, value):
            of = {"keyType": _as_json(key), "valueType": _as_json(value)}
            return {"type": "map", **of, "valueContainsNull": True}
        case Primitive(name):
            return {"int": "integer"}.get(name, name)


def to_ddl(data_type: Type) -> str:
    """Return Spark's DDL text of a type, every name quoted."""
    match data_type:
        case Struct(fields):
            return f"struct<{', '.join(_ddl_field(field) for field in fields)}>"
        case Array(element):
            return f"array<{to_ddl(element)}>"
        case Map(key, value):
            return f"map<{to_ddl(key)}, {to_ddl(value)}>"
        case Primitive(name):
            return {"long": "bigint"}.get(name, name)


def _ddl_field(field: Field) -> str:
    quoted = field.name.replace("`", "``")
    return f"`{quoted}`: {to_ddl(field.type)}"

"""What columns are called in Avro, which knows only ASCII letters, digits and underscores: one rule for all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alertferry.core.paths import join_path, split_path
from alertferry.core.schema import Array, Map, Struct, Type

_REFUSED = re.compile(r"[^A-Za-z0-9_]")


def avro_name(name: str) -> str:
    """Return the name of a column in Avro: its own wherever Avro allows it.

    Of other ASCII characters each becomes ``_``, of the rest of Unicode each its number (``u03b1`` for α); a name that
    begins with a digit, or is empty, gets a ``_`` in front. The original name then stands in the field's ``doc``.
    """
    plain = _REFUSED.sub(lambda match: "_" if match[0].isascii() else f"u{ord(match[0]):04x}", name)
    return plain if plain and not plain[0].isdigit() else f"_{plain}"


def avro_path(path: str | None) -> str | None:
    """Return the path of a column in Avro, or None for None."""
    return None if path is None else ".".join(map(avro_name, split_path(path)))


def clashes(fields: Iterable[tuple[str, Type]], where: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str]]:
    """Yield (path, path, name) of columns of one record that Avro would call the same, letter case aside."""
    taken: dict[str, str] = {}
    for name, kind in fields:
        short, path = avro_name(name), join_path([*where, name])
        if short.lower() in taken:
            yield taken[short.lower()], path, short
        taken[short.lower()] = path
        yield from _inner_clashes(kind, (*where, name))


def _inner_clashes(kind: Type, where: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    match kind:
        case Struct(fields):
            yield from clashes(((field.name, field.type) for field in fields), where)
        case Array(element):
            yield from _inner_clashes(element, where)
        case Map(_, value):
            yield from _inner_clashes(value, where)


def renamed(spark_type: Any) -> Any:
    """Return a type of Spark, as JSON has it, with the names of Avro."""
    match spark_type:
        case {"type": "struct", "fields": fields}:
            own = [field | {"name": avro_name(field["name"]), "type": renamed(field["type"])} for field in fields]
            return spark_type | {"fields": own}
        case {"type": "array", "elementType": element}:
            return spark_type | {"elementType": renamed(element)}
        case {"type": "map", "valueType": value}:
            return spark_type | {"valueType": renamed(value)}
    return spark_type


ORIGINAL = "alertferry.original"
"""Metadata of a field of Spark's that has another name than its source: that name."""


def note_originals(field: dict[str, Any], path: str, originals: Mapping[str, str]) -> None:
    """Note in a field of Spark's, as JSON has it, what it and those within are called at their source."""
    if path in originals:
        field["metadata"] = field["metadata"] | {ORIGINAL: originals[path]}
    kind = field["type"]
    if isinstance(kind, dict):
        inside = kind["elementType"] if kind["type"] == "array" else kind
        for inner in inside.get("fields", ()) if isinstance(inside, dict) else ():
            note_originals(inner, f"{path}.{inner['name']}", originals)


def with_originals(avro: Any, spark_type: Any) -> Any:
    """Return the Avro schema of a renamed type with the original names in the ``doc`` of the fields that were renamed.

    Both as parsed JSON; ``spark_type`` is the type before it was renamed.
    """
    match avro, spark_type:
        case list(), _:
            return [with_originals(branch, spark_type) for branch in avro]
        case {"type": "record", "fields": fields}, {"fields": originals}:
            pairs = zip(fields, originals, strict=True)
            return avro | {"fields": [_with_original(field, original) for field, original in pairs]}
        case {"type": "array", "items": items}, {"elementType": element}:
            return avro | {"items": with_originals(items, element)}
        case {"type": "map", "values": values}, {"valueType": value}:
            return avro | {"values": with_originals(values, value)}
    return avro


def _with_original(field: dict[str, Any], original: dict[str, Any]) -> dict[str, Any]:
    name = original.get("metadata", {}).get(ORIGINAL, original["name"])
    doc = {} if field["name"] == name else {"doc": name}
    return field | {"type": with_originals(field["type"], original["type"])} | doc

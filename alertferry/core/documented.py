"""The schema that a survey's field table describes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from alertferry.core.field_table import FieldDoc, load_fields
from alertferry.core.schema import Array, Field, Map, Primitive, Struct, Type


@cache
def documented_schema(package: str, name: str) -> Struct:
    """Return all documented fields, of any version, as a schema."""
    return _struct(load_fields(package, name), "")


def _struct(docs: Sequence[FieldDoc], parent: str) -> Struct:
    """Return the fields directly below ``parent``."""
    depth = parent.count(".") + 1 if parent else 0
    prefix = f"{parent}." if parent else ""
    own = [doc for doc in docs if doc.path.startswith(prefix) and doc.path.count(".") == depth]
    return Struct(tuple(Field(_leaf(doc), _type(doc, docs), doc.nullable) for doc in own))


def _leaf(doc: FieldDoc) -> str:
    return doc.path.rpartition(".")[2]


def _type(doc: FieldDoc, docs: Sequence[FieldDoc]) -> Type:
    return _parse(doc.type.replace(" ", ""), doc.path, docs)


def _parse(text: str, path: str, docs: Sequence[FieldDoc]) -> Type:
    if text == "struct":
        return _struct(docs, path)
    if text.startswith("array<"):
        return Array(_parse(text[6:-1], path, docs))
    if text.startswith("map<"):
        key, _, value = text[4:-1].partition(",")
        return Map(Primitive(key), _parse(value, path, docs))
    return Primitive(text)

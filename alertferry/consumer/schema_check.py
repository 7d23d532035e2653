"""Judging a topic's schema before anything uses it: whoever publishes the topic wrote it.

Decoders trust a schema. Types that refer to each other twice each are gigabytes once written out, items without a size
let a message of seven bytes hold a thousand million of them, and names that clash or lead nowhere are errors somewhere
inside. What passes here is a record schema of Avro 1.11 that can be written out, with what is needed to tell how large
its messages may become (`Shape`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from alertferry.core.errors import DamagedError

MOST_BYTES = 4 << 20
"""Length of a schema's text. The largest of the surveys has 24 kB."""

MOST_DEPTH = 64
"""Records, arrays, maps and unions in each other, once every name is replaced by what it stands for."""

MOST_TYPES = 20_000
"""Types in a schema once every name is replaced by what it stands for; the largest of the surveys has 900."""

MOST_FIXED_BYTES = 1 << 20
"""Size of a type ``fixed``."""

NARROW_BYTES = 16
"""A null takes as much room as a value; where that is no more than this, nulls are not worth counting."""

ROOT = "packet."
"""Before the names of a judged schema: one that holds a dot is a full name to every decoder, wherever it stands."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENDLESS = 1 << 62
_PRIMITIVES = {  # least bytes of a value in a message, bytes of a value in memory
    "null": (0, 0),
    "boolean": (1, 1),
    "int": (1, 4),
    "long": (1, 8),
    "float": (4, 4),
    "double": (8, 8),
    "bytes": (1, 4),
    "string": (1, 4),
}


@dataclass(frozen=True)
class Shape:
    """How large values of a type are.

    ``least`` bytes are in a message, ``width`` bytes in memory, not counting what comes in repetition; ``ratio`` is
    the most bytes in memory for one in a message, nulls apart. ``slot`` is the widest value inside that may be null,
    ``wide`` the widest of those in arrays and maps; ``codes`` and ``wide_codes`` are the bytes by which messages say
    that they are. ``types`` counts the types inside, ``height`` the levels of records, arrays, maps and unions.
    """

    least: int
    width: int
    types: int = 1
    ratio: int = 8
    slot: int = 0
    codes: frozenset[int] = frozenset()
    wide: int = 0
    wide_codes: frozenset[int] = frozenset()
    recursive: bool = False
    height: int = 0


@dataclass(frozen=True)
class Judged:
    """A schema that may be used, and the shape of its messages.

    Every name in it is written out in full, below `ROOT`, whatever namespaces the topic's own text has: nothing that
    reads it needs Avro's rules for names.
    """

    schema: dict[str, Any]
    shape: Shape


@lru_cache(maxsize=8)
def judge(text: str | bytes) -> Judged:
    """Judge the schema of a topic, which is one record.

    Raises `DamagedError` that says what is wrong with it, and where.
    """
    if len(text) > MOST_BYTES:
        raise DamagedError(f"the topic's schema has {len(text):,} bytes; no more than {MOST_BYTES:,} are read")
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DamagedError(f"the topic's schema is not JSON: {said}; {_ASK}") from None
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise DamagedError(f"the topic's schema is not an Avro record; {_ASK}")
    shape, written = _Judge({}, (), "", 0).type(schema, "")
    return Judged(written, shape)


_ASK = "ask who published the topic"

_Found = tuple[Shape, Any]
"""The shape of a type, and the type as it is written for everything that comes after."""


@dataclass(frozen=True)
class _Judge:
    """One place in a schema: the names known so far, the records around it, its path, its depth."""

    known: dict[str, Shape]
    around: tuple[str, ...]
    path: str
    depth: int

    def refuse(self, why: str) -> DamagedError:
        place = f"at the field {self.path[:200]!r}" if self.path else "at its top"
        return DamagedError(f"the topic's schema cannot be used: {place}, {why}; {_ASK}")

    def type(self, schema: Any, space: str) -> _Found:
        self.admit(0)
        if isinstance(schema, str):
            return (_primitive(schema), schema) if schema in _PRIMITIVES else self.named(schema, space)
        below = replace(self, depth=self.depth + 1)
        if isinstance(schema, list):
            return below.union(schema, space)
        if not isinstance(schema, dict) or "type" not in schema:
            raise self.refuse("a type is neither a name, a list nor an object with a type")
        kind = schema["type"]
        judges = {"record": below.record, "array": below.array, "map": below.map, "enum": below.enum}
        found = {**judges, "fixed": below.fixed}.get(kind) if isinstance(kind, str) else None
        shape, written = found(schema, space) if found else below.type(kind, space)
        if shape.types > MOST_TYPES:
            raise self.refuse(f"it has more than {MOST_TYPES:,} types once its names are written out")
        if isinstance(kind, str) and kind in _PRIMITIVES:
            written = schema  # with its logical type; around anything else an object means nothing
        if "precision" in schema:  # a decimal of up to 256 bits, however short it is in the message
            shape = replace(shape, width=max(shape.width, 32), ratio=max(shape.ratio, 32))
        return shape, written

    def admit(self, height: int) -> None:
        """Raise for a type of some levels that is too deep down here: whatever uses a schema goes into each."""
        if self.depth + height > MOST_DEPTH:
            raise self.refuse(f"types are nested more than {MOST_DEPTH} deep")

    def named(self, name: str, space: str) -> _Found:
        full = name if "." in name or not space else f"{space}.{name}"
        full = full if full in self.known else name
        if full not in self.known:
            raise self.refuse(f"it uses the type {name[:200]!r} but does not define it")
        if full in self.around:
            return Shape(_ENDLESS, 0, recursive=True), ROOT + full
        self.admit(self.known[full].height)
        return self.known[full], ROOT + full

    def define(self, schema: dict[str, Any], space: str) -> tuple[str, str]:
        """Return the full name of a type and the namespace inside it, once both are known to be new and valid."""
        name, own = schema.get("name"), schema.get("namespace")
        parts = [*(own.split(".") if isinstance(own, str) and own else ()), *str(name).split(".")]
        if not isinstance(name, str) or not isinstance(own, str | None) or not all(map(_NAME.fullmatch, parts)):
            raise self.refuse(f"the name {name!r:.200} of a type is none that Avro has")
        inside = name.rpartition(".")[0] if "." in name else space if own is None else own
        full = name if "." in name or not inside else f"{inside}.{name}"
        if full in self.known or full in _PRIMITIVES:
            raise self.refuse(f"the type {full!r:.200} is defined twice")
        self.known[full] = Shape(_ENDLESS, 0)
        return full, inside

    def defined(self, schema: dict[str, Any], full: str, shape: Shape, **changes: Any) -> _Found:
        """Keep the shape of a type that was defined, and return both."""
        self.known[full] = shape
        return shape, {key: schema[key] for key in schema if key != "namespace"} | {"name": ROOT + full} | changes

    def record(self, schema: dict[str, Any], space: str) -> _Found:
        full, inside = self.define(schema, space)
        fields = schema.get("fields")
        if not isinstance(fields, list) or not all(isinstance(field, dict) and "type" in field for field in fields):
            raise self.refuse(f"the record {full!r:.200} has no list of fields with types")
        names = [field.get("name") for field in fields]
        for name in names:
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise self.refuse(f"the name {name!r:.200} of a field is none that Avro has")
        if len(set(names)) < len(names):
            raise self.refuse(f"two fields of the record {full!r:.200} have the same name")
        within = replace(self, around=(*self.around, full))
        found = [
            replace(within, path=f"{self.path}.{field['name']}".strip(".")).type(field["type"], inside)
            for field in fields
        ]
        shapes = [shape for shape, _ in found]
        least = sum(shape.least for shape in shapes)
        if least >= _ENDLESS:
            raise self.refuse(f"the record {full!r:.200} contains itself without end")
        shape = replace(_together(shapes), least=least, width=sum(shape.width for shape in shapes))
        written = [{**field, "type": kind} for field, (_, kind) in zip(fields, found, strict=True)]
        return self.defined(schema, full, shape, fields=written)

    def union(self, branches: list[Any], space: str) -> _Found:
        found = [self.type(branch, space) for branch in branches]
        shapes, written = [shape for shape, _ in found], [kind for _, kind in found]
        if not found or any(isinstance(kind, list) for kind in written):
            raise self.refuse("a union is empty, or holds another union")
        kinds = [_identity(kind) for kind in written]
        if len(set(kinds)) < len(kinds):
            raise self.refuse("a union holds the same type twice")
        width = max(shape.width for shape in shapes)
        shape = replace(_together(shapes), least=1 + min(shape.least for shape in shapes), width=width)
        if "null" not in kinds or width <= NARROW_BYTES:
            return shape, written
        code = 2 * kinds.index("null") & 0xFF
        return replace(shape, slot=max(width, shape.slot), codes=shape.codes | {code}), written

    def array(self, schema: dict[str, Any], space: str) -> _Found:
        return self.repeated(schema, "items", space, key=0)

    def map(self, schema: dict[str, Any], space: str) -> _Found:
        return self.repeated(schema, "values", space, key=1)

    def repeated(self, schema: dict[str, Any], inside: str, space: str, key: int) -> _Found:
        item, written = self.type(schema.get(inside), space)
        if item.least + key == 0:
            raise self.refuse("the items of an array have no size, so any number of them fits into a few bytes")
        shape = Shape(
            1,
            4,
            item.types + 1,
            item.ratio,
            wide=max(item.slot, item.wide),
            wide_codes=item.codes | item.wide_codes,
            recursive=item.recursive,
            height=item.height + 1,
        )
        return shape, {"type": schema["type"], inside: written}

    def enum(self, schema: dict[str, Any], space: str) -> _Found:
        full, _ = self.define(schema, space)
        symbols = schema.get("symbols")
        if not isinstance(symbols, list) or not symbols or len(set(map(str, symbols))) < len(symbols):
            raise self.refuse(f"the enum {full!r:.200} has no list of different symbols")
        if not all(isinstance(symbol, str) and _NAME.fullmatch(symbol) for symbol in symbols):
            raise self.refuse(f"a symbol of the enum {full!r:.200} is none that Avro has")
        width = 4 + max(map(len, symbols))
        return self.defined(schema, full, Shape(1, width, ratio=width))

    def fixed(self, schema: dict[str, Any], space: str) -> _Found:
        full, _ = self.define(schema, space)
        size = schema.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MOST_FIXED_BYTES:
            raise self.refuse(f"the size of {full!r:.200} is not a number of bytes up to {MOST_FIXED_BYTES:,}")
        return self.defined(schema, full, Shape(size, size))


def _identity(written: Any) -> str:
    """Return what a union may hold once: a kind of type, or a name."""
    if isinstance(written, str):
        return written
    return str(written["name"] if written["type"] in ("record", "enum", "fixed") else written["type"])


def _primitive(name: str) -> Shape:
    least, width = _PRIMITIVES[name]
    return Shape(least, width)


def _together(shapes: Iterable[Shape]) -> Shape:
    """Return what types beside each other have in common."""
    found = list(shapes)
    return Shape(
        0,
        0,
        types=1 + sum(shape.types for shape in found),
        ratio=max((shape.ratio for shape in found), default=8),
        slot=max((shape.slot for shape in found), default=0),
        codes=frozenset().union(*(shape.codes for shape in found)),
        wide=max((shape.wide for shape in found), default=0),
        wide_codes=frozenset().union(*(shape.wide_codes for shape in found)),
        recursive=any(shape.recursive for shape in found),
        height=1 + max((shape.height for shape in found), default=0),
    )

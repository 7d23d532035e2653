"""What a parquet footer says first: the schema, and the number of rows.

Read from the bytes themselves (the specification of the parquet format, and Thrift's compact protocol), so that Python
and Java see the same schema in the same file, whatever other descriptions a writer has put beside it. The large rest
of a footer, which describes the row groups, is not looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alertferry.core.schema import Array, Field, Map, Primitive, Struct, Type

VOID = Primitive("void")
"""A column that holds nothing, as pandas writes one of nulls alone."""

NANOSECONDS = Primitive("timestamp_ns")
"""Times in nanoseconds, which Spark cannot hold as such."""


@dataclass(frozen=True)
class Element:
    """A node of a parquet schema: a group when it has ``children``, else a column.

    ``physical`` is the number of the physical type, ``converted`` that of the older annotation, ``logical`` the newer
    one: (number, its parameters). ``repeated`` and ``optional`` say how often it may occur.
    """

    name: str
    physical: int | None
    converted: int | None
    logical: tuple[int, Mapping[int, Any]] | None
    scale: int
    precision: int
    repeated: bool
    optional: bool
    children: tuple[Element, ...]


def first_fields(footer: bytes) -> tuple[bytes, int]:
    """Return the bytes of the schema in a footer, and the number of rows. Raises `ValueError` for anything else."""
    known = next((item for item in tuple(_SEEN) if footer.startswith(item[0])), None)
    schema = known[1] if known else b""
    reader = _Thrift(footer, len(known[0]) if known else 0)
    try:
        for number, kind in reader.fields(2 if known else 0):
            start = reader.position
            value = reader.value(kind, keep=number == 3)
            if number == 2:
                schema = footer[start : reader.position]
                _SEEN.appendleft((footer[: reader.position], schema))
            elif number == 3 and schema and kind in _INTEGERS and value >= 0:
                return schema, int(value)
    except (IndexError, RecursionError):
        pass
    raise ValueError("its footer cannot be understood")


def only_chunk(footer: bytes, leaf: int) -> Mapping[int, Any] | None:
    """Return where a column's values are, as a footer of one row group says it: a ``ColumnMetaData`` by field number.

    ``leaf`` is the number of the column. None where there are other numbers of row groups, or values are elsewhere or
    encrypted. Raises `ValueError` for what cannot be understood.
    """
    known = next((item for item in tuple(_SEEN) if footer.startswith(item[0])), None)
    reader = _Thrift(footer, len(known[0]) if known else 0)
    try:
        for number, kind in reader.fields(2 if known else 0):
            if number != 4:
                reader.value(kind, keep=False)
                continue
            if reader.size()[0] != 1:
                return None
            first, _ = next(reader.fields())
            count, of = reader.size()
            if first != 1 or leaf >= count:
                return None
            for _ in range(leaf):
                reader.value(of, keep=False)
            chunk = reader.value(of, keep=True)
            if chunk.keys() & {1, 8, 9} or 3 not in chunk:
                return None
            found: dict[int, Any] = chunk[3]
            if all(isinstance(found[number], int) for number in (1, 4, 5, 6, 7, 9)):
                return found
    except (AttributeError, LookupError, RecursionError, StopIteration, TypeError):
        pass
    raise ValueError("its footer cannot be understood")


def root_leaf(schema: bytes, name: str) -> tuple[int, Element] | None:
    """Return number and description of a root column without parts; None where there is no such column."""
    items = iter(_Thrift(schema).value(_LIST, keep=True))
    number = 0
    for child in _element(next(items), items).children:
        if child.name == name:
            return None if child.children or child.repeated else (number, child)
        number += _leaves(child)
    return None


def _leaves(node: Element) -> int:
    return sum(map(_leaves, node.children)) if node.children else 1


_SEEN: deque[tuple[bytes, bytes]] = deque(maxlen=64)
"""Starts of footers, and the schemas in them: those of thousands of files are few, and take long to walk through."""


def stored_schema(schema: bytes) -> Struct:
    """Return the types of a schema's columns as they are stored, by Spark's names where Spark has the type.

    Raises `ValueError` for bytes that are no parquet schema.
    """
    try:
        items = iter(_Thrift(schema).value(_LIST, keep=True))
        return _struct(_element(next(items), items).children)
    except (AttributeError, IndexError, KeyError, TypeError, StopIteration, RecursionError, UnicodeDecodeError):
        raise ValueError("its schema cannot be understood") from None


_BOOLEANS, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, 9, 10, 11, 12
_MOST_NODES = 100_000
_DEEPEST = 100


class _Thrift:
    """Reads values of Thrift's compact protocol: a struct becomes a dict by field number."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self.position = position

    def fields(self, number: int = 0) -> Iterator[tuple[int, int]]:
        """Yield number and type of each field of a struct, after ``number``; its value must be read before the next."""
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            yield number, head & 15

    def value(self, kind: int, keep: bool, depth: int = 0) -> Any:
        """Read a value of a type, or only pass it."""
        if kind in _BOOLEANS:
            return kind == 1
        if kind == _BYTE:
            return int.from_bytes((self._byte(),), signed=True)
        if kind in _INTEGERS:
            return self._zigzag()
        if kind == _DOUBLE:
            return self._take(8)
        if kind == _BINARY:
            return self._take(self._varint())
        if depth > _DEEPEST:
            raise ValueError("its footer is nested too deeply")
        if kind in (_LIST, _SET):
            return self._list(keep, depth)
        if kind == _STRUCT:
            found = {number: self.value(of, keep, depth + 1) for number, of in self.fields()}
            return found if keep else None
        raise ValueError("its footer cannot be understood")

    def size(self) -> tuple[int, int]:
        """Return number and type of the items of a list, which follow."""
        head = self._byte()
        return head >> 4 if head >> 4 < 15 else self._varint(), head & 15

    def _list(self, keep: bool, depth: int) -> list[Any] | None:
        size, kind = self.size()
        if size > _MOST_NODES:
            raise ValueError(f"its schema has more than {_MOST_NODES:,} columns")
        found = []
        for _ in range(size):
            value = self._byte() == 1 if kind in _BOOLEANS else self.value(kind, keep, depth + 1)
            if keep:
                found.append(value)
        return found if keep else None

    def _byte(self) -> int:
        value = self._data[self.position]
        self.position += 1
        return value

    def _take(self, size: int) -> bytes:
        start, self.position = self.position, self.position + size
        if self.position > len(self._data):
            raise IndexError
        return self._data[start : self.position]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise IndexError

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _element(item: Mapping[int, Any], rest: Iterator[Mapping[int, Any]]) -> Element:
    """Return a node and what is below it: nodes stand one after another, each before its children."""
    logical = next(iter(item[10].items()), None) if item.get(10) else None
    repetition = item.get(3, 0)
    return Element(
        name=item[4].decode(),
        physical=item.get(1),
        converted=item.get(6),
        logical=logical if logical and isinstance(logical[1], dict) else None,
        scale=item.get(7, 0),
        precision=item.get(8, 0),
        repeated=repetition == 2,
        optional=repetition == 1,
        children=_children(item.get(5, 0), rest),
    )


def _children(count: int, rest: Iterator[Mapping[int, Any]]) -> tuple[Element, ...]:
    found = []
    for _ in range(count):
        found.append(_element(next(rest), rest))  # in a generator its end would become an error
    return tuple(found)


def _struct(children: Sequence[Element]) -> Struct:
    return Struct(
        tuple(Field(child.name, _field_type(child), not child.repeated and child.optional) for child in children)
    )


def _field_type(node: Element) -> Type:
    """Return the type of a field; one that repeats outside a list is a list without nulls."""
    return Array(_type(node)) if node.repeated else _type(node)


def _type(node: Element) -> Type:
    if node.physical is not None and not node.children:
        return _primitive(node)
    kind = _annotation(node)
    if kind == "list" and len(node.children) == 1 and node.children[0].repeated:
        return Array(_list_element(node.children[0], node.name))
    if kind == "map" and len(node.children) == 1 and len(node.children[0].children) == 2:
        key, value = node.children[0].children
        return Map(_field_type(key), _field_type(value))
    return _struct(node.children)


def _list_element(repeated: Element, parent: str) -> Type:
    """Return what a list holds, by the specification's rules for files of older writers."""
    is_element = (
        not repeated.children
        or len(repeated.children) > 1
        or repeated.name in ("array", f"{parent}_tuple")
        or repeated.children[0].repeated
    )
    return _type(repeated) if is_element else _field_type(repeated.children[0])


_LOGICAL = {1: "string", 2: "map", 3: "list", 4: "string", 5: "decimal", 6: "date", 7: "time", 8: "timestamp"}
_LOGICAL |= {10: "integer", 11: "void", 12: "string", 13: "binary", 14: "uuid", 15: "float16", 16: "variant"}
_CONVERTED = {0: "string", 1: "map", 2: "map", 3: "list", 4: "string", 5: "decimal", 6: "date", 7: "time", 8: "time"}
_CONVERTED |= {9: "timestamp", 10: "timestamp", 19: "string", 20: "binary", 21: "interval"}
_CONVERTED |= dict.fromkeys(range(11, 19), "integer")
_PHYSICAL = ("boolean", "int", "long", "timestamp", "float", "double", "binary", "binary")
_SIGNED = {8: "byte", 16: "short", 32: "int", 64: "long"}
_UNSIGNED = {8: "short", 16: "int", 32: "long", 64: "decimal(20,0)"}


def _annotation(node: Element) -> str | None:
    if node.logical:
        return _LOGICAL.get(node.logical[0])
    return _CONVERTED.get(node.converted) if node.converted is not None else None


def _primitive(node: Element) -> Primitive:
    physical = _PHYSICAL[node.physical or 0]
    match _annotation(node):
        case "integer":
            bits, signed = _width(node)
            return Primitive((_SIGNED if signed else _UNSIGNED)[bits])
        case "decimal":
            return Primitive(f"decimal({node.precision},{node.scale})")
        case "timestamp":
            return NANOSECONDS if node.logical and 3 in node.logical[1].get(2, {}) else Primitive("timestamp")
        case "void":
            return VOID
        case None | "binary" | "list" | "map":
            return Primitive(physical)
        case known:
            return Primitive(known)


def _width(node: Element) -> tuple[int, bool]:
    if node.logical:
        return int(node.logical[1][1]) & 255, bool(node.logical[1].get(2, True))
    number = (node.converted or 0) - 11
    return 8 << (number % 4), number >= 4

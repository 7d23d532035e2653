"""One schema for files that differ: which types widen into which, exactly.

Names are compared without regard to letter case, as Spark does; the spelling is the documented one, else the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from alertferry.core.errors import UsageError
from alertferry.core.parquet_schema import NANOSECONDS, VOID
from alertferry.core.schema import Array, Field, Map, Primitive, Struct, Type

LONG, STRING, TIMESTAMP = Primitive("long"), Primitive("string"), Primitive("timestamp")

_ORDER = ("byte", "short", "int", "long", "float", "double", "decimal(20,0)", "timestamp")
_WIDER = {
    "byte": {"short", "int", "long", "float", "double"},
    "short": {"int", "long", "float", "double"},
    "int": {"long", "double"},  # 24 bits of a float cannot hold an int, 53 of a double cannot hold a long
    "long": {"decimal(20,0)"},
    "float": {"double"},
    NANOSECONDS.name: {"timestamp"},
}
"""What each type can become without changing any value; nanoseconds are looked at, value by value."""

_LONG_AS = frozenset({"byte", "short", "int", "long", "float", "double", "decimal(20,0)"})
"""Types whose values are read as longs where the documentation says long: whole numbers, else the job fails."""

_WIDENED_BY_SPARK = {
    "byte": {"short", "int", "long", "double"},
    "short": {"int", "long", "double"},
    "int": {"long", "double"},
    "float": {"double"},
}
"""What Spark's parquet readers do by themselves."""

_UNREAD = {
    "time": "a time of day",
    "uuid": "a UUID",
    "float16": "a 16-bit float",
    "interval": "an interval",
    "variant": "a variant",
}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_LARGEST_DECIMAL = 38


class MisfitError(ValueError):
    """Schemas that cannot be united; ``describe`` says why, given what to call the schemas of these numbers."""

    def __init__(self, describe: Callable[..., str], *numbers: int) -> None:
        super().__init__(describe(*(f"schema {number}" for number in numbers)))
        self.describe, self.numbers = describe, numbers


def unite(schemas: Sequence[Struct], documented: Struct | None = None) -> Struct:
    """Return the union of schemas: every field of any, in order of first appearance, each of a type that holds all.

    A field that is documented as long is one where any of them is stored otherwise in some schema. One that holds
    nothing in any of them has its documented type, else text. Raises `MisfitError`.
    """
    return _structs(list(enumerate(schemas)), documented, "")


def _structs(parts: Sequence[tuple[int, Struct]], documented: Type | None, prefix: str) -> Struct:
    found: dict[str, list[tuple[int, Field]]] = {}
    for number, struct in parts:
        for field in struct:
            others = found.setdefault(field.name.lower(), [])
            if others and others[-1][0] == number:
                raise _twice(prefix + others[-1][1].name, prefix + field.name, number)
            others.append((number, field))
    known = {field.name.lower(): field for field in documented} if isinstance(documented, Struct) else {}
    return Struct(tuple(_field(fields, known.get(name), prefix) for name, fields in found.items()))


def _twice(one: str, other: str, number: int) -> MisfitError:
    return MisfitError(
        lambda file: (
            f"{file} has two columns whose names differ at most by letter case, {one} and {other}, "
            "which Spark cannot tell apart"
        ),
        number,
    )


def _field(fields: Sequence[tuple[int, Field]], documented: Field | None, prefix: str) -> Field:
    name = documented.name if documented else fields[0][1].name
    parts = [(number, field.type) for number, field in fields]
    nullable = any(field.nullable for _, field in fields)
    return Field(name, _types(parts, documented.type if documented else None, prefix + name), nullable)


def _types(parts: Sequence[tuple[int, Type]], documented: Type | None, path: str) -> Type:
    distinct = {of_type: number for number, of_type in reversed(parts) if of_type != VOID}
    if not distinct:
        return documented if isinstance(documented, Primitive) else STRING
    given = sorted(((number, of_type) for of_type, number in distinct.items()), key=lambda item: item[0])
    first = given[0][1]
    if all(isinstance(of_type, Primitive) for _, of_type in given):
        return _primitives(given, documented, path)
    if any(type(of_type) is not type(first) for _, of_type in given):
        raise _contradiction(given, path)
    match first:
        case Array():
            element = documented.element if isinstance(documented, Array) else None
            return Array(_types([(n, t.element) for n, t in given if isinstance(t, Array)], element, path))
        case Map():
            maps = [(n, t) for n, t in given if isinstance(t, Map)]
            own = documented if isinstance(documented, Map) else None
            key = _types([(n, t.key) for n, t in maps], own and own.key, path)
            return Map(key, _types([(n, t.value) for n, t in maps], own and own.value, path))
    return _structs([(n, t) for n, t in given if isinstance(t, Struct)], documented, path + ".")


def _primitives(given: Sequence[tuple[int, Type]], documented: Type | None, path: str) -> Primitive:
    names = [str(of_type) for _, of_type in given]
    for (number, _), name in zip(given, names, strict=True):
        if name in _UNREAD:
            raise _unread(path, name, number)
    if len(names) == 1:
        return TIMESTAMP if names[0] == NANOSECONDS.name else Primitive(names[0])
    if documented == LONG and _LONG_AS.issuperset(names):
        return LONG
    found = _joined(names)
    if found is None:
        raise _contradiction(given, path)
    return Primitive(found)


def _joined(names: Sequence[str]) -> str | None:
    """Return the smallest type that holds all values of several; None when there is none."""
    common = set.intersection(*({name} | _WIDER.get(name, set()) for name in names))
    return next((name for name in _ORDER if name in common), None) or _decimal(names)


def _decimal(names: Sequence[str]) -> str | None:
    sizes = [(int(match[1]), int(match[2])) for name in names if (match := _DECIMAL.fullmatch(name))]
    if len(sizes) < len(names):
        return None
    scale = max(scale for _, scale in sizes)
    precision = scale + max(precision - scale for precision, scale in sizes)
    return f"decimal({precision},{scale})" if precision <= _LARGEST_DECIMAL else None


def _unread(path: str, name: str, number: int) -> MisfitError:
    return MisfitError(
        lambda file: (
            f"the column {path} of {file} is {_UNREAD[name]}, which Spark cannot read; ask whoever writes the "
            "lake to store it as a number or as text"
        ),
        number,
    )


def _contradiction(given: Sequence[tuple[int, Type]], path: str) -> MisfitError:
    pairs = list(combinations(given, 2))
    apart = (
        pair for pair in pairs if type(pair[0][1]) is not type(pair[1][1]) or not _joined([str(t) for _, t in pair])
    )
    (one, left), (other, right) = next(apart, pairs[0])
    return MisfitError(
        lambda first, second: (
            f"{path} is {left} in {first} and {right} in {second}, and neither type holds all values "
            "of the other; ask for these nights in separate jobs"
        ),
        one,
        other,
    )


def unite_files(named: Sequence[tuple[str, Struct]], documented: Struct | None) -> Struct:
    """Return the union of files' schemas. Raises `UsageError` naming files that do not go together."""
    try:
        return unite([schema for _, schema in named], documented)
    except MisfitError as error:
        raise UsageError(error.describe(*(named[number][0] for number in error.numbers))) from None


@dataclass(frozen=True)
class Part:
    """How the files of some schemas are read: ``changed`` are the root columns that Spark cannot read as wanted.

    Each stands with its type as it is stored, by its name in small letters.
    """

    changed: tuple[tuple[str, Type], ...] = ()

    def stored(self, name: str) -> Type | None:
        """Return the stored type of a column that has to be changed; None for others."""
        return dict(self.changed).get(name.lower())

    def read(self, wanted: Struct) -> Struct:
        """Return the schema that Spark reads these files with."""
        types = [(item, self.stored(item.name) or item.type) for item in wanted]
        return Struct(tuple(Field(item.name, as_spark_reads(of_type), item.nullable) for item, of_type in types))


def parts_of(stored: Struct, wanted: Struct) -> Part:
    """Return how files of a stored schema are read as a wanted one."""
    known = {field.name.lower(): field.type for field in wanted}
    roots = [(field.name.lower(), field.type) for field in stored if field.name.lower() in known]
    return Part(tuple(sorted((item for item in roots if not read_as_is(item[1], known[item[0]])), key=str)))


def as_spark_reads(stored: Type) -> Type:
    """Return the type in which Spark gives what is stored: nanoseconds are longs, columns of nothing are ints."""
    match stored:
        case Struct(fields):
            return Struct(tuple(Field(item.name, as_spark_reads(item.type), item.nullable) for item in fields))
        case Array(element):
            return Array(as_spark_reads(element))
        case Map(key, value):
            return Map(as_spark_reads(key), as_spark_reads(value))
    return {NANOSECONDS: LONG, VOID: Primitive("int")}.get(stored, stored)


def read_as_is(stored: Type, wanted: Type) -> bool:
    """Tell whether Spark's readers give values of a stored type as those wanted, exactly, by themselves."""
    match stored, wanted:
        case Struct(), Struct():
            known = {field.name.lower(): field.type for field in wanted}
            return all(read_as_is(field.type, known[field.name.lower()]) for field in stored)
        case Array(), Array():
            return read_as_is(stored.element, wanted.element)
        case Map(), Map():
            return read_as_is(stored.key, wanted.key) and read_as_is(stored.value, wanted.value)
    return stored == wanted or str(wanted) in _WIDENED_BY_SPARK.get(str(stored), ())


def differences(stored: Struct, wanted: Struct, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the dotted path, stored and wanted type of every column that is read as another type than it has."""
    known = {field.name.lower(): field for field in wanted}
    for field in stored:
        other = known.get(field.name.lower())
        if other is not None:
            yield from _type_differences(field.type, other.type, prefix + other.name)


def _type_differences(stored: Type, wanted: Type, path: str) -> Iterator[tuple[str, str, str]]:
    match stored, wanted:
        case Struct(), Struct():
            yield from differences(stored, wanted, path + ".")
        case Array(), Array():
            yield from _type_differences(stored.element, wanted.element, path)
        case Map(), Map():
            yield from _type_differences(stored.key, wanted.key, path)
            yield from _type_differences(stored.value, wanted.value, path)
        case _ if stored not in (wanted, VOID):
            yield path, str(stored), str(wanted)

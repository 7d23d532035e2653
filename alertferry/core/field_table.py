"""The documentation of a survey's fields: one line a field, kept as a small tab-separated file beside its plugin.

The first line names the columns: ``path type nullable versions unit description``. Paths are dotted, types are
Spark's simple names. ``array<struct @other>`` (or ``struct @other``) says that the fields inside are those of
``other``, which are then not written again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from alertferry.core.errors import AlertferryError

HEADER = ("path", "type", "nullable", "versions", "unit", "description")

_REFERENCE = re.compile(r"\s*@([\w.]+)")


@dataclass(frozen=True)
class FieldDoc:
    """What one field of a lake is.

    ``path`` is dotted (``candidate.magpsf``; for an array or a map of structs, the path of the array or map and
    the name inside); ``type`` is Spark's simple name (``array<struct>``); ``nullable`` says whether it may be
    missing; ``versions`` are the schema versions that have it; ``unit`` is empty for numbers without one.
    """

    path: str
    type: str
    nullable: bool
    versions: tuple[str, ...]
    unit: str
    description: str


@cache
def load_fields(package: str, name: str) -> tuple[FieldDoc, ...]:
    """Read the field table ``name`` that is shipped inside ``package``, in the order of the lake.

    Raises `AlertferryError` naming the file and the line if the table is malformed.
    """
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    try:
        return parse_fields(text)
    except ValueError as error:
        raise AlertferryError(f"the field table {name} of {package} is damaged: {error}") from None


def parse_fields(text: str) -> tuple[FieldDoc, ...]:
    """Read a field table from ``text`` and expand its ``@`` references.

    Raises `ValueError` naming the line at fault.
    """
    lines = text.splitlines()
    if not lines or tuple(lines[0].split("\t")) != HEADER:
        raise ValueError(f"line 1: expected the header {' '.join(HEADER)}")
    written = [_parse_line(number, line) for number, line in enumerate(lines[1:], start=2) if line]
    by_path = {field.path: field for field in written}
    if len(by_path) < len(written):
        paths = [field.path for field in written]
        raise ValueError(f"{next(path for path in paths if paths.count(path) > 1)!r} is described twice")
    return tuple(field for item in written for field in _expand(item, written, by_path))


def _parse_line(number: int, line: str) -> FieldDoc:
    cells = line.split("\t")
    if len(cells) != len(HEADER):
        raise ValueError(f"line {number}: expected {len(HEADER)} columns, found {len(cells)}")
    path, kind, nullable, versions, unit, description = cells
    if nullable not in ("0", "1"):
        raise ValueError(f"line {number}: nullable must be 0 or 1, got {nullable!r}")
    return FieldDoc(path, kind, nullable == "1", tuple(versions.split(",")), unit, description)


def _expand(field: FieldDoc, written: list[FieldDoc], by_path: dict[str, FieldDoc]) -> list[FieldDoc]:
    found = _REFERENCE.search(field.type)
    if not found:
        return [field]
    source = found[1]
    if source not in by_path:
        raise ValueError(f"{field.path!r} refers to {source!r}, which is not in the table")
    prefix = source + "."
    inside = [
        replace(item, path=f"{field.path}.{item.path.removeprefix(prefix)}", versions=field.versions)
        for item in written
        if item.path.startswith(prefix)
    ]
    return [replace(field, type=_REFERENCE.sub("", field.type)), *inside]

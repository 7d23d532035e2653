"""Coordinates that are spread over columns, or share one, as columns of their own.

CDS splits them into hours, minutes and seconds (``RAh RAm RAs DE- DEd DEm DEs``), SIMBAD's lists have one column for
both (``coord1 (ICRS,J2000/2000)``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from alertferry.catalogs.model import Column
from alertferry.catalogs.numeric import is_text
from alertferry.catalogs.source import Rows, TableSource, cell_text
from alertferry.catalogs.tables import is_split

_SIGN = "DE-"
_PARTS = {"ra": ("RAh", "RAm", "RAs"), "dec": (_SIGN, "DEd", "DEm", "DEs")}
_TOGETHER = re.compile(r"(?i)^coord\d*\s*\((?:ICRS|FK5)\b.*\)$")
_HALVES = r"^\s*(?P<ra>\S.*?)\s*(?P<dec>[+-].*?)\s*$"


def with_positions(source: TableSource) -> TableSource:
    """Return a source with columns of right ascension and declination where it holds them in these ways."""
    names = [column.name for column in source.columns]
    if is_split(names):
        made = {
            " ".join(part for part in parts if part in names): (axis, [part for part in parts if part in names])
            for axis, parts in _PARTS.items()
        }
        return _Derived(source, made)
    together = [name for name in names if _TOGETHER.match(name)]
    if together:
        return _Derived(source, {f"{axis} of {together[0]}": (axis, [together[0]]) for axis in ("ra", "dec")})
    return source


class _Derived:
    """A source with two more columns, each made of one or several of its own."""

    def __init__(self, source: TableSource, made: dict[str, tuple[str, list[str]]]) -> None:
        self._source, self._made = source, made
        self.format, self.is_text, self.one_by_one = source.format, source.is_text, source.one_by_one
        more = (Column(name, "text", ucd=f"pos.eq.{axis};meta.main") for name, (axis, _) in made.items())
        self.columns: tuple[Column, ...] = (*source.columns, *more)

    def frame(self, column: str) -> str:
        """Return the frame of the column that a derived one is made of."""
        return self._source.frame(self._made[column][1][0] if column in self._made else column)

    def read(self, names: Sequence[str], max_rows: int) -> Rows:
        """Return columns, derived ones as text."""
        needed = [part for name in names for part in (self._made[name][1] if name in self._made else [name])]
        rows = self._source.read(list(dict.fromkeys(needed)), max_rows)
        found = {name: self._column(name, rows) for name in names}
        return replace(rows, columns=found)

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows of the file, with the derived columns."""
        first = self._source.head(rows)
        names = [column.name for column in self._source.columns]
        shown = {
            name: pa.chunked_array([pa.array([row[index] for row in first], pa.string())])
            for index, name in enumerate(names)
        }
        made = self._made.values()
        derived = [_derive(axis, {part: shown[part] for part in parts}).to_pylist() for axis, parts in made]
        return [[*row, *(cell_text(column[index]) for column in derived)] for index, row in enumerate(first)]

    def _column(self, name: str, rows: Rows) -> pa.ChunkedArray:
        if name not in self._made:
            return rows.columns[name]
        axis, parts = self._made[name]
        return _derive(axis, {part: rows.columns[part] for part in parts})


def _derive(axis: str, parts: Mapping[str, pa.ChunkedArray]) -> pa.ChunkedArray:
    texts = {name: part if is_text(part.type) else pc.cast(part, pa.string()) for name, part in parts.items()}
    if len(texts) == 1:
        return pa.chunked_array([_half(axis, chunk) for text in texts.values() for chunk in text.chunks], pa.string())
    bare = {name: pc.utf8_trim_whitespace(text) for name, text in texts.items()}
    # A sign that is not written is a plus; without another part the whole is missing, as 12h 30s is not 12h 30m.
    bare = {name: pc.if_else(pc.equal(text, ""), None, text) for name, text in bare.items()}
    sign = pc.fill_null(bare.pop(_SIGN), "") if _SIGN in bare else None
    whole = pc.binary_join_element_wise(*bare.values(), " ")
    return whole if sign is None else pc.binary_join_element_wise(sign, whole, "")


def _half(axis: str, text: pa.Array) -> pa.Array:
    found = pc.extract_regex(text, pattern=_HALVES)
    return pc.if_else(pc.is_valid(found), found.field(axis), text)

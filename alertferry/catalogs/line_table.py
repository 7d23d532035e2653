"""Text tables whose columns have their places in a line: machine-readable tables of journals and CDS, IPAC, SIMBAD.

astropy reads the headers of the first three; the rows are cut here, many at a time, and stay text as it is written,
without the blanks around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.catalogs.display import shown
from alertferry.catalogs.faults import MAX_LISTED, Mask
from alertferry.catalogs.model import BadRow, Column
from alertferry.catalogs.source import Rows, cell_text, check_columns, too_many_rows
from alertferry.catalogs.text_layout import Writing
from alertferry.catalogs.text_table import LARGE_BYTES, comments_warning, whole_lines
from alertferry.core.errors import UsageError

_MAX_MISFITS = 100_000


class Cut(Protocol):
    """How a line is cut."""

    def column(self, lines: pa.Array, index: int) -> pa.Array:
        """Return one column of some lines, with the blanks around it."""

    def misfits(self, lines: pa.Array) -> tuple[Mask, str]:
        """Return the lines that cannot be cut so, and why."""


@dataclass(frozen=True)
class Places:
    """Columns from one character of a line to another; ``gaps`` are characters between them that must be blank."""

    places: Sequence[tuple[int, int]]
    gaps: Sequence[int] = ()

    def column(self, lines: pa.Array, index: int) -> pa.Array:
        """Return the characters of a column."""
        start, end = self.places[index]
        return pc.utf8_slice_codeunits(lines, start, end)

    def misfits(self, lines: pa.Array) -> tuple[Mask, str]:
        """Return the lines with something where the header has a border."""
        mask = np.zeros(len(lines), bool)
        for gap in self.gaps:
            inside = pc.utf8_trim_whitespace(pc.utf8_slice_codeunits(lines, gap, gap + 1))
            mask |= np.asarray(pc.not_equal(inside, ""))
        return mask, "has a value that crosses a border between columns (|) of the header"


@dataclass(frozen=True)
class Pipes:
    """Columns between ``|``; ``first`` of the parts of a line come before the first column."""

    first: int
    parts: int

    def column(self, lines: pa.Array, index: int) -> pa.Array:
        """Return the parts of a column."""
        return pc.list_element(pc.split_pattern(lines, "|"), self.first + index)

    def misfits(self, lines: pa.Array) -> tuple[Mask, str]:
        """Return the lines with another number of parts."""
        found = np.asarray(pc.add(pc.count_substring(lines, "|"), 1))
        return found != self.parts, "has another number of | than the header"


@dataclass(frozen=True)
class LineLayout:
    """Where the rows start in bytes, and how they are cut.

    Lines that ``rule`` matches hold nothing, those that start with ``comment`` are counted and told of; all others are
    rows. ``nulls`` holds the texts that stand for no value, one set a column.
    """

    format: str
    columns: tuple[Column, ...]
    cut: Cut
    start: int
    rule: re.Pattern[str] | None = None
    comment: str = ""
    nulls: Sequence[frozenset[str]] = ()


class LineTable:
    """A text table cut by places or by ``|``."""

    is_text = True

    def __init__(self, file: BinaryIO, writing: Writing, layout: LineLayout) -> None:
        self._file, self._writing, self._layout = file, writing, layout
        self.format = layout.format
        self.columns = layout.columns
        self.one_by_one = file.seek(0, 2) > LARGE_BYTES
        self._comments = 0
        check_columns(self.columns)

    def frame(self, column: str) -> str:  # noqa: ARG002
        """Return an empty string: units and frames of these are in names and remarks."""
        return ""

    def read(self, names: Sequence[str], max_rows: int) -> Rows:
        """Return columns as strings; `UsageError` when there are more than ``max_rows`` rows."""
        wanted = [[column.name for column in self.columns].index(name) for name in names]
        chunks: list[list[pa.Array]] = [[] for _ in wanted]
        numbers: list[int] = []
        described: list[BadRow] = []
        total = 0
        self._comments = 0
        for lines in self._lines():
            bad, reason = self._layout.cut.misfits(lines)
            for row in np.flatnonzero(bad).tolist():
                numbers.append(total + row + 1)
                if len(described) < MAX_LISTED:
                    described.append(BadRow(numbers[-1], "", shown(lines[row].as_py().strip(), 40), reason))
            total += len(lines)
            if total > max_rows:
                raise too_many_rows(f"more than {max_rows:,}", max_rows)
            if len(numbers) > _MAX_MISFITS:
                raise UsageError(f"has more than {_MAX_MISFITS:,} rows that do not fit its header")
            kept = lines.filter(pa.array(~bad)) if bad.any() else lines
            for chunk, index in zip(chunks, wanted, strict=True):
                chunk.append(self._column(kept, index))
        columns = {name: pa.chunked_array(chunk, pa.string()) for name, chunk in zip(names, chunks, strict=True)}
        return Rows(
            columns, total - len(numbers), described, numbers, comments_warning(self._comments, self._layout.comment)
        )

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows as they are written."""
        first = next(self._lines(), None)
        if first is None:
            return []
        first = first.filter(pa.array(~self._layout.cut.misfits(first)[0])).slice(0, rows)
        columns = [self._column(first, index).to_pylist() for index in range(len(self.columns))]
        return [[cell_text(value or None) for value in row] for row in zip(*columns, strict=True)]

    def _column(self, lines: pa.Array, index: int) -> pa.Array:
        text = pc.utf8_trim_whitespace(self._layout.cut.column(lines, index))
        nulls = self._layout.nulls[index] if self._layout.nulls else None
        return pc.if_else(pc.is_in(text, value_set=pa.array(sorted(nulls))), "", text) if nulls else text

    def _lines(self) -> Iterator[pa.Array]:
        """Give the lines that are rows, some thousands at a time."""
        layout = self._layout
        for block in whole_lines(self._file, self._writing, layout.start):
            text = block.decode(self._writing.encoding)
            lines = re.split(r"\r\n|\n|\r", text)
            full = [line for line in lines if line.strip() and not (layout.rule and layout.rule.match(line))]
            kept = [line for line in full if not (layout.comment and line.startswith(layout.comment))]
            self._comments += len(full) - len(kept)
            if kept:
                yield pa.array(kept, pa.string())


def first_text(file: BinaryIO, writing: Writing, size: int) -> str:
    """Return the beginning of a file as text with plain line ends."""
    file.seek(writing.start)
    text = file.read(size).decode(writing.encoding, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def columns_of(header: Any) -> tuple[Column, ...]:
    """Return the columns of a header that astropy has read."""
    return tuple(
        Column(item.name, getattr(item, "raw_type", "") or "text", str(getattr(item, "unit", None) or ""))
        for item in header.cols
    )

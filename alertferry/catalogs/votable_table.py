"""VOTables, with TABLEDATA, BINARY or BINARY2.

The whole document is checked before any of it is used: nothing in it may refer to another file or place. astropy's
reader is not used, because it follows such references and trims the texts of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from alertferry.catalogs.display import shown
from alertferry.catalogs.model import Column
from alertferry.catalogs.source import Rows, cell_text, check_columns, rows_of
from alertferry.catalogs.votable_binary import read_binary
from alertferry.catalogs.votable_document import Document, Field, examine_document, read_cells, read_stream
from alertferry.core.errors import UsageError

_TYPES = {
    "boolean": pa.bool_(),
    "bit": pa.bool_(),
    "unsignedByte": pa.uint8(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}
_TRUE = pa.array(["t", "true", "1"])
_FALSE = pa.array(["f", "false", "0"])


class VOTable:
    """The first table with data of a VOTable file."""

    format = "votable"
    is_text = False

    def __init__(self, file: BinaryIO, max_rows: int) -> None:
        self._file = file
        self._document: Document = examine_document(file, max_rows)
        self.columns: tuple[Column, ...] = tuple(_column(field) for field in self._document.fields)
        check_columns(self.columns)
        self._index = {column.name: index for index, column in enumerate(self.columns)}

    def frame(self, column: str) -> str:
        """Return the system of the COOSYS that the column refers to."""
        return self._document.frames.get(self._document.fields[self._index[column]].ref, "")

    def read(self, names: Sequence[str], max_rows: int) -> Rows:
        """Return columns; numbers of TABLEDATA have the declared type where the texts of all cells allow it."""
        wanted = sorted({self._index[name] for name in names})
        cells = dict(zip(wanted, self._cells(wanted, max_rows), strict=True))
        found = {name: _typed(self._document.fields[self._index[name]], cells[self._index[name]]) for name in names}
        self._compare(len(cells[wanted[0]]))
        table = pa.table({name: array for name, (array, _) in found.items()})
        return rows_of(table, warnings=tuple(warning for _, warning in found.values() if warning))

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows, of TABLEDATA as they are written."""
        columns = [column.to_pylist() for column in self._cells(range(len(self.columns)), rows, stop=True)]
        return [[cell_text(value) for value in row] for row in zip(*columns, strict=True)]

    def _compare(self, rows: int) -> None:
        """Refuse a table that is shorter than it says."""
        claimed = self._document.claimed_rows
        if claimed is not None and rows < claimed:
            raise UsageError(f"is damaged: it claims {claimed:,} rows and holds {rows:,}")

    def _cells(self, wanted: Sequence[int], max_rows: int, stop: bool = False) -> list[pa.Array]:
        """Return columns as texts (TABLEDATA) or with their types (BINARY, BINARY2)."""
        if self._document.serialization in ("BINARY", "BINARY2"):
            return read_binary(read_stream(self._file), self._document, wanted, max_rows, stop)
        return read_cells(self._file, wanted, max_rows, stop)


def _column(field: Field) -> Column:
    size = f"[{field.arraysize}]" if field.arraysize else ""
    return Column(field.name, field.datatype + size, field.unit, field.ucd)


def _typed(field: Field, text: pa.Array) -> tuple[pa.Array, str]:
    """Return cells in the declared type, or as text with a warning where they do not fit it."""
    if not pa.types.is_string(text.type):
        return text, ""
    if field.null:
        text = pc.if_else(pc.equal(pc.utf8_trim_whitespace(text), field.null), None, text)
    kind = _TYPES.get(field.datatype)
    if kind is None or not field.is_scalar:
        return text, ""
    bare = pc.utf8_trim_whitespace(text)
    try:
        return (_booleans(bare) if pa.types.is_boolean(kind) else pc.cast(bare, kind)), ""
    except pa.ArrowInvalid:
        return text, f"column {shown(field.name)!r} holds values that are no {field.datatype}; it is kept as text"


def _booleans(text: pa.Array) -> pa.Array:
    lower = pc.utf8_lower(text)
    known = pc.or_(pc.is_in(lower, value_set=_TRUE), pc.is_in(lower, value_set=_FALSE))
    return pc.if_else(known, pc.is_in(lower, value_set=_TRUE), None)

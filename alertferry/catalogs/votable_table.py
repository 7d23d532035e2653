"""VOTables, with TABLEDATA, BINARY, BINARY2 or FITS within.

The whole document is checked before any of it is used: nothing in it may refer to another file or place. astropy's
reader is not used, because it follows such references and trims the texts of cells.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from alertferry.catalogs.display import shown
from alertferry.catalogs.fits_table import FitsTable
from alertferry.catalogs.model import Column
from alertferry.catalogs.request import Request
from alertferry.catalogs.source import Rows, cell_text, check_columns, rows_of
from alertferry.catalogs.tables import TableInfo, choose_table
from alertferry.catalogs.votable_binary import decoded, read_binary
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
    """A table of a VOTable file."""

    format = "votable"
    is_text = False
    one_by_one = False

    def __init__(self, file: BinaryIO, request: Request) -> None:
        self._file = file
        self._document, self.notes = _choose(examine_document(file, request.max_rows), request)
        self.columns: tuple[Column, ...] = _columns(self._document)
        check_columns(self.columns)
        self._index = {column.name: index for index, column in enumerate(self.columns)}
        self._fits = self._inner_fits(request) if self._document.serialization == "FITS" else None

    def frame(self, column: str) -> str:
        """Return the system of the COOSYS that the column refers to."""
        return self._document.frames.get(self._document.fields[self._index[column]].ref, "")

    def read(self, names: Sequence[str], max_rows: int) -> Rows:
        """Return columns; numbers of TABLEDATA have the declared type where the texts of all cells allow it."""
        if self._fits is not None:
            inner = [self._fits.columns[self._index[name]].name for name in names]
            table = pa.table(list(self._fits.read(inner, max_rows).columns.values()), names=list(names))
            return rows_of(table, self.notes)
        wanted = sorted({self._index[name] for name in names})
        cells = dict(zip(wanted, self._cells(wanted, max_rows), strict=True))
        found = {name: _typed(self._document.fields[self._index[name]], cells[self._index[name]]) for name in names}
        self._compare(len(cells[wanted[0]]))
        table = pa.table({name: array for name, (array, _) in found.items()})
        return rows_of(table, (*self.notes, *(warning for _, warning in found.values() if warning)))

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows, of TABLEDATA as they are written."""
        if self._fits is not None:
            return self._fits.head(rows)
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
            stream = read_stream(self._file, self._document.number)
            return read_binary(stream, self._document, wanted, max_rows, stop)
        return read_cells(self._file, self._document.number, wanted, max_rows, stop)

    def _inner_fits(self, request: Request) -> FitsTable:
        """Return the FITS file that the document holds; its fields are declared twice, and both must be alike."""
        inner = io.BytesIO(decoded(read_stream(self._file, self._document.number)))
        table = FitsTable(inner, replace(request, table=self._document.extension))
        if len(table.columns) != len(self.columns):
            raise UsageError(
                f"is damaged: it declares {len(self.columns)} fields, the FITS table within has {len(table.columns)}"
            )
        return table


def _choose(documents: Sequence[Document], request: Request) -> tuple[Document, tuple[str, ...]]:
    """Return the table to read, and what is to be told of the choice."""
    infos = [TableInfo(item.number, item.name, _rows(item), _columns(item)) for item in documents]
    chosen, note = choose_table(infos, request)
    return documents[chosen.number - 1], (note,) if note else ()


def _rows(document: Document) -> int | None:
    return document.rows if document.serialization in ("", "TABLEDATA") else document.claimed_rows


def _columns(document: Document) -> tuple[Column, ...]:
    return tuple(_column(field) for field in document.fields)


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

"""VOTables. The cells of TABLEDATA are read as they are written; BINARY and BINARY2 are left to astropy.

The whole document is checked before any of it is used: nothing in it may refer to another file or place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from alertferry.catalogs.arrays import arrow_array
from alertferry.catalogs.display import shown
from alertferry.catalogs.model import Column
from alertferry.catalogs.source import Rows, cell_text, check_columns, too_many_rows
from alertferry.catalogs.votable_document import Document, Field, examine_document, read_cells
from alertferry.core.errors import UsageError

if TYPE_CHECKING:
    from astropy.io.votable.tree import TableElement

_TYPES = {
    "boolean": pa.bool_(),
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
        self._binary: TableElement | None = None

    def frame(self, column: str) -> str:
        """Return the system of the COOSYS that the column refers to."""
        return self._document.frames.get(self._document.fields[self._index[column]].ref, "")

    def read(self, names: Sequence[str], max_rows: int) -> Rows:
        """Return columns; numbers of TABLEDATA have the declared type where the texts of all cells allow it."""
        if self._document.serialization != "TABLEDATA":
            return Rows(self._from_binary(names, max_rows))
        wanted = sorted({self._index[name] for name in names})
        cells = read_cells(self._file, wanted, max_rows)
        columns = dict(zip(wanted, cells, strict=True))
        arrays, warnings = [], []
        for name in names:
            array, warning = _typed(self._document.fields[self._index[name]], columns[self._index[name]])
            arrays.append(array)
            warnings += [warning] if warning else []
        return Rows(pa.table(arrays, names=list(names)), warnings=tuple(dict.fromkeys(warnings)))

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows, of TABLEDATA as they are written."""
        if self._document.serialization == "TABLEDATA":
            cells = read_cells(self._file, range(len(self.columns)), max_rows=rows, stop=True)
            columns = [column.to_pylist() for column in cells]
        else:
            columns = [self._array(index).slice(0, rows).to_pylist() for index in range(len(self.columns))]
        return [[cell_text(value) for value in row] for row in zip(*columns, strict=True)]

    def _from_binary(self, names: Sequence[str], max_rows: int) -> pa.Table:
        rows = len(self._parsed().array)
        if rows > max_rows:
            raise too_many_rows(rows, max_rows)
        return pa.table([self._array(self._index[name]) for name in names], names=list(names))

    def _array(self, index: int) -> pa.Array:
        data: Any = self._parsed().array
        column = data[data.dtype.names[index]]
        return arrow_array(self.columns[index].name, column.data, column.mask)

    def _parsed(self) -> TableElement:
        if self._binary is None:
            from astropy.io import votable

            self._file.seek(0)
            try:
                self._binary = votable.parse(self._file, verify="ignore").get_first_table()
            except (MemoryError, PermissionError):
                raise
            except Exception as error:  # astropy lets ValueError, struct.error, IndexError and more out of damaged data
                raise UsageError(f"cannot be read as a VOTable: {shown(error, 300)}") from None
        return self._binary


def _column(field: Field) -> Column:
    size = f"[{field.arraysize}]" if field.arraysize else ""
    return Column(field.name, field.datatype + size, field.unit, field.ucd)


def _typed(field: Field, text: pa.Array) -> tuple[pa.Array, str]:
    """Return cells in the declared type, or as text with a warning where they do not fit it."""
    if field.null:
        text = pc.if_else(pc.equal(pc.utf8_trim_whitespace(text), field.null), None, text)
    kind = _TYPES.get(field.datatype)
    if kind is None or field.arraysize not in ("", "1"):
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

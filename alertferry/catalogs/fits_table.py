"""FITS: a table of a file, read by astropy after its header has been held against the file's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from alertferry.catalogs.arrays import arrow_array
from alertferry.catalogs.display import shown
from alertferry.catalogs.fits_headers import Part, read_parts
from alertferry.catalogs.model import Column
from alertferry.catalogs.request import Request
from alertferry.catalogs.source import MAX_COLUMNS, Rows, cell_text, check_columns, rows_of, too_many_rows
from alertferry.catalogs.tables import TableInfo, choose_table
from alertferry.core.errors import UsageError


class FitsTable:
    """A table of a FITS file, binary or ASCII."""

    format = "fits"
    is_text = False
    one_by_one = False

    def __init__(self, file: BinaryIO, request: Request) -> None:
        part, self.notes = _choose(read_parts(file), request)
        _check_claims(part, request.max_rows)
        with _damage("cannot be read as FITS"):
            self._table = _table(file, part.number)
            self._ascii = part.kind == "TABLE"
            self.columns: tuple[Column, ...] = _columns(self._table)
            self._frame = _frame(self._table.header)
        check_columns(self.columns)

    def frame(self, column: str) -> str:  # noqa: ARG002
        """Return the RADESYS of the table, or B1950 when its equinox says so."""
        return self._frame

    def read(self, names: Sequence[str], max_rows: int) -> Rows:
        """Return columns; scaled integers are scaled, TNULL is null."""
        arrays = [self._array(name) for name in names]
        if arrays and len(arrays[0]) > max_rows:
            raise too_many_rows(len(arrays[0]), max_rows)
        return rows_of(pa.table(arrays, names=list(names)), self.notes)

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows as text."""
        columns = [self._array(column.name, rows).to_pylist() for column in self.columns]
        return [[cell_text(value) for value in row] for row in zip(*columns, strict=True)]

    def _array(self, name: str, rows: int | None = None) -> pa.Array:
        index = [column.name for column in self.columns].index(name)
        declared = self._table.columns[index]
        with _damage(f"column {shown(name)!r} cannot be read"):
            values: Any = self._table.data.field(index)[:rows]
        if self._ascii and values.dtype.kind in "SU":
            values = np.char.rstrip(values)  # blanks at the end mean nothing in FITS
        null = declared.null if isinstance(declared.null, int) else None
        return arrow_array(name, values, None if null is None or values.dtype.kind not in "iu" else values == null)


@contextmanager
def _damage(what: str) -> Iterator[None]:
    """Turn whatever astropy makes of damaged headers and data into a `UsageError`."""
    try:
        yield
    except (UsageError, MemoryError):
        raise
    except Exception as error:  # astropy raises whatever a damaged file makes it stumble over
        raise UsageError(f"{what}: {shown(error, 300)}") from None


def _choose(parts: Sequence[Part], request: Request) -> tuple[Part, tuple[str, ...]]:
    """Return the table to read, and what is to be told of the choice."""
    tables = {part.number: part for part in parts if part.is_table and not part.cards.get("ZIMAGE")}
    if not tables:
        if any(part.cards.get("ZIMAGE") for part in parts):
            raise UsageError("is an image compressed by fpack, not a table of sources")
        kinds = ", ".join(part.kind.lower() for part in parts)
        raise UsageError(f"has no table (it holds: {shown(kinds)})")
    chosen, note = choose_table([_info(part) for part in tables.values()], request)
    part = tables[chosen.number]
    if part.cards.get("ZTABLE"):
        raise UsageError("is compressed by fpack; run funpack on it first")
    return part, (note,) if note else ()


def _info(part: Part) -> TableInfo:
    columns = tuple(
        Column(name, unit=part.cards.get(f"TUNIT{index}", "").strip(), ucd=part.cards.get(f"TUCD{index}", "").strip())
        for index, name in enumerate(part.names()[:MAX_COLUMNS], 1)
    )
    return TableInfo(part.number, part.cards.get("EXTNAME", "").strip(), part.integer("NAXIS2"), columns)


def _table(file: BinaryIO, number: int) -> Any:
    from astropy.io import fits

    file.seek(0)
    hdus = fits.open(file, memmap=True, lazy_load_hdus=True, character_as_bytes=False)
    return hdus[number]


def _columns(table: Any) -> tuple[Column, ...]:
    ucds = [str(table.header.get(f"TUCD{index}", "")) for index in range(1, len(table.columns) + 1)]
    return tuple(
        # astropy gives a card as what it holds: a unit may be a number
        Column(str(column.name or f"column_{index}"), column.format, str(column.unit or ""), ucd)
        for index, (column, ucd) in enumerate(zip(table.columns, ucds, strict=True), 1)
    )


def _check_claims(part: Part, max_rows: int) -> None:
    """Compare what the header claims with the limit and with the bytes that are there."""
    rows, width, heap = (part.integer(card) for card in ("NAXIS2", "NAXIS1", "PCOUNT"))
    if rows > max_rows:
        raise too_many_rows(rows, max_rows)
    if rows * width + heap > part.there:
        raise UsageError(
            f"is damaged: its header claims {rows:,} rows of {width:,} bytes, but only {max(part.there, 0):,} bytes "
            "follow; it may be cut short"
        )


def _frame(header: Any) -> str:
    equinox = header.get("EQUINOX", 2000.0)
    if isinstance(equinox, int | float) and np.isclose(equinox, 1950.0):
        return "B1950"
    return str(header.get("RADESYS", header.get("RADECSYS", "")))

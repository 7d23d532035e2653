"""FITS: the first binary table of a file, read by astropy after its header has been held against the file's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa

from alertferry.catalogs.arrays import arrow_array
from alertferry.catalogs.display import shown
from alertferry.catalogs.model import Column
from alertferry.catalogs.source import Rows, cell_text, check_columns, rows_of, too_many_rows
from alertferry.core.errors import UsageError

if TYPE_CHECKING:
    from astropy.io.fits import BinTableHDU

_BLOCK = 2880
_MAX_HEADER_BLOCKS = 2048
_MAX_EXTENSIONS = 100


class FitsTable:
    """The first binary table of a FITS file."""

    format = "fits"
    is_text = False

    def __init__(self, file: BinaryIO, max_rows: int) -> None:
        _check_headers(file)
        with _damage("cannot be read as FITS"):
            self._table = _first_table(file)
            _check_claims(file, self._table, max_rows)
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
        return rows_of(pa.table(arrays, names=list(names)))

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows as text."""
        columns = [self._array(column.name, rows).to_pylist() for column in self.columns]
        return [[cell_text(value) for value in row] for row in zip(*columns, strict=True)]

    def _array(self, name: str, rows: int | None = None) -> pa.Array:
        index = [column.name for column in self.columns].index(name)
        declared = self._table.columns[index]
        with _damage(f"column {shown(name)!r} cannot be read"):
            values: Any = self._table.data.field(index)[:rows]
        null = declared.null if isinstance(declared.null, int) else None
        return arrow_array(name, values, None if null is None or values.dtype.kind not in "iu" else values == null)


def _check_headers(file: BinaryIO) -> None:
    """Refuse headers that do not end within reason, before astropy collects their cards."""
    file.seek(0)
    for _ in range(_MAX_HEADER_BLOCKS):
        block = file.read(_BLOCK)
        if any(block[at : at + 8] == b"END     " for at in range(0, len(block), 80)):
            return
        if len(block) < _BLOCK:
            break
    raise UsageError("is damaged: its FITS header has no END; it may be cut short")


@contextmanager
def _damage(what: str) -> Iterator[None]:
    """Turn whatever astropy makes of damaged headers and data into a `UsageError`."""
    try:
        yield
    except (UsageError, MemoryError):
        raise
    except Exception as error:  # astropy raises whatever a damaged file makes it stumble over
        raise UsageError(f"{what}: {shown(error, 300)}") from None


def _first_table(file: BinaryIO) -> BinTableHDU:
    from astropy.io import fits

    file.seek(0)
    kinds: list[str] = []
    hdus = fits.open(file, memmap=False, lazy_load_hdus=True, character_as_bytes=False)
    for index in range(_MAX_EXTENSIONS):
        try:
            hdu = hdus[index]
        except IndexError:
            break
        if hdu.header.get("ZIMAGE") or hdu.header.get("ZTABLE"):
            raise UsageError("is compressed by fpack; run funpack on it first")
        if isinstance(hdu, fits.BinTableHDU):
            return hdu
        kinds.append(str(hdu.header.get("XTENSION", "image")).strip().lower())
    raise UsageError(f"has no binary table (it holds: {shown(', '.join(kinds))})")


def _columns(table: BinTableHDU) -> tuple[Column, ...]:
    ucds = [str(table.header.get(f"TUCD{index}", "")) for index in range(1, len(table.columns) + 1)]
    return tuple(
        Column(column.name or f"column_{index}", column.format, column.unit or "", ucd)
        for index, (column, ucd) in enumerate(zip(table.columns, ucds, strict=True), 1)
    )


def _check_claims(file: BinaryIO, table: BinTableHDU, max_rows: int) -> None:
    """Compare what the header claims with the limit and with the bytes that are there."""
    rows, width, heap = (int(table.header.get(key, 0)) for key in ("NAXIS2", "NAXIS1", "PCOUNT"))
    if rows > max_rows:
        raise too_many_rows(rows, max_rows)
    start = table.fileinfo()["datLoc"]
    there = file.seek(0, 2) - start
    if min(rows, width, heap) < 0 or rows * width + heap > there:
        raise UsageError(
            f"is damaged: its header claims {rows:,} rows of {width:,} bytes, but only {max(there, 0):,} bytes follow; "
            "it may be cut short"
        )


def _frame(header: Any) -> str:
    equinox = header.get("EQUINOX", 2000.0)
    if isinstance(equinox, int | float) and np.isclose(equinox, 1950.0):
        return "B1950"
    return str(header.get("RADESYS", header.get("RADECSYS", "")))

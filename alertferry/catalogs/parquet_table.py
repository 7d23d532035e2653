"""Parquet files: the footer is checked before a page is read, and only needed columns are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from alertferry.catalogs.display import shown
from alertferry.catalogs.model import Column
from alertferry.catalogs.source import Rows, cell_text, check_columns, rows_of, too_many_rows
from alertferry.core.errors import UsageError

_BATCH_ROWS = 65_536


class ParquetTable:
    """A Parquet file."""

    format = "parquet"
    is_text = False
    one_by_one = True

    def __init__(self, file: BinaryIO, max_rows: int, max_bytes: int) -> None:
        _check_ends(file)
        file.seek(0)
        try:
            self._file = pq.ParquetFile(file, pre_buffer=False, page_checksum_verification=True)
            schema = self._file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(error) from None
        self._max_bytes = max_bytes
        metadata = self._file.metadata
        self.columns: tuple[Column, ...] = tuple(_column(field) for field in schema)
        check_columns(self.columns)
        if metadata.num_rows > max_rows:
            raise too_many_rows(metadata.num_rows, max_rows)
        groups = sum(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))
        if metadata.num_rows != groups:
            raise UsageError(f"is damaged: its footer claims {metadata.num_rows:,} rows, its row groups {groups:,}")

    def frame(self, column: str) -> str:  # noqa: ARG002
        """Return an empty string: Parquet says nothing of frames."""
        return ""

    def read(self, names: Sequence[str], max_rows: int) -> Rows:
        """Return columns with their types; dictionaries are decoded."""
        self._check_size(names)
        batches: list[pa.RecordBatch] = []
        rows = 0
        for batch in self._batches(names, _BATCH_ROWS):
            rows += batch.num_rows
            if rows > max_rows:
                raise too_many_rows(f"more than {max_rows:,}", max_rows)
            batches.append(batch)
        if rows != self._file.metadata.num_rows:
            raise UsageError(f"is damaged: its footer claims {self._file.metadata.num_rows:,} rows, it holds {rows:,}")
        schema = batches[0].schema if batches else self._file.schema_arrow
        return rows_of(pa.Table.from_batches(batches, schema).select(list(names)))

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows as text."""
        names = [column.name for column in self.columns]
        self._check_size(names, first_group=True)
        first = next(self._batches(names, rows), None)
        if first is None:
            return []
        return [[cell_text(value) for value in row.values()] for row in first.select(names).slice(0, rows).to_pylist()]

    def _batches(self, names: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._file.iter_batches(batch_size=size, columns=list(names), use_threads=False):
                _check_texts(batch)
                yield batch
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(error) from None

    def _check_size(self, names: Sequence[str], first_group: bool = False) -> None:
        """Refuse columns that expand to more than the limit."""
        metadata = self._file.metadata
        # By the schema, not by what each chunk says of itself: that may differ in a damaged file, and be no text.
        paths = [self._file.schema.column(index).path for index in range(metadata.num_columns)]
        needed = [index for index, path in enumerate(paths) if _belongs(path, names)]
        size = 0
        for group in range(metadata.num_row_groups)[: 1 if first_group else None]:
            size += sum(metadata.row_group(group).column(index).total_uncompressed_size for index in needed)
        if size > self._max_bytes:
            raise UsageError(f"expands to {size:,} bytes; at most {self._max_bytes:,} are allowed: carry fewer columns")


def _check_ends(file: BinaryIO) -> None:
    """Refuse files whose two ends are not Parquet's."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 4))
    last = file.read(4)
    if last == b"PARE":
        raise UsageError("is encrypted; save it without encryption")
    if last != b"PAR1" or size < 12:
        raise UsageError("is damaged: it begins as Parquet and does not end as Parquet; it may be cut short")


def _check_texts(batch: pa.RecordBatch) -> None:
    """Raise `UsageError` for a column of texts that are none: parquet takes any bytes."""
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values.validate(full=True)
        except pa.ArrowInvalid:
            raise UsageError(f"is damaged: column {shown(name)!r} holds bytes that are no text in UTF-8") from None


def _unreadable(error: Exception) -> UsageError:
    text = str(error)
    if "encrypt" in text.lower() or "decrypt" in text.lower():
        return UsageError("is encrypted; save it without encryption")
    if isinstance(error, pa.ArrowMemoryError):
        raise MemoryError
    codec = re.search(r"codec '?(\w+)", text)
    if codec and "support" in text.lower():
        return UsageError(f"is compressed with {shown(codec[1])}, which is not read here; save it with zstd or snappy")
    if isinstance(error, pa.ArrowNotImplementedError):
        return UsageError(f"holds a kind of column that is not read ({shown(text, 200)}); carry fewer columns")
    return UsageError("cannot be read as Parquet: its footer or its pages cannot be decoded; it may be cut short")


def _column(field: pa.Field) -> Column:
    metadata = {key.decode("utf-8", "replace").lower(): value for key, value in (field.metadata or {}).items()}
    unit, ucd = (metadata.get(key, b"").decode("utf-8", "replace") for key in ("unit", "ucd"))
    return Column(field.name, str(field.type), unit, ucd)


def _belongs(path: str, names: Sequence[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in names)

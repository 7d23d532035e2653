"""Drawing alerts of one night at random, with pyarrow: memory stays bounded however large the night is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from alertferry.core.errors import AlertferryError, DamagedError
from alertferry.core.hadoop_errors import Cause, cause
from alertferry.core.lake_files import ListedFile
from alertferry.estimates.listing import NightFiles
from alertferry.estimates.tiers import LEAST_GROUPS, MEGABYTE

BATCH_BYTES = 32 * MEGABYTE
_ERRORS = (OSError, MemoryError, NotImplementedError, ValueError, pa.ArrowException)
_DAMAGED = re.compile(r"thrift|[Cc]orrupt|decompress|Codec|end of stream|flatbuffers|levels|[Pp]age|BYTE_ARRAY|Logical")
"""What pyarrow says of content that it cannot decode."""


@dataclass(frozen=True)
class Drawn:
    """A sample in random order, one table for each schema that the night's files have.

    ``order`` holds, table by table, the place of each row in the whole sample. ``groups`` counts the row groups
    drawn from when these were chosen at random themselves; 0 when all were read.
    """

    tables: tuple[pa.Table, ...]
    order: tuple[np.ndarray[Any, Any], ...]
    alerts: int
    rows: int
    groups: int
    int96: bool


@dataclass(frozen=True)
class Group:
    """A row group: the number of its file among the night's, its own number in there, rows, compressed bytes."""

    file: int
    index: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Reader:
    """The files of a night by their footers, and the root columns that are not read."""

    night: NightFiles
    footers: tuple[pq.FileMetaData, ...]
    absent: frozenset[str]

    @classmethod
    def of(cls, night: NightFiles, absent: frozenset[str]) -> Reader:
        """Read the footers of a night. Raises as `unreadable` says, naming a file."""
        return cls(night, tuple(_footer(night, file) for file in night.files), absent)

    def groups(self) -> list[Group]:
        """Return the row groups of all files, with the bytes of the columns that are read."""
        return [group for number in range(len(self.footers)) for group in self._groups(number)]

    def _groups(self, number: int) -> Iterator[Group]:
        footer = self.footers[number]
        names = [footer.schema.column(column).path.partition(".")[0] for column in range(footer.num_columns)]
        kept = [column for column, name in enumerate(names) if name not in self.absent]
        for index in range(footer.num_row_groups):
            group = footer.row_group(index)
            size = sum(group.column(column).total_compressed_size for column in kept)
            yield Group(number, index, group.num_rows, size)

    @contextmanager
    def open(self, group: Group) -> Iterator[pq.ParquetFile]:
        """Open the file of a row group. Raises as `unreadable` says when the block cannot read it."""
        path = self.night.files[group.file].path
        try:
            with self.night.filesystem.open_input_file(path) as file:
                yield pq.ParquetFile(file, metadata=self.footers[group.file], pre_buffer=True)
        except _ERRORS as error:
            raise unreadable(self.night, path, error) from None


def draw(night: NightFiles, absent: frozenset[str], rows: int, read_bytes: int) -> Drawn:
    """Draw up to ``rows`` alerts without replacement; the same files give the same alerts.

    Where the columns of a night take more than ``read_bytes``, row groups are drawn first, then alerts in them.
    Raises as `unreadable` says, naming a file that cannot be read.
    """
    reader = Reader.of(night, absent)
    random = np.random.default_rng(night.seed)
    groups = reader.groups()
    alerts = sum(group.rows for group in groups)
    chosen = _choose(groups, read_bytes, random)
    reachable = sum(group.rows for group in chosen)
    picks = np.sort(random.choice(reachable, size=min(rows, reachable), replace=False))
    found = _read(reader, chosen, picks)
    tables = tuple(pa.Table.from_batches(batches, schema) for schema, (batches, _) in found.items())
    places = random.permutation(len(picks))
    order = tuple(places[np.concatenate(numbers)] for _, numbers in found.values())
    clustered = len(chosen) if len(chosen) < len(groups) else 0
    return Drawn(tables, order, alerts, len(picks), clustered, any(map(_has_int96, reader.footers)))


def _footer(night: NightFiles, file: ListedFile) -> pq.FileMetaData:
    try:
        with night.filesystem.open_input_file(file.path) as source:
            return pq.read_metadata(source)
    except _ERRORS as error:
        raise unreadable(night, file.path, error) from None


def unreadable(night: NightFiles, path: str, error: Exception) -> AlertferryError:
    """Return the error for a file of a night that pyarrow cannot read.

    `DamagedError` only where its content is at fault: an error of the system has a number, one of a server may have
    none, and pyarrow raises `OSError` for both and for pages that it cannot decode.
    """
    said = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, FileNotFoundError):
        return AlertferryError(f"{path} was removed while the lake was sampled; ask again when nobody writes there")
    if isinstance(error, MemoryError):
        return AlertferryError(f"this machine has no memory left to read {path}; ask for fewer nights at a time")
    if isinstance(error, NotImplementedError):
        return AlertferryError(f"estimates cannot read {path} ({said}); the job itself may")
    local = isinstance(night.filesystem, fs.LocalFileSystem)
    if isinstance(error, OSError) and (error.errno or not (local or _DAMAGED.search(said))):
        known = cause(said) or (f"{os.strerror(error.errno)}; ask again" if error.errno and local else None)
        kind = known.kind if isinstance(known, Cause) else AlertferryError
        return kind(f"{path} cannot be read now: {known or f'{said}; ask again'}")
    return DamagedError(f"{path} is not a whole parquet file ({said}); write it again")


def _has_int96(footer: pq.FileMetaData) -> bool:
    return any(footer.schema.column(index).physical_type == "INT96" for index in range(footer.num_columns))


def _choose(groups: Sequence[Group], read_bytes: int, random: np.random.Generator) -> list[Group]:
    """Return all groups if they fit, else some at random: never fewer than `LEAST_GROUPS`."""
    if sum(group.bytes for group in groups) <= read_bytes or len(groups) <= LEAST_GROUPS:
        return list(groups)
    chosen, size = list[Group](), 0
    for number in random.permutation(len(groups)):
        if len(chosen) >= LEAST_GROUPS and size + groups[number].bytes > read_bytes:
            break
        chosen.append(groups[number])
        size += groups[number].bytes
    return sorted(chosen, key=lambda group: (group.file, group.index))


def _read(
    reader: Reader, chosen: Sequence[Group], picks: np.ndarray[Any, Any]
) -> dict[pa.Schema, tuple[list[pa.RecordBatch], list[np.ndarray[Any, Any]]]]:
    """Return the picked rows by schema, each with its number among the picks; rows are counted through the groups."""
    found: dict[pa.Schema, tuple[list[pa.RecordBatch], list[np.ndarray[Any, Any]]]] = {}
    start = 0
    for group in chosen:
        first, last = np.searchsorted(picks, [start, start + group.rows])
        if last > first:
            batches = pick(reader, group, picks[first:last] - start)
            kept, numbers = found.setdefault(batches[0].schema, ([], []))
            kept.extend(batches)
            numbers.append(np.arange(first, last))
        start += group.rows
    return found


def pick(reader: Reader, group: Group, wanted: np.ndarray[Any, Any]) -> list[pa.RecordBatch]:
    """Return the rows of a group whose numbers are wanted, reading it in batches."""
    size = max(16, min(group.rows, int(BATCH_BYTES * group.rows / max(1, group.bytes * 3))))
    found, start = [], 0
    with reader.open(group) as file:
        columns = [name for name in file.schema_arrow.names if name not in reader.absent]
        for batch in file.iter_batches(batch_size=size, row_groups=[group.index], columns=columns):
            first, last = np.searchsorted(wanted, [start, start + batch.num_rows])
            if last > first:
                # a copy: slices would keep the whole batch in memory
                picked = batch.take(pa.array(wanted[first:last] - start))
                found.append(picked.replace_schema_metadata(None))
            start += batch.num_rows
    return found

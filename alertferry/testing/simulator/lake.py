"""Writing lakes: one folder a night, parquet files as the broker's Spark writes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.local_lake import SIMULATED
from alertferry.testing.simulator.population import MOST_ALERTS

Progress = Callable[[int], None]


@dataclass(frozen=True)
class SimulatedLake:
    """What was written: where, which nights, how many alerts and how many bytes of files."""

    folder: Path
    nights: tuple[date, ...]
    alerts: int
    bytes: int


@dataclass(frozen=True)
class Layout:
    """How a night is cut up: files a night, and rows a row group (None: what suits the alerts)."""

    files_per_night: int = 2
    row_group_rows: int | None = None


# ZTF counts its nights from 2017; from 2042 on, its identifiers no longer fit into 64 bits.
_POSSIBLE = {"ztf": (date(2017, 1, 2), date(2041, 12, 31)), "lsst": (date(2000, 1, 1), date(2099, 12, 31))}


def check_nights(survey: str, nights: Iterable[date]) -> None:
    """Raise `UsageError` for a night that ``survey`` could not number."""
    first, last = _POSSIBLE[survey]
    for night in nights:
        if not first <= night <= last:
            raise UsageError(f"night {night} cannot be simulated for {survey}: choose one from {first} to {last}")


def check_request(nights: Sequence[date], alerts_per_night: int, layout: Layout, seed: int) -> tuple[date, ...]:
    """Return the nights in order. Raises `UsageError` if the request makes no sense."""
    if not 0 <= seed < 2**63:
        raise UsageError(f"the seed must be from 0 to {2**63 - 1}, got {seed}")
    if not nights:
        raise UsageError("no nights to simulate: give at least one, such as 2026-01-01")
    repeated = sorted({night for night in nights if list(nights).count(night) > 1})
    if repeated:
        raise UsageError(f"night {repeated[0]} is given twice; give each night once")
    if not 0 <= alerts_per_night <= MOST_ALERTS:
        raise UsageError(f"alerts per night must be from 0 to {MOST_ALERTS:,}, got {alerts_per_night}")
    if layout.files_per_night < 1:
        raise UsageError(f"files per night must be at least 1, got {layout.files_per_night}")
    if layout.row_group_rows is not None and layout.row_group_rows < 1:
        raise UsageError(f"rows of a row group must be at least 1, got {layout.row_group_rows}")
    return tuple(sorted(nights))


def prepare_folder(folder: Path, survey: str, nights: Iterable[date]) -> None:
    """Make sure that ``nights`` of ``survey`` can be written into ``folder``, and make it, marked as simulated.

    Raises `UsageError` if it holds a lake of another survey, already holds one of the nights, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = next(folder.rglob("*.parquet"), None)
    except OSError as error:
        raise UsageError(f"cannot write a lake into {folder}: {error.strerror}; choose another folder") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write a lake into {folder}: permission denied; choose another folder")
    if held is not None and (found := survey_of(held)) != survey:
        what = f"a lake of {found}" if found else "parquet files that are not alerts"
        raise UsageError(f"{folder} holds {what} ({held.name}), not {survey}; choose another folder")
    for night in nights:
        if any(night_folder(folder, night).glob("*.parquet")):
            raise UsageError(f"{folder} already holds night {night}; choose other nights or another folder")
    (folder / SIMULATED).touch()


def survey_of(file: Path) -> str | None:
    """Return the survey whose alerts a parquet file holds, told by its identifiers; None if it holds no alerts.

    Raises `UsageError` if the file is not parquet.
    """
    names = read_schema(file).names
    return next((survey for survey, key in (("ztf", "candid"), ("lsst", "diaSourceId")) if key in names), None)


def read_schema(file: Path) -> pa.Schema:
    """Return the schema of a parquet file. Raises `UsageError` naming the file if it cannot be read."""
    try:
        return pq.read_schema(file)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"cannot read {file} as parquet: {str(error).splitlines()[0]}") from None


def night_folder(folder: Path, night: date) -> Path:
    """Return the folder of a night inside a lake, in Hive's way of naming, filled with zeros."""
    return folder / f"year={night.year:04d}" / f"month={night.month:02d}" / f"day={night.day:02d}"


def shares(total: int, parts: int) -> list[range]:
    """Cut rows 0 to ``total`` into at most ``parts`` runs of nearly equal length; one empty run if there are none."""
    parts = max(1, min(parts, total))
    edges = [total * part // parts for part in range(parts + 1)]
    return [range(low, high) for low, high in pairwise(edges)]


def write_file(path: Path, schema: pa.Schema, blocks: Iterable[pa.Table], group_rows: int) -> int:
    """Write one parquet file, under its name only when complete; return its size in bytes.

    Timestamps are INT96, as Spark writes and reads them. Raises `AlertferryError` if the disk does not take it.
    """
    hidden = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(hidden, schema, **_writer_options(schema)) as writer:
            for group in _groups(schema, blocks, group_rows):
                writer.write_table(group, row_group_size=group_rows)
            if schema.metadata:
                writer.add_key_value_metadata(schema.metadata)
        size = hidden.stat().st_size
        hidden.replace(path)
    except OSError as error:
        hidden.unlink(missing_ok=True)
        raise AlertferryError(f"cannot write {path}: {error.strerror or error}") from None
    return size


def _writer_options(schema: pa.Schema) -> dict[str, Any]:
    return {
        "compression": "snappy",
        "use_deprecated_int96_timestamps": True,
        "store_schema": False,
        "use_dictionary": _repetitive(schema),
    }


def _repetitive(schema: pa.Schema) -> list[str]:
    """Return the columns worth a dictionary: texts and small numbers, but not file names or stamps."""
    return [path for path, kind in _leaves(schema, "") if pa.types.is_string(kind) or pa.types.is_int32(kind)]


def _leaves(parent: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for index in range(len(parent) if isinstance(parent, pa.Schema) else parent.num_fields):
        field = parent.field(index)
        yield from _inside(field.type, prefix + field.name)


def _inside(kind: Any, path: str) -> Iterator[tuple[str, Any]]:
    if pa.types.is_struct(kind):
        yield from _leaves(kind, path + ".")
    elif pa.types.is_list(kind):
        yield from _inside(kind.value_type, path + ".list.element")
    elif pa.types.is_map(kind):
        yield path + ".key_value.key", kind.key_type
        yield from _inside(kind.item_type, path + ".key_value.value")
    else:
        yield path, kind


def _groups(schema: pa.Schema, blocks: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Gather ``blocks`` into tables of a multiple of ``rows`` rows; one empty table if there are no blocks."""
    waiting: list[pa.Table] = []
    written = 0
    for block in blocks:
        waiting.append(block)
        if sum(table.num_rows for table in waiting) >= rows:
            table = pa.concat_tables(waiting)
            whole_rows = table.num_rows // rows * rows
            yield table.slice(0, whole_rows)
            written += whole_rows
            waiting = [table.slice(whole_rows)]
    rest = pa.concat_tables(waiting) if waiting else schema.empty_table()
    if rest.num_rows or not written:
        yield rest


def blocks_of(rows: range, size: int) -> Iterator[range]:
    """Cut ``rows`` into runs of at most ``size``."""
    for start in range(rows.start, rows.stop, size):
        yield range(start, min(start + size, rows.stop))

"""What every format gives: a table whose columns are known before any row is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from alertferry.catalogs.display import listing, shown
from alertferry.catalogs.model import BadRow, Column
from alertferry.core.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

MAX_COLUMNS = 4096


@dataclass(frozen=True)
class Rows:
    """Columns that were asked for, and the rows that are not in them because their fields do not fit the header.

    ``columns`` is for the caller to empty, so that what has been dealt with can be freed. ``misfit_numbers`` are in the
    order of the file and count all data rows from 1; ``misfits`` describes the first of them.
    """

    columns: dict[str, pa.ChunkedArray]
    count: int
    misfits: Sequence[BadRow] = ()
    misfit_numbers: Sequence[int] = ()
    warnings: tuple[str, ...] = ()


def rows_of(table: pa.Table, warnings: tuple[str, ...] = ()) -> Rows:
    """Return the columns of a table as `Rows`, all of which fit the header."""
    return Rows(dict(zip(table.column_names, table.columns, strict=True)), table.num_rows, warnings=warnings)


class TableSource(Protocol):
    """An opened catalogue.

    ``frame`` is the coordinate system that the file declares for a column, or an empty string. ``is_text`` tells
    that the format has no types, ``one_by_one`` that columns should be read one after the other, to save memory.
    """

    format: str
    columns: tuple[Column, ...]
    is_text: bool
    one_by_one: bool

    def frame(self, column: str) -> str:
        """Return the name of the coordinate system of a column."""

    def read(self, names: Sequence[str], max_rows: int) -> Rows:
        """Return some columns in the given order; `UsageError` when there are more than ``max_rows`` rows."""

    def head(self, rows: int) -> list[list[str | None]]:
        """Return the first rows as text, in the order of ``columns``."""


def check_columns(columns: Sequence[Column]) -> None:
    """Raise `UsageError` when there are no columns, too many, or two of one name."""
    names = [column.name for column in columns]
    if not names:
        raise UsageError("has no columns")
    if len(names) > MAX_COLUMNS:
        raise UsageError(f"has {len(names):,} columns; at most {MAX_COLUMNS:,} can be read")
    twice = list(dict.fromkeys(name for name in names if names.count(name) > 1)) if len(set(names)) < len(names) else []
    if twice:
        raise UsageError(f"has more than one column called {listing(twice)}; rename them so that each name is unique")


def too_many_rows(rows: int | str, max_rows: int) -> UsageError:
    """Return the error for a catalogue above the limit."""
    count = rows if isinstance(rows, str) else f"{rows:,}"
    return UsageError(f"has {count} rows; at most {max_rows:,} are allowed: split it, or keep fewer sources")


def cell_text(value: object) -> str | None:
    """Return a value of any type as text to be shown, or None."""
    return None if value is None else shown(value, 200)

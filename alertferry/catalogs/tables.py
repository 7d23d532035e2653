"""Files that hold several tables: which one is meant, or what to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alertferry.catalogs.display import shown
from alertferry.catalogs.guess import NEEDED_PARTS, guess_columns
from alertferry.catalogs.model import Column
from alertferry.catalogs.request import Request
from alertferry.core.errors import UsageError

_TABLES_SHOWN = 20
_COLUMNS_SHOWN = 12


@dataclass(frozen=True)
class TableInfo:
    """One table of a file: its number from 1, its name (may be empty), its rows where the file tells, its columns."""

    number: int
    name: str
    rows: int | None
    columns: tuple[Column, ...]

    def __str__(self) -> str:
        names = ", ".join(shown(column.name, 40) for column in self.columns[:_COLUMNS_SHOWN])
        more = f" and {len(self.columns) - _COLUMNS_SHOWN} more" if len(self.columns) > _COLUMNS_SHOWN else ""
        rows = "rows not counted" if self.rows is None else f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"{self.number} {shown(self.name)!r}: {rows}; columns {names or 'none'}{more}"


def choose_table(tables: Sequence[TableInfo], request: Request) -> tuple[TableInfo, str]:
    """Return the table to read, and what a user should know of the choice (may be empty).

    It is the one that the job names, else the only one, else the only one with rows and positions. Raises `UsageError`
    with all tables, their columns and numbers of rows when that leaves none or several.
    """
    if request.table is not None:
        return _named(tables, str(request.table)), ""
    if len(tables) == 1:
        return tables[0], ""
    fitting = [table for table in tables if table.rows != 0 and _has_positions(table, request)]
    if len(fitting) == 1:
        chosen = fitting[0]
        return chosen, (
            f"the file holds {len(tables)} tables; table {chosen.number} {shown(chosen.name)!r} was read, as it alone "
            "has rows with positions; name another one with table:"
        )
    what = "several of them have positions" if fitting else "none of them looks like a catalogue with positions"
    raise UsageError(f"holds {len(tables)} tables, and {what}; choose one with table: NAME or NUMBER{_listed(tables)}")


def _named(tables: Sequence[TableInfo], wanted: str) -> TableInfo:
    same = [table for table in tables if table.name.casefold() == wanted.strip().casefold()]
    found = same or [table for table in tables if str(table.number) == wanted.strip()]
    if len(found) == 1:
        return found[0]
    several = "several tables are" if found else "no table is"
    raise UsageError(f"table: {several} called {shown(wanted)!r}; the file holds these{_listed(tables)}")


def _has_positions(table: TableInfo, request: Request) -> bool:
    names = [column.name for column in table.columns]
    if request.ra is not None and request.dec is not None:
        return request.ra in names and request.dec in names
    guess = guess_columns(names, [column.unit for column in table.columns], [column.ucd for column in table.columns])
    return bool((guess.ra and guess.dec) or ("ra" in guess.unclear and "dec" in guess.unclear) or is_split(names))


def is_split(names: Sequence[str]) -> bool:
    """Tell whether coordinates are in columns of hours, minutes and seconds, called as CDS calls them."""
    return set(NEEDED_PARTS) <= set(names)


def _listed(tables: Sequence[TableInfo]) -> str:
    more = f"\n  and {len(tables) - _TABLES_SHOWN} more" if len(tables) > _TABLES_SHOWN else ""
    return ":" + "".join(f"\n  {table}" for table in tables[:_TABLES_SHOWN]) + more

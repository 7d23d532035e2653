"""From a table as it is in a file to what a catalogue is: positions, identifiers, and the rows that are no use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from alertferry.catalogs import angles, carried, numeric
from alertferry.catalogs.angle_units import Role, Understood, mas_in, motion_unit, require_years
from alertferry.catalogs.display import listing, shown
from alertferry.catalogs.faults import MAX_LISTED, Mask, Measured, in_parts, list_bad_rows
from alertferry.catalogs.guess import guess_columns, require
from alertferry.catalogs.identifiers import check_size, identifier_texts, refuse_long
from alertferry.catalogs.model import ROW_NUMBER, Column, Guess
from alertferry.catalogs.report import Report
from alertferry.catalogs.request import FIRST_YEAR, LAST_YEAR, Request
from alertferry.catalogs.source import Rows, TableSource
from alertferry.catalogs.unit_evidence import require_degrees, unit_warnings
from alertferry.core.errors import UsageError, did_you_mean

_MAX_MOTION_MAS_PER_YEAR = 100_000.0
_EXAMPLES = 5
_NUMBERED = "no column looks like an identifier: the number of the row serves; name another column with id:"


class _Columns:
    """Columns of a source: read all at once, or each when it is asked for where that costs little; kept by nobody."""

    def __init__(self, source: TableSource, names: Sequence[str], max_rows: int) -> None:
        self._source, self._max_rows = source, max_rows
        self.rows = source.read(names[:1] if source.one_by_one else names, max_rows)

    def take(self, name: str) -> pa.ChunkedArray:
        """Return a column, and let go of it."""
        found = self.rows.columns.pop(name, None)
        if found is None:
            found = self._source.read([name], self._max_rows).columns[name]
        return pa.chunked_array([carried.plain(chunk) for chunk in found.chunks], carried.plain_type(found.type))


@dataclass(frozen=True)
class _Use:
    """Columns in their roles, and where their values come from."""

    source: TableSource
    request: Request
    used: Mapping[str, str]
    columns: _Columns

    def declared(self, role: str) -> Column:
        name = self.used[role]
        return next(column for column in self.source.columns if column.name == name)

    def of(self, role: str) -> pa.ChunkedArray:
        return self.columns.take(self.used[role])


def describe(source: TableSource) -> Report:
    """Return format, columns and guess; no row is read."""
    columns = source.columns
    guess = guess_columns(
        [column.name for column in columns], [column.unit for column in columns], [column.ucd for column in columns]
    )
    return Report(source.format, columns=columns, guess=guess)


def assemble(source: TableSource, request: Request, report: Report) -> pa.Table:
    """Return the usable rows as one table and complete the report.

    The table has the columns ``id``, ``ra_deg``, ``dec_deg``, where asked for ``radius_arcsec``, ``pmra``, ``pmdec``
    and ``epoch``, and ``carried_0`` and so on. Raises `UsageError` when the request does not fit the file, for bad
    rows unless they are to be dropped, and when no row is left.
    """
    report.used = choose_columns(source, request, report.guess)
    numbered = report.used["id"] == ROW_NUMBER and request.id is None
    report.guessed = [role for role in report.used if getattr(request, role) is None]
    names = [name for role, name in report.used.items() if not (role == "id" and _is_row_number(name, source))]
    columns = _Columns(source, list(dict.fromkeys([*names, *request.columns])), request.max_rows)
    rows = columns.rows
    report.rows = rows.count + len(rows.misfit_numbers)
    if report.rows == 0:
        raise UsageError("has no rows")
    use = _Use(source, request, report.used, columns)
    measured = _measure(use)
    ids = _identifiers(use, rows)
    checked = [*measured.values(), refuse_long(report.used["id"], ids)]
    bad = np.any([column.bad() for column in checked], axis=0)
    report.units = _units(measured)
    report.warnings = [*([_NUMBERED] if numbered else []), *rows.warnings, *_warnings(use, measured)]
    _report_bad(report, checked, bad, rows)
    _refuse_bad(report, request, int((~bad).sum()))
    return _table(use, ids, measured, ~bad)


def choose_columns(source: TableSource, request: Request, guess: Guess) -> dict[str, str]:
    """Return which column plays which role; `UsageError` when one does not exist or none can be guessed."""
    names = [column.name for column in source.columns]
    given = {role: getattr(request, role) for role in ("ra", "dec", "id", "radius", "pmra", "pmdec", "epoch")}
    used = {role: name for role, name in given.items() if isinstance(name, str)}
    for role, name in [*used.items(), *(("columns", name) for name in request.columns)]:
        if name not in names and not (role == "id" and name == ROW_NUMBER):
            near = did_you_mean(name, names) or "."
            raise UsageError(f"{role}: no column {shown(name)!r}{near} Columns: {listing(names)}")
    if used.get("ra") is not None and used["ra"] == used["dec"]:
        raise UsageError(f"ra: and dec: name the same column {shown(used['ra'])!r}; each must be a column of its own")
    guessed = {role: require(guess, role, names) for role in ("ra", "dec", "id") if role not in used}
    return {role: name for role in given if (name := used.get(role, guessed.get(role, "")))}


def count_rows(source: TableSource, request: Request) -> int:
    """Return the number of data rows without making anything of them."""
    rows = source.read([source.columns[0].name], request.max_rows)
    return rows.count + len(rows.misfit_numbers)


def number_rows(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the number of each row of a table among all data rows, from 1."""
    total = rows.count + len(rows.misfit_numbers)
    misfits = np.array(rows.misfit_numbers, dtype=np.int64)
    return np.delete(np.arange(1, total + 1), misfits - 1)


def _is_row_number(name: str, source: TableSource) -> bool:
    return name == ROW_NUMBER and all(column.name != name for column in source.columns)


def _measure(use: _Use) -> dict[str, Measured]:
    """Return the numbers of every role, by the name of their column in the result."""
    measured: dict[str, Measured] = {}
    for axis in ("ra", "dec"):
        angles.require_equatorial(use.source.frame(use.used[axis]), use.used[axis])
    ra_unit, dec_unit = use.request.units
    measured["ra_deg"] = angles.measure_coordinate(use.declared("ra"), use.of("ra"), "ra", ra_unit)
    measured["dec_deg"] = angles.measure_coordinate(use.declared("dec"), use.of("dec"), "dec", dec_unit)
    require_degrees(measured["ra_deg"], measured["dec_deg"])
    if "radius" in use.used:
        column = use.declared("radius")
        measured["radius_arcsec"] = in_parts(use.of("radius"), lambda part: angles.measure_radius(column, part))
    motions: tuple[Role, Role] = ("pmra", "pmdec")
    for role in motions:
        if role in use.used:
            unit, name = motion_unit(use.declared(role), role), use.used[role]
            measured[role] = in_parts(use.of(role), lambda part, unit=unit, name=name: _motion(name, part, unit))  # type: ignore[misc]
    if use.request.epoch is not None:
        measured["epoch"] = _epoch(use, len(measured["ra_deg"].values))
    return measured


def _motion(name: str, values: pa.Array, unit: Understood) -> Measured:
    """Return a proper motion in mas/yr; 0 where it has not been measured (no value, or nan)."""
    measured = numeric.measure_numbers(name, values).scaled(mas_in(unit.unit))
    measured = replace(measured, read_as=Understood(f"{unit.unit}/yr", unit.why))
    missing = np.isnan(measured.values)
    if numeric.is_text(values.type):
        missing &= numeric.missing_words(values) | numeric.matching(values, r"(?i)^\s*[+-]?nan\s*$")
    faults = tuple(replace(fault, mask=fault.mask & ~missing) for fault in measured.faults)
    known = replace(measured, values=np.where(missing, 0.0, measured.values), faults=faults)
    return known.refuse(
        ~(np.abs(known.values) <= _MAX_MOTION_MAS_PER_YEAR), "a proper motion above 100 arcsec/yr; look at its unit"
    )


def _epoch(use: _Use, rows: int) -> Measured:
    if not isinstance(use.request.epoch, str):
        return Measured("epoch", np.full(rows, use.request.epoch, dtype=float), pa.nulls(rows))
    require_years(use.declared("epoch"))
    return in_parts(use.of("epoch"), lambda part: _years(use.used["epoch"], part))


def _years(name: str, values: pa.Array) -> Measured:
    measured = numeric.measure_numbers(name, values)
    inside = (measured.values >= FIRST_YEAR) & (measured.values <= LAST_YEAR)
    return measured.refuse(~inside, "an epoch must be a Julian year from 1800 to 2200")


def _identifiers(use: _Use, rows: Rows) -> pa.Array:
    name = use.used["id"]
    if _is_row_number(name, use.source):
        return pa.array(number_rows(rows)).cast(pa.string())
    parts = [identifier_texts(name, part) for part in use.columns.take(name).chunks]
    check_size(name, parts)
    return pa.chunked_array(parts, pa.string()).combine_chunks()


def _warnings(use: _Use, measured: Mapping[str, Measured]) -> list[str]:
    found = unit_warnings(measured["ra_deg"], measured["dec_deg"])
    found += [angles.single_precision(use.used[axis], measured[f"{axis}_deg"].source.type) for axis in ("ra", "dec")]
    return [warning for warning in found if warning]


def _units(measured: Mapping[str, Measured]) -> dict[str, tuple[str, str]]:
    """Return by role the unit in which the file's values were read, and what says so."""
    roles = {"ra_deg": "ra", "dec_deg": "dec", "radius_arcsec": "radius", "pmra": "pmra", "pmdec": "pmdec"}
    read = {role: measured[name].read_as for name, role in roles.items() if name in measured}
    return {role: (unit.unit, unit.why) for role, unit in read.items()}


def _report_bad(report: Report, checked: Sequence[Measured], bad: Mask, rows: Rows) -> None:
    listed = [*list_bad_rows(checked, bad, number_rows(rows)), *rows.misfits]
    report.bad_rows = sorted(listed, key=lambda row: row.number)[:MAX_LISTED]
    report.bad_row_count = int(bad.sum()) + len(rows.misfit_numbers)


def _refuse_bad(report: Report, request: Request, usable: int) -> None:
    if not report.bad_row_count or (usable and request.on_bad_rows == "drop"):
        return
    examples = "".join(f"\n  {row}" for row in report.bad_rows[:_EXAMPLES])
    more = f"\n  and {report.bad_row_count - _EXAMPLES:,} more" if report.bad_row_count > _EXAMPLES else ""
    if not usable:
        raise UsageError(f"none of its {report.rows:,} rows can be used:{examples}{more}")
    raise UsageError(
        f"{report.bad_row_count:,} of {report.rows:,} rows cannot be used:{examples}{more}\n"
        "Correct them, or leave them out with on_bad_rows: drop"
    )


def _table(use: _Use, ids: pa.Array, measured: Mapping[str, Measured], good: Mask) -> pa.Table:
    keep = pa.array(good) if not good.all() else None
    columns: dict[str, pa.Array] = {"id": _kept(ids, keep)}
    for name, column in measured.items():
        columns[name] = pa.array(column.values if keep is None else column.values[good])
    for index, name in enumerate(use.request.columns):
        values = _kept(use.columns.take(name).combine_chunks(), keep)
        kind = next(column.type for column in use.source.columns if column.name == name)
        columns[f"carried_{index}"] = carried.typed(values, kind) if use.source.is_text else values
    return pa.table(columns)


def _kept(values: pa.Array, keep: pa.Array | None) -> pa.Array:
    return values if keep is None else values.filter(keep)

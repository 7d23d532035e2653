"""Reads a user's catalogue, or shows what is in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from alertferry.catalogs.display import shown_name
from alertferry.catalogs.model import Catalog, OnBadRows, Preview, ProperMotion
from alertferry.catalogs.report import Report
from alertferry.catalogs.request import Request
from alertferry.catalogs.sandbox import Answer, parse
from alertferry.core.errors import AlertferryError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from alertferry.catalogs.model import FloatArray

_MAX_PREVIEW_ROWS = 1000


class PreviewOptions(TypedDict, total=False):
    """How a catalogue is read; `read_catalog` says what each means, `Request` what holds without it."""

    ra: str | None
    dec: str | None
    id: str | None
    radius: str | None
    pmra: str | None
    pmdec: str | None
    epoch: str | float | None
    table: str | int | None
    format: str | None
    unit: str | None
    ra_unit: str | None
    dec_unit: str | None
    max_rows: int
    max_bytes: int


class ReadOptions(PreviewOptions, total=False):
    """And what becomes of it, which a preview does not ask."""

    columns: Sequence[str]
    on_bad_rows: OnBadRows


def read_catalog(path: str | os.PathLike[str], *, name: str | None = None, **options: Unpack[ReadOptions]) -> Catalog:
    """Read a catalogue of sources: any of `FORMATS`, also with gzip, told apart by content.

    Parameters
    ----------
    path
        A regular file. It is read by another process that has no network, no other files and limited memory.
    ra, dec
        Columns of the position: decimal degrees, another unit where the file says so, or sexagesimal text (right
        ascension in hours). ICRS or FK5 (J2000). Both are guessed when neither is given.
    id
        Column of the identifier; guessed when not given; ``#`` for the number of the row.
    radius
        Column of matching radii in arcsec or the file's unit; > 0 and <= 3600 arcsec.
    columns
        Further columns to carry.
    pmra, pmdec, epoch
        Columns of the proper motion (mas/yr or the file's unit, the first times cos(dec)), and the Julian year of the
        positions or its column.
    on_bad_rows
        ``fail``, or ``drop`` to leave out rows that cannot be used and report them.
    table
        Which table of a file with several: its name or its number, from 1.
    format
        One of `FORMATS`, or the name that a `Preview` has for it, where the content does not tell it.
    unit, ra_unit, dec_unit
        Unit of both coordinates or of one (``deg``, ``hour``, ``rad``, ``arcmin``, ``arcsec``, ``mas``, ``uas``),
        whatever the file says; ``unit: hour`` is of right ascension, declination then being in degrees.
    max_rows, max_bytes
        Limits of rows, and of bytes both as given and decompressed.
    name
        What to call the file in messages; default is the last part of its path.

    Raises
    ------
    UsageError
        The file cannot be used; the message says why and what to do.
    """
    request = Request(preview_rows=0, **options)
    title = _title(path, name)
    answer, report = _ask(path, title, request)
    if answer.table is None:
        raise AlertferryError(f"catalogue {title}: the process that reads catalogues returned no rows")
    return _catalog(title, answer, report, answer.table, request.columns)


def preview_catalog(
    path: str | os.PathLike[str], rows: int = 10, *, name: str | None = None, **options: Unpack[PreviewOptions]
) -> Preview:
    """Show the first rows of a catalogue and what would become of it; the parameters are those of `read_catalog`.

    A catalogue whose columns or values do not fit has a `Preview` with ``problem`` set. Raises `UsageError` when not
    even its columns can be read.
    """
    shown_rows = max(1, min(rows, _MAX_PREVIEW_ROWS))
    request = Request(preview_rows=shown_rows, columns=(), on_bad_rows="drop", **options)
    title = _title(path, name)
    answer, report = _ask(path, title, request)
    told = report.statistics
    return Preview(
        name=title,
        sha256=answer.sha256,
        columns=tuple(report.columns),
        first_rows=tuple(tuple(row) for row in report.first_rows),
        guess=report.guess,
        problem=report.problem,
        **_common(report),
        rows=report.rows,
        usable_rows=report.rows - report.bad_row_count if told else 0,
        ra_range_deg=_pair(told.get("ra_range_deg")),
        dec_range_deg=_pair(told.get("dec_range_deg")),
        radius_range_arcsec=_pair(told.get("radius_range_arcsec")),
        moc=_moc(told["cells"]) if told else None,
    )


def _title(path: str | os.PathLike[str], name: str | None) -> str:
    return shown_name(name if name is not None else os.fsdecode(path))


def _ask(path: str | os.PathLike[str], title: str, request: Request) -> tuple[Answer, Report]:
    try:
        request.check()
        answer = parse(path, "catalogue", request.to_fields(), request.max_bytes)
    except UsageError as error:
        raise UsageError(f"catalogue {title}: {error}") from None
    return answer, Report.from_fields(answer.report)


def _common(report: Report) -> dict[str, Any]:
    return {
        "format": report.format,
        "used": dict(report.used),
        "units": {role: (unit, why) for role, (unit, why) in report.units.items()},
        "bad_rows": tuple(report.bad_rows),
        "bad_row_count": report.bad_row_count,
        "warnings": tuple(report.warnings),
        "duplicate_ids": report.statistics.get("duplicate_ids", 0),
        "duplicate_positions": report.statistics.get("duplicate_positions", 0),
    }


def _catalog(title: str, answer: Answer, report: Report, table: pa.Table, carried: Sequence[str]) -> Catalog:
    floats = _floats(table)
    return Catalog(
        name=title,
        sha256=answer.sha256,
        rows=table.num_rows,
        ids=table.column("id").combine_chunks(),
        ra_deg=floats["ra_deg"],
        dec_deg=floats["dec_deg"],
        radius_arcsec=floats.get("radius_arcsec"),
        pm=ProperMotion(floats["pmra"], floats["pmdec"]) if "pmra" in floats else None,
        epoch=floats.get("epoch"),
        columns=table.select([f"carried_{index}" for index in range(len(carried))]).rename_columns(list(carried)),
        guessed=tuple(report.guessed),
        **_common(report),
    )


def _floats(table: pa.Table) -> Mapping[str, FloatArray]:
    numeric = ("ra_deg", "dec_deg", "radius_arcsec", "pmra", "pmdec", "epoch")
    return {name: _float_array(table.column(name)) for name in numeric if name in table.column_names}


def _float_array(column: pa.ChunkedArray) -> FloatArray:
    """Return a view of a column; `to_numpy` would load pandas for it."""
    import numpy as np

    array = column.combine_chunks()
    view = np.frombuffer(array.buffers()[1], dtype=np.float64, count=len(array), offset=8 * array.offset)
    view.flags.writeable = False  # the memory is a mapped file that may only be read
    return view


def _pair(values: Sequence[float] | None) -> tuple[float, float] | None:
    return None if values is None else (values[0], values[1])


def _moc(cells: Sequence[int]) -> Any:
    import numpy as np
    from mocpy import MOC

    from alertferry.catalogs.statistics import MOC_ORDER

    depths = np.full(len(cells), MOC_ORDER, np.uint8)
    return MOC.from_healpix_cells(np.array(cells, np.uint64), depths, max_depth=MOC_ORDER)

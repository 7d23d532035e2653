"""Which columns of a packet hold positions and brightness, and what plots of them show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertferry.consumer.schemas import column_at
from alertferry.core.paths import as_part
from alertferry.ui.flat import read_row
from alertferry.ui.lakes import surveys
from alertferry.ui.text import printable


@dataclass(frozen=True)
class Bands:
    """How a survey gives brightness: columns of an alert, the same in its history, and the words for the axis."""

    value: str
    error: str
    band: str
    history: str
    label: str
    time_label: str
    inverted: bool
    names: tuple[tuple[Any, str], ...] = ()


BANDS = {
    "lsst": Bands(
        "diaSource.psfFlux",
        "diaSource.psfFluxErr",
        "diaSource.band",
        "prvDiaSources",
        "difference flux (nJy)",
        "MJD (TAI)",
        False,
    ),
    "ztf": Bands(
        "candidate.magpsf",
        "candidate.sigmapsf",
        "candidate.fid",
        "prv_candidates",
        "difference magnitude",
        "JD (UTC)",
        True,
        ((1, "g"), (2, "r"), (3, "i")),
    ),
}
"""Brightness by survey; surveys of plugins have none and no such plots."""

MOST_POINTS = 10_000
"""So many points of an alert's history are drawn: whoever publishes a topic decides how many there are."""
MOST_BANDS = 12

_TEXT_ROLES = ("object", "band")


@dataclass(frozen=True)
class Table:
    """The columns that plots need, as lists; a column that the packet lacks is None."""

    ra: list[float] | None
    dec: list[float] | None
    value: list[float] | None
    curve: dict[str, Any] | None
    object_id: str
    newest_row: int = -1
    """Row of the newest alert of that object."""


def in_packet(path: str, names: set[str]) -> str | None:
    """Return how a column of the lake is called in a packet with these (dotted) names."""
    leaf = path.rpartition(".")[2]
    return next((name for name in (path, path.replace(".", "_"), leaf) if name in names), None)


def read(path: Path, survey: str) -> Table:
    """Read what the plots need from a result. Slow for large ones."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    names = _dotted(file.schema_arrow)
    known, bands = surveys()[survey], BANDS.get(survey)
    wanted = {"ra": known.ra, "dec": known.dec, "object": known.object_id, "time": known.time}
    if bands:
        wanted |= {"value": bands.value, "error": bands.error, "band": bands.band}
    found = {role: name for role, column in wanted.items() if (name := in_packet(column, names))}
    # read_table would call the columns by their last name, which two structs may share; a file keeps the structs
    table = file.read(columns=sorted(set(found.values())))
    columns = {role: _column(table, name, role) for role, name in found.items()}
    columns = {role: column for role, column in columns.items() if column is not None}
    name, curve, newest = _curve(path, columns, bands, known.time.rpartition(".")[2], names)
    return Table(columns.get("ra"), columns.get("dec"), columns.get("value"), curve, name, newest)


def _dotted(schema: Any, prefix: str = "") -> set[str]:
    import pyarrow as pa

    found = set()
    for field in schema:
        name = prefix + as_part(field.name)
        found.add(name)
        if pa.types.is_struct(field.type):
            found |= _dotted(field.type, f"{name}.")
    return found


def _column(table: Any, name: str, role: str) -> list[Any] | None:
    """Return a column of the packets; None where its type is none that its role can have."""
    import pyarrow as pa

    column = column_at(table, name)
    number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if not number and not (role in _TEXT_ROLES and pa.types.is_string(column.type)):
        return None
    values: list[Any] = column.to_pylist()
    return values


def _curve(
    path: Path, columns: dict[str, Any], bands: Bands | None, time: str, names: set[str]
) -> tuple[str, Any, int]:
    """Return the light curve of the object with the most alerts, with the history of its newest one."""
    needed = ("object", "time", "value")
    if bands is None or any(role not in columns for role in needed) or not columns["object"]:
        return "", None, -1
    counts = Counter(item for item in columns["object"] if item not in (None, 0, "0", ""))
    if not counts:
        return "", None, -1
    chosen = counts.most_common(1)[0][0]
    rows = [index for index, item in enumerate(columns["object"]) if item == chosen]
    blank = [None] * len(columns["object"])
    points = [tuple(columns.get(role, blank)[row] for role in ("time", "value", "error", "band")) for row in rows]
    newest = max(rows, key=lambda row: columns["time"][row] or 0)
    if bands.history in names:
        points += _history(path, newest, bands, time)
    return printable(str(chosen)), _points(points, dict(bands.names)), newest


def _history(path: Path, row: int, bands: Bands, time: str) -> list[tuple[Any, ...]]:
    past = read_row(path, [bands.history], row).get(bands.history)
    leaves = [time, *(column.rpartition(".")[2] for column in (bands.value, bands.error, bands.band))]
    points = past[:MOST_POINTS] if isinstance(past, list) else []
    return [tuple(item.get(leaf) for leaf in leaves) for item in points if isinstance(item, dict)]


def _points(points: list[tuple[Any, ...]], names: dict[Any, str]) -> dict[str, list[Any]]:
    whole = sorted({point for point in points if point[0] is not None and point[1] is not None}, key=lambda p: p[0])
    whole = whole[-MOST_POINTS:]
    bands = [names.get(point[3], str(point[3] or "?")) for point in whole]
    shown = {name for name, _ in Counter(bands).most_common(MOST_BANDS)}
    return {
        "time": [point[0] for point in whole],
        "value": [point[1] for point in whole],
        "error": [point[2] or 0.0 for point in whole],
        "band": [printable(name) if name in shown else "other" for name in bands],
    }

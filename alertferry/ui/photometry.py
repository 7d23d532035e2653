"""What the first alerts of a result show: a table, positions, brightness; and of one of them its light curve."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertferry.consumer.schemas import column_at
from alertferry.core.paths import as_part
from alertferry.core.survey import Survey
from alertferry.core.time_scales import label
from alertferry.ui.flat import read_row
from alertferry.ui.formats.meaning import meanings
from alertferry.ui.formats.sheets import in_packet, sheets_of
from alertferry.ui.lakes import surveys
from alertferry.ui.text import printable


@dataclass(frozen=True)
class Bands:
    """How a survey gives brightness: columns of an alert, the same in its history, and the words for the axis.

    ``forced`` is the column of forced photometry, ``limit`` what an entry of the history that saw nothing has.
    """

    value: str
    error: str
    band: str
    history: str
    label: str
    inverted: bool
    forced: str = ""
    limit: str = ""
    names: tuple[tuple[Any, str], ...] = ()


BANDS = {
    "lsst": Bands(
        "diaSource.psfFlux",
        "diaSource.psfFluxErr",
        "diaSource.band",
        "prvDiaSources",
        "difference flux (nJy)",
        False,
        forced="prvDiaForcedSources",
    ),
    "ztf": Bands(
        "candidate.magpsf",
        "candidate.sigmapsf",
        "candidate.fid",
        "prv_candidates",
        "difference magnitude",
        True,
        limit="diffmaglim",
        names=((1, "g"), (2, "r"), (3, "i")),
    ),
}
"""Brightness by survey; surveys of plugins have none and no such plots."""

MOST_POINTS = 10_000
"""So many points of an alert's history are drawn: whoever publishes a topic decides how many there are."""
MOST_BANDS = 12
MOST_COLUMNS = 40
"""So many columns of a packet stand in the table; the files have all."""
MOST_TEXT = 160

THIS, SAME, BEFORE, FORCED, LIMIT = (
    "this alert",
    "other alerts of it here",
    "history",
    "forced photometry",
    "upper limit",
)
"""The kinds of points of a light curve."""

_TEXT_ROLES = ("object", "band")
_LEADING = ("alert_id", "object", "ra", "dec", "time", "band", "value", "error")

Point = tuple[Any, Any, Any, Any, str]


@dataclass(frozen=True)
class Overview:
    """The first alerts: a table of texts, and the columns that plots need; a column that the packet lacks is None."""

    columns: list[dict[str, Any]]
    rows: list[list[str | None]]
    left_out: int
    ra: list[float] | None
    dec: list[float] | None
    value: list[float] | None


@dataclass(frozen=True)
class Opened:
    """One alert: what it is, where, and its light curve, which is None where the packet holds no brightness."""

    title: str
    facts: str
    object_id: str
    ra: float | None
    dec: float | None
    curve: dict[str, list[Any]] | None


@dataclass(frozen=True)
class _Packet:
    """How the columns of a packet are called, by their role."""

    path: Path
    survey: Survey
    roles: dict[str, str]

    @classmethod
    def of(cls, path: Path, kind: str) -> _Packet:
        import pyarrow.parquet as pq

        names = _dotted(pq.ParquetFile(path).schema_arrow)
        survey, bands = surveys()[kind], BANDS.get(kind)
        wanted = {"alert_id": survey.alert_id, "ra": survey.ra, "dec": survey.dec}
        wanted |= {"object": survey.object_id, "time": survey.time}
        if bands:
            wanted |= {"value": bands.value, "error": bands.error, "band": bands.band}
            wanted |= {"history": bands.history, "forced": bands.forced}
        return cls(path, survey, {role: name for role, column in wanted.items() if (name := in_packet(column, names))})

    @property
    def bands(self) -> Bands | None:
        return BANDS.get(self.survey.name)

    def columns(self, *roles: str) -> dict[str, list[Any]]:
        """Return the columns of some roles, those whose type is one that their role can have."""
        import pyarrow.parquet as pq

        found = {role: self.roles[role] for role in roles if role in self.roles}
        # read_table would call the columns by their last name, which two structs may share; a file keeps the structs
        table = pq.ParquetFile(self.path).read(columns=sorted(set(found.values())))
        read = {role: _column(table, name, role) for role, name in found.items()}
        return {role: column for role, column in read.items() if column is not None}


def overview(path: Path, kind: str) -> Overview:
    """Read the first alerts of a result. Slow for large packets."""
    packet = _Packet.of(path, kind)
    sheet = sheets_of(path, packet.survey.alert_id)[0]
    known = meanings(packet.survey)
    fields = [field for field in sheet.schema if _can_be_shown(field.type)]
    leading = [packet.roles[role] for role in _LEADING if role in packet.roles]
    order = {name: number for number, name in enumerate(leading)}
    chosen = sorted(fields, key=lambda field: order.get(field.name, len(order)))[:MOST_COLUMNS]
    columns = []
    for field in chosen:
        meaning = known.of(field.name)
        sort = "int" if _is_whole(field.type) else "float" if _is_float(field.type) else "text"
        note = meaning.unit if meaning.unit != "unit" else ""
        columns.append({"title": printable(field.name, 100), "note": note, "right": sort != "text", "kind": sort})
    rows: list[list[str | None]] = []
    for batch in sheet.batches():
        texts = [_texts(batch.column(field.name)) for field in chosen]
        rows += [list(row) for row in zip(*texts, strict=True)]
    found = packet.columns("ra", "dec", "value")
    left_out = len(sheet.schema) - len(chosen)
    return Overview(columns, rows, left_out, found.get("ra"), found.get("dec"), found.get("value"))


def _is_whole(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind))


def _is_float(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind))


def _can_be_shown(kind: Any) -> bool:
    import pyarrow as pa

    return not (pa.types.is_binary(kind) or pa.types.is_list(kind))


def _texts(array: Any) -> list[str | None]:
    """Return values as a table shows them: as many digits as their type has."""
    import numpy as np
    import pyarrow as pa

    single = array.type == pa.float32()
    return [None if value is None else text_of(np.float32(value) if single else value) for value in array.to_pylist()]


def text_of(value: Any) -> str:
    """Return a value as text, with every digit that its type has; texts of unknown origin as what they are."""
    return printable(value, MOST_TEXT) if isinstance(value, str) else str(value)


def open_alert(path: Path, kind: str, row: int) -> Opened:
    """Read one of the first alerts."""
    packet = _Packet.of(path, kind)
    table = packet.columns("alert_id", "object", "ra", "dec", "time", "value", "error", "band")
    here = {role: column[row] for role, column in table.items() if row < len(column)}
    shown = {"alert_id": here.get("alert_id", row + 1), "object": here.get("object")}
    names = dict(packet.bands.names) if packet.bands else {}
    known = shown["object"] not in (None, 0, "0", "")
    object_id = printable(str(shown["object"]), 100) if known else ""
    curve = _curve(packet, table, row) if packet.bands and {"time", "value"} <= set(table) else None
    facts = _facts(here, object_id, names, packet)
    title = f"Alert {printable(str(shown['alert_id']), 100)}"
    return Opened(title, facts, object_id, _finite(here.get("ra")), _finite(here.get("dec")), curve)


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _facts(here: dict[str, Any], object_id: str, names: dict[Any, str], packet: _Packet) -> str:
    """Return a line that says what an alert is."""
    import numpy as np

    parts = [f"object {object_id}"] if object_id else []
    ra, dec, time = (_finite(here.get(role)) for role in ("ra", "dec", "time"))
    if ra is not None and dec is not None:
        parts.append(f"RA {ra:.6f}°, Dec {dec:+.6f}°")
    if time is not None:
        parts.append(f"{label(packet.survey.time_scale)} {time:.5f}")
    value, error = (_finite(here.get(role)) for role in ("value", "error"))
    if value is not None and packet.bands:
        unit = "mag" if packet.bands.inverted else "nJy"
        spread = f" ± {np.float32(error):.3g}" if error is not None else ""
        band = here.get("band")
        parts.append(
            f"{printable(str(names.get(band, band or '')), 20)} {np.float32(value):.6g}{spread} {unit}".strip()
        )
    return " · ".join(parts)


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
    if not number and not (role in (*_TEXT_ROLES, "alert_id") and pa.types.is_string(column.type)):
        return None
    values: list[Any] = column.to_pylist()
    return values


def _curve(packet: _Packet, table: dict[str, Any], row: int) -> dict[str, list[Any]]:
    """Return the light curve of an alert: it, its object's other alerts, its history, forced photometry, limits."""
    blank = [None] * len(table["time"])
    columns = [table.get(role, blank) for role in ("time", "value", "error", "band")]
    chosen = table.get("object", blank)[row]
    same = [] if chosen in (None, 0, "0", "") else [n for n, item in enumerate(table["object"]) if item == chosen]
    points: list[Point] = [(*(column[row] for column in columns), THIS)]
    points += [(*(column[n] for column in columns), SAME) for n in same if n != row]
    bands = packet.bands
    assert bands is not None
    for role, kind in (("history", BEFORE), ("forced", FORCED)):
        if role in packet.roles:
            points += _past(packet, packet.roles[role], row, kind)
    return _points(points, dict(bands.names))


def _past(packet: _Packet, column: str, row: int, kind: str) -> list[Point]:
    """Return what an alert says of the time before it: detections, or limits where nothing was seen."""
    bands = packet.bands
    assert bands is not None
    past = read_row(packet.path, [column], row).get(column)
    leaves = [path.rpartition(".")[2] for path in (packet.survey.time, bands.value, bands.error, bands.band)]
    found: list[Point] = []
    for item in past[:MOST_POINTS] if isinstance(past, list) else ():
        if isinstance(item, dict):
            time, value, error, band = (item.get(leaf) for leaf in leaves)
            limit = item.get(bands.limit) if bands.limit else None
            found.append((time, limit, None, band, LIMIT) if value is None else (time, value, error, band, kind))
    return found


def _points(points: list[Point], names: dict[Any, str]) -> dict[str, list[Any]]:
    """Return points as a table, by time; what is told twice of one moment and band is the same detection."""
    whole: dict[Any, Point] = {}
    for point in points:
        time, value, _, band, kind = point
        if _finite(time) is not None and _finite(value) is not None:
            whole.setdefault((time, band, kind if kind in (FORCED, LIMIT) else "seen"), point)
    chosen = sorted(whole.values(), key=lambda point: point[0])[-MOST_POINTS:]
    bands = [names.get(point[3], str(point[3] or "?")) for point in chosen]
    shown = {name for name, _ in Counter(bands).most_common(MOST_BANDS)}
    return {
        "time": [point[0] for point in chosen],
        "value": [point[1] for point in chosen],
        "error": [_finite(point[2]) or 0.0 for point in chosen],
        "band": [printable(name) if name in shown else "other" for name in bands],
        "kind": [point[4] for point in chosen],
    }

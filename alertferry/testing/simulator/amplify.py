"""Making a large lake out of a small one: real alerts, again and again, under new names.

Each copy of the source's alerts is turned about the celestial pole by its own angle (which keeps every
separation), moved by whole days to its night, and gets identifiers of its own, inside its history too. All else,
the schema and its metadata included, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alertferry.core.errors import UsageError
from alertferry.testing.simulator.draws import Array, fold, uniform
from alertferry.testing.simulator.lake import (
    Layout,
    Progress,
    SimulatedLake,
    blocks_of,
    check_nights,
    check_request,
    night_folder,
    prepare_folder,
    read_schema,
    shares,
    survey_of,
    write_file,
)
from alertferry.testing.simulator.names import letters
from alertferry.testing.simulator.population import night_date, night_number

_JD_OF_MJD = 2400000.5
_BLOCK_ROWS = 1000
_TIME = {"ztf": ("candidate", "jd"), "lsst": ("diaSource", "midpointMjdTai")}
_ALERT_ID = {"ztf": "candid", "lsst": "diaSourceId"}
# What one day adds to an identifier of the survey, and the sizes of step tried between copies.
_DAY_OF_ID = {"ztf": 10**15, "lsst": 1 << 42}
_STEPS = (1009, 10_007, 100_003, 1_000_003, 10_000_019, 100_000_007, 1_000_000_007, 10_000_000_019)
_MOST_ORIGINALS = 10_000


@dataclass(frozen=True)
class Original:
    """Alerts of one schema: the table, the night of each (MJD), and ``step``, a distance between identifiers.

    No two alerts' identifiers are equal modulo ``step``, so copies whose identifiers differ by multiples of it never
    meet. ``objects`` numbers the different object names (ZTF).
    """

    table: pa.Table
    night: Array
    step: int
    objects: Array


@dataclass(frozen=True)
class Copies:
    """What changes, alert by alert: days and degrees of right ascension, what is added to identifiers, the object."""

    days: Array
    turn_deg: Array
    identifier: Array
    object_number: Array


def amplify(  # noqa: PLR0913
    source: Path,
    folder: Path,
    nights: Sequence[date],
    alerts_per_night: int,
    *,
    seed: int = 0,
    row_group_rows: int | None = None,
    files_per_night: int = 2,
    progress: Progress | None = None,
) -> SimulatedLake:
    """Write a lake made from the alerts of the lake at ``source``, and return what was written.

    Every night has ``alerts_per_night`` alerts, copies of up to 10,000 alerts of one schema; if ``source`` holds
    several, the nights take turns. Identifiers of alerts and static objects are new and unique; the same holds inside
    histories, where one earlier detection gets the same identifier in every alert of a copy. Solar system bodies keep
    their names, and stamps their file names. Positions move in right ascension only, times by whole days.

    Raises `UsageError` if ``source`` holds no alerts, and as `simulate` does.
    """
    layout = Layout(files_per_night, row_group_rows)
    nights = check_request(nights, alerts_per_night, layout, seed)
    files = _files(Path(source))
    survey = _survey(files, Path(source))
    check_nights(survey, nights)
    prepare_folder(Path(folder), survey, nights)
    originals = _originals(files, survey, Path(source), alerts_per_night)
    written, size = 0, 0
    for turn, night in enumerate(nights):
        original = originals[turn % len(originals)]
        for part, rows in enumerate(shares(alerts_per_night, layout.files_per_night)):
            path = night_folder(Path(folder), night) / f"part-{part:05d}.snappy.parquet"
            blocks = _blocks(original, survey, night, rows, seed)
            size += write_file(path, original.table.schema, blocks, layout.row_group_rows or _BLOCK_ROWS)
            written += len(rows)
            if progress:
                progress(written)
    return SimulatedLake(Path(folder), nights, written, size)


def _files(source: Path) -> list[Path]:
    files = [source] if source.is_file() else sorted(source.rglob("*.parquet"))
    if not files:
        raise UsageError(f"{source} holds no parquet files; name the folder of a lake or one of its files")
    return files


def _survey(files: list[Path], source: Path) -> str:
    found = {survey_of(file) for file in files}
    survey = next(iter(found))
    if len(found) > 1 or survey is None:
        raise UsageError(f"{source} must hold the alerts of one survey; name the folder of a single lake")
    return survey


def _originals(files: list[Path], survey: str, source: Path, alerts_per_night: int) -> list[Original]:
    """Return the alerts of ``files``, one `Original` a schema."""
    groups: dict[Any, list[Path]] = {}
    for file in files:
        groups.setdefault(str(read_schema(file).remove_metadata()), []).append(file)
    originals = [_original(group, survey, alerts_per_night) for group in groups.values()]
    filled = [original for original in originals if original.table.num_rows]
    if not filled:
        raise UsageError(f"{source} holds no alerts to copy; all its files are empty")
    return filled


def _original(files: list[Path], survey: str, alerts_per_night: int) -> Original:
    batches, nights = [], []
    schema = read_schema(files[0])
    room = min(max(alerts_per_night, 1), _MOST_ORIGINALS)
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=1000):
            part = pa.Table.from_batches([batch]).slice(0, room)
            room -= part.num_rows
            batches.append(part.cast(schema))
            nights.append(_nights(file, part, survey))
            if not room:
                break
    table = pa.concat_tables([schema.empty_table(), *batches]).combine_chunks()
    names = table["objectId"].to_pylist() if survey == "ztf" else [""] * table.num_rows
    objects = np.unique(np.array(names, dtype=str), return_inverse=True)[1]
    step = _step(table[_ALERT_ID[survey]].to_numpy(), alerts_per_night, _DAY_OF_ID[survey])
    return Original(table, np.concatenate([np.zeros(0, np.int64), *nights]), step, objects)


def _nights(file: Path, table: pa.Table, survey: str) -> Array:
    """Return the night of each alert, told by the folder or else by its time."""
    named = dict(part.split("=", 1) for part in file.parts if "=" in part)
    if {"year", "month", "day"} <= set(named):
        night = night_number(date(int(named["year"]), int(named["month"]), int(named["day"])))
        return np.full(table.num_rows, night)
    struct, leaf = _TIME[survey]
    times = table[struct].combine_chunks().field(leaf).to_numpy(zero_copy_only=False)
    return np.asarray(np.floor(times - (_JD_OF_MJD if survey == "ztf" else 0.0))).astype(np.int64, copy=False)


def _step(ids: Array, alerts_per_night: int, day: int) -> int:
    """Return a step that tells ``ids`` apart by their remainders, and of which a night's copies fit into ``day``."""
    if len(np.unique(ids)) < len(ids):
        raise UsageError("some alerts to copy share an identifier; remove the duplicates from the source first")
    copies = alerts_per_night // max(len(ids), 1) + 1
    for step in _STEPS:
        if len(np.unique(ids % step)) == len(ids) and step * copies < day:
            return step
    raise UsageError(
        f"cannot give {copies:,} copies of {len(ids):,} alerts identifiers of their own; ask for fewer alerts per night"
    )


def _blocks(original: Original, survey: str, night: date, rows: range, seed: int) -> Iterator[pa.Table]:
    for block in blocks_of(rows, _BLOCK_ROWS):
        numbers = np.arange(block.start, block.stop)
        chosen = original.table.take(pa.array(numbers % original.table.num_rows)).combine_chunks()
        copies = _copies(original, survey, night_number(night), numbers, seed)
        yield _renewed(chosen, survey, copies)


def _copies(original: Original, survey: str, night: int, numbers: Array, seed: int) -> Copies:
    place, copy = numbers % original.table.num_rows, numbers // original.table.num_rows
    days = night - original.night[place]
    # The same for all alerts of a copy, whatever their nights, so that histories keep naming each other.
    moved = night - int(original.night.min())
    whole_days = moved * _DAY_OF_ID[survey] // original.step
    objects = int(original.objects.max()) + 1
    return Copies(
        days=days,
        turn_deg=uniform(fold(seed, "turn", night, copy), "turn", 0.0, 360.0),
        identifier=(whole_days + 1 + copy) * original.step,
        object_number=(copy * objects + original.objects[place]) * 366 + _day_of_year(night),
    )


def _day_of_year(night: int) -> int:
    return night_date(night).timetuple().tm_yday - 1


Change = Callable[[Any, Copies, Array], Any]


def _renewed(table: pa.Table, survey: str, copies: Copies) -> pa.Table:
    rows = np.arange(table.num_rows)
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        columns.append(_change(column.combine_chunks(), field.name, survey, copies, rows))
    return pa.Table.from_arrays(columns, schema=table.schema)


def _change(values: Any, name: str, survey: str, copies: Copies, rows: Array) -> Any:
    """Return ``values`` with every changing field inside replaced; ``rows`` says to which alert each belongs."""
    kind = values.type
    if pa.types.is_struct(kind):
        children = [
            _change(values.field(index), kind.field(index).name, survey, copies, rows)
            for index in range(kind.num_fields)
        ]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=values.is_null())
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        offsets = values.offsets.to_numpy()
        inside = values.values.slice(offsets[0], offsets[-1] - offsets[0])
        owners = np.repeat(rows, np.diff(offsets))
        changed = _change(inside, name, survey, copies, owners)
        starts = pa.array(offsets - offsets[0], pa.int32())
        return pa.ListArray.from_arrays(starts, changed, type=kind, mask=values.is_null())
    if pa.types.is_timestamp(kind):
        return _shifted(values.cast(pa.int64()), copies.days[rows] * _ticks_a_day(kind)).cast(kind)
    change = _CHANGES[survey].get(name)
    return change(values, copies, rows) if change else values


def _ticks_a_day(kind: Any) -> int:
    return 86_400 * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[str(kind.unit)]


def _shifted(values: Any, by: Array) -> Any:
    return pc.add(values, pa.array(by, values.type))


def _later(values: Any, copies: Copies, rows: Array) -> Any:
    return _shifted(values, copies.days[rows].astype(np.float64 if pa.types.is_floating(values.type) else np.int64))


def _turned(values: Any, copies: Copies, rows: Array) -> Any:
    degrees = values.to_numpy(zero_copy_only=False).astype(np.float64)
    turned = np.round((degrees + copies.turn_deg[rows]) % 360.0, 10) % 360.0
    return pa.array(turned, values.type, mask=values.is_null().to_numpy(zero_copy_only=False))


def _renumbered(values: Any, copies: Copies, rows: Array) -> Any:
    """Add to identifiers; 0, which stands for none, stays."""
    moved = _shifted(values, copies.identifier[rows])
    return pc.if_else(pc.equal(values, 0), values, moved)


def _image_number(values: Any, copies: Copies, rows: Array) -> Any:
    return _shifted(values, copies.identifier[rows] // 10**6)


def _renamed(values: Any, copies: Copies, rows: Array) -> Any:
    year = pc.utf8_slice_codeunits(values, 0, 5)
    return pc.binary_join_element_wise(year, letters(copies.object_number[rows], 7), "")


_CHANGES: Mapping[str, Mapping[str, Change]] = {
    "ztf": {
        **dict.fromkeys(("jd", "jdstarthist", "jdendhist", "jd_first_real_det", "nid"), _later),
        **dict.fromkeys(("ra", "ranr"), _turned),
        "candid": _renumbered,
        "pid": _image_number,
        "objectId": _renamed,
    },
    "lsst": {
        **dict.fromkeys(
            (
                *("midpointMjdTai", "timeProcessedMjdTai", "timeWithdrawnMjdTai", "validityStartMjdTai"),
                *("firstDiaSourceMjdTai", "lastDiaSourceMjdTai", "firstDiaSourceMjdTaiFink", "brokerIngestMjd"),
            ),
            _later,
        ),
        **dict.fromkeys(("ra", "trailRa", "ephRa"), _turned),
        **dict.fromkeys(("diaSourceId", "diaObjectId", "diaForcedSourceId", "parentDiaSourceId"), _renumbered),
    },
}

"""Lakes in which alerts are there twice, altered or not, or have no id; and what a job must make of them."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alertferry.testing.simulator import simulate

FIRST_NIGHT = date(2026, 3, 1)
NIGHTS = "2026-03-01..2026-03-02"
FIELDS = ("diaSourceId", "diaSource.band", "diaSource.psfFlux", "diaSource.psfFluxErr")
CUT = 2000.0
"""Flux above which the filtered jobs keep alerts."""


@dataclass(frozen=True)
class Expected:
    """What a job over a lake must deliver: packets, how often each; ids; what was left out."""

    packets: Counter[str]
    distinct: int
    repeats: int
    null_ids: int


@cache
def simulated(alerts: int) -> pa.Table:
    """Return simulated alerts of two nights, ids nullable."""
    with TemporaryDirectory() as folder:
        nights = [FIRST_NIGHT, FIRST_NIGHT + timedelta(days=1)]
        simulate("lsst", Path(folder), nights, -(-alerts // 2), cutouts=False, history=False)
        files = sorted(Path(folder).rglob("*.parquet"))
        table = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
    at = table.schema.get_field_index("diaSourceId")
    return table.cast(table.schema.set(at, pa.field("diaSourceId", pa.int64(), nullable=True)))


def make_lake(folder: Path, seed: int, alerts: int = 16) -> list[dict[str, Any]]:
    """Write a lake with random faults into several files of two nights; return its rows."""
    chosen = random.Random(seed)
    table = simulated(alerts)
    rows = table.to_pylist()
    for row in chosen.choices(rows, k=chosen.choice([0, 2, alerts])):
        rows.append(_altered(copy.deepcopy(row), chosen))
    for row in chosen.sample(rows, chosen.choice([0, 0, 1, 3])):
        row["diaSourceId"] = None
    rows += [copy.deepcopy(row) for row in chosen.choices(rows, k=chosen.choice([0, 1, 5]))]
    chosen.shuffle(rows)
    parts: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in rows:
        parts.setdefault((chosen.randrange(2), chosen.randrange(3)), []).append(row)
    for (night, number), part in parts.items():
        write(folder, pa.Table.from_pylist(part, table.schema), night, number)
    return rows


def write(folder: Path, table: pa.Table, night: int = 0, number: int = 0) -> None:
    """Write one file of a lake."""
    day = FIRST_NIGHT + timedelta(days=night)
    path = folder / f"year={day:%Y}" / f"month={day:%m}" / f"day={day:%d}"
    path.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path / f"part-{number:05}.snappy.parquet", use_deprecated_int96_timestamps=True)


def _altered(row: dict[str, Any], chosen: random.Random) -> dict[str, Any]:
    """Change an alert inside the packet, outside of it, or not at all; what compares as equal may differ in bytes."""
    source = row["diaSource"]
    match chosen.randrange(5):
        case 0:
            source["psfFlux"] = chosen.choice([1.0, 5000.0, None])
        case 1:
            source["psfFluxErr"] = chosen.choice([0.0, -0.0, float("nan")])
        case 2:
            source["ra"] = 12.5
    return row


def packet(row: dict[str, Any]) -> str:
    """Return the packet of a row, of `FIELDS`, as text in which every bit counts."""
    source = row["diaSource"]
    return repr((row["diaSourceId"], source["band"], source["psfFlux"], source["psfFluxErr"]))


def arrived(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Return packets of `FIELDS` that were delivered."""
    return Counter(repr(tuple(row[name.rpartition(".")[2]] for name in FIELDS)) for row in rows)


def expected(rows: list[dict[str, Any]], *, filtered: bool = False) -> Expected:
    """Return what a job over these rows must deliver."""
    kept = [row for row in rows if not filtered or (row["diaSource"]["psfFlux"] or 0.0) > CUT]
    by_packet = {packet(row): row["diaSourceId"] for row in kept}
    return Expected(
        packets=Counter(dict.fromkeys(by_packet, 1)),
        distinct=len({alert for alert in by_packet.values() if alert is not None}),
        repeats=len(kept) - len(by_packet),
        null_ids=sum(alert is None for alert in by_packet.values()),
    )

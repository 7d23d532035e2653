"""Lakes of every kind of fault, drawn by a seed, and what pyarrow alone finds in the same files.

A `FaultyLake` is written by up to five writers and may hold repeats, nulls, types that drift, odd names, stray files and
the log of a streaming job. `expected` reads its files one by one with pyarrow and says what must be delivered: the
reference, written without any code of the package.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.jobs import plain

Row = dict[str, Any]

FIRST_ID = 2**60 + 1
NIGHTS = ("2026-03-01", "2026-03-02", "2026-03-03")
ODD_NAMES = ("3hsp", "ra-dec", "größe", "a b", "é", "p.x")
TEXTS = (None, "", "g", "r'é", "ünï", "NaN", "null", "0012", "\u2028")
NUMBERS = (None, 0.0, -0.0, 1.5, math.nan, math.inf, -math.inf, 1e300, 2.0**-40)
LONGS = (None, 0, -1, 2**53 + 1, 2**62, -(2**62))
FAULTS = ("repeats", "versions", "null ids", "drift", "odd names", "stray files", "streaming log", "hours", "no rows")


@dataclass
class FaultyLake:
    """A lake on disk: its folder, the faults it was given and the writers of its files."""

    folder: Path
    faults: frozenset[str]
    writers: list[str] = field(default_factory=list)


def faulty_lake(folder: Path, seed: int, write_by_spark: Callable[[pa.Table, Path], None]) -> FaultyLake:
    """Write the lake that a seed tells; ``write_by_spark`` writes a table as one parquet file at a path."""
    draw = random.Random(seed)
    lake = FaultyLake(folder, frozenset(fault for fault in FAULTS if draw.random() < 0.3))
    odd = draw.choice(ODD_NAMES) if "odd names" in lake.faults else None
    nested, earlier = draw.random() < 0.6, []
    ids = iter(draw.sample(range(FIRST_ID, FIRST_ID + 10_000), 2_000))
    for night in NIGHTS[: draw.randint(1, 3)]:
        place = folder / "year={}/month={}/day={}".format(*night.split("-"))
        for number in range(draw.randint(1, 3)):
            count = 0 if "no rows" in lake.faults and number else draw.randint(1, 25)
            rows = [_alert(draw, next(ids), odd, nested) for _ in range(count)]
            rows += _repeated(draw, lake, earlier)
            earlier += [row for row in rows if row["diaSourceId"] is not None]
            draw.shuffle(rows)
            below = place / f"hour={draw.randint(0, 23):02d}" if "hours" in lake.faults else place
            writer = draw.choice(("pyarrow", "spark", "polars", "duckdb", "fastparquet"))
            lake.writers.append(writer)
            _write(writer, _table(draw, rows, odd, nested, lake), below / f"part-{number}.parquet", write_by_spark)
        _leave_strays(draw, lake, place)
    return lake


def _alert(draw: random.Random, alert: int, odd: str | None, nested: bool) -> Row:
    row: Row = {
        "diaSourceId": alert,
        "text": draw.choice(TEXTS),
        "number": draw.choice(NUMBERS),
        "long": draw.choice(LONGS),
        "flag": draw.choice((None, True, False)),
    }
    row |= {odd: draw.choice(TEXTS)} if odd else {}
    if nested:
        row["diaSource"] = draw.choice((None, {"ra": draw.uniform(0, 360), "psfFlux": draw.choice(NUMBERS)}))
        row["list"] = draw.choice((None, [], [1.5, None], [math.nan]))
    return row


def _repeated(draw: random.Random, lake: FaultyLake, earlier: list[Row]) -> list[Row]:
    """Return rows that an earlier file has already: equal ones, and others of the same id."""
    rows: list[Row] = []
    if "repeats" in lake.faults and earlier:
        rows += [dict(row) for row in draw.choices(earlier, k=3)]
    if "versions" in lake.faults and earlier:
        rows += [row | {"text": "another version", "long": draw.choice(LONGS)} for row in draw.choices(earlier, k=2)]
    if "null ids" in lake.faults and earlier and draw.random() < 0.5:
        rows.append(draw.choice(earlier) | {"diaSourceId": None})
    return rows


def _table(draw: random.Random, rows: list[Row], odd: str | None, nested: bool, lake: FaultyLake) -> pa.Table:
    narrow = "drift" in lake.faults and draw.random() < 0.5
    fields = [
        pa.field("diaSourceId", pa.int64()),
        pa.field("text", pa.string()),
        pa.field("number", pa.float32() if narrow else pa.float64()),
        pa.field("long", pa.int32() if narrow else pa.int64()),
        pa.field("flag", pa.bool_()),
    ]
    fields += [pa.field(odd, pa.string())] if odd else []
    if nested:
        fields.append(pa.field("diaSource", pa.struct({"ra": pa.float64(), "psfFlux": pa.float64()})))
        fields.append(pa.field("list", pa.list_(pa.float64())))
    if narrow:  # what the narrow types can hold
        rows = [row | {"long": row["long"] and max(-9, min(9, row["long"]))} for row in rows]
        rows = [row | {"number": 1.5 if row["number"] in (1e300, 2.0**-40) else row["number"]} for row in rows]
    if draw.random() < 0.3:
        draw.shuffle(fields)
    return pa.Table.from_pylist(rows, pa.schema(fields))


def _write(writer: str, table: pa.Table, path: Path, write_by_spark: Callable[[pa.Table, Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if writer == "spark":
        write_by_spark(table, path)
    elif writer == "polars":
        import polars as pl

        pl.from_arrow(table).write_parquet(path)
    elif writer == "duckdb":
        import duckdb

        duckdb.from_arrow(table).write_parquet(str(path))
    elif writer == "fastparquet" and all(not pa.types.is_nested(item.type) for item in table.schema) and table.num_rows:
        import fastparquet
        import pandas as pd

        dtypes = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}
        fastparquet.write(str(path), table.to_pandas(types_mapper=dtypes.get), object_encoding="utf8")
    else:
        pq.write_table(table, path, row_group_size=7, use_dictionary=table.num_rows % 2 == 0, write_statistics=True)


def _leave_strays(draw: random.Random, lake: FaultyLake, place: Path) -> None:
    """Leave what other programs leave in a night: none of it is an alert."""
    if "stray files" in lake.faults:
        (place / "_SUCCESS").touch()
        (place / ".part-0.parquet.crc").write_bytes(b"crc")
        pending = place / "_temporary/0/part-9.parquet"
        pending.parent.mkdir(parents=True)
        pq.write_table(pa.table({"diaSourceId": [1]}), pending)
        pq.write_table(pa.table({"diaSourceId": [2]}), place / ".hidden.parquet")
    if "streaming log" in lake.faults:
        file = draw.choice(sorted(_data_files(place)))
        entry = {"path": f"file://{file}", "size": file.stat().st_size, "isDir": False, "modificationTime": 1}
        entry |= {"blockReplication": 1, "blockSize": 33554432, "action": "add"}
        (place / "_spark_metadata").mkdir()
        (place / "_spark_metadata/0").write_text("v1\n" + json.dumps(entry))


def _data_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*.parquet"):
        if not any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts):
            yield path


@dataclass(frozen=True)
class Expected:
    """What must be delivered: the distinct packets, how many ids they have and how many rows repeat a packet."""

    packets: list[Row]
    distinct: int
    repeats: int
    null_ids: int


def expected(lake: FaultyLake) -> Expected:
    """Return the packets ``full`` of a lake, as pyarrow reads its files."""
    rows = [plain(row) for path in sorted(_data_files(lake.folder)) for row in pq.ParquetFile(path).read().to_pylist()]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    packets = {content(filled): filled for row in rows if (filled := {name: row.get(name) for name in columns})}
    ids = {row["diaSourceId"] for row in packets.values()} - {None}
    nulls = sum(row["diaSourceId"] is None for row in rows)
    return Expected(list(packets.values()), len(ids), len(rows) - len(packets), nulls)


def content(row: Row) -> str:
    """Return a text that is the same for packets of the same content, whatever the order of their fields."""
    return json.dumps(row, sort_keys=True, default=repr)

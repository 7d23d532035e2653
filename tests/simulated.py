"""Small simulated lakes, and reading them, for the tests of the simulator."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.testing.simulator import SimulatedLake

LAKE = Path(__file__).parents[1].parent / "shared" / "data" / "lake"
NIGHTS = [date(2026, 1, day) for day in (1, 2, 3, 4)]
ALERTS = 120

needs_samples = pytest.mark.skipif(not LAKE.exists(), reason="needs the alert samples in ../shared/data")

SAMPLES = [
    ("ztf", "2021", "year=2021/month=11/day=22"),
    ("ztf", "2025.01", "year=2025/month=01/day=14"),
    ("ztf", "2025.06", "year=2025/month=06/day=14"),
    ("lsst", "10.0", "year=2026/month=01/day=01"),
]

Row = dict[str, Any]


def read(lake: SimulatedLake | Path, night: date | None = None, stamps: bool = False) -> pa.Table:
    """Return all alerts of a lake, or those of one night; with their stamps only if asked."""
    folder = lake.folder if isinstance(lake, SimulatedLake) else lake
    pattern = f"year={night:%Y}/month={night:%m}/day={night:%d}/*.parquet" if night else "**/*.parquet"
    files = [pq.ParquetFile(file) for file in sorted(folder.glob(pattern))]
    columns = [name for name in files[0].schema_arrow.names if stamps or not name.startswith("cutout")]
    return pa.concat_tables([file.read(columns=columns) for file in files])


def rows(lake: SimulatedLake, *columns: str) -> list[Row]:
    """Return the named columns of all alerts of a lake."""
    result: list[Row] = read(lake).select(list(columns)).to_pylist()
    return result

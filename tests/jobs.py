"""What integration tests share: real jobs in process, and values to compare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alertferry.core.job import Job
from alertferry.core.render import render
from alertferry.core.steps import Report

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
"""Real alerts that are not part of the project; tests that need them are skipped where they are absent."""


def run_job(spark: Any, job: Job) -> Report:
    """Run a job's rendered script in this process, exactly as ``spark-submit`` would call it."""
    scope: dict[str, Any] = {"__name__": "rendered_job"}
    exec(compile(render(job), "job.py", "exec"), scope)
    return scope["main"](spark)


def lake_rows(root: Path) -> list[dict[str, Any]]:
    """Return every alert of a lake as pyarrow reads it, times as Spark writes them: the independent truth."""
    files = sorted(root.rglob("*.parquet"))
    return [plain(row) for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def plain(value: Any) -> Any:
    """Return a value ready for `==`: NaN as a word, maps as dicts, times as Spark's strings."""
    match value:
        case float() if math.isnan(value):
            return "NaN"
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return {key: plain(item) for key, item in value}
        case list():
            return [plain(item) for item in value]
        case datetime():
            return spark_time(value)
    return value


def spark_time(value: datetime) -> str:
    """Return a UTC time as Spark casts it to text: no trailing zeros."""
    return value.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")


def by(key: str, rows: Iterable[Mapping[str, Any]]) -> dict[Any, Mapping[str, Any]]:
    """Index rows by a key that must be unique."""
    rows = list(rows)
    found = {row[key]: row for row in rows}
    assert len(found) == len(rows), f"{key} repeats"
    return found

"""Simulating a lake from nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from alertferry.testing.simulator import lsst, ztf
from alertferry.testing.simulator.lake import (
    Layout,
    Progress,
    SimulatedLake,
    blocks_of,
    check_nights,
    check_request,
    night_folder,
    prepare_folder,
    shares,
    write_file,
)
from alertferry.testing.simulator.options import Contents
from alertferry.testing.simulator.population import Campaign, night_number
from alertferry.testing.simulator.schema import check_version, lake_schema

_SURVEYS = {"ztf": ztf, "lsst": lsst}
_BLOCK_ROWS = {True: 1000, False: 10_000}
_GROUP_ROWS = {True: 1000, False: 100_000}


def simulate(  # noqa: PLR0913
    survey: str,
    folder: Path,
    nights: Sequence[date],
    alerts_per_night: int,
    *,
    seed: int = 0,
    version: str | None = None,
    cutouts: bool = True,
    history: bool = True,
    row_group_rows: int | None = None,
    files_per_night: int = 2,
    progress: Progress | None = None,
) -> SimulatedLake:
    """Write a lake of simulated alerts and return what was written.

    ``survey`` is ``ztf`` (schema versions 2021, 2025.01, 2025.06) or ``lsst`` (10.0, 10.0+). Every night has exactly
    ``alerts_per_night`` alerts. Objects persist: the same come back on later nights, with histories that agree with
    their earlier alerts, also when the nights are simulated one by one into the same folder with the same ``seed`` and
    ``alerts_per_night``. The same arguments give the same data, byte for byte. Without ``cutouts`` or ``history``
    those columns are there, but null. ``progress`` is called with the number of alerts written so far.

    Raises `UsageError` for an unknown survey or version, a request that makes no sense, a folder that cannot be
    written, holds a lake of another survey or already holds one of the nights.
    """
    version = check_version(survey, version)
    layout = Layout(files_per_night, row_group_rows)
    nights = check_request(nights, alerts_per_night, layout, seed)
    check_nights(survey, nights)
    folder = Path(folder)
    prepare_folder(folder, survey, nights)
    contents = Contents(cutouts, history)
    plan = _SURVEYS[survey].campaign(seed, alerts_per_night)
    schema = lake_schema(survey, version)
    group_rows = layout.row_group_rows or _GROUP_ROWS[cutouts or history]
    written, size = 0, 0
    for night in nights:
        for part, rows in enumerate(shares(alerts_per_night, layout.files_per_night)):
            path = night_folder(folder, night) / f"part-{part:05d}.snappy.parquet"
            size += write_file(path, schema, _blocks(plan, version, night, rows, contents), group_rows)
            written += len(rows)
            if progress:
                progress(written)
    return SimulatedLake(folder, nights, written, size)


def _blocks(plan: Campaign, version: str, night: date, rows: range, contents: Contents) -> Iterator[pa.Table]:
    survey = "ztf" if plan.kinds is ztf.KINDS else "lsst"
    for block in blocks_of(rows, _BLOCK_ROWS[contents.cutouts or contents.history]):
        numbers = np.arange(block.start, block.stop)
        yield _SURVEYS[survey].alert_table(plan, version, night_number(night), numbers, contents)

"""What many small files cost a job before its first alert: lakes of 200 and of 20,000 files, one alert in each.

Run it as ``python benchmarks/many_files.py``; it needs 2 GB of disk, and minutes to write the lakes at first.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from measuring import Bar, Cost, Row

from alertferry import service
from alertferry.broker import running_broker
from alertferry.core.job import Job
from alertferry.core.settings import load_settings
from alertferry.testing.simulator import simulate

NIGHTS = 20
FIRST = date(2026, 3, 1)
BARS = {"first job": 10.0, "second job": 3.0}
"""Seconds that a job over the larger lake may begin to publish later than one over the smaller."""


def made(folder: Path, files: int) -> Path:
    """Return a lake of so many files, writing it when it is not there."""
    lake = folder / f"files-{files}"
    if not lake.exists():
        nights = [FIRST + timedelta(days=number) for number in range(NIGHTS)]
        partial = lake.with_name(f".{lake.name}")
        shutil.rmtree(partial, ignore_errors=True)
        each = files // NIGHTS
        simulate("lsst", partial, nights, each, cutouts=False, history=False, files_per_night=each)
        partial.rename(lake)
    return lake


def until_publishing(lake: Path) -> tuple[float, dict[str, float]]:
    """Run a job; return the seconds from its call until the first task that publishes, and those of its parts."""
    source = {"kind": "lsst", "nights": [f"{FIRST}..{FIRST + timedelta(days=NIGHTS)}"], "lake": str(lake)}
    job = Job.from_dict({"source": source, "output": {"kind": "kafka", "packet": "light-static"}})
    receipt = service.run(job, "local", _hush).receipt
    timings = receipt.timings
    after = ("publish", "count_steps", "lake_again", "reports")
    return receipt.seconds - sum(timings.get(part, 0.0) for part in after), timings


def _hush(event: dict[str, Any]) -> None:
    """Say nothing."""


def rows(folder: Path, files: tuple[int, int]) -> Iterator[Row]:
    """Measure: jobs over both lakes in turn, each with a memory of its own that is empty at first."""
    lakes = [made(folder, count) for count in files]
    until_publishing(lakes[0])  # Java's classes, connectors: what only the first job of all waits for
    _forget()
    found = {what: [until_publishing(lake) for lake in lakes] for what in BARS}
    for what, ((few, _), (many, parts)) in found.items():
        bar = Bar(at_most=(few + BARS[what]) / few)
        yield Row(f"{what} over {files[1]:,} files", files[1], 0, Cost(many), f"{files[0]} files", Cost(few), bar=bar)
        print(f"{what}: {many - few:+.1f} s; {parts}")


def _forget() -> None:
    for path in load_settings().home.glob("footers-*.sqlite"):
        path.unlink()


def main() -> None:
    """Measure and print a line for each job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--lakes", type=Path, default=load_settings().home / "bench-lakes", help="folder to keep lakes in"
    )
    parser.add_argument("--files", type=int, nargs=2, default=(200, 20_000), help="files of the two lakes")
    options = parser.parse_args()
    jars = load_settings().home
    with tempfile.TemporaryDirectory() as name, running_broker(Path(name) / "broker", jars_home=jars) as broker:
        os.environ["ALERTFERRY_BOOTSTRAP_SERVERS"] = broker.bootstrap_servers
        for row in rows(options.lakes, tuple(options.files)):
            print(row, flush=True)


if __name__ == "__main__":
    main()

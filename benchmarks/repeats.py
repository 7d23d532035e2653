"""What it costs a job to look for alerts that the lake holds twice, and to leave them out: three ways in one run.

``python benchmarks/repeats.py`` publishes each case without looking (as before there was a rule for repeats), with a look
that finds nothing, and from a lake in which one night's first file is there again. The second is what most jobs pay.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from lakes import Case, per_night
from measuring import HEAD, Bar, Row, alternating, cpu_of
from publishing import BROKER, _Topics, publish, session

from alertferry.broker import running_broker
from alertferry.core.job import Job
from alertferry.core.settings import load_settings
from alertferry.plugins.outputs import packing

CASES = (Case("ztf", "full", 20_000, True), Case("ztf", "light", 300_000, False))
WARM = 3


def again(job: Job, folder: Path) -> Job:
    """Return the job over a copy of its lake in which the first file is there twice."""
    lake = Path(str(job.source.to_dict()["lake"]))
    shutil.copytree(lake, folder, copy_function=os.link)
    first = min(folder.rglob("*.parquet"))
    shutil.copy(first, first.with_name("part-again.parquet"))
    values = job.to_dict()
    return Job.from_dict(values | {"source": values["source"] | {"lake": str(folder)}})


def rows(lakes: Path, scratch: Path, scale: float, runs: int) -> Iterator[Row]:
    """Measure every case."""
    home = load_settings().home
    with running_broker(scratch, jars_home=home, properties=BROKER) as broker:
        os.environ["ALERTFERRY_BOOTSTRAP_SERVERS"] = broker.bootstrap_servers
        with session(home) as spark:
            busy, kept = (
                cpu_of(spark._jvm.java.lang.ProcessHandle.current().pid(), broker.pid, os.getpid()),
                _Topics(broker.bootstrap_servers),
            )
            for base in CASES:
                case = Case(base.survey, base.packet, int(base.alerts * scale), base.wide)
                job = case.job(lakes, per_night(case, scale))
                twice = again(job, scratch / f"again-{case.packet}")

                def unlooked(job: Job = job) -> object:
                    with mock.patch.object(packing, "look_for_repeats", lambda packed, _: packed):
                        return publish(spark, job)

                actions = unlooked, lambda job=job: publish(spark, job), lambda job=twice: publish(spark, job)
                before, now, some = alternating(actions, runs, warm=WARM, busy=busy, then=kept.keep)
                receipt = kept.last.receipt
                size = receipt.bytes / 1e6
                bar = Bar(at_most=1.05) if case.wide else None
                yield Row(f"{case.name}, none repeats", case.alerts, size, now, "without looking", before, bar=bar)
                yield Row(
                    f"{case.name}, {receipt.repeats:,} repeat", case.alerts, size, some, "without looking", before
                )
            kept.drop()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual number of alerts")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lakes", type=Path, help="folder to keep simulated lakes in")
    options = parser.parse_args()
    lakes = options.lakes or load_settings().home / "bench-lakes"
    print(HEAD, end="")
    with tempfile.TemporaryDirectory(dir=lakes.parent) as scratch:
        for row in rows(lakes, Path(scratch), options.scale, options.runs):
            print(row, flush=True)


if __name__ == "__main__":
    main()

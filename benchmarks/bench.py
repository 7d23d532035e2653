"""Measure publishing and consuming, as ratios in one run: ``make bench`` writes ``docs/performance.md``."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import crossmatch

from alertferry.broker import running_broker
from alertferry.consumer import consume
from alertferry.core.job import Job
from alertferry.core.render import render
from alertferry.core.run import SESSION, Run
from alertferry.core.settings import load_settings
from alertferry.testing.simulator import simulate

ROOT = Path(__file__).parent.parent
NIGHT = date(2026, 3, 1)
RUNS = 3


@dataclass(frozen=True)
class Case:
    """One packet of one survey, on a simulated lake of so many alerts."""

    survey: str
    packet: str
    alerts: int
    wide: bool


def cases(scale: float) -> list[Case]:
    """Return what is measured."""
    full, light = int(8_000 * scale), int(300_000 * scale)
    return [
        Case("ztf", "full", full, True),
        Case("lsst", "full", full, True),
        Case("ztf", "light", light, False),
        Case("lsst", "light-static", light, False),
    ]


@dataclass(frozen=True)
class Row:
    """One measured line: seconds of two things, medians."""

    what: str
    alerts: int
    megabytes: float
    seconds: float
    against: str
    other_seconds: float

    def __str__(self) -> str:
        ratio = self.seconds / self.other_seconds
        rate = self.alerts / self.seconds
        return (
            f"| {self.what} | {self.alerts:,} | {self.megabytes:,.0f} MB | {self.seconds:.2f} s | {rate:,.0f} | "
            f"{self.against} {self.other_seconds:.2f} s | {ratio:.2f} × |"
        )


def median(action: Callable[[], Any], runs: int = RUNS) -> float:
    """Return the median seconds of ``runs`` runs after one to warm up."""
    action()
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def session(home: Path) -> Any:
    """Return a Spark session as the local launcher makes it."""
    from pyspark.sql import SparkSession

    from alertferry.core.jars import fetch_jars

    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = load_settings()
    jars = os.pathsep.join(map(str, fetch_jars(settings.spark_packages, home)))
    builder = SparkSession.builder.master("local[*]").config("spark.driver.extraClassPath", jars)
    options = {"spark.ui.enabled": "false", "spark.driver.memory": "6g", "spark.driver.host": "127.0.0.1", **SESSION}
    for name, value in options.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def encode_only(spark: Any, job: Job) -> None:
    """Read and encode the same packets and throw them away: what publishing cannot be faster than."""
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import to_avro

    from alertferry.plugins.outputs import packing

    run = Run(spark)
    alerts = run.read(job.source)
    packed = packing.pack(job.output, alerts, run)  # type: ignore[arg-type]
    alerts.frame.select(to_avro(F.struct(*packed.columns))).write.format("noop").mode("overwrite").save()


def publish(spark: Any, job: Job) -> Any:
    """Run the rendered job in this session."""
    scope: dict[str, Any] = {"__name__": "job"}
    exec(compile(render(job), "job.py", "exec"), scope)
    return scope["main"](spark)


def poll_only(topic: str, servers: str, count: int) -> None:
    """Receive every message and drop it: what consuming cannot be faster than."""
    from confluent_kafka import Consumer, TopicPartition

    options = {"bootstrap.servers": servers, "group.id": "bench", "auto.offset.reset": "earliest"}
    consumer = Consumer(options | {"enable.auto.commit": False, "fetch.queue.backoff.ms": 20, "log_level": 0})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    seen = 0
    while seen < count:
        seen += len(consumer.consume(min(10_000, count - seen), timeout=5))
    consumer.close()


def measure(case: Case, spark: Any, folder: Path, servers: str) -> Iterator[Row]:
    """Publish and consume one case."""
    lake = folder / f"{case.survey}-{case.packet}"
    simulate(case.survey, lake, [NIGHT], case.alerts, cutouts=case.wide, history=case.wide)
    job = Job.from_dict(
        {
            "source": {"kind": case.survey, "nights": str(NIGHT), "lake": str(lake)},
            "output": {"kind": "kafka", "packet": case.packet},
        }
    )
    reports: list[Any] = []
    noop = median(lambda: encode_only(spark, job))
    seconds = median(lambda: reports.append(publish(spark, job)))
    size = reports[-1].receipt.bytes / 1e6
    name = f"{case.survey} {case.packet}"
    yield Row(f"publish {name}", case.alerts, size, seconds, "read + encode", noop)
    topic = reports[-1].topic
    polling = median(lambda: poll_only(topic, servers, case.alerts))
    for kind in ("parquet", "avro"):

        def fetch(kind: str = kind) -> None:
            shutil.rmtree(folder / kind, ignore_errors=True)
            found = consume(topic, folder / kind, settings=load_settings(), format=kind)
            assert found.alerts == case.alerts

        yield Row(f"consume {name} to {kind}", case.alerts, size, median(fetch), "bare polling", polling)
    shutil.rmtree(lake)


def machine() -> str:
    """Describe the machine in a sentence."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Python {platform.python_version()}"


HEAD = """# Performance

Written by `make bench` on {machine}. Medians of {runs} warm runs; Spark, broker and consumer share the cores. Read ratios,
not seconds: machines differ.

| what | alerts | bytes | time | alerts/s | against | ratio |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Measure every case and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual number of alerts")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "performance.md")
    options = parser.parse_args()
    home = load_settings().home
    with tempfile.TemporaryDirectory() as folder, running_broker(Path(folder), jars_home=home) as broker:
        os.environ["ALERTFERRY_BOOTSTRAP_SERVERS"] = broker.bootstrap_servers
        spark = session(home)
        lines = []
        for case in cases(options.scale):
            for row in measure(case, spark, Path(folder), broker.bootstrap_servers):
                print(row, flush=True)
                lines.append(str(row))
        spark.stop()
        size = (int(10_000_000 * options.scale), int(75_000 * options.scale))
        lines += ["", *crossmatch.compare(Path(folder), *size, RUNS)]
        print("\n".join(lines[-6:]), flush=True)
    options.out.write_text(HEAD.format(machine=machine(), runs=RUNS) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

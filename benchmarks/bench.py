"""Measure publishing, consuming, latency and crossmatch, as ratios in one run; write ``docs/performance.md``.

``make bench`` takes about an hour; ``make bench SCALE=0.05`` some minutes, with lakes of that share of the usual size.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import consuming
import crossmatch
import latency
import publishing
from lakes import Case, Published, per_night
from measuring import HEAD, RUNS, Row

from alertferry.broker import BrokerInfo, running_broker
from alertferry.core.settings import load_settings
from tests.peer_client import installed

ROOT = Path(__file__).parent.parent
SECTIONS = ("publish", "consume", "latency", "crossmatch")

FILE_GIB = 4

TITLE = "---\nhide: [toc]\n---\n\n# Performance\n\n"
"""Without a table of contents there is room for the columns that matter."""
SECTION = """Written by `make bench` on {machine}. {runs} Spark and broker share the cores, and later broker and consumer, when
Spark has ended; the broker frees the files of a deleted topic at once, and a run finds memory that was in use just
before. Where no workers are named,
`consume` chooses their number. Read ratios, not seconds: machines differ. Memory is the most that any one process had;
the processor time (CPU) of publishing is that of Spark and the broker.

"""


def cases(scale: float, numbers: Sequence[int]) -> list[Case]:
    """Return what is measured."""
    full, light = int(20_000 * scale), int(300_000 * scale)
    found = [
        Case("ztf", "full", full, True),
        Case("lsst", "full", full, True),
        Case("ztf", "light", light, False),
        Case("lsst", "light-static", int(1_000_000 * scale), False),
        Case("ztf", "light", int(2_000_000 * scale), False),
    ]
    return [found[number - 1] for number in numbers]


def main() -> None:
    """Measure what was asked for and write the page, also when interrupted: with what is known by then."""
    options = parsed()
    lines, sky = list[str](), list[str]()
    try:
        if {"publish", "consume", "latency"} & set(options.only):
            with_broker(options, lines)
        if "crossmatch" in options.only:
            with tempfile.TemporaryDirectory(dir=options.scratch) as name:
                size = (int(10_000_000 * options.scale), int(75_000 * options.scale))
                sky.append("\n".join(crossmatch.compare(Path(name), *size, options.runs)))
                print(sky[-1], flush=True)
    finally:
        found = [HEAD + "\n".join(lines), *sky] if lines else sky
        section = SECTION.format(machine=machine(options.scratch), runs=runs_said(options)) + "\n\n".join(found) + "\n"
        before = options.out.read_text() + f"\n## Another run: {', '.join(options.only)}\n\n" if options.add else TITLE
        options.out.write_text(before + section)


def with_broker(options: argparse.Namespace, lines: list[str]) -> None:
    """Measure what needs a broker; the lines of the table are added as they are known."""
    home = load_settings().home
    with (
        tempfile.TemporaryDirectory(dir=options.scratch) as name,
        running_broker(Path(name), jars_home=home, properties=publishing.BROKER) as broker,
    ):
        os.environ["ALERTFERRY_BOOTSTRAP_SERVERS"] = broker.bootstrap_servers
        if "latency" in options.only:
            tell(first_alert(options, Path(name)), lines)
        if {"publish", "consume"} & set(options.only):
            tell(topics(options, Path(name), broker), lines)


def parsed() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual number of alerts")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs that count, of which the median is told")
    parser.add_argument("--peer-runs", type=int, default=RUNS, help="the same for finkctl; 0 leaves it out")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="parts to measure")
    parser.add_argument(
        "--cases", type=int, nargs="+", choices=range(1, 6), default=range(1, 6), help="which of the five"
    )
    parser.add_argument("--lakes", type=Path, help="folder to keep simulated lakes in")
    parser.add_argument("--scratch", type=Path, help="folder for everything else, removed at the end")
    parser.add_argument("--add", action="store_true", help="keep what the page says, and add to it")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "performance.md")
    options = parser.parse_args()
    options.lakes = options.lakes or load_settings().home / "bench-lakes"
    return options


def topics(options: argparse.Namespace, folder: Path, broker: BrokerInfo) -> Iterator[Row]:
    """Publish every case; then, once Spark has ended, consume what was published."""
    home = load_settings().home
    program, reason = installed(home) if "consume" in options.only and options.peer_runs else (None, "")
    if reason:
        print(f"finkctl cannot be installed: {reason}", file=sys.stderr)
    found = list[Published]()
    with publishing.session(home) as spark:
        for case in cases(options.scale, options.cases):
            yield from published(options, spark, broker, case, found)
    for each in found:
        if "consume" in options.only:
            yield from consuming.against_polling(each, folder, options.runs)
            theirs = [consuming.peer(program, each, folder) for _ in range(options.peer_runs if program else 0)]
            yield from consuming.against_peer(each, folder, theirs, options.runs)
        publishing.delete_topics(broker.bootstrap_servers, each.topic, each.topic + "_schema")


def published(
    options: argparse.Namespace, spark: Any, broker: BrokerInfo, case: Case, found: list[Published]
) -> Iterator[Row]:
    """Publish a case, measured if that was asked for; the topic is added to what is ``found``."""
    alerts = per_night(case, options.scale)
    job = case.job(options.lakes, alerts)
    if "publish" not in options.only:
        report = publishing.publish(spark, job)
        found.append(Published(case, broker.bootstrap_servers, report.topic, report.receipt.bytes))
        return
    jobs = (job, case.job(options.lakes, alerts, delivery="transactional"))
    for each in publishing.compare(spark, broker, case, jobs, options.runs):
        if isinstance(each, Row):
            yield each
        else:
            found.append(each)


def first_alert(options: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Measure the way of the first alert, in a job of many."""
    case = cases(options.scale, [3])[0]
    yield latency.row(case.job(options.lakes, per_night(case, options.scale)), case.alerts, folder, options.runs)


def tell(rows: Iterator[Row], lines: list[str]) -> None:
    """Print and keep each line as soon as it is known."""
    for row in rows:
        print(row, flush=True)
        lines.append(str(row))


def runs_said(options: argparse.Namespace) -> str:
    """Say how often was measured."""
    peer = f" ({options.peer_runs} of `finkctl`)" if options.peer_runs != options.runs else ""
    part = f", {options.scale:g} of the usual number of alerts" if options.scale != 1 else ""
    runs = f"Medians of {options.runs} runs" if options.runs > 1 else "One run"
    return f"{runs}{peer} after one to warm up; publishing, after {publishing.WARM}, in turns with its reference (with transactions, after one){part}."


def machine(scratch: Path | None) -> str:
    """Describe the machine: what it has, and what it costs to write into memory that nothing was written to before.

    Virtual machines get memory from their host as they touch it; broker and consumer touch as much as they write.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    with tempfile.TemporaryFile(dir=scratch, buffering=0) as file:
        new, again = (_seconds_to_write(file) for _ in range(2))
    cached = f"a new file of {FILE_GIB} GiB is written into memory in {new:.1f} s, over it once more in {again:.1f} s"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB of memory ({cached}), Python {platform.python_version()}"


def _seconds_to_write(file: BinaryIO) -> float:
    part = b"\x5a" * (1 << 20)
    file.seek(0)
    started = time.perf_counter()
    for _ in range(FILE_GIB << 10):
        file.write(part)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

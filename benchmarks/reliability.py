"""Stop a download again and again, ours and the peer's, and count what is on disk: ``make reliability``.

Both clients get the same topic and the same script: an undisturbed run to see how long it takes; then runs that are
stopped at a random moment, so early that there is work left for the next; then runs until one brings nothing new.
Writes ``docs/reliability.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from alertferry.broker import running_broker
from alertferry.core.settings import load_settings

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests import publishing  # noqa: E402 - the tests' own publisher, from the folder above

PEER = "fink-client-12.3.0"
PINS = ROOT / "tests" / "fink-client.txt"
FILE_ALERTS = 500
LAST_RUNS = 8
ID = "diaSourceId"
SCHEMA = {
    "type": "record",
    "name": "topLevelRecord",
    "fields": [
        {"name": ID, "type": "long"},
        {"name": "midpointMjdTai", "type": ["double", "null"]},
        {"name": "ra", "type": ["double", "null"]},
        {"name": "band", "type": ["string", "null"]},
    ],
}


@dataclass(frozen=True)
class Client:
    """A program that carries a topic into a folder: its name, its command for a folder, its environment.

    ``marked`` tells how many alerts Kafka believes that it has read; None where that means nothing.
    """

    name: str
    command: Callable[[Path], Sequence[str]]
    environment: dict[str, str]
    marked: Callable[[], int] | None = None

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        """Begin a run, in a process group of its own."""
        return subprocess.Popen(
            self.command(folder),
            env=os.environ | self.environment,
            cwd=folder.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


@dataclass(frozen=True)
class Held:
    """What a folder holds: rows, different alerts, files that cannot be read."""

    rows: int
    different: int
    unreadable: int


@dataclass(frozen=True)
class Outcome:
    """One line of the page."""

    client: str
    script: str
    alerts: int
    held: Held
    unreadable_between: int
    cut_short: int
    last_runs: int
    seconds: float
    marked: int | None

    def __str__(self) -> str:
        lost, repeated = self.alerts - self.held.different, self.held.rows - self.held.different
        return (
            f"| {self.script} | {self.client} | {self.held.different:,} of {self.alerts:,} | **{lost:,}** | "
            f"**{repeated:,}** | {self.held.unreadable + self.unreadable_between} | {self.cut_short} | "
            f"{self.last_runs} | {'' if self.marked is None else f'{self.marked:,}'} | {self.seconds:.0f} s |"
        )


def held(folder: Path) -> Held:
    """Count what a reader of the folder finds."""
    ids: list[int] = []
    unreadable = 0
    for path in folder.rglob("*.parquet"):
        if path.relative_to(folder).parts[0].startswith(("_", ".")):
            continue
        try:
            ids += pq.ParquetFile(path).read(columns=[ID])[ID].to_pylist()
        except (OSError, ValueError):  # cut short
            unreadable += 1
    return Held(len(ids), len(set(ids)), unreadable)


@dataclass(frozen=True)
class Pace:
    """Seconds until an undisturbed run has its first file, and until it ends."""

    first_file: float
    end: float


@dataclass(frozen=True)
class Script:
    """How often a client is stopped, and by which signal."""

    name: str
    stops: int
    number: int

    def pause(self, pace: Pace, chance: random.Random) -> float:
        """Return when to stop a run: around its first file, so that the next finds work; a single one, halfway."""
        if self.stops > 1:
            return chance.uniform(0.5, 1.05) * pace.first_file
        return pace.first_file + 0.5 * (pace.end - pace.first_file)


def measured(client: Client, folder: Path) -> Pace:
    """Run once, undisturbed."""
    started = time.monotonic()
    first_file = 0.0
    process = client.start(folder)
    while process.poll() is None:
        if not first_file and any(folder.glob("*.parquet")):
            first_file = time.monotonic() - started
        time.sleep(0.02)
    return Pace(first_file, time.monotonic() - started)


def stop_often(client: Client, folder: Path, script: Script, pace: Pace, seed: int) -> tuple[int, int]:
    """Run and stop; return how often work was cut short, and how many unreadable files were seen, added up."""
    chance = random.Random(seed)
    unreadable = cut_short = 0
    for count in range(script.stops):
        process = client.start(folder)
        time.sleep(script.pause(pace, chance))
        if process.poll() is None:
            cut_short += 1
            os.killpg(process.pid, script.number)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        found = held(folder) if folder.is_dir() else Held(0, 0, 0)
        unreadable += found.unreadable
        print(
            f"  {client.name} stop {count + 1} of {script.stops}: {found.rows:,} rows, {found.different:,} alerts",
            flush=True,
        )
    return cut_short, unreadable


def finish(client: Client, folder: Path) -> int:
    """Run until a run brings nothing new; return how many that took."""
    before = held(folder) if folder.is_dir() else Held(0, 0, 0)
    for count in range(1, LAST_RUNS + 1):
        client.start(folder).wait()
        after = held(folder)
        if after == before:
            return count
        before = after
    return LAST_RUNS


def scripts(kills: int) -> list[Script]:
    """Return what every client goes through."""
    return [
        Script("Ctrl-C once, then go on", 1, signal.SIGINT),
        Script(f"`kill -9` {kills} times", kills, signal.SIGKILL),
    ]


def try_out(make: Callable[[Path], Client], folder: Path, alerts: int, kills: int, seed: int) -> list[Outcome]:
    """Run every script with one client; each begins with an empty folder."""
    folder.mkdir(parents=True)
    client = make(folder / "measured")
    pace = measured(client, folder / "measured" / "files")
    print(f"{client.name}: undisturbed {pace}, {held(folder / 'measured' / 'files')}", flush=True)
    outcomes = []
    for script in scripts(kills):
        place = folder / str(script.stops)
        client = make(place)
        started = time.monotonic()
        cut_short, unreadable = stop_often(client, place / "files", script, pace, seed)
        last = finish(client, place / "files")
        took = time.monotonic() - started
        found = held(place / "files")
        marked = client.marked() if client.marked else None
        outcomes.append(Outcome(client.name, script.name, alerts, found, unreadable, cut_short, last, took, marked))
        print(outcomes[-1], flush=True)
    return outcomes


def ours(topic: str) -> Callable[[Path], Client]:
    """Return how to make our client for a place."""
    words = [sys.executable, "-m", "alertferry.cli", "consume", topic, "--batch", str(FILE_ALERTS), "--outdir"]

    def make(place: Path) -> Client:
        place.mkdir()
        return Client("alertferry", lambda folder: [*words, str(folder)], {"PYTHONPATH": str(ROOT)})

    return make


def theirs(program: Path, topic: str, servers: str) -> Callable[[Path], Client]:
    """Return how to make the peer's client for a place: a home and a consumer group of its own."""

    def make(place: Path) -> Client:
        place.mkdir()
        environment = {"HOME": str(place)}
        group = uuid.uuid4().hex
        words = ["-username", "x", "-maxtimeout", "4", "-groupid", group, "-servers", servers]
        register = [str(program), "auth", "register", "-survey", "lsst", *words]
        subprocess.run(register, env=os.environ | environment, check=True, capture_output=True, cwd=place)
        options = ["-nconsumers", "2", "-batchsize", str(FILE_ALERTS), "-partitionby", "None"]

        def command(folder: Path) -> list[str]:
            return [str(program), "transfer", "-survey", "lsst", "-topic", topic, "-outdir", str(folder), *options]

        return Client("finkctl 12.3.0", command, environment, lambda: marked_as_read(servers, topic, group))

    return make


def marked_as_read(servers: str, topic: str, group: str) -> int:
    """Return how many records of the topic a consumer group has committed."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": servers, "group.id": group})
    try:
        numbers = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        committed = consumer.committed([TopicPartition(topic, number) for number in numbers], timeout=20)
        return sum(max(0, part.offset) for part in committed)
    finally:
        consumer.close()


def finkctl(home: Path) -> Path:
    """Return the path of the peer's client, in a virtual environment of its own, made when it is not there."""
    folder = home / PEER
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin/pip"), "install", "-q", "-r", str(PINS)], check=True)
        (folder / "complete").touch()
    return folder / "bin" / "finkctl"


def publish(servers: str, topic: str, alerts: int) -> None:
    """Publish small packets as a job does, receipt included; without Spark, as the topic is what counts here."""
    chance = random.Random(7)
    records = [
        {ID: 2**60 + number, "midpointMjdTai": 61100 + number / 1e6, "ra": chance.uniform(0, 360), "band": "r"}
        for number in range(alerts)
    ]
    publishing.publish(servers, topic, records, schema=SCHEMA)


def machine() -> str:
    """Describe the machine in a few words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, Python {platform.python_version()}"


PAGE = Path(__file__).parent / "reliability_page.md"


def main() -> None:
    """Try both clients and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=300_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "reliability.md")
    options = parser.parse_args()
    # a shell's background jobs ignore Ctrl-C, and so would everything they start
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seed = random.randrange(10**6) if options.seed is None else options.seed
    home = load_settings().home
    with tempfile.TemporaryDirectory() as name, running_broker(Path(name), jars_home=home) as broker:
        folder, servers, alerts = Path(name), broker.bootstrap_servers, options.alerts
        os.environ["ALERTFERRY_BOOTSTRAP_SERVERS"] = servers
        topic = f"ftransfer_lsst_2026-03-01_{uuid.uuid4().hex[:12]}"
        publish(servers, topic, alerts)
        outcomes = try_out(ours(topic), folder / "ours", alerts, options.kills, seed)
        peer = theirs(finkctl(home), topic, servers)
        outcomes += try_out(peer, folder / "theirs", alerts, options.kills, seed)
    rows = "\n".join(map(str, sorted(outcomes, key=lambda outcome: outcome.script)))
    text = PAGE.read_text().format(machine=machine(), seed=seed, kills=options.kills, alerts=alerts, rows=rows)
    options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()

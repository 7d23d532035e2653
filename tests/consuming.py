"""Running the consumer in tests: here, in a process of its own, or in many that are to be killed."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import fastavro
import pyarrow.dataset as ds

from alertferry.consumer import Delivery, consume
from alertferry.core.settings import Settings
from tests.publishing import FIRST_ID


@dataclass(frozen=True)
class Case:
    """A topic of its own and a folder for it."""

    settings: Settings
    servers: str
    topic: str
    folder: Path

    def consume(self, **options) -> Delivery:
        """Run the consumer once."""
        return consume(self.topic, self.folder, settings=self.settings, **options)


def ids(folder: Path) -> list[int]:
    """All alert ids that a reader finds, sorted."""
    containers = sorted(folder.rglob("*.avro"))
    if not containers:
        return sorted(ds.dataset(folder, format="parquet").to_table(columns=["diaSourceId"])["diaSourceId"].to_pylist())
    found = []
    for path in containers:
        with path.open("rb") as stream:
            found += [row["diaSourceId"] for row in fastavro.reader(stream)]
    return sorted(found)


def expected(count: int) -> list[int]:
    return list(range(FIRST_ID, FIRST_ID + count))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


ROOT = Path(__file__).parent.parent

CONSUMER = """
import json, os, sys
from alertferry.consumer import consume
from alertferry.core.errors import AlertferryError
from alertferry.core.settings import Settings

def main(topic, folder, servers, options):
    if fault := options.pop("fault", None):
        from tests.faults import arm
        arm(*fault)
    try:
        found = consume(topic, folder, settings=Settings(bootstrap_servers=servers), **options)
    except AlertferryError as error:
        print(error, flush=True)
        return error.exit_code
    print(found.state, found.message, flush=True)
    return found.exit_code
"""

ONE = CONSUMER + "sys.exit(main(*json.loads(sys.argv[1])))"

MANY = (
    CONSUMER
    + """
import pyarrow.parquet, fastavro, confluent_kafka, alertferry.consumer.fetch
for line in sys.stdin:
    if (child := os.fork()) == 0:
        os.dup2(2, 1)
        os._exit(main(*json.loads(line)))
    print(child, flush=True)
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
)


def order_line(settings: Settings, topic: str, folder: Path, options: dict) -> str:
    return json.dumps([topic, str(folder), settings.bootstrap_servers, options])


def consuming(settings: Settings, topic: str, folder: Path, **options) -> subprocess.Popen:
    """Start a consumer of its own, which prints the state it ends with and exits as the command would."""
    command = [sys.executable, "-c", ONE, order_line(settings, topic, folder, options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


class Nursery:
    """Starts consumers in processes of their own without the second that imports take."""

    def __init__(self) -> None:
        self._child: int | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-c", MANY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )

    def start(self, line: str) -> int:
        if self._child is not None:  # a test failed before its end
            self.kill(self._child)
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        self._child = int(self._process.stdout.readline())
        return self._child

    def kill(self, child: int, number: int = signal.SIGKILL) -> int:
        """Send a signal and wait for the end."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code of the consumer that was started last; negative for a signal."""
        word, code = self._process.stdout.readline().split()
        self._child = None
        assert word == "ended", word
        return int(code)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def wait_for_files(folder: Path, count: int) -> None:
    until = time.monotonic() + 10
    while len(list(folder.rglob("p*.*"))) < count and time.monotonic() < until:
        time.sleep(0.001)


class Reader:
    """Reads a delivery folder all the while, as an impatient user would; counts what could not be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.reads = 0
        self.failures: list[str] = []

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.05):
            names = glob.glob(f"{self._folder}/**/*.parquet", recursive=True)
            names += glob.glob(f"{self._folder}/**/*.avro", recursive=True)
            for name in random.sample(names, min(len(names), 20)):
                self._read(Path(name))

    def _read(self, path: Path) -> None:
        try:
            if path.suffix == ".parquet":
                assert ds.dataset(path).to_table(columns=["diaSourceId"]).num_rows > 0
            else:
                with path.open("rb") as stream:
                    assert sum(1 for _ in fastavro.reader(stream)) > 0
            self.reads += 1
        except FileNotFoundError:
            return  # removed by the next run, because it was not committed
        except Exception as error:  # whatever a reader says about a file is a failure
            self.failures.append(f"{path.name}: {error}")

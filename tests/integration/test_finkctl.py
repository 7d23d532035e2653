"""The peer's client, unmodified and in a virtual environment of its own, reads what we publish."""

import fcntl
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alertferry.consumer import consume
from alertferry.core.job import Job
from alertferry.core.settings import load_settings
from tests.jobs import DATA, by, plain, run_job

pytestmark = [pytest.mark.spark, pytest.mark.kafka]

PINS = Path(__file__).parent.parent / "fink-client.txt"


@pytest.fixture(scope="session")
def finkctl(jars_home):
    """The path of `finkctl`, installed once for this user."""
    folder = jars_home / "fink-client-12.3.0"
    jars_home.mkdir(parents=True, exist_ok=True)
    with (jars_home / "fink-client.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            install = [str(folder / "bin/pip"), "install", "-q", "--disable-pip-version-check", "-r", str(PINS)]
            done = subprocess.run(install, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"fink-client cannot be installed: {done.stderr.splitlines()[-1]}")
            (folder / "complete").touch()
    return folder / "bin" / "finkctl"


@dataclass
class Client:
    """`finkctl` with a home and a consumer group of its own."""

    program: Path
    home: Path
    survey: str

    def register(self, servers: str) -> None:
        words = ["-username", "x", "-maxtimeout", "4", "-groupid"]
        self.call("auth", "register", "-survey", self.survey, *words, uuid.uuid4().hex, "-servers", servers)

    def transfer(self, topic: str, outdir: Path, *words: str) -> list[dict]:
        """Return the rows of one run, read as files of their own."""
        options = ["-outdir", str(outdir), "-nconsumers", "2", "-batchsize", "5", "-partitionby", "None", *words]
        self.call("transfer", "-survey", self.survey, "-topic", topic, *options)
        files = sorted(outdir.rglob("*.parquet"))
        return [plain(row) for file in files for row in pq.ParquetFile(file).read().to_pylist()]

    def call(self, *words: str) -> None:
        environment = os.environ | {"HOME": str(self.home)}
        done = subprocess.run(
            [str(self.program), *words], env=environment, cwd=self.home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def warm(servers):
    """Make the broker create its offsets topic now: the peer's client gives up when it has to wait for it."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": servers, "group.id": "warm", "log_level": 0})
    for _ in range(20):
        try:
            consumer.committed([TopicPartition("__consumer_offsets", 0)], timeout=5)
            break
        except Exception:  # the coordinator is still being chosen
            continue
    consumer.close()


@pytest.mark.skipif(not DATA.is_dir(), reason="real alerts (../shared/data) are not on this machine")
@pytest.mark.parametrize(
    ("survey", "key", "nights", "runs"),
    [
        ("ztf", "candid", ["2021-11-22", "2025-01-14..2025-06-14"], [("-limit", "40"), ("-limit", "30"), ()]),
        ("lsst", "diaSourceId", ["2026-01-01"], [("-limit", "10"), ("-limit", "4"), ()]),
    ],
)
def test_three_resumed_runs_give_our_rows(spark, broker, finkctl, tmp_path, monkeypatch, survey, key, nights, runs):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    warm(broker.bootstrap_servers)
    lake = str(DATA / "lake" / survey)
    output = {"kind": "kafka", "packet": "full", "partitions": 2}
    job = Job.from_dict({"source": {"kind": survey, "nights": nights, "lake": lake}, "output": output})
    topic = run_job(spark, job).topic
    client = Client(finkctl, tmp_path, survey)
    client.register(broker.bootstrap_servers)
    theirs = [
        row for number, words in enumerate(runs) for row in client.transfer(topic, tmp_path / f"run{number}", *words)
    ]
    consume(topic, tmp_path / "ours", settings=load_settings())
    ours = [plain(row) for row in pq.read_table(tmp_path / "ours").to_pylist()]
    assert by(key, theirs) == by(key, ours)

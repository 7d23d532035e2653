"""Jobs that need no Spark: a launcher, installed as any plugin is, whose script does what the job's name says.

``complete``, ``complete 0.5`` (after half a second), ``die 0.1``, ``refuse``, ``stubborn 9`` (deaf to SIGTERM).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from alertferry.core.hooks import hookimpl
from alertferry.core.job import Job
from alertferry.core.jobs.entry import Context
from alertferry.core.jobs.processes import Process
from alertferry.core.jobs.queue import Queue
from alertferry.core.jobs.record import JobRecord
from alertferry.core.jobs.store import Store
from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings, load_settings
from alertferry.core.steps import Launcher
from alertferry.plugins.launchers.local import Local

SCRIPT = """
import json, os, signal, sys, time
word, _, seconds = sys.argv[2].partition(" ")
def say(event, **details):
    print(json.dumps({"event": event, **details}, separators=(",", ":")), flush=True)
def result(**details):
    say("result", **details)
    sys.exit(0 if details["state"] == "complete" else details["exit_code"])
def stop(*_):
    result(state="cancelled", error="the job was cancelled", exit_code=1)
signal.signal(signal.SIGTERM, signal.SIG_IGN if word == "stubborn" else stop)
print("small job", os.getcwd(), os.environ.get("ALERTFERRY_KAFKA_SASL_PASSWORD"), file=sys.stderr, flush=True)
with open(os.environ["ALERTFERRY_HOME"] + "/starts.txt", "a") as starts:
    starts.write(f"{os.path.basename(os.getcwd())} {time.monotonic()}\\n")
say("step", name="lsst", alerts=20)
counts = {"alerts_total": 20, "alerts_read": 10, "alerts_kept": None, "alerts_published": None}
say("progress", stage="write", tasks=2, tasks_done=1, rate=5.0, eta_seconds=2.0, seconds=2.0, **counts)
time.sleep(float(seconds or 0))
with open(os.environ["ALERTFERRY_HOME"] + "/ends.txt", "a") as ends:
    ends.write(f"{os.path.basename(os.getcwd())} {time.monotonic()}\\n")
if word == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if word == "refuse":
    problems = [{"path": "output.fields[0]", "message": "no field 'x'"}]
    result(state="failed", error="output.fields[0]: no field 'x'", exit_code=2, problems=problems)
more = {"timings": {"start": 9.06, "topic": 0.01, "publish": 3.2}}
more["oversize"] = {"action": "skip", "alerts": 2, "ids": ["11", "12"], "limit_bytes": 1000}
receipt = more | {"alerts": 7, "bytes": 70, "digest": "0" * 16, "schema_fingerprint": "f", "job_hash": "h"}
steps = [{"name": "lsst", "alerts": 20}, {"name": "sql", "alerts": 7}]
result(state="complete", topic=None, destination="file:/small", alerts=7, bytes=70, seconds=0.25, steps=steps, receipt=receipt)
"""


class Small(Local):
    """A job of one small process below a shell, as Spark's script is below ``spark-submit``."""

    kind: ClassVar[str] = "small"
    stop_seconds: ClassVar[float] = 0.5

    def _command(self, folder: Path, settings: Settings) -> list[str]:
        name = Job.from_yaml((folder / "job.yml").read_text()).name or "complete"
        words = [sys.executable, "-S", "-c", SCRIPT, str(folder / "job.py"), name]
        return ["/bin/sh", "-c", '"$@" & wait $!', "sh", *words]


@hookimpl
def register_launchers() -> Sequence[type[Launcher]]:
    """Offer ``--launcher small``."""
    return [Small]


def small_job(name: str = "complete", nights: str = "2026-01-01") -> Job:
    """Return a job for the small launcher."""
    source = {"kind": "lsst", "nights": [nights], "lake": "s3a://nobody/looks"}
    output = {"kind": "files", "path": "out", "packet": "light-static"}
    return Job.from_dict({"name": name, "source": source, "output": output})


@dataclass(frozen=True)
class Installation:
    """A home of its own, with the small launcher as the usual one."""

    home: Path

    @property
    def queue(self) -> Queue:
        """The queue, as every process of this installation sees it."""
        settings = load_settings()
        return Queue(Store.open(settings), settings, default_registry())

    def submit(self, name: str = "complete", owner: str | None = None, waiter: Process | None = None) -> JobRecord:
        """Put a small job into the queue."""
        context = Context(working_folder=str(self.home))
        return self.queue.submit(small_job(name), context, owner=owner, launcher="small", waiter=waiter)

    def lines(self, file: str) -> list[tuple[str, float]]:
        """Return (job, time) of the jobs' starts or ends."""
        path = self.home / file
        found = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(job, float(moment)) for job, moment in found]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """Give a home of its own and install the small launcher, here and in every process started from here."""
    packages, home = tmp_path / "packages", tmp_path / "home"
    metadata = packages / "small_jobs-1.0.dist-info"
    metadata.mkdir(parents=True)
    home.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: small-jobs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[alertferry]\nsmall = tests.small_jobs\n")
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.setenv("PYTHONPATH", f"{packages}:{Path(__file__).parent.parent}")
    monkeypatch.setenv("ALERTFERRY_HOME", str(home))
    monkeypatch.setenv("ALERTFERRY_LAUNCHER", "small")
    default_registry.cache_clear()
    yield Installation(home)
    default_registry.cache_clear()

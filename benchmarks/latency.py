"""From the call of a job to the first alert on disk: the command line's own way, Spark's start included."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measuring import Bar, Cost, Row, middle

from alertferry import service
from alertferry.core.job import Job

BAR_SECONDS = 30.0
WAIT_SECONDS = 300.0


def first_alert(job: Job, folder: Path) -> float:
    """Return the seconds until the first file of a consumer, started as soon as the topic is known, has its name."""
    outdir = folder / "first"
    shutil.rmtree(outdir, ignore_errors=True)
    consumers: list[subprocess.Popen[bytes]] = []

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] == "topic":
            command = [sys.executable, "-m", "alertferry.cli", "consume", event["topic"], "--outdir", str(outdir)]
            consumers.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    called = time.time()
    service.run(job, "local", on_event)
    assert consumers[0].wait(WAIT_SECONDS) == 0
    return min(file.stat().st_mtime for file in outdir.rglob("*.parquet")) - called


def row(job: Job, alerts: int, folder: Path, runs: int) -> Row:
    """Measure; the first run fetches jars and is not counted."""
    seconds = [first_alert(job, folder) for _ in range(runs + 1)][1:]
    cost = middle([Cost(second) for second in seconds])
    bar = Bar(at_most=1)
    return Row("job called to first alert on disk", alerts, 0, cost, "the bar", Cost(BAR_SECONDS), bar=bar)

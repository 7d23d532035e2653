"""The functions of the Python API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import Problem

if TYPE_CHECKING:
    import pyarrow as pa

    from alertferry.consumer import Verification
    from alertferry.core.job import Job
    from alertferry.estimates import Estimate, Preview
    from alertferry.service import Outcome


def check(job: Job) -> list[Problem]:
    """Return everything that is wrong with a job, without starting Spark; an empty list when nothing is."""
    from alertferry import service

    return service.problems_of(job)


def render(job: Job) -> str:
    """Return the PySpark script of a job."""
    from alertferry.core.render import render as rendered

    return rendered(job)


def run(job: Job, *, launcher: str | None = None, on_event: Callable[[dict[str, Any]], None] | None = None) -> Outcome:
    """Run a job to its end and return its outcome: topic, counts, receipt.

    Raises `JobError` with every problem before anything runs, or the error that ended the job. Interrupting the
    call cancels the job; its topic then says that it is not complete.
    """
    from alertferry import service

    return service.run(job, launcher, on_event)


def estimate(job: Job, *, say: Callable[[str], None] | None = None) -> Estimate:
    """Return how many alerts and bytes a job will carry, with 95 % intervals, and how many each step leaves.

    The job's own plan runs on a random sample of its nights; jobs over few alerts are counted. The first call starts a
    process that keeps Spark warm for the next ones; ``say`` hears of that. Raises `JobError` with every problem.
    """
    from alertferry import service

    return service.estimate(job, say=say)


def preview(job: Job, rows: int = 10, *, say: Callable[[str], None] | None = None) -> Preview:
    """Return some records exactly as a job will deliver them, from a sample of its nights. As `estimate` otherwise."""
    from alertferry import service

    return service.preview(job, rows, say=say)


def consume(topic: str, *, timeout: float = 60.0) -> Iterator[pa.RecordBatch]:
    """Yield the alerts of a topic as Arrow record batches, each alert once, up to the job's receipt.

    Nothing is written; use `alertferry consume` for files that survive interruption. Raises `IncompleteError` when
    the job has not finished and nothing new came for ``timeout`` seconds.
    """
    from alertferry.consumer import batches
    from alertferry.current import current_settings

    return batches(topic, settings=current_settings(), timeout=timeout)


def verify(folder: str | Path) -> Verification:
    """Compare the files of a folder with their receipt: counts, duplicates, digest, checksums."""
    from alertferry.consumer import verify as compare

    return compare(Path(folder))

"""What can be done with a job: the one layer below command line, Python API and dashboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertferry.core.check import check_job
from alertferry.core.errors import AlertferryError, DamagedError, IncompleteError, JobError, Problem, UsageError
from alertferry.core.job import Job
from alertferry.core.receipt import Receipt
from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings, load_settings
from alertferry.core.steps import Handle, Launcher, Status

Event = dict[str, Any]


def current_settings() -> Settings:
    """Return the settings; where no broker is configured but the embedded one runs, that one."""
    settings = load_settings()
    if settings.bootstrap_servers is None:
        from alertferry.broker import status

        running = status(settings.home)
        if running:
            settings = settings.model_copy(update={"bootstrap_servers": running.bootstrap_servers})
    return settings


def read_job(path: Path) -> Job:
    """Read a job file. Raises `JobError` or `UsageError` naming what is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the job file {path}: {error.strerror}") from None
    return Job.from_yaml(content)


def problems_of(job: Job) -> list[Problem]:
    """Return every problem of a job that can be seen without Spark."""
    return check_job(job, default_registry(), load_settings())


@dataclass(frozen=True)
class Outcome:
    """How a job ended: state, topic or folder, and the receipt of a complete one."""

    state: str
    topic: str | None
    destination: str | None
    alerts: int
    bytes: int
    seconds: float
    steps: tuple[dict[str, Any], ...]
    receipt: Receipt | None
    id: str


def start(job: Job, launcher: str | None = None) -> tuple[Launcher, Handle]:
    """Check and submit a job; raises `JobError` with every problem before anything runs."""
    problems = problems_of(job)
    if problems:
        raise JobError(problems)
    settings = current_settings()
    if job.output.kind == "kafka":
        from alertferry.core.kafka_client import reachable_servers

        reachable_servers(settings)  # ten seconds now are better than a minute of Spark first
    chosen: Launcher = default_registry().get("launcher", launcher or settings.launcher)()
    return chosen, chosen.submit(job, settings)


def run(job: Job, launcher: str | None = None, on_event: Callable[[Event], None] | None = None) -> Outcome:
    """Run a job to its end and return its outcome.

    ``on_event`` gets every event of the script as it comes. Interrupting cancels the job, and its topic says so.
    Raises the error that the job ended with.
    """
    chosen, handle = start(job, launcher)
    try:
        for event in chosen.events(handle):
            if on_event:
                on_event(event)
    except KeyboardInterrupt:
        chosen.cancel(handle)
        raise
    return _outcome(chosen.status(handle), handle)


_ERRORS: dict[int, type[AlertferryError]] = {2: UsageError, 3: IncompleteError, 4: DamagedError}


def _outcome(status: Status, handle: Handle) -> Outcome:
    result = status.result or {}
    if status.state != "complete":
        if result.get("problems"):
            raise JobError(Problem(item["path"], item["message"]) for item in result["problems"])
        error = _ERRORS.get(result.get("exit_code", 1), AlertferryError)
        raise error(status.reason or f"the job ended as {status.state}; its log is {handle.folder / 'log.txt'}")
    return Outcome(
        state="complete",
        topic=result["topic"],
        destination=result["destination"],
        alerts=result["alerts"],
        bytes=result["bytes"],
        seconds=result["seconds"],
        steps=tuple(result["steps"]),
        receipt=Receipt.model_validate(result["receipt"]),
        id=handle.id,
    )

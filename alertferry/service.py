"""What can be done with a job: the one layer below command line, Python API and dashboard."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.core import working_folder
from alertferry.core.access import COMMAND_LINE, Access
from alertferry.core.check import Findings, examine_job
from alertferry.core.errors import AlertferryError, DamagedError, IncompleteError, JobError, Problem, UsageError
from alertferry.core.job import Job, MalformedJobError
from alertferry.core.jobs import ACTIVE, JobRecord
from alertferry.core.receipt import Receipt
from alertferry.core.registry import default_registry
from alertferry.core.safe_yaml import read_file
from alertferry.core.settings import Settings, load_settings
from alertferry.current import current_settings
from alertferry.policy import file_for, is_admin, lake_for, may_delete, objections

if TYPE_CHECKING:
    from alertferry.core.jobs.entry import Context, Entry
    from alertferry.core.jobs.processes import Process
    from alertferry.core.jobs.queue import Queue
    from alertferry.estimates import Estimate, Preview

Event = dict[str, Any]

POLL_SECONDS = 0.1
"""Pause between two looks at a job that is waited for."""


def read_job(path: Path) -> Job:
    """Read a job file, ``-`` being standard input. Raises `JobError` or `UsageError` naming what is wrong."""
    return Job.from_yaml(read_file(path))


def problems_of(job: Job | MalformedJobError, access: Access = COMMAND_LINE) -> list[Problem]:
    """Return every problem of a job that can be seen without Spark; of one that cannot be read, also of its rest."""
    return examine(job, access).problems


def examine(job: Job | MalformedJobError, access: Access = COMMAND_LINE) -> Findings:
    """Return every problem of a job that can be seen without Spark, and what is allowed but surely not meant.

    Where the site objects to what it names, nothing of that is looked at.
    """
    settings, registry = load_settings(), default_registry()
    read, malformed = (job, ()) if isinstance(job, Job) else (job.rest, job.problems)
    found = objections(read, access, settings, registry)
    return Findings([*malformed, *found]) if found else examine_job(job, registry, settings, access)


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


def run(
    job: Job, launcher: str | None = None, on_event: Callable[[Event], None] | None = None, *, test: bool = False
) -> Outcome:
    """Run a job to its end and return its outcome; of the ``test`` of a job (`Job.as_test`), if that is asked for.

    ``on_event`` gets every event of the script as it comes, and before that ``{"event": "queued", "ahead": N}`` while
    other jobs have their turn. Interrupting cancels the job, and its topic says so. Raises the error that the job
    ended with.
    """
    from alertferry.core.jobs.processes import this_process

    record = _submit(job.as_test() if test else job, COMMAND_LINE, launcher=launcher, waiter=this_process())
    try:
        return _outcome(_follow(record.id, on_event or _ignore))
    except KeyboardInterrupt:
        try:
            ended = cancel_job(record.id)
        except KeyboardInterrupt:  # asked once more, its launcher has ended what was left of it at once
            ended = cancel_job(record.id)
        if ended.state == "complete":
            return _outcome(ended)
        raise KeyboardInterrupt(_how_cancelled(record.id)) from None


def _how_cancelled(id: str) -> str:
    """Return what there is to say of a job that was cancelled."""
    entry = _queue().store.get(id)
    said = "cancelled; nothing of the job runs any more"
    if entry.tell_after is not None:
        return f"{said}. Its broker does not answer: the topic has no receipt, so it is nowhere taken for complete"
    return f"{said}, and its topic says that it is not complete" if entry.record.topic else said


def _ignore(_: Event) -> None:
    pass


def _follow(id: str, on_event: Callable[[Event], None]) -> JobRecord:
    """Wait until a job is over, and pass its events on."""
    queue, position, ahead = _queue(), 0, 0
    while True:
        record = queue.show(queue.store.get(id))
        if record.state == "queued":
            run_queue()
            before, ahead = ahead, queue.ahead(queue.store.get(id))
            if ahead != before:
                on_event({"event": "queued", "ahead": ahead})
        events, position = queue.events(queue.store.get(id), position)
        for event in events:
            on_event(event)
        if record.over:
            return record
        time.sleep(POLL_SECONDS)


_ERRORS: dict[int, type[AlertferryError]] = {2: UsageError, 3: IncompleteError, 4: DamagedError}


def _outcome(record: JobRecord) -> Outcome:
    if record.state != "complete":
        if record.problems:
            raise JobError(Problem(item["path"], item["message"]) for item in record.problems)
        error = _ERRORS.get(record.exit_code or 1, AlertferryError)
        raise error(record.reason or f"the job ended as {record.state}; see `alertferry jobs log {record.id}`")
    return Outcome(
        state="complete",
        topic=record.topic,
        destination=record.destination,
        alerts=record.alerts or 0,
        bytes=record.bytes or 0,
        seconds=record.seconds or 0.0,
        steps=record.steps,
        receipt=record.receipt,
        id=record.id,
    )


def _queue() -> Queue:
    """Return the queue of this installation; the database library is loaded here and not before."""
    try:
        from alertferry.core.jobs.queue import Queue
        from alertferry.core.jobs.store import Store
    except ModuleNotFoundError as error:
        raise UsageError(f"jobs need {error.name}: pip install 'alertferry[spark]'") from None
    settings = current_settings()
    return Queue(Store.open(settings), settings, default_registry())


def submit(job: Job, access: Access = COMMAND_LINE, *, launcher: str | None = None, test: bool = False) -> JobRecord:
    """Check a job, or its ``test``, store it and put it in the queue; returns at once, before anything of it runs.

    It belongs to the user of ``access``, whose rules are applied to this very job. Call `run_queue` now and then until
    it is over. Raises `JobError` with every problem, or `AlertferryError` when the broker does not answer.
    """
    return _submit(job.as_test() if test else job, access, launcher=launcher)


def _submit(
    job: Job, access: Access, *, launcher: str | None = None, waiter: Process | None = None, again: Entry | None = None
) -> JobRecord:
    """Submit a job; ``again`` is the entry of the store that it comes from."""
    queue = _queue()
    here = _context(queue.settings)
    context, owner = (again.context, again.record.owner) if again else (here, access.user)
    if context.working_folder == here.working_folder or access.confined:  # else files are named as seen from elsewhere
        _checked(job, access)
    if job.output.kind == "kafka":
        _check_broker(job, owner, queue.settings)
    return queue.submit(job, context, owner=owner, launcher=launcher, waiter=waiter)


def _check_broker(job: Job, owner: str | None, settings: Settings) -> None:
    """Raise what the broker would say later: seconds now are better than a minute of Spark first."""
    from alertferry.core.kafka_client import reachable_servers
    from alertferry.core.kafka_java import java_options
    from alertferry.core.kafka_security import reader_of
    from alertferry.core.topics import new_topic

    java_options(settings)
    reader_of(owner, settings)
    reachable_servers(settings, new_topic(job.source.survey.name, [step.kind for step in job.filters]))


def _context(settings: Settings) -> Context:
    from alertferry.core.jobs.entry import Context

    lakes = {
        survey: lake if working_folder.is_url(lake) else os.path.realpath(os.path.expanduser(lake))
        for survey, lake in settings.lakes.items()
    }
    here = working_folder.resolved("")
    return Context(working_folder=here, lakes=lakes, bootstrap_servers=settings.bootstrap_servers)


def list_jobs(*, owner: str | None = None, states: Sequence[str] = (), limit: int = 100) -> list[JobRecord]:
    """Return jobs, newest first: those of an owner if one is named, else everybody's."""
    queue = _queue()
    queue.settle_active()
    return [queue.show(entry) for entry in queue.store.newest(owner=owner, states=states, limit=limit)]


def overview(access: Access, *, everybody: bool = False, limit: int = 500) -> list[JobRecord]:
    """Return the jobs of whoever asks, newest first, with what a list shows of them; those under way with progress.

    ``everybody``: the jobs of all users. Raises `UsageError` for who is no administrator.
    """
    queue = _queue()
    if everybody and access.user is not None and not is_admin(access, queue.settings):
        raise UsageError("only administrators see the jobs of all users; the setting `admins` names them")
    found = queue.store.overview(owner=None if everybody else access.user, limit=limit)
    return [queue.show(queue.store.get(record.id)) if record.state in ACTIVE else record for record in found]


def administers(access: Access) -> bool:
    """Tell whether somebody may see and cancel the jobs of all users."""
    return is_admin(access, load_settings())


def show_job(id: str, *, owner: str | None = None) -> JobRecord:
    """Return a job as it stands now. Raises `UsageError` when there is none, or it is another owner's."""
    queue = _queue()
    return queue.show(queue.store.get(id, owner))


def find_job(start: str, *, owner: str | None = None) -> JobRecord:
    """Return the one job whose id begins so. Raises `UsageError` when there is none or more than one."""
    queue = _queue()
    return queue.show(queue.store.find(start, owner))


def job_events(id: str, *, after: int = 0, owner: str | None = None) -> tuple[list[Event], int]:
    """Return the script's events after a position, and the position to ask with next; 0 is the beginning."""
    queue = _queue()
    return queue.events(queue.store.get(id, owner), after)


def job_log(id: str, *, owner: str | None = None, last_bytes: int = 200_000) -> str:
    """Return the end of a job's log, secrets redacted; one line that says so when it was removed."""
    queue = _queue()
    return queue.log(queue.store.get(id, owner), last_bytes)


def cancel_job(id: str, access: Access = COMMAND_LINE) -> JobRecord:
    """Stop a job and say so in its topic; returns when nothing of it runs any more. A job that is over stays so.

    A user who signed in can do so with their own jobs, an administrator with all.
    """
    queue = _queue()
    return queue.cancel(id, None if is_admin(access, queue.settings) else access.user)


def delete_job(id: str, access: Access = COMMAND_LINE) -> None:
    """Delete a job that is over, with its log; what it has published stays until it expires.

    Nobody deletes a job of somebody else, administrators neither; the command line deletes any. Raises `UsageError`
    for a job that is not over: cancel it first.
    """
    queue = _queue()
    entry = queue.store.get(id, access.user)
    if not may_delete(access, entry.record.owner):
        raise UsageError(f"job {id} is one of {entry.record.owner}, who alone can delete it")
    queue.delete(entry)


def resubmit_job(id: str, access: Access = COMMAND_LINE, *, nights: Sequence[str] | None = None) -> JobRecord:
    """Submit a job once more, with other nights if named, for its owner and with its launcher.

    A user who signed in can do so with their own jobs. Relative file names start where they started then. Raises
    `JobError` with every problem.
    """
    from alertferry.core.jobs.queue import renewed

    entry = _queue().store.get(id, access.user)
    job = renewed(Job.from_yaml(entry.record.job), list(nights or ()), default_registry())
    return _submit(job, access, launcher=entry.record.launcher, again=entry)


def run_queue() -> None:
    """Look once: start what may start, find out what has ended, remove what was kept long enough. Cheap."""
    from alertferry.core.jobs.retention import sweep_when_due

    queue = _queue()
    queue.look()
    sweep_when_due(queue.store, queue.settings)


def estimate(job: Job, access: Access = COMMAND_LINE, *, say: Callable[[str], None] | None = None) -> Estimate:
    """Return how many alerts and bytes a job will carry, from samples; ``say`` hears what is going on meanwhile.

    The first call starts a process that keeps Spark warm for the next ones. Raises `JobError` with every problem.
    """
    from alertferry.estimates import ask_estimate

    return ask_estimate(_checked(job, access), load_settings(), say)


def while_wanted(wanted: Callable[[], bool]) -> AbstractContextManager[None]:
    """Give up estimates and previews asked for inside of a block as soon as ``wanted`` says no: `CancelledError`."""
    from alertferry.estimates import while_wanted as giving_up

    return giving_up(wanted)


def warm_up() -> None:
    """Start the process that makes estimates before anybody asks for one; it gets quicker while nobody does."""
    from alertferry.estimates import warm_up as start

    start(load_settings(), rehearse=True)


def preview(
    job: Job, rows: int = 10, access: Access = COMMAND_LINE, *, say: Callable[[str], None] | None = None
) -> Preview:
    """Return some records exactly as a job will deliver them. As `estimate` otherwise."""
    from alertferry.estimates import ask_preview

    return ask_preview(_checked(job, access), load_settings(), rows, say)


def _checked(job: Job, access: Access) -> Job:
    problems = problems_of(job, access)
    if problems:
        raise JobError(problems)
    return job


def file_to_look_at(text: str, access: Access = COMMAND_LINE) -> str:
    """Return where a catalogue or map is that a job names. Raises `UsageError` when whoever asks may not name it."""
    return file_for(text, access)


def lake_to_look_at(lake: str | None, access: Access = COMMAND_LINE) -> str | None:
    """Return the lake that a job names. Raises `UsageError` when whoever asks may not name it."""
    return lake_for(lake, access, load_settings()) if lake else None

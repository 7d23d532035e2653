"""Whose turn it is: starting jobs, finding out what became of them, stopping them.

Any number of processes may look at the same time. Nothing here waits for a job: what happens, happens because
somebody looks (`Queue.look`).
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.job import Job
from alertferry.core.jobs import ending
from alertferry.core.jobs.abilities import FOLDER_OPTION, JOB_OPTION, OWNER_OPTION, TOPIC_OPTION, Finds
from alertferry.core.jobs.entry import Context, Entry, handle_text
from alertferry.core.jobs.events import EVENTS_FILE, LOG_FILE, Event, Seen, look_at, read_events
from alertferry.core.jobs.processes import Process, this_process
from alertferry.core.jobs.record import ACTIVE, JobRecord
from alertferry.core.jobs.store import NewJob, Store
from alertferry.core.jobs.tables import JOBS
from alertferry.core.registry import Registry
from alertferry.core.settings import Settings
from alertferry.core.steps import Launcher
from alertferry.core.topics import new_topic

STRANGER_SECONDS = 600.0
"""After this time a job that a process of another machine was about to start counts as abandoned."""

CANCEL_SECONDS = 60.0
"""How long to wait for a job that somebody else is just starting, so that there is something to stop."""

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Queue:
    """The queue of an installation."""

    store: Store
    settings: Settings
    registry: Registry

    def submit(
        self, job: Job, context: Context, *, owner: str | None, launcher: str | None, waiter: Process | None = None
    ) -> JobRecord:
        """Store a job that was checked; nothing of it runs yet.

        Raises `UsageError` when its owner has submitted as many within an hour as anybody may.
        """
        chosen = launcher or self.settings.launcher
        self.registry.get("launcher", chosen)
        Job.from_yaml(job.to_yaml(), self.registry)  # what cannot be read back could never be started
        topic = new_topic(job.source.survey.name, [step.kind for step in job.filters], test=job.is_test)
        limit = self.settings.max_jobs_per_hour
        return self.store.add(NewJob(job, context, chosen, topic, owner, waiter), per_hour=limit).record

    def look(self) -> None:
        """Find out what has ended, and start what may start."""
        self.settle_active()
        self._drop_forsaken()
        ending.tell_owed(self.store, self.settings, self.registry)
        while self._has_room():
            claimed = self.store.claim(this_process(), self.settings.max_running_jobs)
            if claimed is None:
                return
            self._start(claimed)

    def _has_room(self) -> bool:
        """Tell by reading alone whether it is worth to ask for a turn."""
        if len(self.store.active()) >= self.settings.max_running_jobs:
            return False
        return any(entry.waiter in (None, this_process()) for entry in self.store.queued())

    def settle_active(self) -> None:
        """Find out what has ended."""
        for entry in self.store.active():
            self._finish_cancelling(self.settle(entry))

    def ahead(self, entry: Entry) -> int:
        """Return how many jobs have their turn before this one; none when it has begun."""
        if entry.record.state != "queued":
            return 0
        earlier = [other for other in self.store.queued() if other.record.submitted < entry.record.submitted]
        return len(self.store.active()) + len(earlier)

    def _finish_cancelling(self, entry: Entry) -> None:
        """Stop what somebody asked to stop who has died meanwhile."""
        if entry.handle and entry.cancel_asked and time.time() - entry.cancel_asked > CANCEL_SECONDS:
            self.cancel(entry.record.id)

    def _drop_forsaken(self) -> None:
        """Cancel what only a process could start that is gone."""
        for entry in self.store.queued():
            if entry.waiter and entry.waiter.here and not entry.waiter.alive:
                reason = "the command that waited for its turn is gone"
                ending.end(self.store, entry, "cancelled", reason, among=("queued",))

    def _start(self, entry: Entry) -> None:
        try:
            job = Job.from_yaml(entry.record.job, self.registry)
            handle = self._launcher(entry).submit(job, self._settings_for(entry))
        except Exception as error:  # a launcher may fail in any way; the job says how
            ending.fail(self.store, self.settings, entry, error)
        except BaseException:  # interrupted, perhaps after the launcher had started something
            self._recover(entry)
            raise
        else:
            self.store.change(entry.record.id, ACTIVE, handle=handle_text(handle))

    def _settings_for(self, entry: Entry) -> Settings:
        """Return the settings to run a job with: ours, and what the job is to find as it was submitted."""
        context = entry.context
        options = {
            JOB_OPTION: entry.record.id,
            FOLDER_OPTION: context.working_folder,
            TOPIC_OPTION: entry.planned_topic,
        }
        if entry.record.owner:
            options[OWNER_OPTION] = entry.record.owner
        return self.settings.model_copy(
            update={
                "spark_conf": {**self.settings.spark_conf, **options},
                "lakes": {**self.settings.lakes, **context.lakes},
                "bootstrap_servers": context.bootstrap_servers or self.settings.bootstrap_servers,
            }
        )

    def _launcher(self, entry: Entry) -> Launcher:
        found: Launcher = self.registry.get("launcher", entry.record.launcher)()
        return found

    def settle(self, entry: Entry) -> Entry:
        """Find out what became of a job, and return it as it is now.

        Where its launcher does not answer, or is not installed any more, it stays as it was.
        """
        if entry.record.state not in ACTIVE:
            return entry
        try:
            if entry.handle is None:
                return self._settle_unstarted(entry)
            status = self._launcher(entry).status(entry.handle)
        except Exception:  # a launcher may fail in any way; the next look may succeed
            return entry
        if status.over:
            ending.end_as(self.store, self.settings, self.registry, entry, status)
        elif entry.record.state == "starting" and _seen(entry).begun:
            self.store.change(entry.record.id, ("starting",), state="running")
        else:
            return entry
        return self.store.get(entry.record.id)

    def _settle_unstarted(self, entry: Entry) -> Entry:
        """Look after a job whose starter may have died before it said what it had started."""
        if entry.starter and entry.starter.here and entry.starter.alive:
            return entry
        if entry.starter and not entry.starter.here and _age_seconds(entry) < STRANGER_SECONDS:
            return entry
        if self._take_over(entry):
            self._recover(entry)
        return self.store.get(entry.record.id)

    def _take_over(self, entry: Entry) -> bool:
        """Become the one who starts a job; of many who find that its starter has died, one succeeds."""
        before = entry.starter.model_dump_json() if entry.starter else None
        unchanged = (JOBS.c.state == "starting") & (JOBS.c.starter == before) & JOBS.c.handle.is_(None)
        return self.store.change_where(entry.record.id, unchanged, starter=this_process().model_dump_json())

    def _recover(self, entry: Entry) -> None:
        """Find what was started of a job; put it back into the queue if it is nothing."""
        launcher = self._launcher(entry)
        handle = launcher.find(entry.record.id, self.settings) if isinstance(launcher, Finds) else None
        if handle:
            self.store.change(entry.record.id, ACTIVE, handle=handle_text(handle))
        elif isinstance(launcher, Finds):
            self.store.change(entry.record.id, ("starting",), state="queued", starter=None, started=None)
        else:
            reason = "whoever started it died meanwhile, and what was started cannot be found"
            ending.end(self.store, entry, "failed", reason)

    def show(self, entry: Entry) -> JobRecord:
        """Return a job as it is now, with what its events tell."""
        entry = self.settle(entry)
        record = entry.record
        if record.state not in ACTIVE:
            return record
        seen = _seen(entry)
        update: dict[str, Any] = {"topic": seen.topic, "steps": seen.steps, "progress": seen.progress}
        return record.model_copy(update=update | {"seconds": round(_age_seconds(entry), 3)})

    def events(self, entry: Entry, after: int) -> tuple[list[Event], int]:
        """Return the events of a job after a position, and the next position."""
        return read_events(entry.handle.folder / EVENTS_FILE, after) if entry.handle else ([], after)

    def log(self, entry: Entry, last_bytes: int) -> str:
        """Return the end of a job's log, secrets redacted."""
        if not entry.record.log_kept:
            return f"The log was removed; logs are kept for {self.settings.job_retention_days:g} days.\n"
        if entry.handle is None:
            return ""
        file = entry.handle.folder / LOG_FILE
        text = _end_of(file, last_bytes) if file.exists() else self._launcher(entry).log(entry.handle)[-last_bytes:]
        return self.settings.redact(text)

    def cancel(self, id: str, owner: str | None = None) -> JobRecord:
        """Stop a job; return when nothing of it runs any more. What is over stays as it is.

        Raises `AlertferryError` when it cannot be stopped now.
        """
        entry = self.store.get(id, owner)
        if ending.end(self.store, entry, "cancelled", "it was cancelled while it waited", among=("queued",)):
            return self.store.get(id).record
        self.store.change(id, ACTIVE, cancel_asked=time.time())
        entry = self._wait_for_handle(id)
        if entry.handle and not entry.record.over:
            launcher = self._launcher(entry)
            launcher.cancel(entry.handle)
            status = launcher.status(entry.handle)
            if not status.over:
                raise AlertferryError(f"job {id} cannot be stopped: its launcher {launcher.kind!r} still sees it run")
            ending.end_as(self.store, self.settings, self.registry, entry, status)
        return self.store.get(id).record

    def delete(self, entry: Entry) -> None:
        """Delete a job that is over, with its log and its folder; what it has published stays until it expires.

        Raises `UsageError` for one that is not over.
        """
        entry = self.settle(entry)
        record = entry.record
        if not record.over:
            raise UsageError(f"job {record.id} is not over yet; cancel it first, then delete it")
        if entry.tell_after is not None:
            raise AlertferryError(
                f"the broker of job {record.id} has not been told yet that its topic will never be complete, as it "
                "does not answer; delete the job once it does"
            )
        if self.store.delete(record.id) and entry.handle:
            shutil.rmtree(entry.handle.folder, ignore_errors=True)

    def _wait_for_handle(self, id: str) -> Entry:
        """Wait until there is something to stop, where somebody else is just starting it, or until it is over."""
        end = time.monotonic() + CANCEL_SECONDS
        while not ((entry := self.settle(self.store.get(id))).handle or entry.record.over):
            if time.monotonic() > end:
                raise AlertferryError(f"job {id} is just being started; it will be stopped as soon as it can be")
            time.sleep(POLL_SECONDS)
        return entry


def _end_of(file: Path, last_bytes: int) -> str:
    """Return the end of a text, from the beginning of a line on."""
    with file.open("rb") as stream:
        start = max(0, stream.seek(0, 2) - last_bytes)
        stream.seek(start)
        text = stream.read()
    whole = text if start == 0 else text[text.find(b"\n") + 1 :]
    return whole.decode(errors="replace")


def _seen(entry: Entry) -> Seen:
    return look_at(entry.handle.folder / EVENTS_FILE) if entry.handle else Seen()


def _age_seconds(entry: Entry) -> float:
    started = entry.record.started or entry.record.submitted
    return (datetime.now(UTC) - started).total_seconds()


def renewed(job: Job, nights: list[str] | None, registry: Registry) -> Job:
    """Return a job for other nights; the same when none are named. Raises `JobError` naming what is wrong."""
    if not nights:
        return job
    data = job.to_dict()
    if "nights" not in type(job.source).model_fields:
        raise UsageError(f"the source {job.source.kind!r} has no nights to change")
    data["source"] = {key: value for key, value in data["source"].items() if key != "times"} | {"nights": nights}
    return Job.from_dict(data, registry)

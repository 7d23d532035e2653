"""The end of a job: the store remembers it, and where the alerts were going learns that no more will come."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from alertferry.core.errors import AlertferryError, JobError
from alertferry.core.job import Job
from alertferry.core.jobs.abilities import Abandons
from alertferry.core.jobs.entry import Entry
from alertferry.core.jobs.events import EVENTS_FILE, look_at
from alertferry.core.jobs.record import ACTIVE
from alertferry.core.jobs.store import Store
from alertferry.core.jobs.tables import JOBS
from alertferry.core.receipt import Receipt
from alertferry.core.registry import Registry
from alertferry.core.settings import Settings
from alertferry.core.steps import Status

DAY_SECONDS = 86_400.0

TELL_AGAIN_SECONDS = 60.0
"""Pause before a broker that did not answer is asked again."""


def end(store: Store, entry: Entry, state: str, reason: str, among: Iterable[str] = ACTIVE) -> bool:
    """End a job of which nothing ran that could have said anything; tell whether it was this call that ended it."""
    return store.change(entry.record.id, among, state=state, reason=reason, exit_code=1, ended=time.time())


def fail(store: Store, settings: Settings, entry: Entry, error: Exception) -> None:
    """End a job that could not be started, and remember what kind of mistake it was."""
    known = isinstance(error, AlertferryError)
    problems = [problem.as_json for problem in error.problems] if isinstance(error, JobError) else []
    values = {"reason": settings.redact(str(error) if known else f"it could not be started: {error!r}")}
    code = error.exit_code if isinstance(error, AlertferryError) else 1
    values |= {"problems": json.dumps(problems)}
    store.change(entry.record.id, ACTIVE, state="failed", exit_code=code, ended=time.time(), **values)


def end_as(store: Store, settings: Settings, registry: Registry, entry: Entry, status: Status) -> None:
    """End a job as its launcher says it ended; one that was asked to stop and died of it is cancelled."""
    died = status.result is None
    state = "cancelled" if died and entry.cancel_asked else status.state
    values = _from_events(entry) | _from_result(status.result or {}, settings)
    reason = "it was cancelled" if died and entry.cancel_asked else status.reason
    values |= {"state": state, "ended": time.time(), "reason": settings.redact(reason) if reason else None}
    if state == "complete":
        values["exit_code"] = 0
    else:
        values["tell_after"] = values["ended"] + TELL_AGAIN_SECONDS
    told = (status.result or {}).get("told", True)  # what its broker did not take from the job, it is not asked again
    if store.change(entry.record.id, ACTIVE, **values) and state != "complete" and told:
        _tell(store, settings, registry, store.get(entry.record.id))


def _from_events(entry: Entry) -> dict[str, Any]:
    """Return what the events have told: the folder with them will be removed one day."""
    if entry.handle is None:
        return {}
    seen = look_at(entry.handle.folder / EVENTS_FILE)
    seconds = round(time.time() - (entry.record.started or entry.record.submitted).timestamp(), 3)
    steps, progress = json.dumps(seen.steps), json.dumps(seen.progress) if seen.progress else None
    return {"topic": seen.topic, "steps": steps, "progress": progress, "seconds": seconds}


def _from_result(result: dict[str, Any], settings: Settings) -> dict[str, Any]:
    if not result:
        return {"exit_code": 1}
    if result["state"] != "complete":
        return {"exit_code": result.get("exit_code", 1), "problems": json.dumps(result.get("problems", []))}
    values = {name: result[name] for name in ("destination", "alerts", "bytes", "seconds", "topic")}
    values |= {name: json.dumps(result[name]) for name in ("steps", "receipt")}
    if result["topic"]:
        values["expires"] = time.time() + settings.topic_retention_days * DAY_SECONDS
    return values


def tell_owed(store: Store, settings: Settings, registry: Registry) -> None:
    """Tell destinations what could not be told when their jobs died, because the broker did not answer then."""
    now = time.time()
    for entry in store.where(JOBS.c.tell_after <= now):
        due = JOBS.c.tell_after == entry.tell_after
        if store.change_where(entry.record.id, due, tell_after=now + TELL_AGAIN_SECONDS):
            _tell(store, settings, registry, entry)


def _tell(store: Store, settings: Settings, registry: Registry, entry: Entry) -> None:
    """Tell the destination of a dead job; a job that died behind its receipt was complete."""
    record = entry.record
    servers = {"bootstrap_servers": entry.context.bootstrap_servers or settings.bootstrap_servers}
    reason = record.reason or f"the job is {record.state}"
    try:
        output = Job.from_yaml(record.job, registry).output
        if isinstance(output, Abandons):
            last = output.abandon(entry.planned_topic, record.state, reason, settings.model_copy(update=servers))
            if last and last.receipt:
                _complete(store, settings, entry, last.receipt)
    except AlertferryError:
        if record.ended and time.time() - record.ended.timestamp() < settings.topic_retention_days * DAY_SECONDS:
            return  # it stays owed; `tell_after` says when to try again
    store.change_where(record.id, JOBS.c.tell_after.is_not(None), tell_after=None)


def _complete(store: Store, settings: Settings, entry: Entry, receipt: Receipt) -> None:
    values: dict[str, Any] = {"topic": entry.planned_topic, "destination": entry.planned_topic}
    values |= {"alerts": receipt.alerts, "bytes": receipt.bytes, "receipt": receipt.model_dump_json()}
    values |= {"steps": json.dumps([step.model_dump() for step in receipt.steps]), "seconds": receipt.seconds}
    values |= {"expires": time.time() + settings.topic_retention_days * DAY_SECONDS}
    store.change(entry.record.id, ("failed", "cancelled"), state="complete", reason=None, exit_code=0, **values)

"""A job as the store holds it: the record that everybody may see, and what only the queue needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from alertferry.core.jobs.processes import Process
from alertferry.core.jobs.record import JobRecord, as_time
from alertferry.core.receipt import Receipt
from alertferry.core.steps import Handle


class Context(BaseModel):
    """What a job is to find when it runs, as it was where the job was submitted; no secret is among it.

    ``working_folder`` is where relative file names start, ``lakes`` and ``bootstrap_servers`` are settings.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    working_folder: str
    lakes: dict[str, str] = Field(default_factory=dict)
    bootstrap_servers: str | None = None


class Entry(BaseModel):
    """A job with its context, and the processes that have to do with it; see `alertferry.core.jobs.tables`."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    record: JobRecord
    context: Context
    planned_topic: str
    waiter: Process | None = None
    starter: Process | None = None
    handle: Handle | None = None
    cancel_asked: float | None = None
    tell_after: float | None = None


_TIMES = ("submitted", "started", "ended", "expires")
LISTED = (
    *("id", "name", "owner", "job", "survey", "launcher", "state", "topic", "alerts", "bytes", "seconds", "expired"),
    *_TIMES,
)
"""What a list shows of a job; the rest takes longer to read than all of these."""

_ASKED = ("id", "name", "owner", "job", "survey", "launcher", "script")
_FOUND = ("state", "topic", "destination", "alerts", "bytes", "reason", "exit_code", "seconds", "expired", "log_kept")


def from_row(row: Mapping[str, Any]) -> Entry:
    """Read a row of the table of jobs."""
    values = {name: row[name] for name in _ASKED + _FOUND} | {name: as_time(row[name]) for name in _TIMES}
    values |= {name: tuple(json.loads(row[name])) for name in ("steps", "problems")}
    values["progress"] = json.loads(row["progress"]) if row["progress"] else None
    values["receipt"] = Receipt.model_validate_json(row["receipt"]) if row["receipt"] else None
    return Entry(
        record=JobRecord(**values),
        context=Context.model_validate_json(row["context"]),
        planned_topic=row["planned_topic"],
        waiter=_process(row["waiter"]),
        starter=_process(row["starter"]),
        handle=_handle(row),
        cancel_asked=row["cancel_asked"],
        tell_after=row["tell_after"],
    )


def listed(row: Mapping[str, Any]) -> JobRecord:
    """Read a row of which only the columns of a list were asked for."""
    return JobRecord(**{**row, **{name: as_time(row[name]) for name in _TIMES}})


def _process(text: str | None) -> Process | None:
    return Process.model_validate_json(text) if text else None


def _handle(row: Mapping[str, Any]) -> Handle | None:
    if not row["handle"]:
        return None
    found = json.loads(row["handle"])
    return Handle(found["id"], row["launcher"], Path(found["folder"]), found["details"])


def handle_text(handle: Handle) -> str:
    """Return a handle as the table holds it."""
    return json.dumps({"id": handle.id, "folder": str(handle.folder), "details": handle.details})

"""Keeping jobs: adding, finding and changing them, safely for many processes at once."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, delete, insert, or_, select, union_all, update
from sqlalchemy.sql.elements import ColumnElement

from alertferry.core.errors import UnknownJobError, UsageError, did_you_mean
from alertferry.core.jobs.entry import LISTED, Context, Entry, from_row, listed
from alertferry.core.jobs.processes import Process
from alertferry.core.jobs.record import ACTIVE, OVER, STATES, JobRecord, new_id
from alertferry.core.jobs.tables import DELETED, JOBS, STORE, connect, reading, writing

if TYPE_CHECKING:
    from alertferry.core.job import Job
    from alertferry.core.settings import Settings

RATE_SECONDS = 3600.0
"""The time within which the jobs of an owner are counted."""

_ID = re.compile(r"^[0-9a-f]{1,32}$")


@dataclass(frozen=True)
class NewJob:
    """A job to be stored, and the topic it is to create. With a ``waiter`` no other process will start it."""

    job: Job
    context: Context
    launcher: str
    topic: str
    owner: str | None = None
    waiter: Process | None = None


@dataclass(frozen=True)
class Store:
    """The jobs of an installation."""

    engine: Engine

    @classmethod
    def open(cls, settings: Settings) -> Store:
        """Open the store of an installation, made when absent."""
        return cls(connect(settings))

    def add(self, new: NewJob, per_hour: int | None = None) -> Entry:
        """Put a job into the queue.

        Raises `UsageError` when its owner has submitted ``per_hour`` jobs within an hour; submitting side by side does
        not help.
        """
        from alertferry.core.render import render

        values = {
            "id": new_id(),
            "name": new.job.name,
            "owner": new.owner,
            "state": "queued",
            "job": new.job.to_yaml(),
            "survey": new.job.source.survey.name,
            "launcher": new.launcher,
            "script": render(new.job),
            "context": new.context.model_dump_json(),
            "submitted": time.time(),
            "waiter": new.waiter.model_dump_json() if new.waiter else None,
            "planned_topic": new.topic,
        }
        with writing(self.engine) as connection:
            if per_hour is not None and new.owner is not None:
                # written first: whoever else submits waits here, and then counts this job
                connection.execute(update(STORE).values(turn=STORE.c.turn + 1))
                _check_rate(connection, new.owner, per_hour)
            connection.execute(insert(JOBS).values(values))
        return self.get(str(values["id"]))

    def get(self, id: str, owner: str | None = None) -> Entry:
        """Return a job. Raises `UsageError` when there is none, in the same words when it is another owner's."""
        found = self._select(JOBS.c.id == id, owner, limit=1)
        if not found:
            raise UnknownJobError(id)
        return found[0]

    def find(self, start: str, owner: str | None = None) -> Entry:
        """Return the one job whose id begins so. Raises `UsageError` when there is none or more than one."""
        wanted = start.strip().lower()
        found = self._select(JOBS.c.id.like(f"{wanted}%"), owner, limit=2) if _ID.match(wanted) else []
        if not found:
            raise UnknownJobError(start)
        if len(found) > 1:
            raise UsageError(f"more than one job begins with {start!r}; give more of the id")
        return found[0]

    def newest(self, *, owner: str | None = None, states: Sequence[str] = (), limit: int = 100) -> list[Entry]:
        """Return jobs, newest first, at most ``limit``. Raises `UsageError` for a state that does not exist."""
        for state in states:
            if state not in STATES:
                near = did_you_mean(state, STATES) or f"; there are: {', '.join(STATES)}"
                raise UsageError(f"no state {state!r}{near}")
        wanted = JOBS.c.state.in_(states) if states else JOBS.c.id.is_not(None)
        return self._select(wanted, owner, limit)

    def overview(self, *, owner: str | None = None, limit: int) -> list[JobRecord]:
        """Return jobs, newest first, with what a list shows of them: one question, and little to read."""
        query = select(*(JOBS.c[name] for name in LISTED)).order_by(JOBS.c.submitted.desc(), JOBS.c.id.desc())
        if owner is not None:
            query = query.where(JOBS.c.owner == owner)
        with reading(self.engine) as connection:
            return [listed(dict(row)) for row in connection.execute(query.limit(limit)).mappings()]

    def active(self) -> list[Entry]:
        """Return the jobs of which something may run, oldest first."""
        return self._select(JOBS.c.state.in_(ACTIVE))[::-1]

    def queued(self) -> list[Entry]:
        """Return the jobs that wait for their turn, the next one first."""
        return self._select(JOBS.c.state == "queued")[::-1]

    def where(self, condition: ColumnElement[bool]) -> list[Entry]:
        """Return all jobs that fulfil a condition on the table's columns."""
        return self._select(condition)

    def _select(
        self, condition: ColumnElement[bool], owner: str | None = None, limit: int | None = None
    ) -> list[Entry]:
        query = select(JOBS).where(condition).order_by(JOBS.c.submitted.desc(), JOBS.c.id.desc()).limit(limit)
        if owner is not None:
            query = query.where(JOBS.c.owner == owner)
        with reading(self.engine) as connection:
            return [from_row(dict(row)) for row in connection.execute(query).mappings()]

    def change(self, id: str, among: Iterable[str], **values: Any) -> bool:
        """Change a job if its state is among those named; of many processes that try to end it, one succeeds."""
        return self.change_where(id, JOBS.c.state.in_(list(among)), **values)

    def change_where(self, id: str, condition: ColumnElement[bool], **values: Any) -> bool:
        """Change a job if it fulfils a condition; tell whether it did."""
        with writing(self.engine) as connection:
            done = connection.execute(update(JOBS).where(JOBS.c.id == id, condition).values(_storable(values)))
        return done.rowcount == 1

    def delete(self, id: str) -> bool:
        """Delete a job that is over, and whose destination is owed nothing; tell whether it was this call."""
        done = (JOBS.c.id == id) & JOBS.c.state.in_(OVER) & JOBS.c.tell_after.is_(None)
        remembered = select(JOBS.c.id, JOBS.c.owner, JOBS.c.submitted).where(done)
        with writing(self.engine) as connection:
            connection.execute(insert(DELETED).from_select(["id", "owner", "submitted"], remembered))
            return connection.execute(delete(JOBS).where(done)).rowcount == 1

    def forget_deleted(self, before: float) -> None:
        """Forget which jobs were deleted that were submitted before a time."""
        with writing(self.engine) as connection:
            connection.execute(delete(DELETED).where(DELETED.c.submitted < before))

    def claim(self, starter: Process, limit: int) -> Entry | None:
        """Take the next job of the queue that this process may start, unless ``limit`` jobs are active already.

        The job's state becomes ``starting``; no other process gets it.
        """
        mine = or_(JOBS.c.waiter.is_(None), JOBS.c.waiter == starter.model_dump_json())
        waiting = select(JOBS.c.id).where(JOBS.c.state == "queued", mine).order_by(JOBS.c.submitted, JOBS.c.id)
        values = {"state": "starting", "started": time.time(), "starter": starter.model_dump_json()}
        with writing(self.engine) as connection:
            # written first: the database makes everybody else who chooses wait here
            connection.execute(update(STORE).values(turn=STORE.c.turn + 1))
            active = connection.execute(select(JOBS.c.id).where(JOBS.c.state.in_(ACTIVE))).all()
            next_id = connection.execute(waiting.limit(1)).scalar()
            if len(active) >= limit or next_id is None:
                return None
            connection.execute(update(JOBS).where(JOBS.c.id == next_id, JOBS.c.state == "queued").values(values))
        return self.get(next_id)

    def take_sweep(self, now: float, every_seconds: float) -> bool:
        """Tell whether old things are to be removed now, and by this process."""
        due = STORE.c.swept <= now - every_seconds
        with reading(self.engine) as connection:
            if connection.execute(select(STORE.c.id).where(due)).first() is None:
                return False
        with writing(self.engine) as connection:
            return connection.execute(update(STORE).where(due).values(swept=now)).rowcount == 1


def _check_rate(connection: Connection, owner: str, limit: int) -> None:
    an_hour_ago = time.time() - RATE_SECONDS
    recent = (
        select(table.c.submitted).where(table.c.owner == owner, table.c.submitted > an_hour_ago)
        for table in (JOBS, DELETED)
    )
    times = sorted(connection.execute(union_all(*recent)).scalars(), reverse=True)
    if len(times) >= limit:
        minutes = math.ceil((times[limit - 1] - an_hour_ago) / 60)
        raise UsageError(
            f"{len(times)} jobs were submitted within an hour, and more are not taken from one user; submit this "
            f"one in {minutes} min, or ask the operator to raise ALERTFERRY_MAX_JOBS_PER_HOUR"
        )


def _storable(values: dict[str, Any]) -> dict[str, Any]:
    """Return values with nothing in their texts that some database refuses: error messages may quote anything."""
    return {
        name: value.encode(errors="replace").decode().replace("\0", "?") if isinstance(value, str) else value
        for name, value in values.items()
    }

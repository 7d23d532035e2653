"""What is known of a submitted job."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from alertferry.core.receipt import Receipt

State = Literal["queued", "starting", "running", "complete", "failed", "cancelled"]

STATES: tuple[State, ...] = ("queued", "starting", "running", "complete", "failed", "cancelled")
"""Every state, in the order in which a job goes through them; the last three are final."""

ACTIVE: frozenset[State] = frozenset({"starting", "running"})
"""States in which something of the job may run."""

OVER: frozenset[State] = frozenset({"complete", "failed", "cancelled"})
"""Final states."""

ID_BYTES = 16


def new_id() -> str:
    """Return the id of a new job: 128 random bits as hex digits, so that nobody can guess another's."""
    return secrets.token_hex(ID_BYTES)


class JobRecord(BaseModel):
    """A submitted job as it was when it was looked at.

    Attributes
    ----------
    owner
        Whose job it is; None where nobody signs in.
    job, script
        The job file (YAML), and the Spark script it was rendered to.
    submitted, started, ended
        Times in UTC; None for what has not happened.
    topic, destination
        The Kafka topic, from the moment when it exists; where the alerts are, for a complete job.
    alerts, bytes
        What the receipt counts; None until the job is complete.
    steps
        ``{"name", "alerts"}`` of each step; ``alerts`` is None where it is not known yet.
    progress
        The latest progress event of the script.
    reason, exit_code, problems
        Why a job failed or was cancelled, the exit code that says what kind of mistake it was, and what was wrong
        with the job file: ``{"path", "message"}``.
    seconds
        How long it ran, or has run so far.
    expires
        When the records of its topic expire (UTC).
    expired, log_kept
        Whether they have, and whether its log is still there.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str | None = None
    owner: str | None = None
    state: State
    job: str
    survey: str
    launcher: str
    script: str = ""
    submitted: datetime
    started: datetime | None = None
    ended: datetime | None = None
    topic: str | None = None
    destination: str | None = None
    alerts: int | None = None
    bytes: int | None = None
    steps: tuple[dict[str, Any], ...] = ()
    progress: dict[str, Any] | None = None
    reason: str | None = None
    exit_code: int | None = None
    problems: tuple[dict[str, str], ...] = ()
    receipt: Receipt | None = None
    seconds: float | None = None
    expires: datetime | None = None
    expired: bool = False
    log_kept: bool = True

    @property
    def over(self) -> bool:
        """Whether the state is final."""
        return self.state in OVER


def as_time(seconds: float | None) -> datetime | None:
    """Return seconds since 1970 as a time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

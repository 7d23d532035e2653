"""What the worker and those who ask it say to each other: one JSON object a line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from alertferry.core.errors import AlertferryError, DamagedError, IncompleteError, JobError, Problem, UsageError
from alertferry.core.settings import Settings

WAITING = "waiting for another estimate"
"""What the worker says to those who have their turn later."""

LONGEST_LINE = 64 * 1024 * 1024
SHARED = ("home", "lakes", "sample_alerts", "estimate_seconds", "max_message_bytes", "max_nights")
"""Settings that travel with a question; a process with others answers it all the same."""


class Question(BaseModel):
    """A question about a job, with those settings of the one who asks that matter for the answer: no secrets.

    ``rehearse`` belongs to ``warm``: more questions will follow, see `alertferry.estimates.rehearsal`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ask: Literal["estimate", "preview", "warm", "stop"]
    job: dict[str, Any] = {}
    rows: int = 10
    rehearse: bool = False
    working_folder: str = ""
    settings: dict[str, Any] = {}


class Reply(BaseModel):
    """One line of an answer: a remark on the way, the result, or what went wrong. An empty one means: still at it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    say: str | None = None
    result: dict[str, Any] | None = None
    error: str | None = None
    exit_code: int = 1
    problems: tuple[dict[str, str], ...] = ()

    @classmethod
    def of(cls, error: AlertferryError) -> Reply:
        """Return the reply that tells an error."""
        problems = tuple({"path": item.path, "message": item.message} for item in getattr(error, "problems", ()))
        return cls(error=str(error), exit_code=error.exit_code, problems=problems)

    def raise_error(self) -> None:
        """Raise the error that this reply tells, if it tells one."""
        if self.problems:
            raise JobError(Problem(item["path"], item["message"]) for item in self.problems)
        if self.error is not None:
            kinds = {2: UsageError, 3: IncompleteError, 4: DamagedError}
            raise kinds.get(self.exit_code, AlertferryError)(self.error)


def shared(settings: Settings) -> dict[str, Any]:
    """Return the settings that travel with a question."""
    return settings.model_dump(mode="json", include=set(SHARED))


def received(question: Question, own: Settings) -> Settings:
    """Return the settings to answer a question with."""
    asked = Settings.model_validate(question.settings).model_dump(include=set(question.settings))
    return own.model_copy(update=asked)


def send(connection: socket.socket, message: BaseModel) -> None:
    """Send one line. Raises `OSError` when the other side is gone."""
    connection.sendall(message.model_dump_json().encode() + b"\n")


def lines(connection: socket.socket) -> Iterator[bytes]:
    """Yield the lines of the other side until it hangs up. Raises `OSError`, `TimeoutError` among them."""
    rest = b""
    while True:
        head, separator, tail = rest.partition(b"\n")
        if separator:
            yield head
            rest = tail
            continue
        more = connection.recv(1 << 20)
        if not more or len(rest) > LONGEST_LINE:
            return
        rest += more

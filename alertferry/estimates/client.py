"""Asking the warm worker, which is started on demand. Imports no Spark."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertferry.core.errors import AlertferryError, CancelledError
from alertferry.core.job import Job
from alertferry.core.locks import folder_lock, try_lock
from alertferry.core.settings import Settings
from alertferry.core.working_folder import VARIABLE, environment
from alertferry.estimates.messages import WAITING, Question, Reply, lines, send, shared
from alertferry.estimates.place import Place, connect
from alertferry.estimates.results import Estimate, Preview

START_SECONDS = 60.0
SILENCE_SECONDS = 180.0
"""Give up when the worker says nothing for so long, beside the time limit of an answer."""

MOST_WAITS = 20
"""Times that a worker may end before our turn has come."""

Say = Callable[[str], None]

_NOT_WANTED: ContextVar[Callable[[], bool]] = ContextVar("not wanted", default=lambda: False)


@contextlib.contextmanager
def while_wanted(wanted: Callable[[], bool]) -> Iterator[None]:
    """Give up questions asked inside of the block when nobody wants their answers any more: `CancelledError`."""
    before = _NOT_WANTED.set(lambda: not wanted())
    try:
        yield
    finally:
        _NOT_WANTED.reset(before)


def ask_estimate(job: Job, settings: Settings, say: Say | None = None) -> Estimate:
    """Return how much a job will carry. Raises `JobError`, or what else the worker found wrong."""
    return Estimate.model_validate(_ask(_question("estimate", settings, job=job.to_dict()), settings, say))


def ask_preview(job: Job, settings: Settings, rows: int = 10, say: Say | None = None) -> Preview:
    """Return some records of a job as it would deliver them. Raises as `ask_estimate` does."""
    return Preview.model_validate(_ask(_question("preview", settings, job=job.to_dict(), rows=rows), settings, say))


def warm_up(settings: Settings, say: Say | None = None, *, rehearse: bool = False) -> None:
    """Start the worker and its Spark, and wait until both are ready.

    With ``rehearse`` it goes on to practise whenever nobody asks anything, for some 20 seconds in all, so that the
    first who does waits no longer than others later.
    """
    _ask(_question("warm", settings, rehearse=rehearse), settings, say)


def stop_worker(settings: Settings) -> bool:
    """End the worker of these settings, if there is one; return whether there was, once it is gone."""
    place = Place.of(settings)
    try:
        with connect(place.socket) as connection:
            connection.settimeout(10)
            send(connection, Question(ask="stop"))
            next(lines(connection), None)
    except OSError:
        return False
    with contextlib.suppress(OSError), place.lock.open("w") as lock:
        _wait_for(lambda: try_lock(lock), START_SECONDS)
    return True


def _question(ask: Any, settings: Settings, **details: Any) -> Question:
    folder = os.environ.get(VARIABLE) or str(Path.cwd())
    return Question(ask=ask, working_folder=folder, settings=shared(settings), **details)


def _ask(question: Question, settings: Settings, say: Say | None) -> dict[str, Any]:
    """Return the result of a question.

    It asks twice, as a worker may end just when it is asked, and again when one ended over the question of another.
    """
    own, waits = 2, MOST_WAITS
    while own and waits:
        place, turn = Place.of(settings), _Turn(say)
        with _reach(place, settings) as connection:
            connection.settimeout(settings.estimate_seconds + SILENCE_SECONDS)
            found = _talk(connection, question, turn.hear)
        if found is not None:
            return found
        own, waits = (own, waits - 1) if turn.waiting else (own - 1, waits)
    raise AlertferryError(f"the process that makes estimates ended without an answer; its log is {place.log}")


@dataclass
class _Turn:
    """Passes remarks on, and knows whether the last one was that others are asked first."""

    say: Say | None
    waiting: bool = False

    def hear(self, remark: str) -> None:
        """Take note of a remark; an empty one says that the answer is being made."""
        self.waiting = remark == WAITING
        if self.say and remark:
            self.say(remark)


def _talk(connection: socket.socket, question: Question, say: Say) -> dict[str, Any] | None:
    """Return the result; None when the other side hung up before it."""
    try:
        send(connection, question)
        for line in lines(connection):
            reply = Reply.model_validate_json(line)
            reply.raise_error()
            if _NOT_WANTED.get()():
                raise CancelledError("a newer question took the place of this one")
            say(reply.say or "")
            if reply.result is not None:
                return reply.result
    except TimeoutError:
        raise AlertferryError(
            "the process that makes estimates (alertferry.estimates.worker) does not answer; end it and ask again"
        ) from None
    except OSError:
        return None
    return None


def _reach(place: Place, settings: Settings) -> socket.socket:
    """Connect to the worker, starting it when there is none. Raises `AlertferryError` when it does not start."""
    with contextlib.suppress(OSError):
        return connect(place.socket)
    with folder_lock(place.folder):
        place.folder.chmod(0o700)
        with contextlib.suppress(OSError):
            return connect(place.socket)  # somebody else started it meanwhile
        _clean(place.folder)
        process = _start(place, settings)
        found: list[socket.socket] = []
        _wait_for(lambda: process.poll() is not None or _try(place, found), START_SECONDS)
        with contextlib.suppress(OSError):
            return found[0] if found else connect(place.socket)
    raise AlertferryError(f"the process that makes estimates did not start; its log is {place.log}")


def _start(place: Place, settings: Settings) -> subprocess.Popen[bytes]:
    with place.log.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "alertferry.estimates.worker", place.identity],
            cwd=place.folder,
            env={**environment(), "ALERTFERRY_HOME": str(settings.home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # it serves others too when this process is gone
        )


def _try(place: Place, found: list[socket.socket]) -> bool:
    with contextlib.suppress(OSError):
        found.append(connect(place.socket))
    return bool(found)


def _wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _clean(folder: Path) -> None:
    """Remove what workers left that are gone; no worker starts meanwhile, as we hold the folder."""
    for path in folder.glob("*.lock"):
        if path.name == ".lock":
            continue
        with contextlib.suppress(OSError), path.open("w") as lock:
            if try_lock(lock):
                shutil.rmtree(path.with_suffix(".tmp"), ignore_errors=True)
                for suffix in (".sock", ".log", ".lock"):
                    path.with_suffix(suffix).unlink(missing_ok=True)

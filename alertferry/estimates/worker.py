"""The warm worker: a process that keeps Spark ready and answers one question after the other.

It ends when nobody asked for a while, when its socket or home is removed, and when a query cannot be stopped.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from alertferry.core import working_folder
from alertferry.core.check import check_job
from alertferry.core.errors import AlertferryError, JobError
from alertferry.core.job import Job
from alertferry.core.locks import try_lock
from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings, load_settings
from alertferry.core.spark_errors import from_spark_error
from alertferry.estimates.guard import Guard, hung_up
from alertferry.estimates.messages import WAITING, Question, Reply, lines, received, send
from alertferry.estimates.place import Place, listen
from alertferry.estimates.rehearsal import rehearsal

if TYPE_CHECKING:
    from alertferry.estimates.answer import Answerer

LOOK_SECONDS = 1.0
"""How often the worker looks whether it is still wanted, and those who wait for their turn hear of it."""

COMPARE_SECONDS = 3.0
"""How often it looks whether its code is still the installed one."""


@dataclass
class Worker:
    """Answers questions; Spark starts with the first."""

    settings: Settings
    place: Place
    # one thread for all questions: each that talks to Spark has a connection of its own, which outlives it
    _work: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _answerer: Answerer | None = None
    _last: float = field(default_factory=time.monotonic)
    _talks: list[threading.Thread] = field(default_factory=list)
    _stopping: bool = False
    _rehearsed: bool = False
    _compared: float = -COMPARE_SECONDS

    def serve(self, listener: socket.socket) -> None:
        """Answer until there is a reason to end."""
        born = self.place.socket.stat().st_ino
        listener.settimeout(LOOK_SECONDS)
        while not self._stopping and _same(self.place.socket, born) and not self._idle():
            self._talks = [talk for talk in self._talks if talk.is_alive()]
            if not self._talks and self._outdated():
                return  # a plugin was edited, or something installed: nobody asks this one any more
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            talk = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._talks.append(talk)
            talk.start()

    def _outdated(self) -> bool:
        """Look now and then whether the code is still the same."""
        if time.monotonic() - self._compared < COMPARE_SECONDS:
            return False
        self._compared = time.monotonic()
        return self.place.outdated

    def close(self) -> None:
        """Stop Spark."""
        if self._answerer is not None:
            self._answerer.close()
            self._answerer.spark.stop()

    def _idle(self) -> bool:
        return not self._talks and time.monotonic() - self._last > self.settings.estimate_idle_seconds

    def _talk(self, connection: socket.socket) -> None:
        """Answer the one question of a connection."""
        try:
            connection.settimeout(60)
            with connection:
                self._reply(connection, Question.model_validate_json(next(lines(connection))))
        except (OSError, StopIteration, ValidationError):
            return  # the one who asked is gone, or speaks another language
        finally:
            self._last = time.monotonic()

    def _reply(self, connection: socket.socket, question: Question) -> None:
        if question.ask == "stop":
            self._stopping = True
            send(connection, Reply(result={}))
            return
        future = self._work.submit(self._outcome, connection, question)
        while not wait([future], LOOK_SECONDS).done:
            if future.running():
                send(connection, Reply())  # whoever does not want the answer any more hangs up
                continue
            if hung_up(connection):
                future.cancel()
                return
            send(connection, Reply(say=WAITING))
        send(connection, future.result())

    def _outcome(self, connection: socket.socket, question: Question) -> Reply:
        try:
            return Reply(result=self._answer(connection, question))
        except Exception as error:  # whatever fails must reach the one who asked
            if not isinstance(error, AlertferryError):
                self._log(error)
            return Reply.of(_told(error, self.place, self.settings))

    def _answer(self, connection: socket.socket, question: Question) -> dict[str, Any]:
        settings = received(question, self.settings)
        if question.working_folder:
            os.environ[working_folder.VARIABLE] = question.working_folder
        job = Job.from_dict(question.job) if question.job else None
        problems = check_job(job, default_registry(), settings) if job else []
        if problems:
            raise JobError(problems)
        answerer = self._warm(lambda text: send(connection, Reply(say=text)))
        if job is None:
            if question.rehearse and not self._rehearsed:
                self._rehearsed = True
                self._work.submit(self._rehearse, rehearsal(answerer.spark, self.settings, self._stage()))
            return {}
        with Guard(answerer.spark, connection, settings.estimate_seconds) as guard:
            if question.ask == "estimate":
                return answerer.estimate(job, settings, guard.say).model_dump(mode="json")
            return answerer.preview(job, settings, question.rows, guard.say).model_dump(mode="json")

    def _rehearse(self, questions: Iterator[None]) -> None:
        """Answer one question of a rehearsal; the others come after those that are asked meanwhile."""
        try:
            for _ in questions:
                if not self._stopping:
                    self._work.submit(self._rehearse, questions)
                return
        except Exception as error:  # nobody asked: it is for the log
            self._log(error)
        shutil.rmtree(self._stage(), ignore_errors=True)

    def _log(self, error: Exception) -> None:
        sys.stderr.write(self.settings.redact("".join(traceback.format_exception(error))))
        sys.stderr.flush()

    def _stage(self) -> Path:
        return self.place.scratch / "rehearsal"

    def _warm(self, say: Callable[[str], None]) -> Answerer:
        if self._answerer is None:
            from alertferry.estimates.answer import Answerer
            from alertferry.estimates.session import start_spark

            say("starting Spark for estimates: some seconds once, later answers come at once")
            try:
                self._answerer = Answerer(start_spark(self.settings, self.place.scratch))
            except AlertferryError:
                raise
            except Exception as error:  # Java itself has said why, in the log
                self._log(error)
                raise AlertferryError(_no_spark(self.place)) from None
        return self._answerer


def _told(error: Exception, place: Place, settings: Settings) -> AlertferryError:
    """Return the error to show: known ones as for a job, others with the place of the log."""
    known = from_spark_error(error)
    if isinstance(known, JobError) or known is error:
        return known
    said = settings.redact(str(known)).replace("the job failed: ", "the estimate failed: ")
    return type(known)(said.replace("the log has the whole story", f"the whole story is in {place.log}"))


def _no_spark(place: Place) -> str:
    """Return why Spark did not start, as far as Java has told."""
    lines = place.log.read_text(errors="replace").splitlines() if place.log.exists() else []
    telling = [line for line in lines if line.startswith(("Error", "Unrecognized", "Invalid", "Exception"))]
    said = f" ({telling[0][:200]})" if telling else ""
    return (
        f"Spark for estimates did not start{said}; check Java (17 is needed) and ALERTFERRY_SPARK_CONF. The whole "
        f"story is in {place.log}"
    )


def _same(path: Path, inode: int) -> bool:
    try:
        return path.stat().st_ino == inode
    except OSError:
        return False


def main(identity: str) -> None:
    """Serve at the place of this identity; return at once when another process does so already."""
    settings = load_settings()
    place = Place(settings.home / "estimates", identity)
    with place.lock.open("w") as lock:
        if not try_lock(lock):
            return
        place.socket.unlink(missing_ok=True)
        place.scratch.mkdir(exist_ok=True)
        worker = Worker(settings, place)
        try:
            with listen(place.socket) as listener:
                worker.serve(listener)
        finally:
            place.socket.unlink(missing_ok=True)
            worker.close()
            shutil.rmtree(place.scratch, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # threads that still talk must not keep a process without a socket alive

"""Fetching in several processes, which share what is left among them. Each writes and commits its own files."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from alertferry.consumer.archive import FileFormat, Skips
from alertferry.consumer.commits import Commit
from alertferry.consumer.crew import ERRORS, Task
from alertferry.consumer.intake import Stop
from alertferry.consumer.sharing import Letter, Sharing
from alertferry.consumer.spans import Span, from_numbers, share, to_numbers, total
from alertferry.core.errors import AlertferryError

POLL_SECONDS = 0.2

WORTH_A_WORKER_ALERTS = 750_000
WORTH_A_WORKER_BYTES = 2 << 30
"""A further process pays for its start with either; with less, one is done as soon."""

MOST_WORKERS = 8
"""More have to be asked for: each may take most of a gibibyte."""


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not every system has it
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def useful_workers(format: FileFormat, alerts: int, size: int, cores: int) -> int:  # noqa: A002 - as users call it
    """Return how many processes fetch best, for what is to be fetched: ``size`` in bytes, 0 while unknown.

    One that writes parquet keeps two cores busy. One that writes Avro has little to do outside Python's lock, so each
    core can have its own.
    """
    at_once = cores if format == "avro" else cores // 2
    worth = max(alerts // WORTH_A_WORKER_ALERTS, size // WORTH_A_WORKER_BYTES)
    return max(1, min(at_once, worth, MOST_WORKERS))


class _Worker:
    """One process and the thread that listens to it."""

    def __init__(self, task: Task, lock: int, heard: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]]) -> None:
        command = [sys.executable, "-m", "alertferry.consumer.worker"]
        # the worker inherits the folder's lock: it stays taken until the last worker of a killed parent is gone;
        # a process group of its own keeps the terminal's Ctrl-C away: the parent decides what that means
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(lock,), process_group=0, text=True
        )
        self._heard = heard
        self._write(task.to_line())
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def say(self, message: dict[str, Any]) -> None:
        """Send a message; a worker that is gone is noticed by the listener."""
        self._write(json.dumps(message))

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            return

    def ended(self) -> str:
        """Return how the process ended, in words."""
        code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """End the process: it stops when its input closes, and whatever it had open is dropped."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(timeout=5)
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard.put((self, json.loads(line)))
        self._heard.put((self, None))


class Several:
    """Fetches in worker processes; one that has nothing left takes half of what another has."""

    def __init__(self, task: Task, workers: int, lock: int) -> None:
        self._heard: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._orders = 0
        try:
            for _ in range(workers):
                self._workers.append(_Worker(task, lock, self._heard))
        except BaseException:  # also when interrupted: no worker stays that nobody listens to
            self.close()
            raise

    def fetch(self, spans: Sequence[Span], skips: Skips, stop: Stop) -> Iterator[Commit]:
        """Yield every commit as it is made."""
        self._orders += 1
        shares = share(spans, len(self._workers))
        shares += [[] for _ in range(len(self._workers) - len(shares))]
        # those without a share, too, are asked: they wait for what others give them
        busy = set(self._workers)
        sharing = Sharing({worker: total(wanted) for worker, wanted in zip(self._workers, shares, strict=True)})
        skipped = {number: sorted(offsets) for number, offsets in skips.items() if offsets}
        for worker, wanted in zip(self._workers, shares, strict=True):
            worker.say({"fetch": to_numbers(wanted), "skips": skipped, "order": self._orders})
        failure: AlertferryError | None = None
        told = False
        while busy:
            if (stop() or failure) and not told:
                told = True
                for worker in busy:
                    worker.say({"stop": self._orders})
                _send(sharing.stop())
            try:
                worker, said = self._heard.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if said is not None and "commit" in said:
                commit = Commit.model_validate(said["commit"])
                sharing.committed(worker, commit.last + 1 - commit.first)
                yield commit
            elif said is not None and ("more" in said or "given" in said):
                _send(_share(sharing, worker, said))
            elif worker in busy:
                busy.discard(worker)
                failure = failure or _failure(worker, said)
                _send(sharing.gone(worker))
        # raised only now: whatever the others still had to commit must be known before anything is fetched again
        if failure is not None:
            raise failure

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()


def _share(sharing: Sharing[_Worker], worker: _Worker, said: dict[str, Any]) -> list[Letter[_Worker]]:
    if "more" in said:
        return sharing.waits(worker)
    return sharing.gives(worker, from_numbers(said["given"]))


def _send(letters: Sequence[Letter[_Worker]]) -> None:
    for worker, message in letters:
        worker.say(message)


def _failure(worker: _Worker, said: dict[str, Any] | None) -> AlertferryError | None:
    if said is None:
        return AlertferryError(
            f"a worker process ended by itself ({worker.ended()}), perhaps for lack of memory; what is committed is "
            "safe: run the same command again, with fewer --workers if it happens again"
        )
    if "error" in said:
        return ERRORS.get(said["error"], AlertferryError)(said["message"])
    return None

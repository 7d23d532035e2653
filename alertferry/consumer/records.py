"""The records of a delivery folder: where they are, who holds them, and what becomes of those of a folder that is gone.

They are beside the folder: those of ``alerts`` in ``_alerts.records``. They are in the folder itself where version
0.1.0 put them, where the folder is a shard, which is merged with others by copying, where nothing can be renamed into
it from beside (a disk of its own), and where nothing can be called so (``/``, and names that would be too long).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from alertferry.consumer.commits import Commit, read_commits
from alertferry.consumer.layout import JOB_FILE, LOCK_FILE, data_files, real
from alertferry.core.errors import UsageError
from alertferry.core.receipt import RECEIPT_FILE, RECORDS_SUFFIX

LOCK_SECONDS = 5.0
"""A consumer that was killed leaves workers that need a moment to notice."""

LONGEST_NAME = 255
"""Bytes in the name of a file on every disk that is used."""


def beside(folder: Path) -> Path | None:
    """Return the folder of records beside a delivery folder; None where there can be none."""
    whole = real(folder)
    name = f"_{whole.name}{RECORDS_SUFFIX}"
    return whole.with_name(name) if whole.name and len(os.fsencode(name)) <= LONGEST_NAME else None


def records_folder(folder: Path) -> Path:
    """Return where the records of a delivery folder are, or will be: beside it unless they are in it already."""
    outside = beside(folder)
    return folder if outside is None or any((folder / name).exists() for name in (JOB_FILE, RECEIPT_FILE)) else outside


class Records:
    """The records of one delivery folder, which `take` locks.

    ``path`` is where they are, ``former`` where those of a delivery that was there before went, None without one.
    """

    def __init__(self, folder: Path) -> None:
        self.path = records_folder(folder)
        self.former: Path | None = None
        self.lock = -1
        self._folder = folder

    @property
    def deserted(self) -> bool:
        """Whether these are records of a delivery whose files were removed or moved: the folder is as good as new."""
        if self.path == self._folder or not self.path.is_dir():
            return False
        if not self._folder.exists():
            return True
        return not data_files(self._folder) and _prove_something(self.path)

    def take(self, in_folder: bool, seconds: float) -> None:
        """Make the folder, decide where its records go, and lock them.

        With ``in_folder`` they go into the folder, unless they are elsewhere already. Raises `UsageError` when another
        consumer keeps them locked for some ``seconds``, and `OSError`.
        """
        if self.deserted:
            self._leave(seconds)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.path = _place(self._folder, in_folder)
        self.lock = _acquire(self.path, self._folder, seconds)

    def release(self) -> None:
        """Give up the lock."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def _leave(self, seconds: float) -> None:
        """Put what is deserted aside, as the files that it proves may have been moved; drop it if it proves none."""
        try:
            lock = _acquire(self.path, self._folder, seconds)
        except FileNotFoundError:  # another consumer was quicker
            return
        try:
            if not self.deserted:  # the same, and it is at work already, or was
                return
            if _prove_something(self.path):
                names = (self.path.with_name(f"{self.path.name}.{number}") for number in count(1))
                self.former = next(path for path in names if not path.exists())
                self.path.rename(self.former)
            else:
                shutil.rmtree(self.path)
        finally:
            os.close(lock)


def _prove_something(records: Path) -> bool:
    commits = (item for item in read_commits(records) if isinstance(item, Commit))
    return (records / RECEIPT_FILE).exists() or any(commit.files for commit in commits)


def _place(folder: Path, in_folder: bool) -> Path:
    """Return where the records of a folder go; the folder beside it is made, if that is where."""
    records = records_folder(folder)
    if records == folder or (records / JOB_FILE).exists():
        return records
    if in_folder:
        return folder
    trial = records / f".{secrets.token_hex(4)}.tmp"
    try:
        records.mkdir(exist_ok=True)
        trial.touch()
        trial.rename(folder / trial.name).unlink()
    except OSError:  # the folder around it is not ours to write to, or on another disk
        with suppress(OSError):
            trial.unlink(missing_ok=True)
            records.rmdir()
        return folder
    return records


def _acquire(records: Path, folder: Path, seconds: float) -> int:
    """Return the descriptor of the lock file, locked; of the one that is there now, if records were put aside."""
    path = records / LOCK_FILE
    deadline = time.monotonic() + seconds
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise UsageError(
                f"another `alertferry consume` is at work in {folder}; wait for it, or choose another folder"
            )
        time.sleep(0.1)

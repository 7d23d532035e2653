"""One process at a time in a folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from alertferry.core.errors import UsageError
from alertferry.core.private import made


def try_lock(file: int | IO[Any]) -> bool:
    """Take the lock of an open file, or return False when another process holds it.

    It ends when the file is closed by all who have it open.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold ``folder`` (made when absent) against other processes, waiting while one of them holds it.

    The lock ends with the process that holds it, however that ends. Raises `UsageError` when the folder
    cannot be written to.
    """
    try:
        made(folder)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder}: {error.strerror}; set ALERTFERRY_HOME to a folder of yours"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

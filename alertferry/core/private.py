"""The home of an installation belongs to its user: nobody else of the machine looks into it."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

from alertferry.core.errors import UsageError

_SHARED = stat.S_IRWXG | stat.S_IRWXO
_MAKING = threading.Lock()


def made(folder: Path) -> Path:
    """Make a folder and what it stands in, each for its user only; what is there stays as it is. Raises `OSError`."""
    for place in (*reversed(folder.parents), folder):
        if not place.exists():
            place.mkdir(mode=0o700, exist_ok=True)
    return folder


def private_file(path: Path) -> None:
    """Make an empty file for its user only, unless it is there. Raises `OSError`.

    A file that is there is not opened: by POSIX a process that closes a file loses all locks that it has on it, so that
    SQLite's would be gone, whichever thread holds them. Hence also one thread at a time.
    """
    with _MAKING, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def private_folder(folder: Path) -> Path:
    """Make a folder that only its user can enter, or make it so if it is theirs; return it.

    A folder of somebody else's, or one that everybody may write to (``/tmp``), stays as it is. Raises `OSError`.
    """
    close(made(folder))
    return folder


def close(folder: Path) -> None:
    """Take away what others may do with a folder of ours, if it is there."""
    try:
        facts = folder.stat()
        if facts.st_mode & _SHARED and facts.st_uid == os.getuid() and not facts.st_mode & stat.S_ISVTX:
            folder.chmod(stat.S_IMODE(facts.st_mode) & ~_SHARED)
    except OSError:
        return  # it is not there yet, or its filesystem has no modes: `demand_private` tells


def demand_private(folder: Path) -> None:
    """Make sure that a folder is private. Raises `UsageError` saying what to do when it cannot be made so."""
    try:
        private_folder(folder)
        mode = folder.stat().st_mode
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}; set ALERTFERRY_HOME to a folder of yours") from None
    if mode & _SHARED:
        raise UsageError(
            f"others on this machine can look into {folder}; set ALERTFERRY_HOME to a folder of yours, "
            f"or close it to others: chmod 700 {folder}"
        )

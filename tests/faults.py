"""Failing at one step of writing: the process is killed there, or the operating system refuses.

What is replaced are calls of the operating system, in a process of its own; nothing of alertferry's is.
"""

from __future__ import annotations

import errno
import os
import signal
import stat

POINTS = (
    "data before the first byte",
    "data half written",
    "data written",
    "data synced",
    "data renamed",
    "commit written",
    "commit synced",
    "commit renamed",
)
"""Every step between the first byte of a file and its commit, in order."""

KINDS = ("KILL", "ENOSPC", "EIO", "EPERM")


def arm(point: str, kind: str, occurrence: int) -> None:
    """Let this process fail the ``occurrence``-th time (from 1) it comes to ``point``; with an error, ever after."""
    write, fsync, rename = os.write, os.fsync, os.rename
    seen = {"count": 0}
    last = {"renamed": ""}

    def reached(name: str) -> bool:
        if name != point:
            return False
        seen["count"] += 1
        return seen["count"] >= occurrence

    def fail() -> None:
        if kind == "KILL":
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()
        number = getattr(errno, kind)
        raise OSError(number, os.strerror(number))

    def faulty_write(descriptor: int, data: memoryview) -> int:
        if _what(_path(descriptor)) == "data":
            if os.fstat(descriptor).st_size == 0 and reached("data before the first byte"):
                fail()
            if len(data) > 1 and reached("data half written"):
                write(descriptor, data[: len(data) // 2])
                fail()
        return write(descriptor, data)

    def faulty_fsync(descriptor: int) -> None:
        path = _path(descriptor)
        what = _what(path)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            what, last["renamed"] = last["renamed"], ""
            if what and reached(f"{what} renamed"):
                fail()
        elif what and reached(f"{what} written"):
            fail()
        fsync(descriptor)

    def faulty_rename(source: os.PathLike[str], target: os.PathLike[str]) -> None:
        what = _what(os.fspath(source))
        if what and reached(f"{what} synced"):
            fail()
        rename(source, target)
        last["renamed"] = what

    os.write, os.fsync, os.rename = faulty_write, faulty_fsync, faulty_rename  # type: ignore[assignment]


def _path(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


def _what(path: str) -> str:
    """Return ``data`` or ``commit`` for a file that is being written, else an empty text."""
    folder, name = os.path.split(path)
    if not name.endswith(".tmp"):
        return ""
    if os.path.basename(folder) == "_commits":
        return "commit"
    return "data" if name.startswith(".p") else ""

"""Telling processes apart, also after a restart of the machine: a process id alone is given again to strangers."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from pydantic import BaseModel, ConfigDict

BOOT = Path("/proc/sys/kernel/random/boot_id")


class Process(BaseModel):
    """A process of some machine. ``birth`` tells when it began, in a form that only this machine understands."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str
    pid: int
    birth: str | None

    @property
    def here(self) -> bool:
        """Whether it belongs to this machine, so that `alive` can tell."""
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether this very process runs on this machine."""
        return self.here and self.birth is not None and birth(self.pid) == self.birth


def this_process() -> Process:
    """Return the process that asks."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process:
    """Return a process of this machine; one that is gone already is never alive."""
    return Process(host=socket.gethostname(), pid=pid, birth=birth(pid))


def birth(pid: int) -> str | None:
    """Return when a process began; None when it is gone, or ended and only waits to be noticed by its parent.

    On Linux this counts from the start of the machine, which a corrected clock does not change.
    """
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if after_name[0] in "ZX" else f"{BOOT.read_text().strip()}:{after_name[19]}"
    except OSError:
        return None if Path("/proc/self/stat").exists() else _birth_elsewhere(pid)


def _birth_elsewhere(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.Error:
        return None

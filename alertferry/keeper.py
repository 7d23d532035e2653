"""Looking after jobs that nobody waits for: a process that starts them in turn and ends when all are over.

``alertferry run --detach`` and ``alertferry jobs resubmit`` start it, and ``jobs list`` where something waits in vain.
An installation needs only one: it holds a lock while it looks, and looks once more behind it, so that a job that was
submitted while it held the lock is never overlooked.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alertferry import service
from alertferry.core.errors import AlertferryError
from alertferry.core.jobs import ACTIVE
from alertferry.core.locks import try_lock
from alertferry.core.private import made
from alertferry.current import current_settings

PERIOD_SECONDS = 1.0

TROUBLE_SECONDS = 60.0
"""Pause after a look that failed: the database may come back."""

LOCK_FILE = ".keeper"
LOG_FILE = "keeper.txt"


def begin(home: Path) -> None:
    """Start a keeper in the background, unless one is at work."""
    folder = home / "jobs"
    made(folder)
    with _turn(folder) as free:
        pass
    if free:
        with (folder / LOG_FILE).open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", "alertferry.keeper"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@contextmanager
def _turn(folder: Path) -> Iterator[bool]:
    """Hold the keepers' lock if it is free, and tell whether it was."""
    with (folder / LOCK_FILE).open("w") as lock:
        yield try_lock(lock)


def keep(folder: Path) -> None:
    """Look at the queue until every job of it is over, unless another process does so already."""
    while True:
        with _turn(folder) as mine:
            while mine and _look():
                time.sleep(PERIOD_SECONDS)
        if not mine or not _look():
            return


def _look() -> bool:
    """Look once; tell whether there is anything left to look after."""
    try:
        service.run_queue()
        return bool(service.list_jobs(states=("queued", *ACTIVE), limit=1))
    except AlertferryError as error:
        sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {error}\n")
        time.sleep(TROUBLE_SECONDS)
        return True


if __name__ == "__main__":
    keep(current_settings().home / "jobs")

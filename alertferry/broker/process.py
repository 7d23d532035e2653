"""The broker's process: started apart from the caller's terminal, recognised, ended."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alertferry.broker.java import environment, marker
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.locks import try_lock

_GRACE_SECONDS = 40.0
_RELEASE_SECONDS = 5.0  # a killed process needs a moment to let go of its files

# Kept so that a process that ends before its parent is waited for and leaves no zombie.
_children: dict[int, list[subprocess.Popen[bytes]]] = {}  # a broker, then its guard


@contextmanager
def claim(folder: Path) -> Iterator[int]:
    """Give a file descriptor that holds ``folder`` for one broker, for `spawn` to hand on.

    Kafka's own lock comes too late: a second broker has written to the first one's metadata before it notices.
    This one lives exactly as long as the process that has inherited it. Raises `AlertferryError` when there is one.
    """
    with (folder / ".running").open("w") as hold:
        deadline = time.monotonic() + _RELEASE_SECONDS
        while not try_lock(hold.fileno()):
            if time.monotonic() > deadline:
                raise AlertferryError(f"{folder} is in use by {_holder(folder)}; end it first")
            time.sleep(0.05)
        yield hold.fileno()


def _holder(folder: Path) -> str:
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        if marker(folder) in (process.info["cmdline"] or ()):
            return f"the broker with process id {process.pid}, of which broker.json has lost track"
    return "a broker on another machine"


def spawn(command: Sequence[str], folder: Path, log: Path, hold: int) -> int:
    """Start a broker in a session of its own, out of reach of the terminal's Ctrl-C, and return its pid.

    ``hold`` is its `claim` on the folder.
    """
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(hold,),
        )
    _children[child.pid] = [child]
    return child.pid


def attach(pid: int, home: Path) -> None:
    """Have the broker of ``home`` stopped when this process ends, in whatever way it ends."""
    command = [sys.executable, "-m", "alertferry.broker.guard", str(home.absolute()), str(pid)]
    guard = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _children[pid].append(guard)


def is_broker(pid: int, folder: Path) -> bool:
    """Tell whether ``pid`` is alive and is the broker of ``folder``, not a stranger that got its number."""
    return _find(pid, folder) is not None


def end(pid: int, folder: Path) -> bool:
    """End the broker of ``folder``: ask, wait, kill when it does not listen; True unless killed."""
    import psutil

    process = _find(pid, folder)
    graceful = True
    if process is not None:
        try:
            process.terminate()
            process.wait(_GRACE_SECONDS)
        except psutil.TimeoutExpired:
            graceful = False
            process.kill()
            process.wait(_GRACE_SECONDS)
        except psutil.NoSuchProcess:
            pass
    _release(pid)
    return graceful


def _find(pid: int, folder: Path) -> Any:
    try:
        import psutil
    except ModuleNotFoundError:
        raise UsageError("the broker needs psutil; pip install 'alertferry[spark]'") from None

    try:
        process = psutil.Process(pid)
        if pid in _children:  # a child that has just been made has no command line yet
            child = _children[pid][0]
            ours = child.poll() is None and marker(folder) in child.args  # type: ignore[operator]
        else:
            ours = process.status() != psutil.STATUS_ZOMBIE and marker(folder) in process.cmdline()
    except psutil.Error:
        return None
    return process if ours else None


def _release(pid: int) -> None:
    children = _children.pop(pid, [])
    for guard in children[1:]:
        guard.kill()
        guard.communicate()
    for broker in children[:1]:
        broker.wait(_GRACE_SECONDS)

"""Takes from the process that reads a stranger's file all it does not need: memory, time, network, other files.

Limits are the kernel's. Memory is what the process has for itself (`RLIMIT_DATA`, Linux 4.7 and later): the address
space of libraries and of mapped files, which Arrow and OpenBLAS reserve by the hundred megabytes, is no memory, so the
limit on all of it (`RLIMIT_AS`) lies higher and is only a second fence. The network goes with a network namespace where
the system allows one, and in any case with an audit hook, which also refuses other files, other programs and pickles. A
hook cannot be removed once it is set; native code could go around it, the limits and the namespace it could not.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import alertferry

_DIE_WITH_PARENT = 1
_NEW_USER = 0x10000000
_NEW_NETWORK = 0x40000000
_LIBRARIES_BYTES = 1 << 30

_REFUSED = (
    *("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "poplib.", "imaplib.", "nntplib.", "telnetlib."),
    *("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "pty."),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("os.chown", "os.kill", "os.setxattr", "shutil.", "tempfile.", "sqlite3.", "pickle.", "ctypes.dlopen"),
    *("webbrowser.", "resource.setrlimit", "resource.prlimit"),
)
_LISTS = ("os.listdir", "os.scandir")


def confine(memory_bytes: int, file_bytes: int, seconds: int) -> None:
    """Confine this process for the rest of its life; files that are open already stay readable and writable.

    Parameters
    ----------
    memory_bytes, file_bytes
        Most memory of its own, and the largest file it may write.
    seconds
        Processor time.
    """
    _set_limits(memory_bytes, file_bytes, seconds)
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_DIE_WITH_PARENT, int(signal.SIGKILL))
        _leave_network(libc)
    sys.addaudithook(_guard(tuple(_libraries())))


def _set_limits(memory_bytes: int, file_bytes: int, seconds: int) -> None:
    space = memory_bytes + file_bytes + _LIBRARIES_BYTES
    for kind, soft, hard in (
        (resource.RLIMIT_DATA, memory_bytes, memory_bytes),
        (resource.RLIMIT_AS, space, space),
        (resource.RLIMIT_CPU, seconds, seconds + 5),
        (resource.RLIMIT_FSIZE, file_bytes, file_bytes),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 64, 64),
    ):
        if kind == resource.RLIMIT_AS and sys.platform == "darwin":
            continue  # macOS has the name but not the limit
        allowed = resource.getrlimit(kind)[1]
        most = sys.maxsize if allowed == resource.RLIM_INFINITY else allowed
        resource.setrlimit(kind, (min(soft, most), min(hard, most)))


def _leave_network(libc: ctypes.CDLL) -> None:
    """Move to a network namespace without any device; systems that do not allow it are left to the audit hook."""
    # A user namespace costs root its right to read other users' files, so it is the second choice.
    if libc.unshare(_NEW_NETWORK) != 0:
        libc.unshare(_NEW_USER | _NEW_NETWORK)


def _libraries() -> set[str]:
    """Return the folders from which Python may still load modules and their data."""
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders.add(str(Path(alertferry.__file__).parent))
    specs = filter(None, map(find_spec, ("numpy", "pyarrow", "astropy")))
    folders.update(str(Path(spec.origin).parent.parent) for spec in specs if spec.origin)
    return {os.path.realpath(folder) + os.sep for folder in folders}


def _guard(libraries: tuple[str, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    def guard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if isinstance(path, int):
                return
            if _writes(mode, flags) or not _inside(path, libraries):
                raise PermissionError(f"reading a catalogue may not open {path!r}")
        elif event in _LISTS:
            if not isinstance(arguments[0], int) and not _inside(arguments[0], libraries):
                raise PermissionError(f"reading a catalogue may not list {arguments[0]!r}")
        elif event.startswith(_REFUSED):
            raise PermissionError(f"reading a catalogue may not do this: {event}")

    return guard


def _writes(mode: str | None, flags: int) -> bool:
    return any(letter in (mode or "") for letter in "wax+") or bool(flags & (os.O_WRONLY | os.O_RDWR))


def _inside(path: Any, libraries: tuple[str, ...]) -> bool:
    return (os.path.realpath(os.fsdecode(path or ".")) + os.sep).startswith(libraries)

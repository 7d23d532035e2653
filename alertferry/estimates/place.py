"""Where the warm worker of one user and one installation is reached: a socket below the home."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import alertferry
from alertferry.core.settings import Settings
from alertferry.core.working_folder import environment

_CODE = ("core", "plugins", "tags", "catalogs", "estimates")
"""Parts of the package that a worker runs: when they change, it must not answer any more."""

_LONGEST = 100
"""Bytes of a path that every Unix takes for a socket."""


@dataclass(frozen=True)
class Place:
    """The files of a worker. Another installation, or other settings of Spark, have a worker of their own."""

    folder: Path
    identity: str

    @classmethod
    def of(cls, settings: Settings) -> Place:
        """Return the place of the worker for these settings."""
        package = Path(alertferry.__file__).parent
        code = (file for part in _CODE for file in (package / part).rglob("*.py"))
        newest = max(map(_changed, code))
        facts = [alertferry.__version__, str(newest), str(package), sys.executable, environment().get("PYTHONPATH", "")]
        facts += [os.environ.get("ALERTFERRY_PLUGINS", ""), repr(sorted(settings.spark_conf.items()))]
        facts += [repr(settings.spark_packages), repr(settings.estimate_idle_seconds)]
        identity = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
        return cls(settings.home / "estimates", identity)

    @property
    def socket(self) -> Path:
        """The socket, readable and writable by its owner only."""
        return self.folder / f"{self.identity}.sock"

    @property
    def lock(self) -> Path:
        """Held by the worker as long as it lives."""
        return self.folder / f"{self.identity}.lock"

    @property
    def log(self) -> Path:
        """What Spark and the worker say."""
        return self.folder / f"{self.identity}.log"

    @property
    def scratch(self) -> Path:
        """Folder for Spark's temporary files, gone with the worker."""
        return self.folder / f"{self.identity}.tmp"


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0  # an installation that is just being replaced


def connect(path: Path) -> socket.socket:
    """Connect to a Unix socket however long its path. Raises `OSError` when nobody listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as short:
            connection.connect(short)
    except OSError:
        connection.close()
        raise
    return connection


def listen(path: Path) -> socket.socket:
    """Listen at a Unix socket that only its owner may use. Raises `OSError`."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _short(path) as short:
            listener.bind(short)
    finally:
        os.umask(before)
    listener.listen(64)
    return listener


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a path to the same place that is short enough for a socket."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="alertferry-", dir="/tmp") as folder:  # others may be long
        link = Path(folder) / "home"
        link.symlink_to(path.parent)
        yield str(link / path.name)

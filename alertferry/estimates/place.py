"""Where the warm worker of one user and one installation is reached: a socket below the home."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from alertferry.core.passed_environment import VARIABLE, added_names
from alertferry.core.settings import Settings
from alertferry.estimates.code import code_fingerprint
from alertferry.estimates.messages import SHARED

_AROUND = (
    *("TZ", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "LD_LIBRARY_PATH", "SPARK_CONF_DIR"),
    *("HADOOP_*", "HDFS_*", "AWS_*", "AZURE_*", "GOOGLE_*", "KRB5*", "ALERTFERRY_PLUGINS", VARIABLE),
)
"""Variables that Spark or a plugin reads in a worker, and that no question tells."""

_IRRELEVANT = {*SHARED, "kafka", "bootstrap_servers", "jobs_url", "launcher"}
"""Settings that questions tell, and those that no answer depends on."""

_LONGEST = 100
"""Bytes of a path that every Unix takes for a socket."""


@dataclass(frozen=True)
class Place:
    """The files of a worker. Another installation, or other settings of Spark, have a worker of their own."""

    folder: Path
    identity: str

    @classmethod
    def of(cls, settings: Settings) -> Place:
        """Return the place of the worker for these settings and the code of this moment."""
        return cls(settings.home / "estimates", f"{code_fingerprint()}-{_circumstances(settings)}")

    @property
    def outdated(self) -> bool:
        """Whether code has changed since: nobody asks here any more."""
        return self.identity.partition("-")[0] != code_fingerprint()

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


def _circumstances(settings: Settings) -> str:
    """Return a fingerprint of what else answers depend on and no question tells."""
    own = settings.model_dump(mode="json", exclude=_IRRELEVANT)
    patterns = (*_AROUND, *added_names(os.environ))
    around = {name: value for name, value in os.environ.items() if any(fnmatchcase(name, item) for item in patterns)}
    facts = json.dumps([own, around], sort_keys=True)
    return hashlib.sha256(facts.encode("utf-8", "surrogateescape")).hexdigest()[:12]


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

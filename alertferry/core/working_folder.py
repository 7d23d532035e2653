"""Where relative names start: in the folder of whoever submitted a job, wherever it runs on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

from alertferry.core.errors import UsageError
from alertferry.core.passed_environment import passed_environment
from alertferry.core.problems import shown

VARIABLE = "ALERTFERRY_WORKING_FOLDER"
"""Set by launchers that run a job in a folder of its own."""

UPLOAD = re.compile(r"upload:([0-9a-f]{32})")
"""How jobs of the page and of HTTP name a file that was sent there; the working folder of these jobs holds them."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")

_LONGEST_NAME = 255
"""Bytes that a file system takes for one name."""


def resolved(path: str) -> str:
    """Return the absolute path of a file that a job names: a path, or ``upload:ID``.

    Raises `UsageError` for what can be no path.
    """
    if "\0" in path or any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.split(os.sep)):
        raise UsageError(f"{shown(path)} cannot be the name of a file")
    here, upload = Path(os.environ.get(VARIABLE) or Path.cwd()), UPLOAD.fullmatch(path)
    if upload:
        return str(sent_file(here / upload[1]))
    given = Path(path)
    try:
        given = given.expanduser()
    except RuntimeError:
        raise UsageError(f"{shown(path)}: there is no user {given.parts[0][1:]!r} here") from None
    return str(here / given)


def identity(path: str) -> tuple[int, ...]:
    """Return what changes when a file is written again or replaced, so that it is read again. Raises `OSError`."""
    facts = os.stat(path)
    return facts.st_size, facts.st_mtime_ns, facts.st_ino, facts.st_ctime_ns


def sent_file(folder: Path) -> Path:
    """Return the one file of an upload's folder; a path where nothing is when it was removed."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    except OSError:
        names = []
    return folder / next((name for name in sorted(names) if not name.startswith(".")), "removed")


def is_url(place: str) -> bool:
    """Tell an address with a scheme (``hdfs:///lake``) from a path, whatever letters that has."""
    return bool(_URL.match(place))


def environment() -> dict[str, str]:
    """Return what a process that starts in another folder gets of our environment, paths of it as they are there."""
    found = passed_environment()
    if found.get("PYTHONPATH"):
        found["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, found["PYTHONPATH"].split(os.pathsep)))
    if found.get("ALERTFERRY_CONFIG"):
        found["ALERTFERRY_CONFIG"] = resolved(found["ALERTFERRY_CONFIG"])
    return found

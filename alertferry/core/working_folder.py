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

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")

_LONGEST_NAME = 255
"""Bytes that a file system takes for one name."""


def resolved(path: str) -> str:
    """Return the absolute path of a file that a job names. Raises `UsageError` for what can be no path."""
    if "\0" in path or any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.split(os.sep)):
        raise UsageError(f"{shown(path)} cannot be the name of a file")
    given = Path(path)
    try:
        given = given.expanduser()
    except RuntimeError:
        raise UsageError(f"{shown(path)}: there is no user {given.parts[0][1:]!r} here") from None
    return str(Path(os.environ.get(VARIABLE) or Path.cwd(), given))


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

"""Where relative names start: in the folder of whoever submitted a job, wherever it runs on this machine."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "ALERTFERRY_WORKING_FOLDER"
"""Set by launchers that run a job in a folder of its own."""


def resolved(path: str) -> str:
    """Return the absolute path of a file that a job names."""
    return str(Path(os.environ.get(VARIABLE) or Path.cwd(), Path(path).expanduser()))


def environment() -> dict[str, str]:
    """Return our environment for a process that starts in another folder: its search path and settings file there."""
    found = dict(os.environ)
    if found.get("PYTHONPATH"):
        found["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, found["PYTHONPATH"].split(os.pathsep)))
    if found.get("ALERTFERRY_CONFIG"):
        found["ALERTFERRY_CONFIG"] = resolved(found["ALERTFERRY_CONFIG"])
    return found

"""Where relative names start: in the folder of whoever submitted a job, wherever it runs on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

VARIABLE = "ALERTFERRY_WORKING_FOLDER"
"""Set by launchers that run a job in a folder of its own."""

UPLOAD = re.compile(r"upload:([0-9a-f]{32})")
"""How jobs of the page and of HTTP name a file that was sent there; the working folder of these jobs holds them."""


def resolved(path: str) -> str:
    """Return the absolute path of a file that a job names: a path, or ``upload:ID``."""
    here, upload = Path(os.environ.get(VARIABLE) or Path.cwd()), UPLOAD.fullmatch(path)
    return str(sent_file(here / upload[1]) if upload else here / Path(path).expanduser())


def sent_file(folder: Path) -> Path:
    """Return the one file of an upload's folder; a path where nothing is when it was removed."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    except OSError:
        names = []
    return folder / next((name for name in sorted(names) if not name.startswith(".")), "removed")


def environment() -> dict[str, str]:
    """Return our environment for a process that starts in another folder: its search path and settings file there."""
    found = dict(os.environ)
    if found.get("PYTHONPATH"):
        found["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, found["PYTHONPATH"].split(os.pathsep)))
    if found.get("ALERTFERRY_CONFIG"):
        found["ALERTFERRY_CONFIG"] = resolved(found["ALERTFERRY_CONFIG"])
    return found

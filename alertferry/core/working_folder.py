"""Where relative names start: in the folder of whoever submitted a job, wherever it runs on this machine."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "ALERTFERRY_WORKING_FOLDER"
"""Set by launchers that run a job in a folder of its own."""


def resolved(path: str) -> str:
    """Return the absolute path of a file that a job names."""
    return str(Path(os.environ.get(VARIABLE) or Path.cwd(), Path(path).expanduser()))


def python_path() -> dict[str, str]:
    """Return the ``PYTHONPATH`` for processes that start in another folder: as it is set here, in absolute paths."""
    given = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, given.split(os.pathsep)))} if given else {}

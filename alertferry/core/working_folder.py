"""Where relative file names of a job start: the folder of whoever submitted it, wherever it runs on this machine."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "ALERTFERRY_WORKING_FOLDER"
"""Set by launchers that run a job in a folder of its own."""


def resolved(path: str) -> str:
    """Return the absolute path of a file that a job names."""
    return str(Path(os.environ.get(VARIABLE) or Path.cwd(), Path(path).expanduser()))

"""Paths on the command line."""

from __future__ import annotations

from pathlib import Path

from alertferry.core.errors import UsageError


def a_path(text: str | Path) -> Path:
    """Return an argument as a path. Raises `UsageError` for an empty text, which would be the folder one is in."""
    if text == "":
        raise UsageError("a path is empty, as of a shell variable that is not set; write . for the folder you are in")
    return Path(text)

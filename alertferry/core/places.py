"""Paths and URLs as users write them: a path is taken as it is, whatever characters it has; ``file:`` is decoded."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from alertferry.core.errors import UsageError
from alertferry.core.working_folder import resolved

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:/", re.IGNORECASE)
_FILE = re.compile(r"file:(?://(?:localhost)?)?(?=/)", re.IGNORECASE)


def is_url(place: str) -> bool:
    """Tell URLs from paths: ``night:3/a`` is a path, ``s3a://night/a`` and ``file:/night/a`` are none."""
    return bool(_URL.match(place))


def absolute(place: str) -> str:
    """Return a path as an absolute one, a URL as it is. Raises `UsageError` for a path that is not UTF-8."""
    if is_url(place) or not place:
        return place
    if place.encode(errors="surrogateescape").decode(errors="replace") != place:
        shown = place.encode(errors="surrogateescape").decode(errors="replace")
        raise UsageError(f"the path {shown} is not UTF-8, and Spark cannot open it; rename it or make a link to it")
    return resolved(place)


def on_this_disk(place: str) -> Path | None:
    """Return the path of a path or of a ``file:`` URL, which is decoded; None for other URLs."""
    match = _FILE.match(place)
    if match:
        return Path(unquote(place[match.end() :]))
    return None if is_url(place) else Path(place)


def for_hadoop(place: str) -> str:
    """Return a place as Hadoop spells it, which decodes nothing."""
    path = on_this_disk(place) if is_url(place) else None
    return f"file://{path}" if path else place

"""Paths and URLs as users write them: a path is taken as it is, whatever characters it has; ``file:`` is decoded."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from alertferry.core.errors import UsageError
from alertferry.core.working_folder import is_url, resolved

_FILE = re.compile(r"file:(?://(?:localhost)?)?(?=/)", re.IGNORECASE)


def absolute(place: str) -> str:
    """Return a path as an absolute one, a URL as it is. Raises `UsageError` for what can be no path for Spark."""
    if is_url(place) or not place:
        return place
    shown = place.encode(errors="surrogateescape").decode(errors="replace")
    if shown != place:
        raise UsageError(f"the path {shown} is not UTF-8, and Spark cannot open it; rename it or make a link to it")
    return resolved(place)


def on_this_disk(place: str) -> Path | None:
    """Return the path of a path or of a ``file:`` URL, which is decoded; None for other URLs."""
    match = _FILE.match(place)
    if match:
        return Path(unquote(place[match.end() :]))
    return None if is_url(place) else Path(place)


def within(place: str, folder: str) -> bool:
    """Tell whether a path or URL is that of a folder, or below it; links on this disk are followed."""
    names, others = _names(place), _names(folder)
    return names[: len(others)] == others


def _names(place: str) -> list[str]:
    path = on_this_disk(place)
    if path is not None:
        return ["file", *Path(os.path.realpath(path)).parts]
    scheme, _, rest = place.partition(":")
    host, _, path_there = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest)
    known = re.sub("^s3[an]$", "s3", scheme.lower())
    return [known, host.lower(), *posixpath.normpath(f"/{path_there.strip('/')}").strip("/").split("/")]


def for_hadoop(place: str) -> str:
    """Return a place as Hadoop spells it, which decodes nothing."""
    path = on_this_disk(place) if is_url(place) else None
    return f"file://{path}" if path else place

"""Dotted paths of columns. A name that holds a dot or a back quote stands in back quotes, as in SQL: `` `x.y`.ra ``."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PART = re.compile(r"`((?:[^`]|``)*)`(?=\.|$)|([^.]*)")


def split_path(path: str) -> list[str]:
    """Return the names on a path. A back quote that is never closed is part of a name."""
    names, at = [], 0
    while True:
        match = _PART.match(path, at)
        assert match is not None, "the second form matches anything"
        names.append(match[2] if match[1] is None else match[1].replace("``", "`"))
        at = match.end() + 1
        if at > len(path):
            return names


def as_part(name: str) -> str:
    """Return a name as it stands in a path."""
    return quoted(name) if not name or "." in name or "`" in name else name


def join_path(names: Iterable[str]) -> str:
    """Return the path of some names; what `split_path` takes apart."""
    return ".".join(map(as_part, names))


def quoted(name: str) -> str:
    """Return a name in back quotes, so that SQL can only take it for a name."""
    return "`" + name.replace("`", "``") + "`"

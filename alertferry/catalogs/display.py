"""Text of a stranger's file made fit to be shown: one line, short, no control or direction characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

_NAMES_SHOWN = 40


def shown(text: object, limit: int = 60) -> str:
    """Return ``text`` shortened, with everything that does not print escaped."""
    whole = str(text)
    clipped = whole if len(whole) <= limit else whole[: limit - 1] + "…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in clipped
    )


def shown_name(name: str, limit: int = 80) -> str:
    """Return the last part of a file name, shortened, with everything that does not print escaped."""
    return shown(PurePath(name.replace("\\", "/")).name or name, limit)


def listing(names: Iterable[str]) -> str:
    """Return column names as ``'a', 'b', …``, the first 40 of them."""
    every: Sequence[str] = list(names)
    more = f" and {len(every) - _NAMES_SHOWN} more" if len(every) > _NAMES_SHOWN else ""
    return ", ".join(repr(shown(name)) for name in every[:_NAMES_SHOWN]) + more

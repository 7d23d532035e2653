"""Text of a stranger's file made fit to be shown: one line, short, no control or direction characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath

_NAMES_SHOWN = 40
_OPTION = re.compile(
    r"'(?:[^'\\]|\\.)*'|(?P<start>^|: )?(?<![\w.-])"
    r"(?P<name>ra|dec|id|radius|columns|pmra|pmdec|epoch|table|format|unit|ra_unit|dec_unit|on_bad_rows|max_rows):"
    r"(?: (?P<value>deg|hour|rad|drop)\b)?(?P<both> and)?(?!\S*//)"
)


def options_called(message: str, call: Callable[[str, str, bool], str]) -> str:
    """Return a message about a catalogue with other words for the options of a job that it names (``ra_unit: hour``).

    ``call`` gets the name of an option, the value that the message proposes or an empty text, and whether the message
    is about this option. What stands in quotes is what the file says, and is left alone.
    """

    def called(found: re.Match[str]) -> str:
        if not found["name"]:
            return found[0]
        heads = found["start"] is not None and not found["both"] and not found["value"]
        return (found["start"] or "") + call(found["name"], found["value"] or "", heads) + (found["both"] or "")

    return _OPTION.sub(called, message)


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

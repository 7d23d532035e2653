"""How commands speak: results on standard output, everything else on standard error, JSON when asked."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from alertferry.core.errors import AlertferryError, CancelledError, JobError

if TYPE_CHECKING:
    from rich.console import Console


@dataclass
class _Mode:
    """Whether this process answers in JSON; set once by the command that was called."""

    json: bool = False


MODE = _Mode()

_INVISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
"""What is printed is other people's text: what would move a terminal's cursor, or worse, is shown instead."""

_ESCAPED = {code: f"\\u{code:04x}" for code in range(127, 160)}
"""The same in JSON, which escapes the others itself."""


@cache
def out() -> Console:
    """Return standard output as rich writes on it; made when needed, as rich takes long to import."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, emoji=False)


@cache
def err() -> Console:
    """Return standard error likewise."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def _set_json(value: bool) -> bool:
    MODE.json = MODE.json or value
    return value


Json = Annotated[
    bool, typer.Option("--json", callback=_set_json, is_eager=True, help="Answer with one JSON object on stdout.")
]


def answer(data: dict[str, Any]) -> None:
    """Print the one JSON object, when asked for JSON: letters as they are, where standard output can show them."""
    if MODE.json:
        text = json.dumps(data, default=str, ensure_ascii=False).translate(_ESCAPED)
        try:
            text.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError:  # another encoding, or the name of a file that is not UTF-8
            text = json.dumps(data, default=str)
        sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """Print a line of the result for people; nothing in JSON mode."""
    if not MODE.json:
        # past what rich puts in its place while a line moves on standard error
        _print(text, getattr(sys.stdout, "rich_proxied_file", sys.stdout))


def note(text: str) -> None:
    """Print a remark on standard error."""
    _print(text, sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    stream.write(text.translate(_INVISIBLE) + "\n")
    stream.flush()


def fail(error: AlertferryError) -> int:
    """Print an error for people, or as JSON, and return its exit code."""
    problems = [{"path": item.path, "message": item.message} for item in getattr(error, "problems", ())]
    if MODE.json:
        extra = {"problems": problems} if isinstance(error, JobError) else {}
        state = "cancelled" if isinstance(error, CancelledError) else "failed"
        with suppress(OSError):  # it may be the very reason
            answer({"state": state, "ok": False, "error": str(error), **extra})
    err().print("error: ", style="bold red", end="")
    note(str(error))
    return error.exit_code


def size_text(count: int) -> str:
    """Return a number of bytes for people: ``2.9 MB``."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"

"""How commands speak: results on standard output, everything else on standard error, JSON when asked."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console

from alertferry.core.errors import AlertferryError, CancelledError, JobError


@dataclass
class _Mode:
    """Whether this process answers in JSON; set once by the command that was called."""

    json: bool = False


MODE = _Mode()

# what is printed is other people's text, where :star: is no emoji
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
out = Console(highlight=False, soft_wrap=True, emoji=False)


def _set_json(value: bool) -> bool:
    MODE.json = MODE.json or value
    return value


Json = Annotated[
    bool, typer.Option("--json", callback=_set_json, is_eager=True, help="Answer with one JSON object on stdout.")
]


def answer(data: dict[str, Any]) -> None:
    """Print the one JSON object, when asked for JSON."""
    if MODE.json:
        sys.stdout.write(json.dumps(data, default=str) + "\n")


def say(text: str) -> None:
    """Print a line of the result for people; nothing in JSON mode."""
    if not MODE.json:
        out.print(text, markup=False)


def note(text: str) -> None:
    """Print a remark on standard error."""
    err.print(text, markup=False)


def fail(error: AlertferryError) -> int:
    """Print an error for people, or as JSON, and return its exit code."""
    problems = [{"path": item.path, "message": item.message} for item in getattr(error, "problems", ())]
    if MODE.json:
        extra = {"problems": problems} if isinstance(error, JobError) else {}
        state = "cancelled" if isinstance(error, CancelledError) else "failed"
        answer({"state": state, "ok": False, "error": str(error), **extra})
    err.print("error: ", style="bold red", end="")
    err.print(str(error), markup=False)
    return error.exit_code


def size_text(count: int) -> str:
    """Return a number of bytes for people: ``2.9 MB``."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"

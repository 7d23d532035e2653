"""The moving line of a download."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from alertferry.commands.output import MODE, err


@contextlib.contextmanager
def consuming() -> Iterator[Callable[[int, int | None], None]]:
    """Give a callback ``(alerts on disk, alerts expected or None)`` that draws progress on a terminal."""
    if MODE.json or not sys.stderr.isatty():
        yield lambda _done, _expected: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("alerts"),
        TimeRemainingColumn(),
        console=err(),
        transient=True,
    )
    task = bar.add_task("fetching", total=None)

    def advance(done: int, expected: int | None) -> None:
        bar.update(task, completed=done, total=expected)

    with bar:
        yield advance


@contextlib.contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Give a callback ``(done so far)`` that draws progress on a terminal."""
    from rich.progress import Progress

    bar = Progress(console=err(), disable=MODE.json or not err().is_terminal, transient=True)
    task = bar.add_task(what, total=total)
    with bar:
        yield lambda done: bar.update(task, completed=done)

"""Whose code an unexpected error comes from: a plugin's author must hear of it, not the user who asked for a job."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertferry.core.errors import AlertferryError, Problem

LOG = logging.getLogger("alertferry.unexpected")
"""Where tracebacks go: they are for authors, not for users."""

GROUPS = ("alertferry", "alertferry.tags")
"""Entry points that lead to plugins."""

OURS = "alertferry"

_LINE = re.compile(r'File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<name>\S+)')
"""A line of a traceback that another Python process has sent as text: Spark's tasks do."""


_SYSTEM = {
    errno.ENOSPC: "no space left on the disk; free some and try again",
    errno.EDQUOT: "your quota of the disk is used up; free some space and try again",
    errno.EROFS: "the disk cannot be written to; set ALERTFERRY_HOME to a folder of yours that can",
    errno.EACCES: "no permission; choose another folder, or ask for access",
    errno.EPERM: "no permission; choose another folder, or ask for access",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "this machine has no memory left for it; ask for less at a time",
    errno.EIO: "the disk reports errors; look after it",
}
"""What to say of errors that any file can give at any time."""


class PluginError(AlertferryError):
    """A plugin cannot be used; the message names it and the distribution it comes from."""


@dataclass(frozen=True)
class Author:
    """The distribution that a plugin comes from, and where its code is."""

    distribution: str
    version: str
    places: tuple[str, ...]

    def wrote(self, file: str) -> bool:
        """Tell whether a file is its code."""
        return any(file == place or file.startswith(place + "/") for place in self.places)


@dataclass(frozen=True)
class _Step:
    """One call on the way to an error: where it was, and what it was called on."""

    file: str
    line: int
    name: str
    called_on: Any = None


def named(error: BaseException) -> AlertferryError | None:
    """Return an error that names the plugin at fault, if a plugin's code raised this one."""
    if isinstance(error, AlertferryError):
        return None
    authors = tuple(_authors())
    for steps in (tuple(_steps(error)), tuple(_sent(error))):
        theirs = [(step, author) for step in steps for author in authors if author.wrote(step.file)]
        if theirs:
            return _sentence(theirs[0][0], *theirs[-1], error)
    return None


def problem_of(error: Exception, path: str = "") -> Problem:
    """Return the error of a plugin as a problem of a job, its traceback in the log. Raises any other error again."""
    found = named(error)
    if found is None:
        raise error
    LOG.error("a plugin failed", exc_info=error)
    return Problem(path, str(found))


def failure(error: BaseException) -> AlertferryError:
    """Return the error to show for one that reached the end of a command: of the system, of a plugin, or unforeseen."""
    if isinstance(error, OSError) and error.errno in _SYSTEM and named(error) is None:
        where = f" ({error.filename})" if error.filename else ""
        return AlertferryError(f"{_SYSTEM[error.errno]}{where}")
    if isinstance(error, MemoryError):
        return AlertferryError("this machine has no memory left for it; ask for less at a time")
    return unexpected(error)


def unexpected(error: BaseException) -> AlertferryError:
    """Return the error to show for one that nobody foresaw; its traceback goes to the log."""
    LOG.error("unexpected", exc_info=error)
    found = named(error)
    if found is not None:
        return found
    steps = list(_steps(error))
    where = f", at {_place(steps[-1].file)} line {steps[-1].line}" if steps else ""
    return AlertferryError(f"this should not have happened ({said(error)}{where}); please report it")


def said(error: BaseException) -> str:
    """Return what an error says, in one line, after its kind."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _sentence(first: _Step, last: _Step, author: Author, error: BaseException) -> PluginError:
    kind = getattr(first.called_on, "kind", None)
    what = f"{first.name} of {kind!r}" if isinstance(kind, str) else first.name
    return PluginError(
        f"{author.distribution} {author.version} failed in {what} ({_place(last.file)}, line {last.line}: "
        f"{_cause(error)}); report it to its author, or leave that plugin out with ALERTFERRY_PLUGINS"
    )


def _cause(error: BaseException) -> str:
    """Return what was raised; of an error that Spark brought from a task, what the task said."""
    sent = [line for line in str(error).splitlines() if re.match(r"\s*[\w.]*(Error|Exception)\b[^(]*: ", line)]
    return sent[-1].strip()[:300] if _LINE.search(str(error)) and sent else said(error)


def _steps(error: BaseException) -> Iterator[_Step]:
    """Yield the calls that led to an error, the outermost first."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        of = frame.f_locals.get("self", frame.f_locals.get("cls"))
        yield _Step(_real(frame.f_code.co_filename), line, frame.f_code.co_name, of)


def _sent(error: BaseException) -> Iterator[_Step]:
    for match in _LINE.finditer(str(error)):
        yield _Step(_real(match["file"]), int(match["line"]), match["name"])


def _real(file: str) -> str:
    return os.path.realpath(file) if file and not file.startswith("<") else file


def _authors() -> Iterator[Author]:
    """Yield who wrote the plugins that are loaded, ourselves left out."""
    from importlib.metadata import entry_points

    for group in GROUPS:
        for point in entry_points(group=group):
            distribution, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "?")
            module = sys.modules.get(point.module.partition(".")[0])
            if module is not None and distribution != OURS:
                places = [*getattr(module, "__path__", ()), getattr(module, "__file__", None)]
                yield Author(distribution, version, tuple(_real(str(place)) for place in places if place))


def _place(file: str) -> str:
    """Return a file of a package as its author knows it: from the package's folder on."""
    path = Path(file)
    top = path.parent
    while (top / "__init__.py").exists():
        top = top.parent
    return str(path.relative_to(top))

"""Every error a user can meet, split by what the caller can do about it.

A message says what is wrong, where, and what to do. The command line prints it without a traceback and
exits with the class's ``exit_code``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches


class AlertferryError(Exception):
    """Something outside the user's control failed; the message says what and where."""

    exit_code = 1


class UsageError(AlertferryError):
    """The request cannot be carried out as written; change it and try again."""

    exit_code = 2


class UnknownJobError(UsageError):
    """There is no job of this id, or it is another owner's."""

    def __init__(self, job: str) -> None:
        super().__init__(f"there is no job {job!r}; `alertferry jobs list` shows them")
        self.job = job


class IncompleteError(AlertferryError):
    """Part of the work is done and safe; running the same command again continues."""

    exit_code = 3


class DamagedError(AlertferryError):
    """Data was found that cannot be read or does not match its receipt."""

    exit_code = 4


class CancelledError(AlertferryError):
    """The user stopped the work; what was begun says that it is not complete."""


UNTOLD = "the broker did not take the last word"
"""Argument of the `KeyboardInterrupt` of a job that could not say in its topic that it was cancelled."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a job file, or with what it reads: where, and what to do.

    ``lacks_field``: it is only that no file which was looked at has a field.
    """

    path: str
    message: str
    exit_code: int = UsageError.exit_code
    lacks_field: bool = field(default=False, compare=False)

    @property
    def as_json(self) -> dict[str, str]:
        """What is told of it as JSON."""
        return {"path": self.path, "message": self.message}

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def below(prefix: str, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the problems of a part with their paths as seen from the whole."""
    for problem in problems:
        yield replace(problem, path=f"{prefix}.{problem.path}" if problem.path else prefix)


class JobError(UsageError):
    """A job cannot be run; ``problems`` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        self.exit_code = max((problem.exit_code for problem in self.problems), default=self.exit_code)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(word: str, known: Iterable[str], limit: int = 3) -> str:
    """Return ``"; did you mean 'a' or 'b'?"``, or an empty string when nothing is near.

    Names are compared without regard to case, and a bare leaf (``psfFlux``) also finds the dotted names
    that end with it.
    """
    names = list(dict.fromkeys(known))
    lowered = {name.lower(): name for name in names}
    ends = [name for name in names if name.lower().endswith("." + word.lower())]
    near = [lowered[match] for match in get_close_matches(word.lower(), lowered, n=limit, cutoff=0.6)]
    found = list(dict.fromkeys([*ends, *near]))[:limit]
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""

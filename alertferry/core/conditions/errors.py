"""What is wrong with a condition, and where."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from alertferry.core.errors import UsageError

_LINE_WIDTH = 100


@dataclass(frozen=True)
class ConditionProblem:
    """One thing that is wrong with a condition.

    ``position`` is the offset in characters from the start of the text; ``line`` and ``column`` count from 1;
    ``length`` is the number of characters at fault (at least 1); ``lacks_field`` is as that of a `Problem`.
    """

    message: str
    position: int
    line: int
    column: int
    length: int
    lacks_field: bool = False

    def __str__(self) -> str:
        return f"{self.message} (line {self.line}, column {self.column})"


class ConditionError(UsageError):
    """A condition is refused; ``problem`` says why and where, ``text`` is the condition.

    The message shows the line at fault with a caret below the place.
    """

    def __init__(self, problem: ConditionProblem, text: str = "") -> None:
        self.problem = problem
        self.text = text
        shown = caret_lines(problem, text)
        super().__init__(f"{problem}\n{shown}" if shown else str(problem))


def problem_at(text: str, position: int, length: int, message: str) -> ConditionProblem:
    """Return a problem at an offset of ``text``; offsets outside of it are moved to its nearest end."""
    start = max(0, min(position, len(text)))
    before = text[:start]
    line = before.count("\n") + 1
    column = start - (before.rfind("\n") + 1) + 1
    return ConditionProblem(message, start, line, column, max(1, min(length, len(text) - start)))


def refuse(text: str, position: int, length: int, message: str) -> ConditionError:
    """Return the error for a problem at an offset of ``text``."""
    return ConditionError(problem_at(text, position, length, message), text)


def caret_lines(problem: ConditionProblem, text: str) -> str:
    """Return the line at fault and a line of carets under the fault; empty when there is no text.

    A long line is cut around the fault. Characters that could disturb a terminal are shown as ``·``.
    """
    lines = text.split("\n")
    if not text.strip() or problem.line > len(lines):
        return ""
    line = "".join(_printable(character) for character in lines[problem.line - 1])
    first = problem.column - 1
    left = max(0, first - _LINE_WIDTH // 2)
    window = line[left : left + _LINE_WIDTH]
    carets = "^" * max(1, min(problem.length, len(window) - (first - left)))
    return f"  {window}\n  {' ' * (first - left)}{carets}"


def _printable(character: str) -> str:
    if character == "\t":
        return " "
    return "·" if unicodedata.category(character)[0] in "CZ" and character != " " else character

"""How much work a match with a pattern can be, and which patterns a condition may hold.

Java matches regular expressions by backtracking: some patterns take a time exponential in the length of the text. The
patterns allowed here are those whose work has a polynomial bound that `sizes` can compute from the pattern alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_PATTERN_CHARACTERS = 200
MAX_REPEAT = 100

_QUANTIFIER = re.compile(r"([*+?]|\{[0-9]{1,4}(?:,[0-9]{0,4})?\})[?+]?")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\\[&])*\]", re.DOTALL)
_GROUP = re.compile(r"\((?:\?:|\?<[A-Za-z][A-Za-z0-9]*>|(?!\?))|\(\?[ims]+\)")
_ESCAPE = re.compile(r"\\(?:[pP]\{\w+\}|[^1-9kQEGRXNxu0c])", re.DOTALL)


class PatternError(ValueError):
    """A pattern may not be part of a condition; the message says why."""


@dataclass(frozen=True)
class Backtracking:
    """How a match can branch: ``loops`` counts open repetitions, ``choices`` multiplies all other alternatives.

    Matching a text of n characters takes at most about ``n ** (loops + 1) * choices`` steps.
    """

    loops: int = 0
    choices: float = 1

    def steps(self, characters: float) -> float:
        """Return the bound for a text of so many characters."""
        return float(max(2.0, characters) ** (self.loops + 1) * self.choices)


@dataclass
class _Group:
    branches: int = 1
    simple: bool = True


def like_backtracking(pattern: str, escape: str = "\\") -> Backtracking:
    """Return how a match with a LIKE pattern can branch: at each ``%`` that is not escaped.

    Raises `PatternError` for a pattern that is too long, or whose escapes Spark refuses when the job runs.
    """
    _check_length(pattern)
    plain = re.sub(re.escape(escape) + r"[_%" + re.escape(escape) + "]", "", pattern)
    if escape in plain:
        raise PatternError(f"in LIKE, {escape} must stand before _, % or {escape}")
    return Backtracking(loops=plain.count("%"))


def regex_backtracking(pattern: str) -> Backtracking:
    """Return how a match with a regular expression can branch.

    Raises `PatternError` for a pattern that is too long, broken, or can branch without a polynomial bound: repeated
    groups that repeat or choose inside, references back, looking around.
    """
    _check_length(pattern)
    groups, loops, choices, position = [_Group()], 0, 1.0, 0
    while position < len(pattern):
        position, atom = _atom(pattern, position, groups)
        if atom is None:
            continue
        quantifier = _QUANTIFIER.match(pattern, position)
        if quantifier:
            low, high = _bounds(quantifier[1])
            if not atom.simple and high != 1:
                raise PatternError("a repeated group may not contain repetitions or alternatives (it can take forever)")
            loops += high > max(low, 1)
            choices *= 2 if (low, high) == (0, 1) else 1
            groups[-1].simple = False
            position = quantifier.end()
        choices *= atom.branches
        groups[-1].simple = groups[-1].simple and atom.simple
    if len(groups) != 1:
        raise PatternError("a bracket is not closed")
    return Backtracking(loops, choices * groups[0].branches)


def _check_length(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise PatternError(f"it has {len(pattern)} characters, more than {MAX_PATTERN_CHARACTERS}")


def _atom(pattern: str, position: int, groups: list[_Group]) -> tuple[int, _Group | None]:
    """Read one atom; return the offset after it and what may be repeated (None: nothing yet)."""
    character = pattern[position]
    if character == "(":
        return _open(pattern, position, groups), None
    if character == ")":
        if len(groups) == 1:
            raise PatternError("a bracket is closed that was not opened")
        group = groups.pop()
        group.simple = group.simple and group.branches == 1
        return position + 1, group
    if character == "|":
        groups[-1].branches += 1
        return position + 1, None
    if character in "*+?{":
        raise PatternError(f"nothing to repeat before '{character}'")
    return _plain(pattern, position), _Group()


def _open(pattern: str, position: int, groups: list[_Group]) -> int:
    match = _GROUP.match(pattern, position)
    if not match:
        raise PatternError("looking around and other '(?' groups are not allowed")
    if not match[0].endswith(")"):
        groups.append(_Group())
    return match.end()


def _plain(pattern: str, position: int) -> int:
    """Return the offset after a character, an escape or a character class."""
    if pattern[position] == "[":
        match = _CLASS.match(pattern, position)
        if not match:
            raise PatternError("a character class is not closed, or holds '[' or '&'; write them as \\\\[ and \\\\&")
        return match.end()
    if pattern[position] == "\\":
        match = _ESCAPE.match(pattern, position)
        if not match:
            raise PatternError(f"the escape {pattern[position : position + 2]} is not allowed")
        return match.end()
    return position + 1


def _bounds(quantifier: str) -> tuple[int, float]:
    """Return the least and the most repetitions."""
    if quantifier[0] in "*+?":
        return {"*": (0, float("inf")), "+": (1, float("inf")), "?": (0, 1.0)}[quantifier[0]]
    low, comma, high = quantifier[1:-1].partition(",")
    most = float(high) if high else (float("inf") if comma else float(low))
    if max(float(low), most if most != float("inf") else 0) > MAX_REPEAT:
        raise PatternError(f"it repeats more than {MAX_REPEAT} times")
    return int(low), most

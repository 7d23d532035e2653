"""What stands in the editor of conditions, as the conditions of a job; and what is wrong with it, at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from alertferry.core.conditions import lint
from alertferry.ui.draft import Draft, first_of, with_filter

_WORDS = "and or not in like ilike rlike between is case when then else as distinct from escape regexp interval"
_SIGNS = "= == != <> < > <= >= <=> + - * / % || , . -> & | ^ ~ !"

_OPEN = frozenset((*_WORDS.split(), *_SIGNS.split()))
"""Words after which a condition is not finished."""

_STARTS = frozenset(("not", "case", "interval", "-", "+", "~", "!"))
"""Of these, the ones that a condition may begin with."""

_GOES_ON = _OPEN - _STARTS | frozenset(("end", ")", "]"))
"""Words that can only continue a condition; a line that starts with another one starts a new condition."""

_DEPTH = {"(": 1, "[": 1, "case": 1, ")": -1, "]": -1, "end": -1}

_LEXEMES = re.compile(
    r"""
    (?P<skip>\s+ | --[^\r\n]*)
  | (?P<word>'(?:[^'\\]|\\.)*(?:'|$) | "(?:[^"\\]|\\.)*(?:"|$) | `[^`]*(?:`|$) | [\w.]+ | [<>=!|&-]+ | .)
    """,
    re.VERBOSE | re.DOTALL,
)


class _Word(NamedTuple):
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Piece:
    """One condition of the editor; ``start`` is its offset in the whole text, in characters."""

    text: str
    start: int


@dataclass(frozen=True)
class Mark:
    """A fault in the editor: offset and length in characters of the whole text, and what is wrong."""

    start: int
    length: int
    message: str


def pieces(text: str) -> tuple[Piece, ...]:
    """Split the editor's text: a condition a line, unless a line or the next says that it goes on; or by ``;``."""
    words = list(_words(text))
    found, start = [], 0
    for cut, length in (*_cuts(text, words), (len(text), 0)):
        raw = text[start:cut]
        if raw.strip():
            found.append(Piece(raw.strip(), start + len(raw) - len(raw.lstrip())))
        start = cut + length
    return tuple(found)


def _words(text: str) -> Iterator[_Word]:
    """Yield the words of a text; comments and white space are none, what never closes is one long word."""
    for match in _LEXEMES.finditer(text):
        if match.lastgroup == "word":
            yield _Word(match[0].lower(), match.start(), match.end())


def _cuts(text: str, words: Sequence[_Word]) -> Iterator[tuple[int, int]]:
    """Yield where a condition ends, and the number of characters that separate it from the next."""
    depth = 0
    for word, following in pairwise(words):
        depth += _DEPTH.get(word.text, 0)
        line_end = text.find("\n", word.end, following.start)
        ends = line_end >= 0 and word.text not in _OPEN and following.text not in _GOES_ON
        if word.text == ";":
            depth = 0
            yield word.start, 1
        elif depth <= 0 and ends and following.text != ";":
            depth = 0
            yield line_end, 1
    if words and words[-1].text == ";":
        yield words[-1].start, 1


def sql_text(draft: Draft) -> str:
    """Return the draft's conditions as the editor shows them, one a line."""
    where = (first_of(draft, "sql") or {}).get("where", ())
    return "\n".join([where] if isinstance(where, str) else where)


def with_sql(draft: Draft, text: str) -> Draft:
    """Take over the editor's text; the same text again leaves the draft exactly as it is."""
    if text == sql_text(draft):
        return draft
    return with_pieces(draft, pieces(text))


def with_pieces(draft: Draft, found: Sequence[Piece]) -> Draft:
    """Take over the conditions of the editor's text."""
    where = [piece.text for piece in found]
    return with_filter(draft, "sql", {"where": where} if where else None)


def marks(text: str, types: Mapping[str, str]) -> tuple[Mark, ...]:
    """Return the faults of the editor's text, given the type of each field by its dotted path."""
    found = []
    for piece in pieces(text):
        problems = lint(piece.text, types)
        found += [Mark(piece.start + item.position, item.length, item.message) for item in problems]
        last = list(_words(piece.text))[-1:]
        if last and not problems and last[0].text in _OPEN:
            found.append(Mark(piece.start + last[0].start, len(last[0].text), "the condition is not finished here"))
    return tuple(found)


def mark_data(found: Sequence[Mark]) -> list[dict[str, Any]]:
    """Return marks as the editor in the browser takes them."""
    return [{"start": mark.start, "length": mark.length, "message": mark.message} for mark in found]

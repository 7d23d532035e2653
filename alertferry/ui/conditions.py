"""What stands in the editor of conditions, as the conditions of a job; and what is wrong with it, at its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from alertferry.core.conditions.fields import Fields
from alertferry.core.conditions.lint import opinion
from alertferry.core.conditions.scan import MAX_CONDITIONS, MAX_TEXT, Token, lex
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


@dataclass(frozen=True)
class Piece:
    """One condition of the editor; ``start`` is its offset in the whole text, in characters."""

    text: str
    start: int


@dataclass(frozen=True)
class Mark:
    """A fault in the editor, or a note: offset and length in characters of the whole text, and what is wrong."""

    start: int
    length: int
    message: str
    note: bool = False


def pieces(text: str) -> tuple[Piece, ...]:
    """Split the editor's text: a condition a line, unless a line or the next says that it goes on; or by ``;``."""
    if len(text) > MAX_TEXT:  # it is refused anyway
        return (Piece(text, 0),)
    words = list(lex(text))
    found, start = [], 0
    for cut, length in (*_cuts(text, words), (len(text), 0)):
        raw = text[start:cut]
        if raw.strip():
            found.append(Piece(raw.strip(), start + len(raw) - len(raw.lstrip())))
        start = cut + length
    return tuple(found)


def _cuts(text: str, words: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Yield where a condition ends, and the number of characters that separate it from the next."""
    depth = 0
    for word, following in pairwise(words):
        depth += _DEPTH.get(word.word, 0)
        line_end = text.find("\n", word.end, following.start)
        ends = line_end >= 0 and word.word not in _OPEN and following.word not in _GOES_ON
        if word.text == ";":
            depth = 0
            yield word.start, 1
        elif depth <= 0 and ends and following.text != ";":
            depth = 0
            yield line_end, 1
    if words and words[-1].text == ";":
        yield words[-1].start, 1


def step_text(step: Mapping[str, Any] | None) -> str:
    """Return a filter's conditions as the editor shows them, one a line."""
    where = (step or {}).get("where", ())
    return "\n".join([where] if isinstance(where, str) else where)


def options_of(found: Sequence[Piece]) -> dict[str, Any] | None:
    """Return the options of a filter with the conditions of the editor's text; None where there are none."""
    where = [piece.text for piece in found]
    return {"where": where} if where else None


def sql_text(draft: Draft) -> str:
    """Return the conditions of the draft's first filter of them."""
    return step_text(first_of(draft, "sql"))


def with_sql(draft: Draft, text: str) -> Draft:
    """Take over the editor's text; the same text again leaves the draft exactly as it is."""
    return draft if text == sql_text(draft) else with_filter(draft, "sql", options_of(pieces(text)))


def texts_of(text: str) -> list[str]:
    """Return the conditions of a text, as the editor splits it."""
    return [piece.text for piece in pieces(text)]


def marks(text: str, types: Mapping[str, str], values: Mapping[str, Collection[Any]] | None = None) -> tuple[Mark, ...]:
    """Return the faults of the editor's text, and notes, given the type of each field by its dotted path.

    ``values`` are those that fields can have, where these are few.
    """
    if len(text) > MAX_TEXT:
        message = f"the conditions have {len(text):,} characters, more than {MAX_TEXT:,}"
        return (Mark(MAX_TEXT, 1, message),)
    found, fields = list[Mark](), Fields(types)
    known = {path.lower(): items for path, items in (values or {}).items()}
    for number, piece in enumerate(pieces(text)):
        if number == MAX_CONDITIONS:
            found.append(Mark(piece.start, len(piece.text), f"these are more than {MAX_CONDITIONS} conditions"))
            break
        said = opinion(piece.text, fields, values=known)
        for items, note in ((said.problems, False), (said.warnings + said.unchecked, True)):
            found += [Mark(piece.start + item.position, item.length, item.message, note) for item in items]
    return tuple(found)


def mark_data(found: Sequence[Mark]) -> list[dict[str, Any]]:
    """Return marks as the editor in the browser takes them."""
    return [asdict(mark) for mark in found]

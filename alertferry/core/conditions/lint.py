"""Finds mistakes in a condition without Spark: fast enough for every keystroke of the wizard.

The gate (`alertferry.core.conditions.gate`) decides; this only tells the user earlier. It never reports a condition
that the gate would accept, and may miss what the gate refuses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alertferry.core.conditions.allowed import FUNCTIONS, why_not
from alertferry.core.conditions.errors import ConditionError, ConditionProblem, problem_at
from alertferry.core.conditions.scan import Token, scan
from alertferry.core.errors import did_you_mean

_KEYWORD_NAMES = """
    all and any between both by case collate cross distinct div else end escape exists false filter following for from
    ignore ilike in interval is leading like not null nulls on or order over overlay partition placing preceding regexp
    respect rlike row rows some symmetric then to trailing true unbounded unknown using when where within
"""
_UNIT_NAMES = """
    day dayofweek dayofweek_iso dayofyear days dow doy epoch hour hours isoyear microsecond microseconds millisecond
    milliseconds minute minutes month months quarter second seconds timezone week weeks year years yearofweek
"""
_SCALAR_NAMES = """
    bigint binary boolean byte date double float int integer long short smallint string timestamp timestamp_ntz tinyint
"""
_KEYWORDS = frozenset(_KEYWORD_NAMES.split())
_UNITS = frozenset(_UNIT_NAMES.split())
_SCALARS = frozenset(_SCALAR_NAMES.split())
_AFTER_CALLS = frozenset(("filter", "over", "within"))
_UNIT_FIRST = frozenset(("date_add", "date_diff", "dateadd", "datediff", "extract", "timestampadd", "timestampdiff"))
_SYNTAX_CALLS = frozenset(("cast", "try_cast", "timestampadd", "timestampdiff"))
_BARE_CALLS = frozenset(
    ("current_date", "current_time", "current_timestamp", "current_user", "localtimestamp", "session_user", "user")
)


@dataclass
class _Reader:
    """A walk over the tokens of one condition."""

    text: str
    tokens: Sequence[Token]
    fields: _Fields
    known: Collection[str]
    variables: frozenset[str]
    at: int = 0
    callers: list[str] = field(default_factory=list)

    def peek(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.tokens[index].word if 0 <= index < len(self.tokens) else ""

    def is_name(self, ahead: int = 0) -> bool:
        index = self.at + ahead
        return 0 <= index < len(self.tokens) and self.tokens[index].kind in ("name", "quoted")


class _Fields:
    """The known fields: dotted paths, without regard to case, and every path above them."""

    def __init__(self, schema: Mapping[str, str]) -> None:
        self.types = {path.lower(): kind.lower() for path, kind in schema.items()}
        self.names = list(schema)
        self.parents = {path[:dot] for path in self.types for dot in _dots(path)}

    def problem(self, segments: Sequence[str]) -> str:
        """Return what is wrong with a path, or an empty string when it is known or cannot be judged."""
        if not self.types or any("." in segment or "`" in segment for segment in segments):
            return ""
        for end in range(1, len(segments) + 1):
            path = ".".join(segments[:end]).lower()
            if path in self.types or path in self.parents:
                continue
            above = ".".join(segments[: end - 1]).lower()
            if end == 1 or self._has_no(above):
                shown = ".".join(segments[:end])
                return f"no field '{shown}'{did_you_mean(shown, self.names)}"
            return ""
        return ""

    def _has_no(self, parent: str) -> bool:
        """Return whether every field below ``parent`` is known, so that another one cannot exist."""
        kind = self.types.get(parent, "")
        return "map" not in kind and (parent in self.parents or kind in _SCALARS)


def _dots(path: str) -> Iterator[int]:
    return (index for index, character in enumerate(path) if character == ".")


def lint(
    text: str,
    schema: Mapping[str, str] | None = None,
    known_functions: Collection[str] = FUNCTIONS,
) -> list[ConditionProblem]:
    """Return what is wrong with one condition, in the order of the text; no JVM is started.

    Parameters
    ----------
    text
        One condition (see `split_lines`).
    schema
        Dotted path of a field to its simple type (``candidate.magpsf`` → ``float``); elements of arrays and values
        of maps continue the path of their field (``prvDiaSources.psfFlux``). Without it fields are not checked.
    known_functions
        The functions that may be called, in lower case.
    """
    try:
        tokens = scan(text)
    except ConditionError as error:
        return [error.problem]
    reader = _Reader(text, tokens, _Fields(schema or {}), known_functions, _variables(tokens))
    return list(_read(reader))


def _variables(tokens: Sequence[Token]) -> frozenset[str]:
    """Return the names bound by lambdas: ``x ->`` and ``(x, y) ->``."""
    found: set[str] = set()
    for index, token in enumerate(tokens):
        if token.text == "->":
            before = index - 1
            while before >= 0 and (tokens[before].kind in ("name", "quoted") or tokens[before].text in "(),"):
                found.add(tokens[before].name.lower())
                if tokens[before].text == "(" or (before == index - 1 and tokens[before].text != ")"):
                    break
                before -= 1
    return frozenset(found)


def _read(reader: _Reader) -> Iterator[ConditionProblem]:
    while reader.at < len(reader.tokens):
        token = reader.tokens[reader.at]
        if token.text == "(":
            reader.callers.append(reader.peek(-1) if reader.is_name(-1) else "")
        elif token.text == ")" and reader.callers:
            reader.callers.pop()
        elif token.text == "::":
            _skip_type(reader)
        elif token.kind in ("name", "quoted"):
            yield from _read_name(reader, token)
            continue
        reader.at += 1


def _read_name(reader: _Reader, token: Token) -> Iterator[ConditionProblem]:
    """Judge the name at hand and move past it."""
    caller = reader.callers[-1] if reader.callers else ""
    if reader.peek(1) == "(":
        yield from _call(reader, token)
        reader.at += 1
    elif reader.peek(-1) == ".":
        reader.at += 1  # a field of an expression: its type is not known here
    elif token.word == "as":
        reader.at = _closing(reader) if caller in ("cast", "try_cast") else reader.at + 2
    elif token.kind == "name" and reader.at + 1 < len(reader.tokens) and reader.tokens[reader.at + 1].kind == "string":
        reader.at += 2  # DATE '...', x'1F'; LIKE 'a' is a keyword and a string
    elif token.word == "interval" and (reader.peek(1) in ("-", "+") or reader.peek(1)[:1].isdigit()):
        _skip_interval(reader)
    else:
        yield from _path(reader, token, caller)


def _call(reader: _Reader, token: Token) -> Iterator[ConditionProblem]:
    name = token.name.lower()
    if reader.peek(-1) == ".":
        yield _problem(reader, token, "a function's name has no dots in a condition")
    elif token.kind == "name" and reader.peek(-1) == ")" and name in _AFTER_CALLS:
        yield _problem(reader, token, "windows and aggregates are not allowed: a condition sees one alert at a time")
    elif token.kind == "name" and _is_syntax(name, reader.peek(-1)):
        return
    elif name not in reader.known and name not in reader.variables:
        yield _problem(reader, token, why_not(token.name, reader.known))


def _is_syntax(name: str, before: str) -> bool:
    """Return whether a name before a bracket is grammar (``IN (``, ``CAST(``, ``LIKE ANY (``), not a function."""
    if name in ("any", "some", "all"):
        return before in ("like", "ilike")
    return name in _SYNTAX_CALLS or name in _KEYWORDS


def _path(reader: _Reader, token: Token, caller: str) -> Iterator[ConditionProblem]:
    """Judge a dotted path, ``a.b[0].c`` included, and move past it."""
    segments, first = [token.name], token
    reader.at += 1
    while reader.peek() in (".", "["):
        if reader.peek() == "[":
            yield from _index(reader)
        elif reader.is_name(1) and reader.peek(2) != "(":
            segments.append(reader.tokens[reader.at + 1].name)
            reader.at += 2
        else:
            break
    is_call = reader.peek() == "." and reader.is_name(1)
    message = "" if is_call else _unknown(reader, first, segments, caller)
    if message:
        yield _problem(reader, first, message)


def _index(reader: _Reader) -> Iterator[ConditionProblem]:
    """Judge what is between brackets, and move past them."""
    end = _closing(reader, "[", "]", after=True)
    inner = _Reader(reader.text, reader.tokens[reader.at + 1 : end], reader.fields, reader.known, reader.variables)
    yield from _read(inner)
    reader.at = end + 1


def _unknown(reader: _Reader, token: Token, segments: Sequence[str], caller: str) -> str:
    name = token.name.lower()
    if name in reader.variables:
        return ""
    if token.kind == "name" and (name in _KEYWORDS or (name in _UNITS and caller in _UNIT_FIRST)):
        return ""
    message = reader.fields.problem(segments)
    if message and token.kind == "name" and name in _BARE_CALLS and len(segments) == 1:
        return why_not(name)
    if message and name in _UNITS and reader.fields.types and "interval" in reader.text.lower():
        return ""
    return message


def _closing(reader: _Reader, opening: str = "(", closing: str = ")", after: bool = False) -> int:
    """Return the index of the bracket that closes the one around (or, with ``after``, at) the reader's place."""
    depth = 0 if after else 1
    for index in range(reader.at, len(reader.tokens)):
        word = reader.tokens[index].text
        depth += (word == opening) - (word == closing)
        if depth == 0:
            return index
    return len(reader.tokens)


def _skip_type(reader: _Reader) -> None:
    """Move past the type of ``x::type``, but for its last token."""
    reader.at += 1
    if reader.peek(1) == "(":
        reader.at += 1
        reader.at = _closing(reader, after=True)


def _skip_interval(reader: _Reader) -> None:
    """Move past ``INTERVAL 1 day 2 hours``."""
    reader.at += 1
    while reader.at < len(reader.tokens):
        token = reader.tokens[reader.at]
        if not (token.kind in ("number", "string") or token.word in _UNITS or token.text in "+-" or token.word == "to"):
            return
        reader.at += 1


def _problem(reader: _Reader, token: Token, message: str) -> ConditionProblem:
    return problem_at(reader.text, token.start, token.end - token.start, message)

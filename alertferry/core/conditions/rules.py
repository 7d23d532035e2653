"""What a parsed condition must keep to before Spark may analyse it.

Analysis evaluates some arguments (``named_struct(repeat('x', 1e8), 1)``) and copies others, so whatever could be large
is refused here, on the tree that Spark's parser made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alertferry.core.conditions import classes
from alertferry.core.conditions.allowed import HIGHER_ORDER, SCALAR_FUNCTIONS
from alertferry.core.conditions.patterns import PatternError, like_backtracking, regex_backtracking
from alertferry.core.conditions.tree import Node, RefusedError, Span

MAX_TEXT_CHARACTERS = 1_000
MAX_REPEATS = 1_000
MAX_SEQUENCE = 10_000
MAX_DIGITS = 38
MAX_COPIES = 1_000
MAX_TYPE_GROWTH = 64

_DATE_TEXT = re.compile(
    r"""(?i)(?:date|timestamp|timestamp_ltz|timestamp_ntz)\s*r?(['"])\s*[0-9+-][0-9A-Za-z+\-:./_ ]*\1"""
)
_DECIMAL = re.compile(r"decimal\([0-9]+,[0-9]+\)")
TEXTS_IN_LIST = (
    "IN takes all of these as texts, digit by digit; write numbers without quotes, dates as DATE '2026-01-31' "
    "and times as TIMESTAMP '2026-01-31 04:00:00'"
)
"""Why a list is refused that mixes texts with numbers or times: `=` would compare them by their values."""

_NOT_A_DATE = "write a date with digits, as in DATE '2026-01-31' (now, today and epoch are not allowed)"

# which argument must be a plain literal: Spark evaluates it while it analyses, or the result grows with it
_COUNTS = {"repeat": 1, "space": 0, "lpad": 1, "rpad": 1, "array_repeat": 1}
_DIGITS = {"round": 1, "bround": 1, "ceil": 1, "ceiling": 1, "floor": 1}
_LITERALS = {"date_part": (0,), "datepart": (0,), "extract": (0,), "sort_array": (1,), "replace": (1, 2)}
_REGEX_NAMES = """
    rlike regexp regexp_like regexp_count regexp_extract regexp_extract_all regexp_instr regexp_substr split
"""
_REGEX_CALLS = frozenset(_REGEX_NAMES.split())
_LIKE_CALLS = frozenset(("like", "ilike"))
_ELEMENTS = frozenset(("element_at", "try_element_at"))

# how often the first argument stands in what Spark makes of a call
_COPIED = {"nullif": 2, "nullifzero": 3, "between": 2, "right": 2, "regexp_substr": 2, "like": 3, "ilike": 3}
_COPIED_KINDS = {"Like": 3, "ILike": 3, "In": 2}
_STRUCTURES = frozenset(("struct", "named_struct", "map", "map_from_arrays", "arrays_zip"))
_TYPE_KEEPING = frozenset(("CaseWhen", "Concat", "LambdaFunction", "UnresolvedExtractValue", "Alias"))

Compiles = Callable[[str], str]


def check_parsed(root: Node, text: str, regex_problem: Compiles) -> None:
    """Refuse a parsed condition that breaks a rule. Raises `RefusedError` at the first place.

    ``regex_problem`` returns what Java finds wrong with a regular expression, or an empty string.
    """
    for node in root.walk():
        _check_node(node, text, regex_problem)
        for child in node.children:
            if child.kind == classes.LAMBDA and node.value not in HIGHER_ORDER:
                raise RefusedError(
                    "a lambda (x -> ...) may only be an argument of exists, filter, transform ...", child.span
                )
    if root.kind == classes.LAMBDA:
        raise RefusedError("a lambda (x -> ...) is not a condition", root.span)
    _grow(root, {})


def _check_node(node: Node, text: str, regex_problem: Compiles) -> None:
    if node.kind == classes.LITERAL:
        _check_literal(node, text)
    elif node.kind == classes.CAST and node.type not in classes.PLAIN_TYPES and not _DECIMAL.fullmatch(node.type):
        raise RefusedError(
            f"a condition cannot CAST to {node.type}; cast to a number, text, a truth value or a date", node.span
        )
    elif node.kind in classes.PATTERNS:
        _check_pattern(node, None if node.name == "RLike" else str(node.value), regex_problem)
    elif node.kind in classes.PATTERN_LISTS:
        for pattern in node.value:
            _try_pattern(pattern, "\\", node.span, regex_problem)
    elif node.kind == classes.FUNCTION:
        _check_call(node, regex_problem)


def _check_literal(node: Node, text: str) -> None:
    if isinstance(node.value, str | bytes) and len(node.value) > MAX_TEXT_CHARACTERS:
        raise RefusedError(f"the text has more than {MAX_TEXT_CHARACTERS:,} characters", node.span)
    if node.type in classes.DATE_TYPES and not _DATE_TEXT.fullmatch(_slice(text, node.span)):
        raise RefusedError(_NOT_A_DATE, node.span)


def _slice(text: str, span: Span | None) -> str:
    return text[span[0] : span[0] + span[1]] if span else ""


def _check_call(node: Node, regex_problem: Compiles) -> None:
    name, args = str(node.value), node.children
    if name in _COUNTS:
        _number(node, _COUNTS[name], MAX_REPEATS)
    if name in _DIGITS and len(args) > 1:
        _number(node, _DIGITS[name], MAX_DIGITS)
    for index in _LITERALS.get(name, ()):
        _text_or_number(node, index)
    if name == "named_struct":
        for index in range(0, len(args), 2):
            _text_or_number(node, index)
    if name == "sequence":
        _check_sequence(node)
    if name in _REGEX_CALLS and len(args) > 1:
        _check_pattern(node, None, regex_problem)
    if name in _LIKE_CALLS and len(args) > 1:
        _check_pattern(node, _escape(node), regex_problem)
    if name in _ELEMENTS and len(args) > 1 and args[1].kind == classes.LITERAL and args[1].value == 0:
        raise RefusedError(f"{name}() counts from 1; write get(array, 0) or array[0] for the first", args[1].span)


def _number(node: Node, index: int, limit: int) -> int:
    """Return a literal whole number, or refuse."""
    value = node.children[index].value if index < len(node.children) else None
    literal = index >= len(node.children) or node.children[index].kind == classes.LITERAL
    if index < len(node.children) and (not literal or isinstance(value, bool) or not isinstance(value, int)):
        message = f"argument {index + 1} of {node.value}() must be a whole number written out"
        raise RefusedError(message, node.children[index].span)
    number = value if isinstance(value, int) else 0
    if abs(number) > limit:
        message = f"argument {index + 1} of {node.value}() may be at most {limit:,}"
        raise RefusedError(message, node.children[index].span)
    return number


def _text_or_number(node: Node, index: int) -> None:
    if index < len(node.children) and node.children[index].kind != classes.LITERAL:
        message = f"argument {index + 1} of {node.value}() must be written out, not computed"
        raise RefusedError(message, node.children[index].span)


def _check_sequence(node: Node) -> None:
    """Refuse a sequence whose length is not known or too large."""
    start, stop = (_number(node, index, 2**31) for index in (0, 1))
    step = _number(node, 2, 2**31) if len(node.children) > 2 else 1
    if step == 0 or abs(stop - start) / abs(step) >= MAX_SEQUENCE:
        raise RefusedError(f"a sequence may have at most {MAX_SEQUENCE:,} numbers", node.span)


def _escape(node: Node) -> str:
    """Return the escape character of ``like(text, pattern, escape)``."""
    if len(node.children) < 3:
        return "\\"
    escape = node.children[2]
    if escape.kind != classes.LITERAL or not isinstance(escape.value, str) or len(escape.value) != 1:
        raise RefusedError("the escape of LIKE must be one character written out", escape.span)
    return escape.value


def _check_pattern(node: Node, escape: str | None, regex_problem: Compiles) -> None:
    """Check the second child as a pattern: of LIKE with this escape character, or a regular expression (None)."""
    pattern = node.children[1]
    if pattern.kind != classes.LITERAL or pattern.type != "string":
        raise RefusedError("a pattern must be a text written out, not computed", pattern.span)
    _try_pattern(str(pattern.value), escape, pattern.span, regex_problem)


def _try_pattern(pattern: str, escape: str | None, span: Span | None, regex_problem: Compiles) -> None:
    problem = ""
    try:
        if escape is None:
            regex_backtracking(pattern)
            problem = regex_problem(pattern)
        else:
            like_backtracking(pattern, escape)
    except PatternError as error:
        raise RefusedError(f"the pattern is not allowed: {error}", span) from None
    if problem:
        raise RefusedError(f"the pattern is not a regular expression: {problem}", span)


@dataclass(frozen=True)
class _Growth:
    """``copies``: nodes once Spark has copied what it copies; ``types``: columns' types in the type of the result."""

    copies: int
    types: int


def _grow(node: Node, scope: Mapping[str, int]) -> _Growth:
    """Refuse what analysis or optimisation would make exponentially large; names bound by lambdas are in ``scope``."""
    plain = [_grow(child, scope) for child in node.children if child.kind != classes.LAMBDA]
    total = sum(growth.types for growth in plain)
    bodies = [_grow_lambda(child, total, scope) for child in node.children if child.kind == classes.LAMBDA]
    children = plain + bodies
    repeats = _copied(node)
    growth = _Growth(
        1 + sum(child.copies for child in children) + (repeats - 1) * (children[0].copies if children else 0),
        _types(node, scope, [child.types for child in children], total, max((b.types for b in bodies), default=0)),
    )
    if growth.copies > MAX_COPIES or growth.types > MAX_TYPE_GROWTH:
        raise RefusedError("this becomes too large when Spark expands it; nest less", node.span)
    return growth


def _grow_lambda(function: Node, bound: int, scope: Mapping[str, int]) -> _Growth:
    names = {str(variable.value): bound for variable in function.children[1:]}
    return _grow(function.children[0], {**scope, **names})


def _copied(node: Node) -> int:
    if node.kind in classes.PATTERN_LISTS:
        return 3 * len(node.value)
    return _COPIED.get(str(node.value), 1) if node.kind == classes.FUNCTION else _COPIED_KINDS.get(node.name, 1)


def _types(node: Node, scope: Mapping[str, int], children: list[int], total: int, body: int) -> int:
    if node.kind == classes.VARIABLE:
        return scope.get(str(node.value), 1)
    if node.kind == classes.STRUCT or node.value in _STRUCTURES:
        return 1 + sum(children)
    if node.kind == classes.FUNCTION and node.value in HIGHER_ORDER:
        return total + body
    keeps = node.value not in SCALAR_FUNCTIONS if node.kind == classes.FUNCTION else node.name in _TYPE_KEEPING
    return max(children, default=1) if keeps else 1

"""Bounds what one condition can cost for one alert: the size of any value in it and the steps of work.

A short text can ask for a great deal: each ``transform(array(x), a -> concat(a, a))`` doubles its argument, and
forty of them fit in a condition; ``exists`` in ``exists`` in ``exists`` over a history is its length cubed. The bound
is computed from the resolved expression, with nominal sizes for what the lake holds, before anything is evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from alertferry.core.conditions.classes import LITERAL
from alertferry.core.conditions.patterns import Backtracking, regex_backtracking
from alertferry.core.conditions.tree import Node, RefusedError

MAX_SIZE = 2e7
"""Largest value, in numbers or characters."""

MAX_STEPS = 5e7
"""Most steps of work for one alert."""

_NOMINAL_CHARACTERS = 32
_NOMINAL_BYTES = 100_000
_NOMINAL_ELEMENTS = 500
_NOMINAL_ENTRIES = 50
_SHORT_TEXT = 64
_LARGEST_SEQUENCE = 10_000


@dataclass(frozen=True)
class Extent:
    """How large a value can be: ``count`` characters or elements (1 for numbers and structs), each with ``parts``."""

    count: float = 1
    parts: tuple[Extent, ...] = ()

    @property
    def total(self) -> float:
        """Return the size in numbers or characters."""
        return self.count * (sum(part.total for part in self.parts) if self.parts else 1)


Measured = tuple[Extent, float]
Scope = Mapping[tuple[str, int], Extent]


def check_size(node: Node) -> None:
    """Refuse a resolved condition that could make huge values or take very long. Raises `RefusedError`."""
    _measure(node, {})


def extent_of(kind: Any) -> Extent:
    """Return the nominal extent of a type, given as Spark's JSON."""
    if isinstance(kind, dict) and kind.get("type") == "array":
        return Extent(_NOMINAL_ELEMENTS, (extent_of(kind["elementType"]),))
    if isinstance(kind, dict) and kind.get("type") == "map":
        return Extent(_NOMINAL_ENTRIES, (extent_of(kind["keyType"]), extent_of(kind["valueType"])))
    if isinstance(kind, dict) and kind.get("type") == "struct":
        return Extent(1, tuple(extent_of(member["type"]) for member in kind["fields"]))
    return Extent({"string": _NOMINAL_CHARACTERS, "binary": _NOMINAL_BYTES}.get(str(kind), 1))


def _measure(node: Node, scope: Scope) -> Measured:
    extent, steps = _LOOPS.get(node.name, _plain)(node, scope)
    if extent.total > MAX_SIZE:
        raise RefusedError("this can make a value too large for one alert", node.span)
    if steps > MAX_STEPS:
        raise RefusedError("this can take too long for one alert: nest fewer loops or simplify the pattern", node.span)
    return extent, steps


def _plain(node: Node, scope: Scope) -> Measured:
    if node.name in ("NamedLambdaVariable", "CommonExpressionRef"):
        return scope.get((node.name, node.value)) or extent_of(json.loads(node.type)), 1
    measured = [_measure(child, scope) for child in node.children]
    extents = [extent for extent, _ in measured]
    return _result(node, extents), sum(steps for _, steps in measured) + _own_steps(node, extents)


def _with(node: Node, scope: Scope) -> Measured:
    """Measure ``With(expression, definitions)``: the definitions are named by number."""
    inner, total = dict(scope), 0.0
    for definition in node.children[1:]:
        extent, steps = _measure(definition, scope)
        inner["CommonExpressionRef", definition.value] = extent
        total += steps
    extent, steps = _measure(node.children[0], inner)
    return extent, steps + total


# ---- sizes --------------------------------------------------------------------------------------------------------


def _result(node: Node, args: Sequence[Extent]) -> Extent:
    if node.name in _RESULTS:
        return _RESULTS[node.name](args)
    if node.name in _NODE_RESULTS:
        return _NODE_RESULTS[node.name](node, args)
    if node.kind == LITERAL:
        return Extent(max(1, len(node.value)) if isinstance(node.value, str | bytes) else 1)
    kind = json.loads(node.type)
    if not node.children:
        return extent_of(kind)
    if kind in ("string", "binary"):
        return Extent(_SHORT_TEXT + sum(arg.total for arg in args))
    if isinstance(kind, dict):
        raise RefusedError(f"{node.name} is not allowed to make {kind['type']} values in a condition", node.span)
    return Extent()


def _join(extents: Sequence[Extent]) -> Extent:
    """Return an extent that holds any of the given ones."""
    if not extents:
        return Extent()
    columns = zip_longest(*(extent.parts for extent in extents))
    parts = tuple(_join([part for part in column if part is not None]) for column in columns)
    return Extent(max(extent.count for extent in extents), parts)


def _part(extent: Extent, index: int) -> Extent:
    return extent.parts[index] if index < len(extent.parts) else Extent()


def _element(args: Sequence[Extent]) -> Extent:
    """Return the element of an array, or the value of a map (its second part)."""
    return args[0].parts[-1] if args[0].parts else Extent()


def _concat(args: Sequence[Extent]) -> Extent:
    return Extent(sum(arg.count for arg in args), _join(args).parts)


def _append(args: Sequence[Extent]) -> Extent:
    """Return an array with the value of the third argument put in at its start or end."""
    return Extent(args[0].count + 2, (_join([*args[0].parts, args[2]]),))


def _flatten(args: Sequence[Extent]) -> Extent:
    inner = _part(args[0], 0)
    return Extent(args[0].count * inner.count, inner.parts)


def _create_map(args: Sequence[Extent]) -> Extent:
    return Extent(len(args) / 2, (_join(args[::2]), _join(args[1::2])))


def _case(args: Sequence[Extent]) -> Extent:
    """Return what holds every result of WHEN condition THEN result ... ELSE result."""
    return _join([*args[1::2], *(args[-1:] if len(args) % 2 else [])])


def _zip(args: Sequence[Extent]) -> Extent:
    return Extent(max(arg.count for arg in args), (Extent(1, tuple(_part(arg, 0) for arg in args)),))


def _pieces(args: Sequence[Extent]) -> Extent:
    """Return the parts that a text can be cut into."""
    return Extent(args[0].count + 1, (Extent(args[0].count),))


def _replaced(args: Sequence[Extent]) -> Extent:
    return Extent(args[0].count * max(1.0, args[2].count / max(1.0, args[1].count)))


def _changed_case(args: Sequence[Extent]) -> Extent:
    return Extent(3 * args[0].count)  # one letter can become three


def _first(args: Sequence[Extent]) -> Extent:
    return args[0]


def _literal_count(node: Node, index: int) -> float:
    """Return a literal argument; `rules` has made sure that there is one, and its limit."""
    value = next((inner.value for inner in node.children[index].walk() if isinstance(inner.value, int)), 0)
    return max(1, value)


def _padded(node: Node, args: Sequence[Extent]) -> Extent:
    return Extent(max(args[0].count, _literal_count(node, 1)))


def _cast(node: Node, args: Sequence[Extent]) -> Extent:
    """Return the extent of a cast; a number in a list becomes up to 24 characters."""
    if node.type != '"string"':
        return Extent(args[0].count, args[0].parts)
    return Extent(_SHORT_TEXT + (24 * args[0].total if args[0].parts else args[0].count))


_RESULTS: dict[str, Callable[[Sequence[Extent]], Extent]] = {
    "Alias": _first,
    "ArrayDistinct": _first,
    "ArrayExcept": _first,
    "ArrayInsert": _append,
    "ArrayIntersect": _first,
    "ArrayMax": _element,
    "ArrayMin": _element,
    "ArrayRemove": _first,
    "ArrayUnion": _concat,
    "ArraysZip": _zip,
    "CaseWhen": _case,
    "Coalesce": _join,
    "CommonExpressionDef": _first,
    "Concat": _concat,
    "CreateArray": lambda args: Extent(len(args), (_join(args),)),
    "CreateMap": _create_map,
    "CreateNamedStruct": lambda args: Extent(1, tuple(args[1::2])),
    "ElementAt": _element,
    "Flatten": _flatten,
    "GetArrayItem": _element,
    "GetMapValue": _element,
    "Greatest": _join,
    "Hex": lambda args: Extent(_SHORT_TEXT + 2 * args[0].count),
    "If": lambda args: _join(args[1:]),
    "InitCap": _changed_case,
    "KnownNotContainsNull": _first,
    "Least": _join,
    "Lower": _changed_case,
    "MapConcat": _concat,
    "MapEntries": lambda args: Extent(args[0].count, (Extent(1, args[0].parts),)),
    "MapFromArrays": lambda args: Extent(args[0].count, (_part(args[0], 0), _part(args[1], 0))),
    "MapFromEntries": lambda args: Extent(args[0].count, _part(args[0], 0).parts),
    "MapKeys": lambda args: Extent(args[0].count, args[0].parts[:1]),
    "MapValues": lambda args: Extent(args[0].count, args[0].parts[1:]),
    "NaNvl": _join,
    "RegExpExtractAll": _pieces,
    "Reverse": _first,
    "Sequence": lambda _: Extent(_LARGEST_SEQUENCE, (Extent(),)),
    "Slice": _first,
    "SortArray": _first,
    "StringReplace": _replaced,
    "StringSplit": _pieces,
    "StringSplitSQL": _pieces,
    "TryEval": _first,
    "Upper": _changed_case,
}

_NODE_RESULTS: dict[str, Callable[[Node, Sequence[Extent]], Extent]] = {
    "ArrayRepeat": lambda node, args: Extent(_literal_count(node, 1), (args[0],)),
    "Cast": _cast,
    "GetArrayStructFields": lambda node, args: Extent(args[0].count, (_part(_part(args[0], 0), node.value),)),
    "GetStructField": lambda node, args: _part(args[0], node.value),
    "StringLPad": _padded,
    "StringRPad": _padded,
    "StringRepeat": lambda node, args: Extent(args[0].count * _literal_count(node, 1)),
    "StringSpace": lambda node, _: Extent(_literal_count(node, 0)),
}


# ---- steps --------------------------------------------------------------------------------------------------------

_PAIRWISE_NAMES = """
    ArrayDistinct ArrayExcept ArrayIntersect ArrayUnion ArraysOverlap Contains FindInSet Levenshtein MapConcat
    StringInstr StringLocate StringReplace StringSplitSQL SubstringIndex
"""
_PAIRWISE = frozenset(_PAIRWISE_NAMES.split())
_REGEX = frozenset(("RLike", "RegExpExtract", "RegExpExtractAll", "RegExpInStr", "StringSplit"))
_LIKES = frozenset(("Like", "LikeAll", "LikeAny", "NotLikeAll", "NotLikeAny"))


def _own_steps(node: Node, args: Sequence[Extent]) -> float:
    """Return the work of one node on arguments of these extents."""
    if node.name in _REGEX:
        return regex_backtracking(_pattern(node.children[1])).steps(args[0].count)
    if node.name in _LIKES:
        patterns = node.value or (_pattern(node.children[1]),)
        return sum(_like(pattern).steps(args[0].count) for pattern in patterns)
    if node.name in _PAIRWISE:
        counts = [arg.count for arg in args]
        return counts[0] * max([counts[0], *counts[1:]])
    return 1 + sum(arg.count for arg in args)


def _pattern(node: Node) -> str:
    """Return a literal pattern; ILIKE puts ``lower`` around it."""
    return next((str(inner.value) for inner in node.walk() if isinstance(inner.value, str)), "")


def _like(pattern: str) -> Backtracking:
    return Backtracking(loops=pattern.count("%"))


def _loop(node: Node, scope: Scope) -> Measured:
    """Measure a higher-order function: its lambdas run once for every element."""
    plain = [child for child in node.children if child.name != "LambdaFunction"]
    lambdas = [child for child in node.children if child.name == "LambdaFunction"]
    measured = [_measure(child, scope) for child in plain]
    args, steps = [extent for extent, _ in measured], sum(steps for _, steps in measured)
    bodies = []
    for function in lambdas:
        body, once = _measure_lambda(function, _bound(node, args), scope)
        bodies.append(body)
        steps += once * _rounds(node, args)
    return _loop_result(node, args, bodies), steps + 1


def _rounds(node: Node, args: Sequence[Extent]) -> float:
    """Return how often a lambda runs: once for every element, or for every comparison of a sort."""
    longest = max(arg.count for arg in args)
    return max(1.0, longest * (20 if node.name == "ArraySort" else 1))


def _bound(node: Node, args: Sequence[Extent]) -> list[Extent]:
    """Return the extents of a lambda's variables, in order."""
    if node.name in ("TransformKeys", "TransformValues", "MapFilter"):
        return list(args[0].parts)
    if node.name == "MapZipWith":
        return [_join([_part(arg, 0) for arg in args]), _part(args[0], 1), _part(args[1], 1)]
    if node.name == "ZipWith":
        return [_part(args[0], 0), _part(args[1], 0)]
    element = _part(args[0], 0)
    if node.name == "ArrayAggregate":
        return [args[1], element]
    return [element, element if node.name == "ArraySort" else Extent()]


def _measure_lambda(function: Node, bound: Sequence[Extent], scope: Scope) -> Measured:
    inner = dict(scope)
    for variable, extent in zip(function.children[1:], bound, strict=False):
        inner["NamedLambdaVariable", variable.value] = extent
    return _measure(function.children[0], inner)


def _loop_result(node: Node, args: Sequence[Extent], bodies: Sequence[Extent]) -> Extent:
    if node.name in ("ArrayExists", "ArrayForAll"):
        return Extent()
    if node.name in ("ArrayFilter", "ArraySort", "MapFilter"):
        return args[0]
    if node.name == "ArrayAggregate":
        _refuse_growth(node)
        return bodies[1]
    if node.name == "TransformKeys":
        return Extent(args[0].count, (bodies[0], _part(args[0], 1)))
    if node.name == "TransformValues":
        return Extent(args[0].count, (_part(args[0], 0), bodies[0]))
    if node.name == "MapZipWith":
        return Extent(args[0].count + args[1].count, (_join([_part(arg, 0) for arg in args]), bodies[0]))
    return Extent(max(arg.count for arg in args), (bodies[0],))


def _refuse_growth(node: Node) -> None:
    """Refuse an accumulator that could grow from one element to the next."""
    if any(word in node.children[1].type for word in ('"string"', '"binary"', '"array"', '"map"')):
        message = "the running value of aggregate() must be a number, a truth value, a time, or a struct of these"
        raise RefusedError(message, node.children[1].span)


_LOOP_NAMES = """
    ArrayAggregate ArrayExists ArrayFilter ArrayForAll ArraySort ArrayTransform MapFilter MapZipWith TransformKeys
    TransformValues ZipWith
"""
_LOOPS: dict[str, Callable[[Node, Scope], Measured]] = {**dict.fromkeys(_LOOP_NAMES.split(), _loop), "With": _with}

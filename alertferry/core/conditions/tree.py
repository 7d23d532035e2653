"""Reads an expression tree of Spark's JVM into plain Python, refusing every class that is not on the list.

The rules (`rules`, `sizes`) then work on `Node` objects and need no JVM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from alertferry.core.conditions import classes
from alertferry.core.conditions.allowed import FUNCTIONS, why_not

MAX_NODES = 1_200
MAX_TREE_DEPTH = 120
_INDEXED = frozenset(("GetStructField", "GetArrayStructFields"))
_IDENTIFIED = frozenset(("CommonExpressionDef", "CommonExpressionRef"))

Span = tuple[int, int]


class RefusedError(Exception):
    """A node may not be part of a condition: the reason, and where if known. The gate turns it into a message."""

    def __init__(self, message: str, span: Span | None) -> None:
        self.message = message
        self.span = span
        super().__init__(message)


Place = Callable[[], Span | None]


def _nowhere() -> Span | None:
    return None


def _untyped() -> str:
    return ""


@dataclass(frozen=True)
class Node:
    """One expression.

    ``kind`` is the full class name. ``value`` is a literal's value, a function's or variable's name, a field's
    ordinal, a list of patterns or LIKE's escape. ``made_by`` is the short name of the class, if any, that Spark
    replaces by this node. ``expression`` is what the JVM has for it (in resolved trees). ``place`` and ``describe`` ask
    the JVM when they are called, because every question costs a tenth of a millisecond: see `span` and `type`.
    """

    kind: str
    children: tuple[Node, ...] = ()
    value: Any = None
    place: Place = _nowhere
    describe: Callable[[], str] = _untyped
    expression: Any = None
    made_by: str = ""

    @property
    def span(self) -> Span | None:
        """Return offset and length in the condition, of the nearest expression above if Spark keeps none."""
        return self.place()

    @property
    def type(self) -> str:
        """Return Spark's type: SQL text in parsed trees (literals and casts only), JSON in resolved ones."""
        return self.describe()

    @property
    def name(self) -> str:
        """Return the short name of the class."""
        return self.kind.rsplit(".", 1)[-1]

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, parents first."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


@dataclass
class _Budget:
    """Trees may share branches: a short text can make a tree of billions of nodes, so visits are counted."""

    left: int = MAX_NODES

    def spend(self, depth: int, place: Place) -> None:
        self.left -= 1
        if self.left < 0 or depth > MAX_TREE_DEPTH:
            raise RefusedError("the condition is too large; split it into several conditions", place())


def read_parsed(expression: Any) -> Node:
    """Read a tree as Spark's parser made it. Raises `RefusedError` at the first node that is not allowed."""
    return _read_parsed(expression, _Budget(), 0, _nowhere, "")


def _read_parsed(expression: Any, budget: _Budget, depth: int, above: Place, parent: str) -> Node:
    place = _place(expression, above)
    budget.spend(depth, place)
    kind = str(expression.getClass().getName())
    if kind not in classes.PARSED or (kind in classes.IN_STRUCT and parent != classes.STRUCT):
        raise RefusedError(classes.why_not_class(kind), place())
    node = _parsed_details(expression, Node(kind, place=place))
    children = tuple(_read_parsed(child, budget, depth + 1, place, kind) for child in _children(expression, kind))
    return replace(node, children=children)


def _parsed_details(expression: Any, node: Node) -> Node:
    kind = node.kind
    if kind == classes.FUNCTION:
        return replace(node, value=_function_name(expression, node))
    if kind in (classes.ATTRIBUTE, classes.VARIABLE):
        return replace(node, value=str(expression.nameParts().head()).lower())
    if kind == classes.LITERAL:
        return replace(node, value=_literal(expression), describe=_sql_type(expression))
    if kind == classes.CAST:
        return replace(node, describe=_sql_type(expression))
    if kind in classes.PATTERN_LISTS:
        return replace(node, value=_patterns(expression))
    if kind in classes.PATTERNS and node.name != "RLike":
        return replace(node, value=str(expression.escapeChar()))
    return node


def _function_name(expression: Any, node: Node) -> str:
    """Return the lower-cased name of an allowed call; refuse qualified names, unknown names and any decoration."""
    written = str(expression.nameParts().mkString("."))
    name = written.lower()
    if not written.isascii() or name not in FUNCTIONS:  # no allowed name has a dot: this refuses qualified names too
        qualified = expression.nameParts().size() != 1
        message = f"a function's name has no dots in a condition, got '{written}'" if qualified else why_not(written)
        raise RefusedError(message, node.span)
    only_arguments = expression.children().size() == expression.arguments().size()
    if expression.isDistinct() or expression.ignoreNulls() or expression.isInternal() or not only_arguments:
        message = f"DISTINCT, FILTER, IGNORE NULLS and WITHIN GROUP are not allowed in {name}()"
        raise RefusedError(message, node.span)
    return name


def _literal(expression: Any) -> Any:
    """Return a literal's value; texts as `str`, other objects of the JVM as their text."""
    value = expression.value()
    return value if isinstance(value, bool | int | float | bytes | None) else str(value.toString())


def _patterns(expression: Any) -> tuple[str, ...]:
    patterns = expression.patterns()
    return tuple(str(patterns.apply(index).toString()) for index in range(patterns.size()))


def read_resolved(expression: Any) -> Node:
    """Read a tree after analysis. Raises `RefusedError` at the first node that is not allowed."""
    return _read_resolved(expression, _Budget(), 0, _nowhere)


def _read_resolved(expression: Any, budget: _Budget, depth: int, above: Place) -> Node:
    place = _place(expression, above)
    budget.spend(depth, place)
    kind = str(expression.getClass().getName())
    if kind in classes.REPLACED:
        found = _read_resolved(expression.replacement(), budget, depth + 1, place)
        return replace(found, made_by=kind.rsplit(".", 1)[-1])
    if kind not in classes.RESOLVED:
        raise RefusedError(classes.why_not_class(kind), place())
    node = Node(kind, place=place, describe=lambda: str(expression.dataType().json()), expression=expression)
    node = _resolved_details(expression, node)
    children = tuple(_read_resolved(child, budget, depth + 1, place) for child in _children(expression, kind))
    return replace(node, children=children)


def _resolved_details(expression: Any, node: Node) -> Node:
    if node.kind == classes.LITERAL:
        return replace(node, value=_literal(expression))
    if node.kind in classes.PATTERN_LISTS:
        return replace(node, value=_patterns(expression))
    if node.name in _INDEXED:
        return replace(node, value=int(expression.ordinal()))
    if node.name in _IDENTIFIED:
        return replace(node, value=int(expression.id().id()))
    if node.name == "NamedLambdaVariable":
        return replace(node, value=int(expression.exprId().id()))
    return node


def _children(expression: Any, kind: str) -> list[Any]:
    if kind in classes.LEAVES:
        return []
    children = expression.children()
    return [children.apply(index) for index in range(children.size())]


def _sql_type(expression: Any) -> Callable[[], str]:
    return lambda: str(expression.dataType().catalogString())


def _place(expression: Any, above: Place) -> Place:
    return lambda: _span(expression) or above()


def _span(expression: Any) -> Span | None:
    """Return where the parser found an expression; ANTLR counts code points, as Python does."""
    origin = expression.origin()
    start, stop = origin.startIndex(), origin.stopIndex()
    if start.isEmpty() or stop.isEmpty():
        return None
    return int(start.get()), max(1, int(stop.get()) - int(start.get()) + 1)

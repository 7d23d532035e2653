"""NaN in a comparison is unknown, as null is: builds the column of a condition from its resolved tree.

Spark takes NaN for the largest number, equal to itself, while a parquet reader skips row groups by bounds that leave
NaN out: the answer would depend on who wrote the file. Here no comparison operator ever meets a NaN. An operand that
may be one is wrapped in ``nanvl(operand, null)``, and everything else follows from Spark's rules for null: a negation
is unknown, elements of arrays in lambdas are as any value, ``x IN (...)`` is its equalities, ``CASE x WHEN`` too.

Where false may stand for unknown (a filter, up to what stands below AND, OR and NOT) a comparison with a plain field
stays as it is, so that it reaches the parquet reader, and ``NOT isnan(field)`` is added, if the comparison could be
true of a NaN at all. Functions keep what Spark means by them, those too that it makes of comparisons; so does ``<=>``,
which is kept from the parquet reader instead where it could look for NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from alertferry.core.catalyst import expression_of, java
from alertferry.core.conditions import classes
from alertferry.core.conditions.tree import Node

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EXPRESSIONS = "org.apache.spark.sql.catalyst.expressions."
_FLOATS = ('"float"', '"double"')

_LEFT, _RIGHT, _ALL = "left", "right", "all"
_TRUE_OF_NAN = {
    "EqualTo": (_LEFT, _ALL),
    "In": (_LEFT, _ALL),
    "GreaterThan": (_LEFT, _RIGHT),
    "GreaterThanOrEqual": (_LEFT, _RIGHT),
    "LessThan": (_RIGHT, _LEFT),
    "LessThanOrEqual": (_RIGHT, _LEFT),
}
"""Comparison operators: the operand that is NaN if the comparison is true of any; the same for their negation."""

_COMPARE_FOR_THEMSELVES = frozenset(("NullIf", "NullIfZero"))
"""Functions that Spark replaces by a comparison: NULLIF(x, double('NaN')) still finds NaN."""


def condition_of(spark: SparkSession, root: Node) -> Any:
    """Return the expression of a condition: null where it is unknown."""
    return _Builder(spark).unknown(_written_out(root, {}))


def filter_of(spark: SparkSession, root: Node) -> Any:
    """Return an expression that is true for the same alerts as `condition_of`; false may stand for its null."""
    return _Builder(spark).kept(_written_out(root, {}))


def _written_out(node: Node, definitions: dict[int, Node]) -> Node:
    """Return a tree in which every value that Spark names stands where its name does.

    Spark cannot resolve named values a second time. `rules` bounds how often a value may stand in what becomes of it.
    """
    if node.name == "CommonExpressionRef":
        return definitions[node.value]
    if node.name == "With":
        for definition in node.children[1:]:
            definitions[definition.value] = _written_out(definition.children[0], definitions)
        body = _written_out(node.children[0], definitions)
        return replace(body, made_by=node.made_by or body.made_by)
    return replace(node, children=tuple(_written_out(child, definitions) for child in node.children))


def may_be_nan(node: Node) -> bool:
    """Return whether a value may be NaN: a float or a double, but no literal number and no whole or decimal one."""
    if node.type not in _FLOATS:
        return False
    if node.kind == classes.LITERAL:
        return node.value is not None and node.value != node.value
    return not (node.kind == classes.CAST and node.children[0].type not in (*_FLOATS, '"string"'))


def _is_field(node: Node) -> bool:
    """Return whether a value is a field of the alert, perhaps cast: what the parquet reader understands."""
    while node.name in ("GetStructField", "Cast"):
        node = node.children[0]
    return node.name == "AttributeReference"


def _is_zero(node: Node) -> bool:
    """Return whether a value is a zero written out, of a type that has two of them."""
    if node.type not in _FLOATS:
        return False
    while node.name == "Cast":
        node = node.children[0]
    try:
        return node.kind == classes.LITERAL and float(node.value) == 0
    except (TypeError, ValueError):
        return False


@dataclass(frozen=True)
class _Builder:
    spark: SparkSession

    def unknown(self, node: Node, own: bool = False) -> Any:
        """Return the expression with every comparison null where an operand is NaN; ``own``: but the topmost one."""
        own = own or node.made_by in _COMPARE_FOR_THEMSELVES
        if node.name == "ArraySort":  # an order that is unknown in places is none
            return self._with_children(node, [self.unknown(node.children[0]), self._as_it_is(node.children[1])])
        if node.name in _TRUE_OF_NAN and not own:
            return self._with_children(node, [self._or_null(child) for child in node.children])
        if (node.name == "EqualNullSafe" or own) and all(map(may_be_nan, node.children)):
            return self._with_children(node, [self._unread(child) for child in node.children])
        passes = own and node.name == "If"
        return self._with_children(node, [self.unknown(c, passes and not i) for i, c in enumerate(node.children)])

    def kept(self, node: Node, negated: bool = False) -> Any:
        """Return an expression that is true where the node is, or where it is false if ``negated``."""
        if node.name == "Not":
            return self.kept(node.children[0], not negated)
        if node.name in ("And", "Or"):
            name = {"And": "Or", "Or": "And"}[node.name] if negated else node.name
            return self._new(name, *(self.kept(child, negated) for child in node.children))
        comparable = [child for child in node.children if may_be_nan(child)]
        equality_with_zero = node.name in ("EqualTo", "In") and any(map(_is_zero, node.children))
        if node.name in _TRUE_OF_NAN and comparable and all(map(_is_field, comparable)) and not equality_with_zero:
            return self._guarded(node, negated)
        found = self.unknown(node)
        return self._new("Not", found) if negated else found

    def _guarded(self, node: Node, negated: bool) -> Any:
        least = (node.name in ("GreaterThanOrEqual", "LessThan")) != _is_zero(node.children[0])
        found = self._with_children(
            node, [self._zero(child, least) if _is_zero(child) else self.unknown(child) for child in node.children]
        )
        found = self._new("Not", found) if negated else found
        for operand in self._suspects(node, negated):
            found = self._new("And", found, self._new("Not", self._new("IsNaN", self.unknown(operand))))
        return found

    def _suspects(self, node: Node, negated: bool) -> Sequence[Node]:
        """Return the operands that could be NaN where the comparison is true (or false, if ``negated``)."""
        which = _TRUE_OF_NAN[node.name][negated]
        if which == _ALL:
            return [child for child in node.children if may_be_nan(child)]
        if node.name in ("EqualTo", "In") and not any(map(may_be_nan, node.children[1:])):
            return []  # no NaN to be equal to
        operand = node.children[0 if which == _LEFT else 1]
        return [operand] if may_be_nan(operand) else []

    def _or_null(self, node: Node) -> Any:
        """Return a value, null where it is NaN."""
        found = self.unknown(node)
        if not may_be_nan(node):
            return found
        nothing = java(self.spark, classes.LITERAL).create(None, node.expression.dataType())
        return self._new("NaNvl", found, nothing)

    def _unread(self, node: Node) -> Any:
        """Return a value as it is, in a form that no reader of parquet judges by the bounds of row groups."""
        from pyspark.sql import functions as F

        return self._new("NaNvl", self.unknown(node), expression_of(self.spark, F.lit(math.nan)))

    def _zero(self, node: Node, least: bool) -> Any:
        """Return the zero that lets a reader of parquet, to which -0.0 is less than 0.0, find both."""
        from pyspark.sql import functions as F

        return expression_of(self.spark, F.lit(-0.0 if least else 0.0).cast(node.type.strip('"')))

    def _as_it_is(self, node: Node) -> Any:
        return self._with_children(node, [self._as_it_is(child) for child in node.children])

    def _with_children(self, node: Node, children: Sequence[Any]) -> Any:
        """Return a node with other children; names are to be resolved again, on the very frame that is selected from.

        Variables of lambdas too: resolved ones hold the element at hand, and plans that run at once would share it.
        """
        if node.name == "AttributeReference":
            return java(self.spark, classes.ATTRIBUTE)(self._sequence([node.expression.name()]))
        if node.name == "NamedLambdaVariable":
            return java(self.spark, classes.VARIABLE)(self._sequence([node.expression.name()]))
        return node.expression.withNewChildren(self._sequence(children)) if children else node.expression

    def _new(self, name: str, *children: Any) -> Any:
        return java(self.spark, _EXPRESSIONS + name)(*children)

    def _sequence(self, items: Sequence[Any]) -> Any:
        found = java(self.spark, "java.util.ArrayList")()
        for item in items:
            found.add(item)
        return java(self.spark, "org.apache.spark.api.python.PythonUtils").toSeq(found)

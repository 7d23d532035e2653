"""The rules on trees, without a JVM: trees are written by hand as the reader would make them."""

import json

import pytest

from alertferry.core.conditions import classes
from alertferry.core.conditions.rules import check_parsed
from alertferry.core.conditions.sizes import Extent, check_size, extent_of
from alertferry.core.conditions.tree import Node, RefusedError

DOUBLE, STRING = '"double"', '"string"'


def literal(value):
    kind = {str: "string", int: "int", float: "double"}[type(value)]
    return Node(classes.LITERAL, value=value, describe=lambda: kind, place=lambda: (0, 1))


def call(name, *args):
    return Node(classes.FUNCTION, args, value=name)


def column():
    return Node(classes.ATTRIBUTE, value="a")


def function(body, *names):
    variables = [Node(classes.VARIABLE, value=name) for name in names]
    return Node(classes.LAMBDA, (body, *variables))


def parsed(node, text="", regex_problem=lambda pattern: ""):
    check_parsed(node, text, regex_problem)


@pytest.mark.parametrize(
    "node",
    [
        call("repeat", column(), literal(10)),
        call("round", column(), literal(2)),
        call("sequence", literal(1), literal(100)),
        call("exists", column(), function(Node(classes.VARIABLE, value="x"), "x")),
        call("rlike", column(), literal("^a+b")),
        call("named_struct", literal("k"), column()),
    ],
)
def test_calls_within_the_rules_pass(node):
    parsed(node)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (call("repeat", column(), literal(1001)), "at most 1,000"),
        (call("repeat", column(), column()), "written out"),
        (call("round", column(), literal(39)), "at most 38"),
        (call("sequence", literal(0), literal(10_000)), "at most 10,000"),
        (call("sequence", literal(0), literal(1), literal(0)), "at most 10,000"),
        (call("named_struct", call("upper", literal("k")), column()), "not computed"),
        (call("rlike", column(), literal("(a+)+")), "can take forever"),
        (call("rlike", column(), column()), "written out"),
        (call("abs", function(column(), "x")), "a lambda"),
        (function(column(), "x"), "a lambda"),
        (literal("x" * 1001), "more than 1,000 characters"),
        (Node(classes.CAST, (column(),), describe=lambda: "map<string,string>"), "cannot CAST"),
    ],
)
def test_calls_that_break_a_rule_are_refused(node, message):
    with pytest.raises(RefusedError, match=message.replace("(", r"\(")):
        parsed(node)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("DATE '2026-01-31'", True),
        ("timestamp_ntz'2026-01-31T12:00:00.5+01:00'", True),
        ("timestamp '2026-01-31 12:00:00 Europe/Paris'", True),
        ("date 'today'", False),
        ("timestamp ' now'", False),
        ("timestamp /*'2*/ 'now'", False),
        ("timestamp '2026' 'now'", False),
        ("", False),
    ],
)
def test_a_date_literal_is_written_with_digits(text, passes):
    node = Node(classes.LITERAL, value=1, describe=lambda: "timestamp", place=lambda: (0, len(text)))
    if passes:
        parsed(node, text)
    else:
        with pytest.raises(RefusedError, match="digits"):
            parsed(node, text)


def doubled(count, wrap):
    node = column()
    for _ in range(count):
        body = wrap(Node(classes.VARIABLE, value="x"))
        node = call("element_at", call("transform", call("array", node), function(body, "x")), literal(1))
    return node


def test_types_that_double_are_refused_before_spark_builds_them():
    parsed(doubled(1, lambda x: call("struct", x, x)))
    with pytest.raises(RefusedError, match="too large"):
        parsed(doubled(12, lambda x: call("struct", x, x)))


def test_copies_that_double_are_refused_before_spark_makes_them():
    node = column()
    for _ in range(20):
        node = call("nullif", node, literal(1))
    with pytest.raises(RefusedError, match="too large"):
        parsed(node)


# ---- sizes --------------------------------------------------------------------------------------------------------


def resolved(name, *children, kind=DOUBLE, value=None):
    return Node(f"org.apache.spark.sql.catalyst.expressions.{name}", children, value, describe=lambda: kind)


ARRAY = json.dumps({"type": "array", "elementType": "double", "containsNull": True})


def array():
    return resolved("AttributeReference", kind=ARRAY)


def loop(name, source, body, variable):
    return resolved(
        name, source, resolved("LambdaFunction", body, resolved("NamedLambdaVariable", value=variable)), kind=ARRAY
    )


def test_the_extent_of_a_type():
    struct = {"type": "struct", "fields": [{"name": "a", "type": "double"}, {"name": "b", "type": "string"}]}
    assert extent_of("double") == Extent()
    assert extent_of(struct).total == 1 + extent_of("string").total
    assert extent_of({"type": "array", "elementType": struct}).total == 500 * extent_of(struct).total
    assert extent_of({"type": "map", "keyType": "string", "valueType": "double"}).total > 1


def test_loops_in_loops_are_counted():
    once = loop("ArrayExists", array(), resolved("NamedLambdaVariable", value=1), 1)
    twice = loop("ArrayExists", array(), once, 2)
    check_size(twice)
    with pytest.raises(RefusedError, match="take too long"):
        check_size(loop("ArrayExists", array(), twice, 3))


def test_values_that_double_in_a_chain_are_refused():
    node = resolved("AttributeReference", kind=STRING)
    for index in range(30):
        variable = resolved("NamedLambdaVariable", kind=STRING, value=index)
        body = resolved("Concat", variable, variable, kind=STRING)
        source = resolved("CreateArray", node, kind=ARRAY)
        node = resolved("GetArrayItem", loop("ArrayTransform", source, body, index), literal(0), kind=STRING)
    with pytest.raises(RefusedError, match=r"too (large|long) for one alert"):
        check_size(node)


def test_an_accumulator_must_not_grow():
    start = resolved("AttributeReference", kind=STRING)
    merge = resolved("LambdaFunction", start, resolved("NamedLambdaVariable", kind=STRING, value=1))
    node = resolved("ArrayAggregate", array(), start, merge, merge, kind=STRING)
    with pytest.raises(RefusedError, match="running value"):
        check_size(node)


def test_a_collection_from_an_unknown_place_is_refused():
    with pytest.raises(RefusedError, match="not allowed to make array"):
        check_size(resolved("SomethingNew", array(), kind=ARRAY))

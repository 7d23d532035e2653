"""Random conditions together with what they mean: SQL's three-valued logic, written down a second time in Python.

Each strategy draws a pair: the text of an expression, and a function from a row to its value (None is SQL's null).
"""

import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Row = dict[str, Any]
Drawn = tuple[str, Callable[[Row], Any]]

NAN = math.nan
ROWS: list[Row] = [
    {"d": 2.5, "e": -1.0, "s": "ZTF18abc", "t": "g", "flag": True, "nums": [1.0, 2.5, None]},
    {"d": None, "e": 0.0, "s": None, "t": "r", "flag": None, "nums": []},
    {"d": 0.0, "e": None, "s": "", "t": "", "flag": False, "nums": None},
    {"d": NAN, "e": 1.5, "s": "g", "t": "G", "flag": True, "nums": [NAN, 0.0]},
    {"d": math.inf, "e": -0.0, "s": "a%b_", "t": None, "flag": False, "nums": [None]},
    {"d": -3.5, "e": -3.5, "s": "r'é", "t": "g", "flag": None, "nums": [-3.5, 100.0]},
]
SCHEMA = "d double, e double, s string, t string, flag boolean, nums array<double>"


def order(left: Any, right: Any) -> int:
    """Return the order of two values; Spark's NaN equals itself and is larger than any other number."""
    if isinstance(left, float) and isinstance(right, float) and (math.isnan(left) or math.isnan(right)):
        return math.isnan(left) - math.isnan(right)
    return (left > right) - (left < right)


COMPARISONS: dict[str, Callable[[int], bool]] = {
    "=": lambda sign: sign == 0,
    "==": lambda sign: sign == 0,
    "<>": lambda sign: sign != 0,
    "!=": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def equal(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else order(left, right) == 0


def both(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: bool | None, right: bool | None) -> bool | None:
    return negation(both(negation(left), negation(right)))


def negation(value: bool | None) -> bool | None:
    return None if value is None else not value


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is null when an argument is."""
    return lambda *values: None if any(value is None for value in values) else function(*values)


def divide(left: float, right: float) -> float | None:
    return None if right == 0 else left / right


def largest(*values: float | None) -> float | None:
    found = None
    for value in values:
        if value is not None and (found is None or order(value, found) > 0):
            found = value
    return found


def leaf(text: str, value: Any) -> Drawn:
    return text, lambda row: value


def column(name: str) -> Drawn:
    return name, lambda row: row.get(name)


def apply(template: str, function: Callable[..., Any], *parts: Drawn) -> Drawn:
    """Return the expression made of drawn parts."""
    texts, meanings = [part[0] for part in parts], [part[1] for part in parts]
    return template.format(*texts), lambda row: function(*(meaning(row) for meaning in meanings))


_LITERALS = (
    ("0D", 0.0),
    ("1.5D", 1.5),
    ("-3.5D", -3.5),
    ("2", 2.0),
    ("1e2", 100.0),
    ("double('NaN')", NAN),
    ("null", None),
)
_TEXTS = ("'g'", "g"), ('"ZTF18abc"', "ZTF18abc"), ("''", ""), (r"'r\'é'", "r'é"), ("null", None), ("r'a%b_'", "a%b_")
_PATTERNS = ("'%18%'", "18", "in"), ("'ZTF%'", "ZTF", "start"), ("'%c'", "c", "end"), (r"'a\\%b\\_'", "a%b_", "is")
_ARITHMETIC = {
    "({} + {})": strict(lambda x, y: x + y),
    "({} - {})": strict(lambda x, y: x - y),
    "({} * {})": strict(lambda x, y: x * y),
    "({} / {})": strict(divide),
    "try_divide({}, {})": strict(divide),
    "greatest({}, {})": largest,
    "coalesce({}, {})": lambda x, y: y if x is None else x,
    "nullif({}, {})": lambda x, y: None if equal(x, y) is True else x,
}


def numbers(names: tuple[str, ...] = ("d", "e")) -> st.SearchStrategy[Drawn]:
    """Return the strategy of numbers over these columns (or variables of a lambda)."""
    base = st.one_of(
        st.sampled_from([leaf(*literal) for literal in _LITERALS]),
        st.sampled_from([column(name) for name in names]),
    )
    return st.recursive(base, _more_numbers, max_leaves=4)


def _more_numbers(inner: st.SearchStrategy[Drawn]) -> st.SearchStrategy[Drawn]:
    pairs = st.sampled_from(sorted(_ARITHMETIC))
    return st.one_of(
        st.builds(lambda template, x, y: apply(template, _ARITHMETIC[template], x, y), pairs, inner, inner),
        st.builds(lambda x: apply("abs({})", strict(abs), x), inner),
        st.builds(lambda x: apply("(- {})", strict(lambda value: -value), x), inner),
        st.builds(lambda x, y: apply("if({0} > {1}, {0}, {1})", _larger_or_second, x, y), inner, inner),
    )


def _larger_or_second(left: float | None, right: float | None) -> float | None:
    return left if left is not None and right is not None and order(left, right) > 0 else right


def texts() -> st.SearchStrategy[Drawn]:
    """Return the strategy of texts."""
    base = st.sampled_from([*(leaf(*literal) for literal in _TEXTS), column("s"), column("t"), column("`S`")])
    base = base.map(lambda drawn: ("`S`", lambda row: row["s"]) if drawn[0] == "`S`" else drawn)
    return st.one_of(
        base,
        base.map(lambda x: apply("lower({})", strict(str.lower), x)),
        st.builds(lambda x, y: apply("({} || {})", strict(lambda a, b: a + b), x, y), base, base),
    )


def compared(values: st.SearchStrategy[Drawn]) -> st.SearchStrategy[Drawn]:
    """Return the strategy of comparisons of such values."""

    def compare(symbol: str, left: Drawn, right: Drawn) -> Drawn:
        return apply("({} " + symbol + " {})", strict(lambda x, y: COMPARISONS[symbol](order(x, y))), left, right)

    def within(value: Drawn, low: Drawn, high: Drawn) -> Drawn:
        def meaning(x: Any, y: Any, z: Any) -> bool | None:
            return both(strict(lambda a, b: order(a, b) >= 0)(x, y), strict(lambda a, b: order(a, b) <= 0)(x, z))

        return apply("({} between {} and {})", meaning, value, low, high)

    def listed(value: Drawn, first: Drawn, second: Drawn) -> Drawn:
        return apply("({} in ({}, {}))", lambda x, y, z: either(equal(x, y), equal(x, z)), value, first, second)

    def same(left: Drawn, right: Drawn) -> Drawn:
        return apply("({} <=> {})", lambda x, y: x is y is None or equal(x, y) is True, left, right)

    return st.one_of(
        st.builds(compare, st.sampled_from(sorted(COMPARISONS)), values, values),
        st.builds(within, values, values, values),
        st.builds(listed, values, values, values),
        st.builds(same, values, values),
        values.map(lambda x: apply("({} is null)", lambda value: value is None, x)),
        values.map(lambda x: apply("({} IS NOT NULL)", lambda value: value is not None, x)),
    )


def likes() -> st.SearchStrategy[Drawn]:
    """Return the strategy of LIKE with a pattern."""
    tests: dict[str, Callable[[str, str], bool]] = {
        "in": lambda text, part: part in text,
        "start": str.startswith,
        "end": str.endswith,
        "is": lambda text, part: text == part,
    }

    def like(value: Drawn, pattern: tuple[str, str, str]) -> Drawn:
        text, part, kind = pattern
        return apply("({} like " + text + ")", strict(lambda x: tests[kind](x, part)), value)

    return st.builds(like, texts(), st.sampled_from(_PATTERNS))


def quantified() -> st.SearchStrategy[Drawn]:
    """Return the strategy of EXISTS and FORALL over the array ``nums``."""

    def build(kind: str, body: Drawn) -> Drawn:
        text, meaning = body

        def value(row: Row) -> bool | None:
            if row["nums"] is None:
                return None
            found = [meaning({**row, "x": number}) for number in row["nums"]]
            result: bool | None = kind == "forall"
            for one in found:
                result = either(result, one) if kind == "exists" else both(result, one)
            return result

        return f"{kind}(nums, x -> {text})", value

    return st.builds(build, st.sampled_from(["exists", "forall"]), compared(numbers(("x", "d"))))


def conditions() -> st.SearchStrategy[Drawn]:
    """Return the strategy of whole conditions."""
    base = st.one_of(
        compared(numbers()),
        compared(texts()),
        likes(),
        quantified(),
        st.sampled_from([column("flag"), leaf("true", True), leaf("(1 = 2)", False)]),
    )
    return st.recursive(base, _more_conditions, max_leaves=6)


def _more_conditions(inner: st.SearchStrategy[Drawn]) -> st.SearchStrategy[Drawn]:
    return st.one_of(
        st.builds(lambda x, y: apply("({} AND {})", both, x, y), inner, inner),
        st.builds(lambda x, y: apply("({} or {})", either, x, y), inner, inner),
        inner.map(lambda x: apply("NOT ({})", negation, x)),
        inner.map(lambda x: apply("(! {})", negation, x)),
        inner.map(lambda x: apply("(({}) is true)", lambda value: value is True, x)),
        st.builds(
            lambda test, x, y: apply(
                "case when {} then {} else {} end", lambda a, b, c: b if a is True else c, test, x, y
            ),
            inner,
            inner,
            inner,
        ),
    )

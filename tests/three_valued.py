"""Random conditions together with what they mean: SQL's three-valued logic, written down a second time in Python.

NaN is unknown in comparisons, as null is; functions, ``<=>`` too, see it as Spark's largest number, equal to itself. Each strategy draws a pair: the text of an expression, and a function from a row to its value (None is SQL's null).
"""

import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Row = dict[str, Any]
Drawn = tuple[str, Callable[[Row], Any]]

NAN = math.nan
INF = math.inf


def _row(d: Any, e: Any, f: Any, k: Any, s: Any, t: Any, flag: Any, nums: Any) -> Row:
    history = None if nums is None else [{"v": number, "b": t} for number in nums]
    return {
        "d": d, "e": e, "f": f, "k": k, "s": s, "t": t, "flag": flag, "nums": nums,
        "st": None if flag is None else {"v": e, "w": k}, "hist": history,
    }  # fmt: skip


ROWS: list[Row] = [
    _row(2.5, -1.0, 1.5, 2, "ZTF18abc", "g", True, [1.0, 2.5, None]),
    _row(None, 0.0, NAN, None, None, "r", None, []),
    _row(0.0, None, 0.0, 0, "", "", False, None),
    _row(NAN, 1.5, -3.5, 100, "g", "G", True, [NAN, 0.0]),
    _row(INF, -0.0, None, 2, "a%b_", None, False, [None]),
    _row(-3.5, -3.5, INF, None, "r'é", "g", None, [-3.5, 100.0]),
    _row(NAN, NAN, NAN, 0, "NaN", "g", True, [NAN, NAN]),
    _row(-INF, INF, -0.0, 1, None, None, False, [INF, -INF, NAN]),
    _row(-0.0, NAN, 2.0, -4, "g", "r", True, [-0.0, 2.5]),
    _row(1.5, 2.0, -INF, 2, "ZTF18abc", "g", False, [NAN, None, 2.0]),
]
SCHEMA = (
    "d double, e double, f float, k int, s string, t string, flag boolean, nums array<double>, "
    "st struct<v: double, w: int>, hist array<struct<v: double, b: string>>"
)
FIELDS = {
    **dict.fromkeys(("d", "e", "st.v", "hist.v"), "double"), "f": "float", "k": "int", "s": "string", "t": "string",
    "flag": "boolean", "nums": "array<double>", "st": "struct", "st.w": "int", "hist": "array<struct>",
    "hist.b": "string",
}  # fmt: skip
"""The same as `lint` takes it."""


def order(left: Any, right: Any) -> int:
    """Return the order of two values; Spark's NaN equals itself and is larger than any other number."""
    if left != left or right != right:  # noqa: PLR0124 - so is NaN
        return (left != left) - (right != right)  # noqa: PLR0124
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


def known(value: Any) -> Any:
    """Return what a comparison sees."""
    return None if isinstance(value, float) and math.isnan(value) else value


def compared_by(test: Callable[[int], bool]) -> Callable[[Any, Any], bool | None]:
    """Return a comparison: unknown with null or NaN, else by order."""

    def compare(left: Any, right: Any) -> bool | None:
        left, right = known(left), known(right)
        return None if left is None or right is None else test(order(left, right))

    return compare


equal = compared_by(COMPARISONS["="])


def same(left: Any, right: Any) -> bool:
    """Return what ``<=>`` says."""
    return left is right if left is None or right is None else order(left, right) == 0


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
    first, _, rest = name.partition(".")
    return name, lambda row: (row.get(first) or {}).get(rest) if rest else row.get(first)


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
    ("-0.0", -0.0),
    ("double('-inf')", -INF),
    ("float('inf')", INF),
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
    "nullif({}, {})": lambda x, y: None if x is None or (y is not None and same(x, y)) else x,
    "nanvl({}, {})": lambda x, y: None if x is None else x if known(x) is not None else y,
}


NUMBERS = ("d", "e", "f", "k", "st.v", "st.w")


def numbers(names: tuple[str, ...] = NUMBERS) -> st.SearchStrategy[Drawn]:
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
    return left if compared_by(COMPARISONS[">"])(left, right) is True else right


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
        return apply("({} " + symbol + " {})", compared_by(COMPARISONS[symbol]), left, right)

    def within(value: Drawn, low: Drawn, high: Drawn) -> Drawn:
        def meaning(x: Any, y: Any, z: Any) -> bool | None:
            return both(compared_by(COMPARISONS[">="])(x, y), compared_by(COMPARISONS["<="])(x, z))

        return apply("({} between {} and {})", meaning, value, low, high)

    def listed(value: Drawn, first: Drawn, second: Drawn) -> Drawn:
        return apply("({} in ({}, {}))", lambda x, y, z: either(equal(x, y), equal(x, z)), value, first, second)

    def chosen(value: Drawn, first: Drawn, second: Drawn) -> Drawn:
        meaning = lambda x, y, z: True if equal(x, y) is True else False if equal(x, z) is True else None  # noqa: E731
        return apply("(case {} when {} then true when {} then false end)", meaning, value, first, second)

    return st.one_of(
        st.builds(compare, st.sampled_from(sorted(COMPARISONS)), values, values),
        st.builds(within, values, values, values),
        st.builds(listed, values, values, values),
        st.builds(chosen, values, values, values),
        st.builds(lambda x, y: apply("({} <=> {})", same, x, y), values, values),
        st.builds(lambda x, y: apply("({} is distinct from {})", lambda a, b: not same(a, b), x, y), values, values),
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


def isnans() -> st.SearchStrategy[Drawn]:
    """Return the strategy of questions about NaN."""
    meaning: Callable[[Any], bool] = lambda value: value is not None and known(value) is None  # noqa: E731
    return numbers().map(lambda x: apply("isnan({})", meaning, x))


def quantified() -> st.SearchStrategy[Drawn]:
    """Return the strategy of EXISTS, FORALL and FILTER over the arrays, of numbers and of structs."""

    def build(kind: str, array: str, body: Drawn) -> Drawn:
        text, meaning = body

        def value(row: Row) -> bool | None:
            if row[array] is None:
                return False if kind == "filter" else None  # the size of null is -1
            found = [meaning({**row, "x": element}) for element in row[array]]
            if kind == "filter":
                return any(one is True for one in found)
            result: bool | None = kind == "forall"
            for one in found:
                result = either(result, one) if kind == "exists" else both(result, one)
            return result

        loop = f"{kind}({array}, x -> {text})"
        return (f"size({loop}) >= 1" if kind == "filter" else loop), value

    kinds = st.sampled_from(["exists", "forall", "filter"])
    return st.one_of(
        st.builds(build, kinds, st.just("nums"), compared(numbers(("x", "d")))),
        st.builds(build, kinds, st.just("hist"), compared(numbers(("x.v", "f")))),
    )


def arrays() -> st.SearchStrategy[Drawn]:
    """Return the strategy of functions and comparisons of whole arrays, which see values as they are."""

    def holds(array: list[Any] | None, value: Any) -> bool | None:
        if array is None or value is None:
            return None
        return True if any(one is not None and same(one, value) for one in array) else None if None in array else False

    greatest = apply("array_max({})", lambda array: None if array is None else largest(*array), column("nums"))
    equal_to = compared_by(COMPARISONS["="])
    return st.one_of(
        st.builds(lambda x: apply("array_contains({}, double({}))", holds, column("nums"), x), numbers(("d", "e"))),
        st.builds(lambda x: apply("({} = {})", equal_to, greatest, x), numbers()),
        st.just(apply("(nums = nums)", lambda array: None if array is None else True, column("nums"))),
    )


def conditions() -> st.SearchStrategy[Drawn]:
    """Return the strategy of whole conditions."""
    base = st.one_of(
        compared(numbers()),
        compared(texts()),
        likes(),
        quantified(),
        isnans(),
        arrays(),
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

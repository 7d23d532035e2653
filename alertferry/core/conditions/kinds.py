"""What kind of value a part of a condition is, as far as that can be told without Spark.

A shape is ``("number",)``, ``("text",)``, ``("truth",)``, ``("time",)``, ``("interval",)``, ``("binary",)``,
``("struct",)``, ``("null",)``, ``("array", shape)``, ``("map", shape of the values)``, or ``("?",)`` where it is not
known. Only what is certain is called by its kind: Spark decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

Shape = tuple["str | Shape", ...]

NUMBER: Shape = ("number",)
TEXT: Shape = ("text",)
TRUTH: Shape = ("truth",)
TIME: Shape = ("time",)
INTERVAL: Shape = ("interval",)
BINARY: Shape = ("binary",)
STRUCT: Shape = ("struct",)
NULL: Shape = ("null",)
UNKNOWN: Shape = ("?",)

SCALARS = (NUMBER, TEXT, TRUTH, TIME)
NAMES = {
    "number": "a number",
    "text": "a text",
    "truth": "a truth value",
    "time": "a time",
    "interval": "a span of time",
    "binary": "bytes",
    "struct": "a struct",
    "null": "null",
    "array": "a list",
    "map": "a map",
}

_TYPES = {
    TRUTH: "boolean",
    NUMBER: "byte short int integer long float real double tinyint smallint bigint dec decimal numeric",
    TEXT: "string char character varchar",
    TIME: "date timestamp timestamp_ntz timestamp_ltz",
    BINARY: "binary",
    STRUCT: "struct",
    NULL: "void",
}
_BY_TYPE = {word: shape for shape, words in _TYPES.items() for word in words.split()}


@cache
def shape_of(kind: str) -> Shape:
    """Return the shape of a type, written as Spark does (``array<double>``) or as schemas here do."""
    text = kind.strip().lower()
    if text.startswith("array"):
        inner = re.match(r"array(?:<(.*)>| of (.*))$", text, re.DOTALL)
        return "array", shape_of(inner[1] or inner[2]) if inner else UNKNOWN
    if text.startswith("map"):
        inner = re.match(r"map(?:<[^,]*,(.*)>| of .*? to (.*))$", text, re.DOTALL)
        return "map", shape_of(inner[1] or inner[2]) if inner else UNKNOWN
    word = re.match(r"\w*", text)
    return _BY_TYPE.get(word[0] if word else "", UNKNOWN)


# One letter an argument: n number, t text, b truth value, d time, a list, m map, s scalar, l number written out, . any
# value; + repeats the letter before it. After the colon the result; e is the element of the first argument, f is the
# first argument, v what all arguments are (null apart).
_SIGNATURES = """
:n e pi
n:n abs acos acosh asin asinh atan atanh cbrt ceil ceiling cos cosh cot csc degrees exp expm1 floor ln log log10 log1p
n:n log2 negative positive radians rint round bround sec sign signum sin sinh sqrt tan tanh double float int bigint
n:n smallint tinyint
t:n double float int bigint smallint tinyint ascii bit_length char_length character_length length len octet_length
nn:n atan2 hypot pmod mod power pow log try_add try_divide try_mod try_multiply try_subtract nanvl
n:b isnan
.:b isnull isnotnull
s+:v coalesce ifnull nvl nullif
ss+:v greatest least
bss:v if nvl2
ss:b equal_null
t:t lower upper lcase ucase trim ltrim rtrim btrim initcap reverse string
n:t string
tt:b contains startswith endswith
tt:n instr locate levenshtein position find_in_set
tl:t left right substr substring
tll:t substr substring
d:n year month day hour minute second quarter dayofweek dayofmonth dayofyear weekday weekofyear
a:n size cardinality array_size
m:n size cardinality
a:e array_max array_min
al:e get try_element_at
aa:b arrays_overlap
al:f get
mt:b map_contains_key
as:b array_contains
a:f array_distinct array_compact
"""
SIGNATURES: dict[str, list[str]] = {}
for _line in _SIGNATURES.split("\n"):
    _pattern, _, _names = _line.partition(" ")
    for _name in _names.split():
        SIGNATURES.setdefault(_name, []).append(_pattern)

_LETTERS = {"n": "number", "t": "text", "b": "truth", "d": "time", "a": "array", "m": "map"}
_RESULTS = {"n": NUMBER, "t": TEXT, "b": TRUTH, "d": TIME}


def result_of(name: str, shapes: Sequence[Shape], literal: Sequence[bool]) -> Shape:
    """Return the shape of a call; `UNKNOWN` unless the function surely takes such arguments.

    ``literal`` tells which arguments are whole numbers written out.
    """
    for signature in SIGNATURES.get(name, ()):
        wanted, _, result = signature.partition(":")
        if wanted.endswith("+"):
            wanted = wanted[:-1] + wanted[-2] * max(0, len(shapes) - len(wanted) + 1)
        if len(wanted) == len(shapes) and all(map(_fits, wanted, shapes, literal)):
            return _result(result, shapes[1:] if signature.startswith("bss") else shapes)
    return UNKNOWN


def _fits(letter: str, shape: Shape, literal: bool) -> bool:
    if letter == "s":
        return shape in SCALARS or shape == NULL
    if letter == "l":
        return literal
    return (letter == "." and shape != UNKNOWN) or shape[0] == _LETTERS.get(letter)


def _result(letter: str, shapes: Sequence[Shape]) -> Shape:
    if letter == "v":
        return joined(shapes)
    if letter == "f":
        return shapes[0]
    if letter == "e":
        element = shapes[0][1]
        return element if isinstance(element, tuple) and element in SCALARS else UNKNOWN
    return _RESULTS[letter]


def joined(shapes: Sequence[Shape]) -> Shape:
    """Return the one shape that values have, null apart."""
    found = {shape for shape in shapes if shape != NULL}
    return found.pop() if len(found) == 1 else (NULL if not found else UNKNOWN)

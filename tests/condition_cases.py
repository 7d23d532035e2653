"""What the tests of conditions share: lists of cases in text files, and schemas."""

import re
import sys
from pathlib import Path

from alertferry.core.conditions.gate import field_paths

_CASES = Path(__file__).parent / "integration"


def lines(name):
    """Return the lines of a list of cases, without empty lines and comments."""
    return [line for line in (_CASES / name).read_text().split("\n") if line and not line.startswith("#")]


def simple_schema(frame):
    """Return the schema as `lint` takes it."""
    types = {}
    for path in field_paths(frame):
        kind = frame.schema
        for name in path.split("."):
            kind = getattr(kind, "elementType", kind)
            kind = getattr(kind, "valueType", kind)
            kind = kind[name].dataType
        types[path] = kind.simpleString()
    return types


_PIECES = """
    ( ) [ ] , . + - * / % = == <> < > <= >= <=> and or not is null in between like rlike case when then else end exists
    x -> abs sqrt coalesce cast as int double 1 2.5 'g' "g" '%' ' " ` -- /* */ ; :: || && & ! = = ≥ ‘ where true 0D
    >> ** ? : ; $ { distinct from interval day date null escape filter struct array map
"""


def mutated(chance, text):
    """Return a text changed as people change texts: cut off, a word too many, too few or elsewhere; ``chance`` draws."""
    words = re.findall(r"\w+|\s+|.", text, re.DOTALL)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(words) + 1)
        kind = chance.choice(["cut", "begin", "drop", "add", "swap", "twice", "letter"])
        if kind == "cut":
            words = words[:at]
        elif kind == "begin":
            words = words[at:]
        elif kind == "drop":
            del words[at : at + 1]
        elif kind == "add":
            words.insert(at, f" {chance.choice(_PIECES.split())} ")
        elif kind == "swap" and words:
            other = chance.randrange(len(words))
            words[at - 1], words[other] = words[other], words[at - 1]
        elif kind == "twice":
            words[at:at] = words[max(0, at - 2) : at]
        elif words and words[at - 1]:
            word = words[at - 1]
            words[at - 1] = word[: len(word) // 2] + chance.choice("xq0'é") + word[len(word) // 2 + 1 :]
    return "".join(words)


def calls(function, *arguments):
    """Return how many functions of Python and C are called meanwhile: a measure of work that no clock takes."""
    count = 0

    def seen(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return count

"""What is legal in a condition and surely not meant: comparisons that hold for no alert."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alertferry.core.conditions.grammar import Term

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "==": "="}


def compared_with_null(term: Term, said: Callable[[Term], str]) -> str:
    """Return what to write instead of a comparison with NULL or NaN; empty for any other."""
    left, right = term.parts
    for one, other in ((left, right), (right, left)):
        negated = term.name in ("!=", "<>")
        if one.kind == "constant" and one.name == "null":
            return f"{term.name} NULL is never true; write {said(other)} IS {'NOT ' if negated else ''}NULL"
        if _is_nan(one):
            return f"a comparison with NaN is never true; write {'NOT ' if negated else ''}isnan({said(other)})"
    return ""


def _is_nan(term: Term) -> bool:
    named = (term.kind == "call" and term.name in ("double", "float")) or term.kind == "cast"
    return named and len(term.parts) == 1 and term.parts[0].name.strip("'\"").lower() == "nan"


def text_for_number(text: str) -> str:
    """Return what is wrong with a text that a number is compared with; empty when it is a number too."""
    try:
        float(text)
    except ValueError:
        return f"a number is compared with the text '{text}', which is no number: this is never true"
    return ""


def membership(path: str, value: Any, values: Mapping[str, Collection[Any]]) -> str:
    """Return why a field never has a value; empty when it may."""
    known = values.get(path.lower())
    if not known or value in known:
        return ""
    shown = ", ".join(map(repr, known))
    near = [item for item in known if isinstance(item, str) and item.lower() == str(value).lower()]
    hint = f"; texts are compared by case: write {near[0]!r}" if near else ""
    return f"{path} is never {value!r}, only {shown}{hint}"


@dataclass(frozen=True)
class Bound:
    """A comparison of a field with a number, without which a condition cannot hold."""

    path: str
    operator: str
    value: float
    start: int = 0
    end: int = 0

    @classmethod
    def of(cls, path: Sequence[str], operator: str, value: Any, mirrored: bool = False) -> Bound | None:
        """Return the bound; None when it is no comparison of a field with a number."""
        name = _MIRRORED.get(operator)
        if not path or name is None or isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return cls(".".join(path).lower(), name if mirrored else operator.replace("==", "="), value)

    def contradicts(self, other: Bound) -> bool:
        """Return whether no number is within both."""
        return self._excludes(other) or other._excludes(self)

    def _excludes(self, other: Bound) -> bool:
        if self.path != other.path:
            return False
        if self.operator == "=":
            return not _holds(other, self.value)
        if self.operator in (">", ">=") and other.operator in ("<", "<="):
            both = self.operator == ">=" and other.operator == "<="
            return self.value > other.value or (self.value == other.value and not both)
        return False


def _holds(bound: Bound, value: float) -> bool:
    tests = {
        "=": value == bound.value,
        "<": value < bound.value,
        "<=": value <= bound.value,
        ">": value > bound.value,
        ">=": value >= bound.value,
    }
    return tests[bound.operator]


def contradiction(bounds: Iterable[Bound]) -> tuple[Bound, Bound] | None:
    """Return two bounds that exclude each other, the later one first."""
    seen = list[Bound]()
    for bound in bounds:
        for earlier in seen:
            if bound.contradicts(earlier):
                return bound, earlier
        seen.append(bound)
    return None

"""Walks the tree of a condition and tells its mistakes, what is surely not meant, and what only Spark can tell.

It never finds a mistake in what the gate accepts. What it has not understood down to every kind of value it names, so
that nobody takes its silence for the gate's consent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from alertferry.core.conditions import kinds
from alertferry.core.conditions.allowed import FUNCTIONS, HIGHER_ORDER, why_not
from alertferry.core.conditions.errors import ConditionProblem, problem_at
from alertferry.core.conditions.fields import Fields
from alertferry.core.conditions.grammar import COMPARISONS, Term
from alertferry.core.conditions.hints import Bound, compared_with_null, membership, text_for_number
from alertferry.core.conditions.kinds import NULL, NUMBER, TEXT, TIME, TRUTH, UNKNOWN
from alertferry.core.conditions.patterns import PatternError, like_backtracking
from alertferry.core.conditions.rules import TEXTS_IN_LIST
from alertferry.core.conditions.values import NOTHING, Value, too_large

Values = Mapping[str, Collection[Any]]
"""The values that a field can have, where these are few, by its dotted path in lower case."""

_BARE_CALLS = frozenset(
    ("current_date", "current_time", "current_timestamp", "current_user", "localtimestamp", "session_user", "user")
)
_NUMBERS = ("tinyint", "byte", "smallint", "short", "int", "integer", "bigint", "long", "float", "real", "double")
_CAST_TYPES = {"boolean": TRUTH, "date": TIME, "timestamp": TIME, "string": TEXT} | dict.fromkeys(_NUMBERS, NUMBER)
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[dD]?")
_LOOPS_UNDERSTOOD = 2
_DIGITS_FIRST = re.compile(r"\s*[0-9+-]")
_SIMPLE_UNITS = ("second", "minute", "hour", "day", "week", "month", "year")


@dataclass
class Judge:
    """Judges one condition; ``problems``, ``warnings`` and ``unsure`` grow. ``bounds`` are those that must all hold."""

    text: str
    fields: Fields
    known: Collection[str]
    values: Values
    problems: list[ConditionProblem] = field(default_factory=list)
    warnings: list[ConditionProblem] = field(default_factory=list)
    unsure: list[ConditionProblem] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    _scope: dict[str, Value] = field(default_factory=dict)
    _loops: int = 0

    def condition(self, root: Term) -> None:
        """Judge a whole condition."""
        shape = self._truth(root, always=True).shape
        if shape[0] not in ("truth", "?"):
            hint = {"text": "= '...'", "array": "is not null", "map": "is not null", "struct": "is not null"}
            example = hint.get(str(shape[0]), "> 0")
            named = kinds.NAMES[str(shape[0])]
            self._problem(root, f"a condition must be true or false, this is {named}; compare it, as in ... {example}")

    def _truth(self, term: Term, always: bool = False) -> Value:
        """Judge a part; ``always``: the whole condition is false unless this part is true."""
        if term.kind == "and" and always:
            for part in term.parts:
                self._operand(part, self._truth(part, always=True), "AND")
            return Value(TRUTH)
        found = self.visit(term)
        if always:
            self._bound(term)
        return found

    def visit(self, term: Term) -> Value:
        """Judge a part and return what is known of it."""
        return getattr(self, f"_{term.kind}")(term)  # type: ignore[no-any-return]

    def _problem(self, term: Term, message: str, lacks_field: bool = False) -> None:
        found = problem_at(self.text, term.start, term.end - term.start, message)
        self.problems.append(replace(found, lacks_field=lacks_field))

    def _warn(self, term: Term, message: str) -> None:
        if message:
            self.warnings.append(problem_at(self.text, term.start, term.end - term.start, message))

    def _doubt(self, term: Term) -> Value:
        self.unsure.append(problem_at(self.text, term.start, term.end - term.start, "only Spark can tell"))
        return NOTHING

    def _said(self, term: Term) -> str:
        text = " ".join(self.text[term.start : term.end].split())
        return text if len(text) <= 40 else f"{text[:39]}…"

    # ---- logic --------------------------------------------------------------------------------------------------

    def _and(self, term: Term) -> Value:
        for part in term.parts:
            self._operand(part, self.visit(part), term.kind.upper())
        return Value(TRUTH)

    _or = _not = _and

    def _operand(self, term: Term, value: Value, word: str) -> None:
        if value.shape[0] in ("truth", "null", "?"):
            return
        said, named = self._said(term), kinds.NAMES[str(value.shape[0])]
        self._problem(term, f"{word} joins conditions, but {said} is {named}; compare it with something")

    def _is(self, term: Term) -> Value:
        found = [self.visit(part) for part in term.parts]
        if term.name == "distinct":
            self._comparable(term, found[0], found[1])
        elif term.name != "null" and found[0].shape not in (TRUTH, NULL):
            self._doubt(term)
        return Value(TRUTH)

    def _case(self, term: Term) -> Value:
        found = [self.visit(part) for part in term.parts]
        otherwise = [found.pop()] if "else" in term.names else []
        subject = found.pop(0) if "subject" in term.names else None
        for part, value in zip(found[::2], found[1::2], strict=True):
            if subject is not None:
                self._comparable(term, subject, part)
            elif part.shape not in (TRUTH, NULL):
                self._doubt(term)
            otherwise.append(value)
        shape = kinds.joined([value.shape for value in otherwise])
        return Value(shape) if shape != UNKNOWN else self._doubt(term)

    # ---- comparisons --------------------------------------------------------------------------------------------

    def _binary(self, term: Term) -> Value:
        left, right = (self.visit(part) for part in term.parts)
        if term.name in COMPARISONS:
            return self._compare(term, left, right)
        if term.name == "||":
            return self._concat(term, left, right)
        if term.name in ("+", "-") and left.shape == TIME and right.shape == kinds.INTERVAL:
            return Value(TIME)
        if left.shape == right.shape == NUMBER and term.name in ("+", "-", "*", "/", "%", "div"):
            return Value(NUMBER)
        return self._doubt(term)

    def _concat(self, term: Term, left: Value, right: Value) -> Value:
        if {left.shape, right.shape} & {NUMBER, TRUTH}:
            self._warn(term, f"|| joins texts; where {self._said(term)} is meant as 'or', write OR")
        texts = all(value.shape in (NUMBER, TEXT) for value in (left, right))
        return Value(TEXT) if texts else self._doubt(term)

    def _compare(self, term: Term, left: Value, right: Value) -> Value:
        if term.name == "<=>":
            self._comparable(term, left, right)
            return Value(TRUTH)
        self._warn(term, compared_with_null(term, self._said))
        if self._comparable(term, left, right):
            self._possible(term, left, right)
        return Value(TRUTH)

    def _comparable(self, term: Term, left: Value, right: Value) -> bool:
        """Judge whether two values can be compared; False where that is not sure."""
        for one, other in ((left, right), (right, left)):
            if one.shape[0] in ("array", "map", "struct") and other.shape in (NUMBER, TEXT, TRUTH, TIME):
                advice = "; for a history write exists(history, x -> ...)" if one.shape[0] == "array" else ""
                these = f"{kinds.NAMES[str(one.shape[0])]} and {kinds.NAMES[str(other.shape[0])]}"
                self._problem(term, f"{these} cannot be compared{advice}")
                return False
            if one.shape == TIME and other.shape == TEXT and other.written:
                if not _DIGITS_FIRST.match(other.literal):
                    message = "write a date with digits, as in '2026-01-31' (now, today and epoch are not allowed)"
                    self._problem(term, message)
                return True
        shapes = {left.shape, right.shape}
        if NULL in shapes and UNKNOWN not in shapes:
            if any(shape[0] == "map" for shape in shapes):
                self._doubt(term)  # Spark compares no maps, not even with NULL
            return False
        if shapes <= {NUMBER, TEXT} or (len(shapes) == 1 and left.shape in kinds.SCALARS):
            return True
        self._doubt(term)
        return False

    def _possible(self, term: Term, left: Value, right: Value) -> None:
        """Warn of a comparison with a value that the field never has."""
        for one, other in ((left, right), (right, left)):
            if one.shape == NUMBER and not one.written and other.written and other.shape == TEXT:
                self._warn(term, text_for_number(other.literal))
            elif term.name in ("=", "==", "!=", "<>") and other.written:
                self._warn(term, membership(".".join(one.path), other.literal, self.values))

    def _between(self, term: Term) -> Value:
        value, low, high = (self.visit(part) for part in term.parts)
        if value.written and value.shape == TEXT and TIME in (low.shape, high.shape):
            return self._doubt(term)  # Spark computes the value once, so it is no written date any more
        for bound in (low, high):
            self._comparable(term, value, bound)
        if low.shape == high.shape == NUMBER and low.written and high.written and low.literal > high.literal:
            self._warn(term, "nothing is between these: write the smaller value first")
        return Value(TRUTH)

    def _in(self, term: Term) -> Value:
        value, *items = (self.visit(part) for part in term.parts)
        nulls = [item.shape == NULL for item in items]
        shapes = {found.shape for found in (value, *items)}
        if {TIME, TEXT} <= shapes:
            self._problem(term, TEXTS_IN_LIST)
            return Value(TRUTH)
        if {NUMBER, TEXT} <= shapes:
            self._doubt(term)  # refused unless the numbers are whole
        for item in items:
            if self._comparable(term, value, item) and item.written:
                self._possible(replace(term, name="="), value, item)
        if any(nulls) and term.negated:
            self._warn(term, "NOT IN with a NULL in the list is never true; leave the NULL out")
        elif all(nulls):
            self._warn(term, "IN (NULL) is never true; write IS NULL")
        return Value(TRUTH)

    def _like(self, term: Term) -> Value:
        value, *patterns = (self.visit(part) for part in term.parts)
        escape = len(term.parts) > 2 and len(patterns) == 2
        simple = term.name == "like" and not escape and value.shape in (TEXT, NUMBER) and len(value.path) > 0
        if not simple or not all(map(_is_quick, patterns)):
            self._doubt(term)
        return Value(TRUTH)

    # ---- values -------------------------------------------------------------------------------------------------

    def _field(self, term: Term) -> Value:
        if term.name.lower() in self._scope:
            return self._scope[term.name.lower()]
        return self._named(term, (term.name,), None)

    def _named(self, term: Term, path: tuple[str, ...], parent: Value | None) -> Value:
        """Return what is known of a path, given the value it is a member of."""
        message = self.fields.problem(path)
        base = term
        while base.kind in ("member", "index"):
            base = base.parts[0]
        if message:
            bare = len(path) == 1 and not term.quoted and term.name.lower() in _BARE_CALLS
            self._problem(base, why_not(term.name) if bare else message, lacks_field=not bare)
            return NOTHING
        shape = self.fields.shape(path)
        if parent is not None and parent.shape[0] == "array" and shape != UNKNOWN:
            shape = ("array", shape)
        found = Value(shape, path, one_of_many=parent is not None and parent.one_of_many)
        return found if shape != UNKNOWN or not self.fields.types else replace(self._doubt(term), path=path)

    def _member(self, term: Term) -> Value:
        parent = self.visit(term.parts[0])
        if parent == NOTHING:
            return NOTHING
        if parent.shape[0] == "map" and isinstance(parent.shape[1], tuple):
            return Value(parent.shape[1], parent.path, one_of_many=True)
        if parent.path:
            return self._named(term, (*parent.path, term.name), parent)
        return self._doubt(term)

    def _index(self, term: Term) -> Value:
        parent, index = (self.visit(part) for part in term.parts)
        if parent.shape[0] not in ("array", "map") or not isinstance(parent.shape[1], tuple):
            return self._doubt(term)
        if parent.shape[0] == "array":
            if index.written and isinstance(index.literal, int) and index.literal < 0:
                history = self._said(term.parts[0])
                self._warn(term, f"[{index.literal}] is always null; for the last one write element_at({history}, -1)")
            if not index.whole:
                self._doubt(term)
        elif index.shape != TEXT:
            self._doubt(term)
        return Value(parent.shape[1], parent.path, one_of_many=True)

    def _number(self, term: Term) -> Value:
        if refused := too_large(term.name):
            self._problem(term, refused)
            return NOTHING
        if not _NUMBER.fullmatch(term.name):
            return Value(self._doubt(term).shape)
        plain = term.name.rstrip("dD")
        number: int | float = int(plain) if plain.isdigit() and plain == term.name else float(plain)
        if number == 0 and re.search("[1-9]", re.split("[eE]", plain)[0]):
            self._warn(term, f"{term.name} is too small for Spark, which takes it for 0")
        return Value(NUMBER, literal=number, written=True)

    def _string(self, term: Term) -> Value:
        plain = term.name[:1] in "'\"" and "\\" not in term.name and term.name.count(term.name[0]) == 2
        return Value(TEXT, literal=term.name[1:-1], written=True) if plain else Value(TEXT)

    def _constant(self, term: Term) -> Value:
        return Value(NULL if term.name == "null" else TRUTH)

    def _typed(self, term: Term) -> Value:
        text = term.names[0][1:-1]
        readers = {"date": date.fromisoformat, "timestamp": datetime.fromisoformat}
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d)?", text):
                raise ValueError
            readers[term.name](text[:10] if term.name == "date" else text)
        except (KeyError, ValueError):
            return self._doubt(term)
        return Value(TIME)

    def _interval(self, term: Term) -> Value:
        words = self.text[term.start : term.end].lower().split()
        simple = len(words) == 3 and words[1].isdigit() and len(words[1]) < 7 and words[2].rstrip("s") in _SIMPLE_UNITS
        return Value(kinds.INTERVAL) if simple else self._doubt(term)

    def _unary(self, term: Term) -> Value:
        value = self.visit(term.parts[0])
        if value.shape != NUMBER or term.name == "~":
            return self._doubt(term)
        return replace(value, literal=-value.literal) if value.written and term.name == "-" else value

    def _cast(self, term: Term) -> Value:
        value = self.visit(term.parts[0])
        shape = _CAST_TYPES.get(term.name, UNKNOWN)
        if shape in (NUMBER, TEXT) and value.shape in (NUMBER, TEXT):
            return Value(shape)
        self._doubt(term)
        return Value(shape)

    def _row(self, term: Term) -> Value:
        for part in term.parts:
            self.visit(part)
        return Value(self._doubt(term).shape)

    def _lambda(self, term: Term) -> Value:
        return self._body(term, [NOTHING] * len(term.names))

    def _unit(self, term: Term) -> Value:
        return Value(self._doubt(term).shape)

    # ---- calls --------------------------------------------------------------------------------------------------

    def _call(self, term: Term) -> Value:
        with_unit = bool(term.parts) and term.parts[0].kind == "unit"
        if term.name not in self.known and not with_unit:
            self._problem(replace(term, end=self._name_end(term)), why_not(term.names[0], self.known))
        if term.name in HIGHER_ORDER and term.parts:
            return self._loop(term)
        found = [self.visit(part) for part in term.parts]
        special = term.name not in FUNCTIONS or any(part.kind == "lambda" for part in term.parts)
        shape = UNKNOWN if special else kinds.result_of(term.name, [v.shape for v in found], [v.whole for v in found])
        return Value(shape) if shape != UNKNOWN else self._doubt(term)

    def _name_end(self, term: Term) -> int:
        return term.start + len(term.names[0]) + (2 + term.names[0].count("`") if term.quoted else 0)

    def _loop(self, term: Term) -> Value:
        subject, *rest = term.parts
        value = self.visit(subject)
        element = value.shape[1] if value.shape[0] == "array" else UNKNOWN
        assert isinstance(element, tuple)
        item = Value(element, value.path) if element != UNKNOWN or value.path else NOTHING
        self._loops += 1
        bodies = [
            self._body(part, [item, Value(NUMBER)] if len(rest) == 1 else [NOTHING] * len(part.names))
            if part.kind == "lambda"
            else self.visit(part)
            for part in rest
        ]
        self._loops -= 1
        simple = len(rest) == 1 and rest[0].kind == "lambda" and len(rest[0].names) == 1
        if not simple or self._loops >= _LOOPS_UNDERSTOOD or element == UNKNOWN:
            return self._doubt(term)
        if term.name in ("exists", "forall", "filter") and bodies[0].shape in (TRUTH, NULL):
            return replace(value, literal=None) if term.name == "filter" else Value(TRUTH)
        if term.name == "transform" and bodies[0].shape in kinds.SCALARS:
            return Value(("array", bodies[0].shape))
        return self._doubt(term)

    def _body(self, term: Term, bound: Sequence[Value]) -> Value:
        before = self._scope
        self._scope = before | {name.lower(): value for name, value in zip(term.names, bound, strict=False)}
        try:
            return self.visit(term.parts[0])
        finally:
            self._scope = before

    def _bound(self, term: Term) -> None:
        """Remember a comparison of a field with a number, if the condition cannot hold without it."""
        if term.kind != "binary" or term.name not in COMPARISONS or len(term.parts) != 2:
            return
        quiet = Judge(self.text, self.fields, self.known, {})
        left, right = (quiet.visit(part) for part in term.parts)
        paths = [() if value.one_of_many else value.path for value in (left, right)]
        found = Bound.of(paths[0], term.name, right.literal) or Bound.of(paths[1], term.name, left.literal, True)
        if found is not None:
            self.bounds.append(replace(found, start=term.start, end=term.end))


def _is_quick(pattern: Value) -> bool:
    """Return whether a LIKE with this pattern is surely allowed."""
    if not pattern.written or pattern.shape != TEXT:
        return False
    try:
        return like_backtracking(pattern.literal).loops <= 3
    except PatternError:
        return False

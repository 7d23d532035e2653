"""Spark's grammar of expressions, read without Spark: a tree, or the place and the reason why there is none.

It accepts whatever Spark's parser and the gate accept, and little else; the gate (`alertferry.core.conditions.gate`)
decides. Precedence and special forms are those of Spark's ``SqlBaseParser.g4``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from alertferry.core.conditions.allowed import FUNCTIONS
from alertferry.core.conditions.cursor import Cursor, shown
from alertferry.core.conditions.scan import Token

_SYNTAX = "and or not in like ilike rlike regexp between is case when then else end from as where escape"
SYNTAX_WORDS = frozenset(_SYNTAX.split())
"""Words that stand for no value, unless the alerts have a field of that name."""

_UNIT_NAMES = """
    day dayofweek dayofweek_iso dayofyear days dow doy epoch hour hours isoyear microsecond microseconds millisecond
    milliseconds minute minutes month months quarter second seconds timezone week weeks year years yearofweek
"""
UNITS = frozenset(_UNIT_NAMES.split())
UNIT_FIRST = frozenset(("date_add", "date_diff", "dateadd", "datediff", "timestampadd", "timestampdiff", "timediff"))
"""Functions whose first argument may be a unit of time."""
_WORDS_BETWEEN = {
    "extract": ("from",),
    "overlay": ("placing", "from", "for"),
    "position": ("in",),
    "substr": ("from", "for"),
    "substring": ("from", "for"),
    "trim": ("from",),
}
"""Functions whose arguments may be separated by words."""

COMPARISONS = frozenset(("=", "==", "<=>", "<>", "!=", "<", "<=", "!>", ">", ">=", "!<"))
_LEVELS = dict.fromkeys(COMPARISONS, 1) | {
    "|": 2, "^": 3, "&": 4, "<<": 5, ">>": 5, ">>>": 5, "+": 6, "-": 6, "||": 6, "*": 7, "/": 7, "%": 7, "div": 7,
}  # fmt: skip
_TYPE_WORDS = frozenset(("date", "timestamp", "timestamp_ltz", "timestamp_ntz", "interval", "x"))
_NO_WINDOWS = "windows and aggregates are not allowed: a condition sees one alert at a time"


@dataclass(frozen=True)
class Term:
    """A part of a condition, from character ``start`` to ``end``.

    ``kind`` is ``field`` (``name``), ``member`` (``part.name``), ``index``, ``number``, ``string``, ``constant``
    (true, false, null), ``typed`` (``DATE '...'``), ``interval``, ``call``, ``lambda`` (``names``), ``unary``,
    ``binary``, ``and``, ``or``, ``not``, ``between``, ``in``, ``like``, ``is``, ``case``, ``cast`` or ``row``.
    ``name`` is the function or the operator, in lower case, or the identifier as it is written.
    """

    kind: str
    start: int
    end: int
    name: str = ""
    parts: tuple[Term, ...] = ()
    names: tuple[str, ...] = ()
    negated: bool = False
    quoted: bool = False


def parse(text: str, tokens: Sequence[Token], fields: Collection[str] = ()) -> Term:
    """Return the tree of one condition. Raises `ConditionError` with the place.

    ``fields`` are root columns, in lower case, whose names may also be words of the grammar.
    """
    return _Parser(text, tokens, fields=frozenset(fields)).condition()


@dataclass
class _Parser(Cursor):
    fields: frozenset[str] = frozenset()
    bound: list[str] = field(default_factory=list)

    # ---- truth --------------------------------------------------------------------------------------------------

    def condition(self) -> Term:
        if self.word() == "where" and "where" not in self.fields:
            self.fail("WHERE does not belong here; write the condition alone")
        found = self.expression()
        if self.token():
            self.fail(self._left_over())
        return found

    def _left_over(self) -> str:
        token, word = self.token(), self.word()
        if word == ",":
            return "a condition ends before this comma; join two conditions with AND, or give them as a list"
        if word == "as":
            return "a condition has no name; remove 'AS name'"
        if word in ("over", "filter", "within") and self.word(-1) == ")":
            return _NO_WINDOWS
        if word in ("order", "group", "limit", "having", "from"):
            return "a query is not allowed here; write the condition alone"
        return f"AND, OR or an operator is missing before {shown(token)}"

    def expression(self) -> Term:
        return self._chain("or", lambda: self._chain("and", self._not))

    def _chain(self, word: str, part: Callable[[], Term]) -> Term:
        start, found = self.at, [part()]
        while self.take(word):
            found.append(part())
        return found[0] if len(found) == 1 else self._term(word, start, parts=tuple(found))

    def _not(self) -> Term:
        start = self.at
        if self.word() in ("not", "!") and not self._is_field("not"):
            self.at += 1
            return self._term("not", start, parts=(self._not(),))
        return self._predicate(start, self.value())

    def _predicate(self, start: int, left: Term) -> Term:
        negated = self.word() == "not" and self.word(1) in ("between", "in", "like", "ilike", "rlike", "regexp")
        self.at += negated
        word = self.word()
        if self.take("between"):
            low = self.value()
            self.expect("and", f"BETWEEN needs two values: BETWEEN {self._said(low)} AND ...")
            return self._term("between", start, parts=(left, low, self.value()), negated=negated)
        if self.take("in"):
            return self._term("in", start, parts=(left, *self._list()), negated=negated)
        if word in ("like", "ilike", "rlike", "regexp"):
            self.at += 1
            return self._like(start, left, word, negated)
        if self.take("is"):
            return self._is(start, left)
        return left

    def _list(self) -> tuple[Term, ...]:
        if self.word() != "(":
            self.fail("IN needs its values in round brackets, as in IN ('g', 'r')")
        self.at += 1
        found = [self.expression()]
        while self.take(","):
            found.append(self.expression())
        self.expect(")", f"a comma or ) is missing before {shown(self.token())}")
        return tuple(found)

    def _like(self, start: int, left: Term, word: str, negated: bool) -> Term:
        if word in ("like", "ilike") and self.word() in ("any", "some", "all") and self.word(1) == "(":
            self.at += 1
            return self._term("like", start, word, (left, *self._list()), negated=negated)
        parts = [left, self.value()]
        if word in ("like", "ilike") and self.take("escape"):
            parts.append(self.value())
        return self._term("like", start, word, tuple(parts), negated=negated)

    def _is(self, start: int, left: Term) -> Term:
        negated = self.take("not")
        if self.take("distinct", "from"):
            return self._term("is", start, "distinct", (left, self.value()), negated=negated)
        word = self.word()
        if word not in ("null", "true", "false", "unknown"):
            self.missing("NULL, TRUE, FALSE or DISTINCT FROM")
        self.at += 1
        return self._term("is", start, word, (left,), negated=negated)

    # ---- values -------------------------------------------------------------------------------------------------

    def value(self, level: int = 1) -> Term:
        start, left = self.at, self._unary()
        while _LEVELS.get(self.word(), 0) >= level and not self._is_field(self.word()):
            name = self.word()
            self.at += 1
            left = self._term("binary", start, name, (left, self.value(_LEVELS[name] + 1)))
        return left

    def _unary(self) -> Term:
        start, name = self.at, self.word()
        if name in ("-", "+", "~"):
            self.at += 1
            return self._term("unary", start, name, (self._unary(),))
        return self._postfix(start, self._primary())

    def _postfix(self, start: int, found: Term) -> Term:
        while True:
            if self.take("["):
                index = self.value()
                self.expect("]", f"] is missing before {shown(self.token())}")
                found = self._term("index", start, parts=(found, index))
            elif self.word() == "." and self.named(1):
                self.at += 1
                found = self._member(start, found)
            elif self.take("::"):
                found = self._term("cast", start, self._type(), (found,))
            elif self.word() in ("over", "filter", "within") and self.word(-1) == ")" and self.word(1):
                self.fail(_NO_WINDOWS)
            else:
                return found

    def _member(self, start: int, found: Term) -> Term:
        token = self.tokens[self.at]
        if self.word(1) == "(":
            self.fail("a function's name has no dots in a condition")
        self.at += 1
        return self._term("member", start, token.name, (found,))

    def _primary(self) -> Term:
        token, word, start = self.token(), self.word(), self.at
        if token is None:
            self.missing()
        if token.kind in ("number", "string"):
            return self._literal(token)
        if word == "(":
            return self._bracket(start)
        if not self.named() or (self._is_syntax(word) and word != "case"):
            self.missing()
        if word == "case" and not self._is_field(word):
            return self._case(start)
        if self.word(1) == "->":
            return self._lambda(start, (token.name,), 2)
        if word in _TYPE_WORDS and self._is_text(1):
            return self._typed(start, word)
        if word == "interval" and (self.word(1) in ("-", "+") or self.word(1)[:1].isdigit()):
            return self._interval(start)
        if self.word(1) == "(":
            return self._call(start, token)
        self.at += 1
        if word in ("true", "false", "null") and not self._is_field(word):
            return self._term("constant", start, word)
        return self._term("field", start, token.name, quoted=token.kind == "quoted")

    def _is_syntax(self, word: str) -> bool:
        called = self.word(1) == "(" and word in FUNCTIONS
        return word in SYNTAX_WORDS and not called and not self._is_field(word)

    def _is_field(self, word: str) -> bool:
        """Return whether a word of the grammar is the name of something here."""
        return word in self.fields or word in self.bound

    def _is_text(self, ahead: int) -> bool:
        token = self.token(ahead)
        return token is not None and token.kind == "string"

    def _literal(self, token: Token) -> Term:
        start = self.at
        self.at += 1
        while token.kind == "string" and self._is_text(0):  # 'a' 'b' is one text
            self.at += 1
        return self._term(token.kind, start, self.text[token.start : self.end()])

    def _typed(self, start: int, word: str) -> Term:
        self.at += 2
        if word == "interval" and self.word() in UNITS:
            self.at = start
            return self._interval(start)
        return self._term("typed", start, word, names=(self.tokens[start + 1].text,))

    def _interval(self, start: int) -> Term:
        self.at += 1
        while True:
            sign = self.word() in ("-", "+")
            token = self.token(sign)
            if token is None or token.kind not in ("number", "string") or self.word(sign + 1) not in UNITS:
                return self._term("interval", start)
            self.at += sign + 2
            if self.word() == "to" and self.word(1) in UNITS:
                self.at += 2

    def _bracket(self, start: int) -> Term:
        names = self._lambda_names()
        if names:
            return self._lambda(start, names, 2 * len(names) + 2)
        self.at += 1
        found = [self.expression()]
        if self.take("as"):
            self.fail("a condition has no name; remove 'AS name'", self.token(-1))
        while self.take(","):
            found.append(self.expression())
        self.expect(")", f"AND, OR, an operator or ) is missing before {shown(self.token())}")
        return found[0] if len(found) == 1 else self._term("row", start, parts=tuple(found))

    def _lambda_names(self) -> tuple[str, ...]:
        """Return the names of ``(x, y) ->``, or none."""
        names, index = list[str](), 1
        while self.named(index):
            names.append(self.tokens[self.at + index].name)
            index += 1
            if self.word(index) != ",":
                break
            index += 1
        return tuple(names) if names and self.word(index) == ")" and self.word(index + 1) == "->" else ()

    def _lambda(self, start: int, names: tuple[str, ...], length: int) -> Term:
        self.at += length
        self.bound += [name.lower() for name in names]
        body = self.expression()
        del self.bound[-len(names) :]
        return self._term("lambda", start, parts=(body,), names=names)

    def _case(self, start: int) -> Term:
        self.at += 1
        parts = [] if self.word() == "when" else [self.expression()]
        names = ("subject",) if parts else ()
        if self.word() != "when":
            self.missing("WHEN")
        while self.take("when"):
            parts.append(self.expression())
            self.expect("then", f"THEN is missing before {shown(self.token())}")
            parts.append(self.expression())
        if self.take("else"):
            parts.append(self.expression())
            names = (*names, "else")
        if not self.take("end"):
            self.missing("END")
        return self._term("case", start, parts=tuple(parts), names=names)

    # ---- calls --------------------------------------------------------------------------------------------------

    def _call(self, start: int, token: Token) -> Term:
        name = token.name.lower()
        self.at += 2
        if token.kind == "name" and name in ("cast", "try_cast"):
            part = self.expression()
            self.expect("as", f"AS and a type are missing, as in {name.upper()}({self._said(part)} AS double)")
            kind = self._type()
            self.expect(")", f") is missing before {shown(self.token())}")
            return self._term("cast", start, kind, (part,))
        parts = self._arguments(name)
        return self._term("call", start, name, tuple(parts), names=(token.name,), quoted=token.kind == "quoted")

    def _arguments(self, name: str) -> list[Term]:
        found = list[Term]()
        if self.take(")"):
            return found
        if self.word() in ("distinct", "all") and self.word(1) not in (",", ")", ".", "["):
            self.fail(f"{self.word().upper()} is not allowed in {name}()")
        if name == "trim" and self.word() in ("both", "leading", "trailing") and self.word(1) not in (")", ",", "."):
            self.at += 1
            self.take("from")
        words = _WORDS_BETWEEN.get(name, ())
        found.append(self._first_argument(name))
        while self.word() != ")":
            if name in ("struct", "named_struct") and (self.take("as") or self.named()):
                self.at += 1
                if self.word() not in (",", ")"):
                    self.missing("a comma or )")
                continue
            if self.word() not in (",", *words):
                self.missing(f"a comma or the ) of {name}(")
            self.at += 1
            found.append(self.value() if words else self.expression())
        self.at += 1
        return found

    def _first_argument(self, name: str) -> Term:
        unit = name in UNIT_FIRST and self.word() in UNITS and self.word(1) == ","
        if unit or (name == "extract" and self.named() and self.word(1) == "from"):
            self.at += 1
            return self._term("unit", self.at - 1)
        return self.value() if name in _WORDS_BETWEEN else self.expression()

    def _type(self) -> str:
        """Move past the name of a type and return it in lower case."""
        if not self.named():
            self.missing("a type")
        start = self.at
        self.at += 1
        if self.word() in ("(", "<"):
            depth = 0
            while self.token():
                depth += {"(": 1, "<": 1, ")": -1, ">": -1, ">>": -2, ">>>": -3}.get(self.word(), 0)
                self.at += 1
                if depth <= 0:
                    break
        return "".join(token.word for token in self.tokens[start : self.at])

    def _term(self, kind: str, start: int, name: str = "", parts: tuple[Term, ...] = (), **more: object) -> Term:
        return Term(kind, self.tokens[start].start, self.end(), name, parts, **more)  # type: ignore[arg-type]

    def _said(self, term: Term) -> str:
        text = " ".join(self.text[term.start : term.end].split())
        return text if len(text) <= 30 else "..."

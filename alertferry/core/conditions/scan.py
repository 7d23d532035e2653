"""A tokenizer for Spark's SQL expressions, and what can be refused before any parser sees a condition.

Pure Python, no JVM: used by ``alertferry check``, by the wizard while the user types, and as the first step of the
gate. The rules of strings, comments and identifiers are those of Spark's own lexer (``SqlBaseLexer.g4``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from alertferry.core.conditions.errors import refuse

MAX_TEXT = 10_000
"""Characters of one text, which may hold several conditions."""

MAX_CONDITIONS = 100
MAX_CHARACTERS = 2_000
MAX_TOKENS = 600
MAX_DEPTH = 50
MAX_NUMBER_CHARACTERS = 60

Kind = Literal["name", "quoted", "string", "number", "operator", "unclosed"]


@dataclass(frozen=True)
class Token:
    """One word of a condition; ``start`` and ``end`` are offsets in characters."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """Return the lower-cased text of an unquoted name, else the text itself."""
        return self.text.lower() if self.kind == "name" else self.text

    @property
    def name(self) -> str:
        """Return the identifier: without back quotes, doubled ones undone."""
        return self.text[1:-1].replace("``", "`") if self.kind == "quoted" else self.text


_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?:[bB][dD]|[lLsSyYfFdD])?(?![0-9A-Za-z_])"
_LEXEMES = re.compile(
    rf"""
    (?P<space>\s+)
  | (?P<comment>--(?:\\\n|[^\r\n])*)
  | (?P<string>[rR]'[^']*'|[rR]"[^"]*"|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<number>{_NUMBER})
  | (?P<name>\w+)
  | (?P<operator><=>|>>>|<<|>>|<=|>=|<>|!=|!<|!>|==|\|\||\|>|->|=>|::|/\*\+|\*/|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*(?!\+)|\*/")
_UNCLOSED = {"'": "string", '"': "string", "`": "back-quoted name"}
_OPENING = {"(": ")", "[": "]", "case": "end"}
_PREFIXES = {"not", "!", "-", "+", "~"}
_SYNTAX_HINTS = {
    "**": "Spark has no ** operator; write power(x, y)",
    "=>": "named arguments are not allowed; give the arguments in order",
    "/*+": "hints are not allowed in a condition",
    "*/": "this */ closes no comment",
    "|>": "pipes are not allowed in a condition",
    ":": "parameters (:name) and the ':' path operator are not allowed; write the value, or a.b for a field",
    "?": "parameters are not allowed; write the value itself",
    ";": "one condition holds no ';'; give several conditions as a list",
    "&&": "Spark has no && operator; write AND",
    "$": "'$' cannot stand in a condition; back-quote a name that contains it",
    "@": "'@' cannot stand in a condition; back-quote a name that contains it",
    "#": "'#' cannot stand in a condition; a comment starts with --",
    "{": "braces are not allowed in a condition",
    "}": "braces are not allowed in a condition",
    "\\": "a backslash is only allowed in a string",
    "≥": "write >= instead of ≥",
    "≤": "write <= instead of ≤",
    "≠": "write != instead of ≠",
    "×": "write * instead of ×",
    "÷": "write / instead of ÷",
    "−": "this is a dash; write the minus of the keyboard, -",
    "–": "this is a dash; write the minus of the keyboard, -",
    "—": "this is a dash; write the minus of the keyboard, -",
} | dict.fromkeys("‘’‚“”„«»´", "this is a quote for printing; write the straight ' of the keyboard")
_OPERATOR_SIGNS = "( ) [ ] , . + - * / % = == <=> <> != < <= !> > >= !< || | & ^ ~ << >> >>> -> :: !"
_OPERATORS = frozenset(_OPERATOR_SIGNS.split())


def tokenize(text: str) -> Iterator[Token]:
    """Yield the tokens of a condition, comments left out.

    Raises `ConditionError` at a string, a back-quoted name or a comment that is not closed.
    """
    for token in lex(text):
        if token.kind == "unclosed":
            what = _UNCLOSED.get(token.text[0])
            message = f"the {what or 'comment'} that starts here is not closed{'' if what else '; end it with */'}"
            raise refuse(text, token.start, 1 if what else 2, message)
        yield token


def lex(text: str) -> Iterator[Token]:
    """Yield the tokens of any text, comments left out; what is never closed is one token to the end.

    The work grows as the text does: nothing is looked at twice, as the first thing that is not closed is the last.
    """
    position = 0
    while position < len(text):
        if text.startswith("/*", position) and not text.startswith("/*+", position):
            end = _comment_end(text, position)
            if end is None:
                yield Token("unclosed", text[position:], position, len(text))
                return
            position = end
            continue
        match = _LEXEMES.match(text, position)
        assert match is not None  # the last alternative takes any character
        position = match.end()
        kind = str(match.lastgroup)
        if kind in ("space", "comment"):
            continue
        if kind == "operator" and match[0] in _UNCLOSED:
            yield Token("unclosed", text[match.start() :], match.start(), len(text))
            return
        yield Token(kind, match[0], match.start(), match.end())  # type: ignore[arg-type]


def _comment_end(text: str, start: int) -> int | None:
    """Return the offset after a bracketed comment, which may hold others; None when it is not closed."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return None


def split_lines(text: str) -> list[str]:
    """Return the conditions of a text in which ``;`` separates them.

    A ``;`` inside a string, a back-quoted name or a comment separates nothing. Empty parts and parts that are
    only comments are dropped. A text with an unclosed string or comment is split as far as it can be read: the
    rest is one part, which the gate then refuses.
    """
    parts: list[str] = []
    start, words = 0, False
    for token in lex(text):
        if token.text == ";":
            parts += [text[start : token.start].strip()] if words else []
            start, words = token.end, False
        else:
            words = True
    return parts + ([text[start:].strip()] if words else [])


def scan(text: str) -> tuple[Token, ...]:
    """Return the tokens of one condition, or refuse what no parser should be given.

    Caps: `MAX_CHARACTERS`, `MAX_TOKENS`, nesting `MAX_DEPTH`. Raises `ConditionError`.
    """
    if not text.strip():
        raise refuse(text, 0, 1, "the condition is empty")
    if len(text) > MAX_CHARACTERS:
        size = f"{len(text):,} characters, more than {MAX_CHARACTERS:,}"
        raise refuse(text, MAX_CHARACTERS, 1, f"the condition has {size}; split it into several conditions")
    _refuse_characters(text)
    tokens = tuple(tokenize(text))
    if not tokens:
        raise refuse(text, 0, len(text), "the condition is only a comment")
    if len(tokens) > MAX_TOKENS:
        size = f"{len(tokens)} words, more than {MAX_TOKENS}"
        raise refuse(text, tokens[MAX_TOKENS].start, 1, f"the condition has {size}; split it into several")
    _refuse_syntax(text, tokens)
    _refuse_depth(text, tokens)
    return tokens


def _refuse_characters(text: str) -> None:
    """Refuse what hides or changes text: control characters, direction marks, lone surrogates, ``${``."""
    for position, character in enumerate(text):
        if character not in "\t\n\r" and unicodedata.category(character) in ("Cc", "Cf", "Cs"):
            raise refuse(text, position, 1, f"the invisible character U+{ord(character):04X} is not allowed")
    # Spark's session parser replaces ${env:NAME} by the environment, inside strings too
    if (position := text.find("${")) >= 0:
        raise refuse(text, position, 2, "'${' is not allowed: conditions have no variables")


def _refuse_syntax(text: str, tokens: Sequence[Token]) -> None:
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        pair = token.text + following.text if following and token.end == following.start else ""
        if token.kind == "operator" and pair in _SYNTAX_HINTS:
            raise refuse(text, token.start, len(pair), _SYNTAX_HINTS[pair])
        message = _syntax_problem(token, following)
        if message:
            raise refuse(text, token.start, token.end - token.start, message)


def _syntax_problem(token: Token, following: Token | None) -> str:
    if token.kind == "operator" and token.text not in _OPERATORS:
        return _SYNTAX_HINTS.get(token.text) or f"'{token.text}' cannot stand in a condition"
    if token.kind == "number":
        exponent = re.search(r"[eE][+-]?([0-9]+)", token.text)
        if len(token.text) > MAX_NUMBER_CHARACTERS or (exponent and len(exponent[1]) > 3):
            return "the number is too long"
    if token.kind == "name" and not token.text.isascii():
        return f"a name with other than ASCII letters must be back-quoted: `{token.text}`"
    if token.word == "select":
        return "queries are not allowed in a condition; it sees one alert at a time"
    if token.word == "identifier" and following and following.text == "(":
        return "identifier(...) is not allowed; write the field's name"
    return ""


def _refuse_depth(text: str, tokens: Sequence[Token]) -> None:
    """Refuse unbalanced brackets, deep nesting and long chains of prefix operators."""
    stack: list[tuple[str, Token]] = []
    chain = 0
    for token in tokens:
        chain = chain + 1 if token.word in _PREFIXES else 0
        if token.kind in ("operator", "name") and token.word in _OPENING:
            stack.append((_OPENING[token.word], token))
        elif token.kind in ("operator", "name") and token.word in (")", "]", "end"):
            _close(text, stack, token)
        if max(len(stack), chain) > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} deep; split it into several conditions"
            raise refuse(text, token.start, len(token.text), message)
    brackets = [token for closing, token in stack if closing != "end"]
    if brackets:
        raise refuse(text, brackets[-1].start, 1, f"this {brackets[-1].text} is never closed")


def _close(text: str, stack: list[tuple[str, Token]], token: Token) -> None:
    """Take the matching opening off the stack; a lone CASE or END may be a field's name, so these are lenient."""
    if token.word == "end":
        if stack and stack[-1][0] == "end":
            stack.pop()
        return
    while stack and stack[-1][0] == "end":
        stack.pop()
    if not stack or stack[-1][0] != token.text:
        raise refuse(text, token.start, 1, f"this {token.text} closes nothing")
    stack.pop()

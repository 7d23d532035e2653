"""A place among the tokens of a condition, and what to say when something is missing there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from alertferry.core.conditions.errors import refuse
from alertferry.core.conditions.scan import Token


@dataclass
class Cursor:
    """The tokens of a text and the place of the next one."""

    text: str
    tokens: Sequence[Token]
    at: int = 0

    def token(self, ahead: int = 0) -> Token | None:
        """Return the next token, or one so many places after it; None outside of the text."""
        index = self.at + ahead
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def word(self, ahead: int = 0) -> str:
        """Return a token in lower case; a quoted name or a string is no word."""
        token = self.token(ahead)
        return token.word if token and token.kind not in ("quoted", "string") else ""

    def named(self, ahead: int = 0) -> bool:
        """Return whether a token is a name, quoted or not."""
        token = self.token(ahead)
        return token is not None and token.kind in ("name", "quoted")

    def take(self, *words: str) -> bool:
        """Move past these words, if they come next."""
        if all(self.word(index) == word for index, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def end(self) -> int:
        """Return the offset after the last token taken."""
        return self.tokens[self.at - 1].end

    def expect(self, word: str, message: str) -> None:
        """Move past a word, or refuse."""
        if not self.take(word):
            self.fail(message)

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        """Refuse at the token at hand, or at the last one if the text has ended."""
        found = token or self.token() or self.tokens[-1]
        raise refuse(self.text, found.start, found.end - found.start, message)

    def missing(self, what: str = "a value") -> NoReturn:
        """Refuse because something is not there."""
        before, found = self.token(-1), self.token()
        if found is None:
            self.fail(f"the condition is not finished: {what} is missing after {shown(before)}")
        self.fail(f"{what} is missing before {shown(found)}")


def shown(token: Token | None) -> str:
    """Return a token as messages show it; a long one cut."""
    if token is None:
        return "the end"
    text = token.text if len(token.text) <= 40 else f"{token.text[:39]}…"
    return text if text[:1] in "'\"`" else f"'{text}'"

"""What is known of a part of a condition before Spark has seen it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from alertferry.core.conditions.kinds import UNKNOWN, Shape


@dataclass(frozen=True)
class Value:
    """What is known of a part: its shape, the documented path it comes from, and the value if it is written out.

    ``one_of_many``: it is an element of an array or a map, and its path is also that of others, with values of their
    own.
    """

    shape: Shape
    path: tuple[str, ...] = ()
    literal: Any = None
    written: bool = False
    one_of_many: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is a whole number written out."""
        return self.written and isinstance(self.literal, int)


NOTHING = Value(UNKNOWN)

_WHOLE = {"y": 2**7, "s": 2**15, "l": 2**63}
_FLOATING = {"f": Decimal("3.4028234663852886e38"), "d": Decimal("1.7976931348623157e308")}
"""The largest numbers that Spark's parser takes, by the letter behind them."""

MOST_DIGITS = 38


def too_large(number: str) -> str:
    """Return why Spark takes no number that is written like this; empty where it does.

    With an exponent, or a ``d`` or ``f`` behind it, it is a floating-point number, else a decimal.
    """
    text = number.lower()
    digits, letter = text.rstrip("bdfsyl"), text[-1] if text[-1].isalpha() else ""
    if letter in _WHOLE:
        # of a negative number the sign stands elsewhere
        return f"the number {number} is too large for its type" * (digits.isdigit() and int(digits) > _WHOLE[letter])
    if (letter in _FLOATING and not text.endswith("bd")) or ("e" in digits and not letter):
        largest = _FLOATING[letter or "d"]
        return f"the number {number} is too large: {largest:.1e} is about the largest" * (Decimal(digits) > largest)
    _, figures, exponent = Decimal(digits).as_tuple()
    needed = max(len(figures), len(figures) + int(exponent), -int(exponent))
    return f"the number {number} has more than {MOST_DIGITS} digits" * (needed > MOST_DIGITS)

"""What is known of a part of a condition before Spark has seen it."""

from __future__ import annotations

from dataclasses import dataclass
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

"""SQL conditions: what a user may write, and the gate that turns it into a Spark column.

``lint``, ``scan`` and ``split_lines`` need no Spark; the gate's functions import it when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alertferry.core.conditions.allowed import FORBIDDEN, FUNCTIONS
from alertferry.core.conditions.errors import ConditionError, ConditionProblem
from alertferry.core.conditions.lint import lint
from alertferry.core.conditions.scan import scan, split_lines

if TYPE_CHECKING:
    from alertferry.core.conditions.gate import (
        SESSION_CONF,
        compile_condition,
        compile_filter,
    )

__all__ = [
    "FORBIDDEN",
    "FUNCTIONS",
    "SESSION_CONF",
    "ConditionError",
    "ConditionProblem",
    "compile_condition",
    "compile_filter",
    "lint",
    "scan",
    "split_lines",
]

_GATE = ("SESSION_CONF", "compile_condition", "compile_filter")


def __getattr__(name: str) -> Any:
    if name in _GATE:
        from alertferry.core.conditions import gate

        return getattr(gate, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

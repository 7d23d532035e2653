"""Contract tests for plugin authors, and simulators of what the plugins read.

The contracts need pytest, the simulators do not: names are imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alertferry.testing.contracts import (
        FilterContract,
        OutputContract,
        PredicateContract,
        SourceContract,
        StepContract,
    )

__all__ = ["FilterContract", "OutputContract", "PredicateContract", "SourceContract", "StepContract"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from alertferry.testing import contracts

        return getattr(contracts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

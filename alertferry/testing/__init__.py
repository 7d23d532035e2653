"""Contract tests for plugin authors, and simulators of what the plugins read."""

from __future__ import annotations

from alertferry.testing.contracts import FilterContract, PredicateContract, SourceContract, StepContract

__all__ = ["FilterContract", "PredicateContract", "SourceContract", "StepContract"]

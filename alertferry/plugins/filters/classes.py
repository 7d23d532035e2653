"""Selecting by class."""

from __future__ import annotations

from collections.abc import Sequence

from alertferry.core.hooks import hookimpl
from alertferry.core.steps import Filter


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: class``."""
    return []

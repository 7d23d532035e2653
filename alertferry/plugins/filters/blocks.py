"""Selecting by blocks: the simple conditions that a broker builds its tags of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from alertferry.core.hooks import hookimpl
from alertferry.core.steps import Filter
from alertferry.tags.choice import Choice
from alertferry.tags.provider import Kind


class Blocks(Choice):
    """Keep alerts by blocks: quality, novelty, place in the sky, counterparts in catalogues.

    `alertferry tags SURVEY` lists them. A block that says nothing about an alert counts as false.
    """

    kind: ClassVar[str] = "blocks"
    unit: ClassVar[Kind] = "block"

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a selection of good new alerts, and one of what has no counterpart."""
        return (
            cls(all_of=("b_good_quality",), none_of=("b_is_new",)),
            cls(any_of=("b_is_rising", "b_is_fading"), none_of=("b_xmatched_vsx_star", "b_xmatched_gaia_star")),
        )


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: blocks``."""
    return [Blocks]

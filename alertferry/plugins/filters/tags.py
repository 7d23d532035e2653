"""Selecting by tags: what a broker's filters say about an alert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from alertferry.core.hooks import hookimpl
from alertferry.core.steps import Filter
from alertferry.tags.choice import Choice
from alertferry.tags.provider import Kind


class Tags(Choice):
    """Keep alerts by their tags, which name classes of objects and of follow-up campaigns.

    `alertferry tags SURVEY` lists them. A tag that says nothing about an alert counts as false.
    """

    kind: ClassVar[str] = "tags"
    unit: ClassVar[Kind] = "tag"

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return selections for each built-in survey: native, in Python, and both."""
        return (
            cls(all_of=("is_solar_system",)),
            cls(any_of=("in_simbad", "extragalactic_new_candidate"), none_of=("is_solar_system",)),
            cls(any_of=("blazar", "sso_ztf_candidates"), none_of=("fast_riser_candidates",)),
        )


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: tags``."""
    return [Tags]

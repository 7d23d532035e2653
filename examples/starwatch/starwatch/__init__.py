"""A survey and a filter of one's own: everything that an alertferry plugin needs, in one module.

Spark is imported inside methods, because `alertferry check` loads this module and starts no JVM.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field

from alertferry import Filter, LakeSource, Packet, Predicate, Source, Survey, hookimpl

if TYPE_CHECKING:
    from pyspark.sql import Column

SURVEY = Survey(
    name="starwatch",
    title="Starwatch",
    alert_id="alertId",
    object_id="starId",
    ra="detection.ra",
    dec="detection.dec",
    time="detection.mjd",
    time_scale="mjd-tai",
    packets={
        "full": Packet(description="every column of the lake", roots=True),
        "light": Packet(
            description="ids, position and brightness",
            fields=("alertId", "starId", "detection.ra", "detection.dec", "detection.mag"),
        ),
    },
    field_table=("starwatch", "fields.tsv"),
)


class Starwatch(LakeSource):
    """Alerts of the Starwatch telescope; its lake is where ALERTFERRY_LAKE_STARWATCH says."""

    kind: ClassVar[str] = "starwatch"
    survey: ClassVar[Survey] = SURVEY

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a typical selection of nights."""
        return (cls(nights=("2026-03-01..2026-03-02",)),)


class Brighter(Predicate):
    """Keep alerts of stars brighter than a magnitude."""

    kind: ClassVar[str] = "brighter"

    than: Annotated[float, Field(ge=-2, le=30)]
    """Magnitude; brighter stars have smaller ones."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a usual limit."""
        return (cls(than=6.5),)

    def problems(self, survey, schema):
        """Refuse alerts of other surveys."""
        from alertferry import Problem

        if survey.name != SURVEY.name:
            yield Problem("", f"is for alerts of {SURVEY.name}, not of {survey.name}")

    def condition(self, survey: Survey) -> Column:
        """Return the condition on the magnitude; an alert without one is not kept."""
        from pyspark.sql import functions as F

        return F.col("detection.mag") < self.than


@hookimpl
def register_sources() -> Sequence[type[Source]]:
    """Offer ``kind: starwatch``."""
    return [Starwatch]


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: brighter``."""
    return [Brighter]

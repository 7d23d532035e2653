"""The Zwicky Transient Facility, as Fink's science lake keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from alertferry.core.hooks import hookimpl
from alertferry.core.lake_source import LakeSource
from alertferry.core.steps import Source
from alertferry.core.survey import Derived, Packet, Survey

CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")

CLASSES = ("finkclass", "tnsclass")

_LIGHT = ("magpsf", "sigmapsf", "fid", "jd", "ra", "dec", "ssnamenr")

SURVEY = Survey(
    name="ztf",
    title="Zwicky Transient Facility",
    alert_id="candid",
    object_id="objectId",
    ra="candidate.ra",
    dec="candidate.dec",
    time="candidate.jd",
    time_scale="jd-utc",
    history=("prv_candidates",),
    cutouts=CUTOUTS,
    values=dict.fromkeys(("candidate.fid", "prv_candidates.fid"), (1, 2, 3)),
    packets={
        "full": Packet(description="every column of the lake, and the class", roots=True, derived=CLASSES),
        "medium": Packet(
            description="every column but the cutouts, and the class", roots=True, without=("cutout*",), derived=CLASSES
        ),
        "light": Packet(
            description="photometry and position, and every added value; no cutouts, no history",
            fields=tuple(f"candidate.{name}" for name in _LIGHT),
            roots=True,
            without=("cutout*", "candidate", "prv_candidates"),
            derived=CLASSES,
        ),
        "cutouts": Packet(description="the three cutouts, with the ids", fields=("objectId", "candid", *CUTOUTS)),
    },
    field_table=("alertferry.plugins.sources", "ztf_fields.tsv"),
    derived=(
        Derived(
            name="finkclass",
            description="Class by Fink's classifiers and SIMBAD; in all packets but cutouts, or where fields name it",
            needs=(
                *("cdsxmatch", "roid", "mulens", "snn_snia_vs_nonia", "snn_sn_vs_all", "rf_snia_vs_nonia"),
                *("rf_kn_vs_nonkn", "tracklet"),
                *(f"candidate.{name}" for name in ("ndethist", "drb", "classtar", "jd", "jdstarthist")),
            ),
            build="alertferry.tags.finkclass:derive",
        ),
        Derived(
            name="tnsclass",
            description="Type of the nearest TNS object within 1.5 arcsec; in all packets but cutouts, or by fields",
            needs=("candidate.ra", "candidate.dec"),
            build="alertferry.tags.tns:derive",
            unavailable="alertferry.tags.tns:unavailable",
        ),
    ),
)


class Ztf(LakeSource):
    """Alerts of the Zwicky Transient Facility.

    Nights are folders of UTC dates. The schema grew over the years: a job over several versions reads their
    union.
    """

    kind: ClassVar[str] = "ztf"
    survey: ClassVar[Survey] = SURVEY

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return two typical selections of nights."""
        return cls(nights=("2025-06-14",)), cls(nights=("2021-11-22", "2025-01-14..2025-01-16"))


@hookimpl
def register_sources() -> Sequence[type[Source]]:
    """Offer ``kind: ztf``."""
    return [Ztf]

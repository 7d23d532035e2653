"""The Vera C. Rubin Observatory's LSST, as Fink's science lake keeps it (alert schema 10.0)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from alertferry.core.hooks import hookimpl
from alertferry.core.lake_source import LakeSource
from alertferry.core.steps import Source
from alertferry.core.survey import Derived, Packet, Survey

_PHOTOMETRY = (
    "snr",
    "psfFlux",
    "psfFluxErr",
    "scienceFlux",
    "scienceFluxErr",
    "templateFlux",
    "templateFluxErr",
    "band",
    "midpointMjdTai",
    "ra",
    "dec",
    "reliability",
)
CLASSES = ("tns_type_recomputed",)
"""There when the site has a catalogue of the TNS."""

_SECTIONS = ("diaSource", "prvDiaSources", "prvDiaForcedSources", "diaObject", "ssSource", "mpc_orbits")


def _of(section: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{section}.{name}" for name in names)


SURVEY = Survey(
    name="lsst",
    title="Vera C. Rubin Observatory, LSST",
    alert_id="diaSourceId",
    object_id="diaSource.diaObjectId",
    ra="diaSource.ra",
    dec="diaSource.dec",
    time="diaSource.midpointMjdTai",
    time_scale="mjd-tai",
    history=("prvDiaSources", "prvDiaForcedSources"),
    cutouts=("cutoutScience", "cutoutTemplate", "cutoutDifference"),
    values=dict.fromkeys(
        ("diaSource.band", "prvDiaSources.band", "prvDiaForcedSources.band"), ("u", "g", "r", "i", "z", "y")
    ),
    derived=(
        Derived(
            name="tns_type_recomputed",
            description="Type of the nearest TNS object within 1.5 arcsec; in all packets but light-sso, or by fields",
            needs=("diaSource.ra", "diaSource.dec"),
            build="alertferry.tags.tns:derive_lsst",
            unavailable="alertferry.tags.tns:unavailable",
        ),
    ),
    packets={
        "full": Packet(description="every column of the lake", roots=True, derived=CLASSES),
        "medium": Packet(description="every column but the cutouts", roots=True, without=("cutout*",), derived=CLASSES),
        "light-static": Packet(
            description="photometry and position of static sources, and every added value; no cutouts, no history",
            fields=_of("diaSource", "diaObjectId", *_PHOTOMETRY),
            roots=True,
            without=("cutout*", *_SECTIONS),
            derived=CLASSES,
        ),
        "light-sso": Packet(
            description="photometry, position and designations of solar system objects",
            fields=(
                "diaSourceId",
                *_of("ssSource", "ssObjectId", "phaseAngle", "diaDistanceRank"),
                *_of("diaSource", *_PHOTOMETRY),
                *_of(
                    "mpc_orbits",
                    "packed_primary_provisional_designation",
                    "unpacked_primary_provisional_designation",
                ),
                "lsst_schema_version",
                "fink_broker_version",
                "fink_science_version",
            ),
        ),
    },
    field_table=("alertferry.plugins.sources", "lsst_fields.tsv"),
)


class Lsst(LakeSource):
    """Alerts of the Rubin Observatory's LSST.

    Nights are folders named by the observing night, so that an alert's UTC date can be the one before or after:
    ask by ``times`` when that matters.
    """

    kind: ClassVar[str] = "lsst"
    survey: ClassVar[Survey] = SURVEY

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return two typical selections."""
        return cls(nights=("2026-01-01",)), cls(times=("2026-01-01T02:00..2026-01-01T04:00",))


@hookimpl
def register_sources() -> Sequence[type[Source]]:
    """Offer ``kind: lsst``."""
    return [Lsst]

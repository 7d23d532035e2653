"""Native twins of Fink's tags and blocks for Rubin that are plain conditions, and when they stand in.

A twin is used only for the very source it was written for: it is found by the fingerprint of the function and all that
it calls. Where fink-filters changed, the Python function runs, slower and just as right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from alertferry.core.schema import Struct
from alertferry.tags import native
from alertferry.tags.binding import UnboundError
from alertferry.tags.installed import fingerprint
from alertferry.tags.native import BANDS, FLAGS, Alert

if TYPE_CHECKING:
    from pyspark.sql import Column

FAMILY = "fink_"
"""Names of Fink's packages begin so: their changes are noticed."""


@dataclass(frozen=True)
class Twin:
    """A native condition, the fingerprint of the function it equals, and the fields it reads."""

    fingerprint: str
    condition: Callable[[Alert], Column]
    fields: frozenset[str] = field(default_factory=frozenset)

    def fits(self, schema: Struct) -> bool:
        """Tell whether every field is there."""
        try:
            return all(Alert(schema).path(name) for name in self.fields)
        except UnboundError:
            return False

    def columns(self, schema: Struct) -> tuple[str, ...]:
        """Return the dotted columns it reads, sorted."""
        return tuple(sorted(Alert(schema).path(name) for name in self.fields))

    def verdict(self, schema: Struct) -> Column:
        """Return the condition on alerts of a schema; never null.

        It is kept for the next alerts alike: each of its hundreds of parts is a call from Python to Java.
        """
        from pyspark import SparkContext

        java = SparkContext._gateway
        last = _MADE.get(self)
        if last is None or last[0] is not java or last[1] != schema:
            last = _MADE[self] = java, schema, self.condition(Alert(schema))
        return last[2]


_MADE: dict[Twin, tuple[Any, Struct, Column]] = {}
"""The last condition of each twin, with the connection to Java and the schema that it was made for."""


def _names(text: str, root: str = "") -> frozenset[str]:
    return frozenset(f"{root}.{name}" if root else name for name in text.split())


_QUALITY = _names(" ".join([*FLAGS, "psfFlux", "psfFluxErr"]), "diaSource")
_POSITION = _names("ra dec", "diaSource")
_GAIA = _names("gaiadr3_DR3Name gaiadr3_Plx gaiadr3_e_Plx")
_CHANGE = _names("psfFlux band", "diaSource") | _names(
    " ".join(f"{band}_psfFluxMean {band}_psfFluxMeanErr" for band in BANDS), "diaObject"
)
_GALAXY = _QUALITY | _POSITION | _GAIA | _names("simbad_otype mangrove_lum_dist is_sso vsx_Type legacydr8_zphot")
_AGE = _names("midpointMjdTai", "diaSource") | _names("firstDiaSourceMjdTaiFink")
_SURE_TRANSIENT = _QUALITY | _names("isNegative snr", "diaSource") | _names("nDiaSources is_sso")
_SCORES = _names("cats_class cats_score snnSnVsOthers_score")

TWINS = {
    "is_solar_system": Twin("e044c447fd12e69d", native.is_solar_system, _names("is_sso")),
    "in_tns": Twin("f7d6afe7cf568714", native.in_tns, _names("tns_fullname")),
    "in_simbad": Twin("fd641f6935c11176", native.in_simbad, _names("simbad_otype")),
    "uniform_sample": Twin("a4f57713f6a7f9a8", native.uniform_sample, _names("diaSourceId")),
    "hostless_candidate": Twin(
        "622820574dcc06ab", native.hostless, _QUALITY | _POSITION | _names("elephant_kstest_template")
    ),
    "extragalactic_svom": Twin("f14dd8520e505a78", native.extragalactic_svom, _GALAXY | _AGE),
    "extragalactic_lt20mag_candidate": Twin(
        "e0725e736d47e22a", native.extragalactic_lt20mag, _GALAXY | _AGE | _CHANGE | _names("nDiaSources", "diaObject")
    ),
    "remove_unlikely_transients": Twin("42cd4cc99946dbf6", native.unlikely_removed, _SURE_TRANSIENT),
    "most_likely_sn": Twin("2c94ce16a7039938", native.most_likely_sn, _SURE_TRANSIENT | _SCORES),
    "b_is_solar_system": Twin("f233e67bf44464aa", native.is_solar_system, _names("is_sso")),
    "b_outside_galactic_plane_20_deg": Twin("bae1a3927038a303", native.outside_plane(20), _POSITION),
    "b_outside_galactic_plane_5_deg": Twin("f5930726a2bb6d3b", native.outside_plane(5), _POSITION),
    "b_xmatched_simbad_galaxy": Twin("a93923b2759f7d6f", native.simbad_galaxy, _names("simbad_otype")),
    "b_xmatched_simbad_unknown": Twin("9fc5dd92b954bcc5", native.simbad_unknown, _names("simbad_otype")),
    "b_xmatched_mangrove": Twin("f520fefed0f3523b", native.mangrove, _names("mangrove_lum_dist")),
    "b_xmatched_gaia_star": Twin("e8df161e501810e2", native.gaia_star, _GAIA),
    "b_xmatched_vsx_star": Twin("1cd27f9af8d98738", native.vsx_star, _names("vsx_Type")),
    "b_xmatched_vsx": Twin("24a930d4b23caac1", native.vsx, _names("vsx_Type")),
    "b_is_rising": Twin("7b44dca02401e9a1", native.rising, _CHANGE),
    "b_is_fading": Twin("78316b2e552729b2", native.fading, _CHANGE),
    "b_is_new": Twin("51990c205b598fa3", native.is_new, _names("midpointMjdTai firstDiaSourceMjdTaiFink")),
    "b_good_quality": Twin("17acfb5a45d3cf71", native.good_quality, _QUALITY),
    "b_extragalactic_near_galaxy_candidate": Twin("843165c4c372615c", native.extragalactic(near_galaxy=True), _GALAXY),
    "b_extragalactic_loose_candidate": Twin("2cce99d159cf987b", native.extragalactic(near_galaxy=False), _GALAXY),
}
"""Twins by the name of the tag or block, written for fink-filters 7.45 and fink-utils 0.79."""


@cache
def twin_of(module: str, name: str) -> Twin | None:
    """Return the twin of an installed function; None when there is none or the function changed."""
    known = TWINS.get(name)
    return known if known and known.fingerprint == fingerprint(module, name, FAMILY) else None

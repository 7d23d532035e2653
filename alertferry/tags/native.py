"""Conditions of Fink's tags and blocks for Rubin as native Spark expressions.

pandas decides here what is meant: a comparison with a missing value or NaN is false, where Spark has null, and holds
NaN for greater than any number; a division by zero is infinite, where Spark has null; single precision stays single.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from alertferry.core.schema import Primitive, Struct, find
from alertferry.tags.binding import absent, bind
from alertferry.tags.logic import above, at_least, below, sure

if TYPE_CHECKING:
    from pyspark.sql import Column

FLAGS = (
    "isDipole",
    "pixelFlags",
    "pixelFlags_bad",
    "pixelFlags_saturated",
    "pixelFlags_streakCenter",
    "pixelFlags_interpolated",
    "pixelFlags_cr",
    "pixelFlags_nodata",
    "pixelFlags_streak",
    "pixelFlags_edge",
    "psfFlux_flag",
    "apFlux_flag",
    "forced_PsfFlux_flag",
    "forced_PsfFlux_flag_edge",
    "shape_flag",
    "centroid_flag",
)
"""Flags of ``diaSource`` that a measurement of good quality has not, in Fink's order."""

GALACTIC_POLE = (-0.8676661375596585, -0.19807633727300056, 0.45598381368730206)
"""Unit vector of the north galactic pole in ICRS, as astropy has it (IAU 1958, by way of FK5 J2000)."""

NO_COUNTERPART = ("Unknown", "Fail", "Fail 504")
"""What a crossmatch that found nothing leaves, beside null."""

MAG_ZERO_POINT = 31.4
"""AB magnitude of 1 nJy."""

BANDS = "ugrizy"


@dataclass(frozen=True)
class Alert:
    """Fields of an alert by the arguments of Fink's functions: ``is_sso``, ``diaSource.psfFlux``."""

    schema: Struct

    def path(self, name: str) -> str:
        """Return the dotted column of a field. Raises `UnboundError` when there is none."""
        argument, _, rest = name.partition(".")
        column = bind(argument, self.schema, {}).columns[0]
        path = f"{column}.{rest}" if rest else column
        if find(self.schema, path) is None:
            raise absent(path)
        return path

    def type(self, name: str) -> str:
        """Return Spark's name of the type of a field."""
        found = find(self.schema, self.path(name))
        return found.type.name if found and isinstance(found.type, Primitive) else ""

    def column(self, name: str) -> Column:
        """Return a field as it is."""
        from pyspark.sql import functions as F

        from alertferry.core.projection import quote

        return F.col(quote(self.path(name)))

    def flag(self, name: str) -> Column:
        """Return a boolean, missing ones false."""
        return sure(self.column(name))

    def limit(self, name: str, value: float) -> Column:
        """Return a limit in the precision of the field that is compared with it, as numpy does."""
        from pyspark.sql import functions as F

        return F.lit(value).cast("float") if self.type(name) == "float" else F.lit(value)

    def ratio(self, name: str, other: str) -> Column:
        """Return one field divided by another, in their precision; infinite where IEEE 754 says so."""
        from pyspark.sql import functions as F

        top, bottom = (self.column(item).cast("double") for item in (name, other))
        quotient = F.when(bottom == 0, top * F.pow(bottom, F.lit(-1.0))).otherwise(top / bottom)
        single = self.type(name) == self.type(other) == "float"
        return quotient.cast("float") if single else quotient


def is_solar_system(alert: Alert) -> Column:
    """Known to the Minor Planet Center."""
    return alert.flag("is_sso")


def good_quality(alert: Alert) -> Column:
    """No flag, positive flux, signal to noise of 6 at least.

    A missing flag counts as not set; a missing `isDipole` makes pandas forget `pixelFlags` too.
    """
    dipole, pixel, *others = (alert.column(f"diaSource.{name}") for name in FLAGS)
    flagged = reduce(or_, [dipole.isNotNull() & (dipole | sure(pixel)), *(sure(flag) for flag in others)])
    negative = below(alert.column("diaSource.psfFlux"), 0)
    faint = below(alert.ratio("diaSource.psfFlux", "diaSource.psfFluxErr"), 6)
    return ~(flagged | negative | faint)


def outside_plane(degrees: float) -> Callable[[Alert], Column]:
    """Farther than so many degrees from the galactic plane: the sine of the latitude is the height over it."""

    def condition(alert: Alert) -> Column:
        from pyspark.sql import functions as F

        ra, dec = (F.radians(alert.column(f"diaSource.{name}")) for name in ("ra", "dec"))
        x, y, z = GALACTIC_POLE
        height = F.cos(dec) * (F.cos(ra) * x + F.sin(ra) * y) + F.sin(dec) * z
        return above(F.abs(height), math.sin(math.radians(degrees)))

    return condition


def simbad_galaxy(alert: Alert) -> Column:
    """Labelled by SIMBAD as a galaxy, or as anything that may have one as host, unknown ones included."""
    from fink_utils.xmatch.simbad import return_list_of_eg_host

    return sure(alert.column("simbad_otype").isin([str(label) for label in return_list_of_eg_host()]))


def simbad_unknown(alert: Alert) -> Column:
    """No counterpart in SIMBAD, or the search failed."""
    return _nothing_found(alert, "simbad_otype")


def in_simbad(alert: Alert) -> Column:
    """Known to SIMBAD."""
    return ~simbad_unknown(alert)


def in_tns(alert: Alert) -> Column:
    """Named in the Transient Name Server."""
    return alert.column("tns_fullname").isNotNull()


def mangrove(alert: Alert) -> Column:
    """Match a galaxy of the Mangrove catalogue."""
    return above(alert.column("mangrove_lum_dist"), 0)


def gaia_star(alert: Alert) -> Column:
    """Match a source of Gaia DR3 whose parallax is five times its error."""
    return ~_nothing_found(alert, "gaiadr3_DR3Name") & above(alert.ratio("gaiadr3_Plx", "gaiadr3_e_Plx"), 5)


def vsx_star(alert: Alert) -> Column:
    """Match a variable star of the VSX."""
    from fink_utils.xmatch.vsx import return_list_of_stellar

    return sure(alert.column("vsx_Type").isin(return_list_of_stellar()))


def vsx(alert: Alert) -> Column:
    """Match anything of the VSX, stars or not."""
    from fink_utils.xmatch.vsx import return_list_of_nonstellar, return_list_of_stellar

    return sure(alert.column("vsx_Type").isin(return_list_of_nonstellar() + return_list_of_stellar()))


def _nothing_found(alert: Alert, name: str) -> Column:
    label = alert.column(name)
    return label.isNull() | sure(label.isin(*NO_COUNTERPART))


def is_new(alert: Alert) -> Column:
    """Seen for the first time."""
    from pyspark.sql import functions as F

    now = alert.column("midpointMjdTai")
    return sure((now == alert.column("firstDiaSourceMjdTaiFink")) & ~F.isnan(now))


def rising(alert: Alert) -> Column:
    """Brighter than the mean in its band by more than the error of the mean."""
    difference, significant = _change(alert)
    return significant & above(difference, 0)


def fading(alert: Alert) -> Column:
    """Fainter than the mean in its band by more than the error of the mean."""
    difference, significant = _change(alert)
    return significant & below(difference, 0)


def _change(alert: Alert) -> tuple[Column, Column]:
    """Return the difference of the flux to its mean, and whether that is significant."""
    from pyspark.sql import functions as F

    difference = alert.column("diaSource.psfFlux").cast("double") - _in_band(alert, "psfFluxMean")
    return difference, above(F.abs(difference) - _in_band(alert, "psfFluxMeanErr"), 0)


def _in_band(alert: Alert, name: str) -> Column:
    """Return a value that ``diaObject`` holds for each band, in the band of this measurement."""
    from pyspark.sql import functions as F

    band = alert.column("diaSource.band")
    values = [F.when(band == item, alert.column(f"diaObject.{item}_{name}").cast("double")) for item in BANDS]
    return F.coalesce(*values)


def extragalactic(near_galaxy: bool) -> Callable[[Alert], Column]:
    """Good quality, off the plane, neither star nor solar system; near a known galaxy, or without counterpart too."""

    def condition(alert: Alert) -> Column:
        galaxy, unknown = simbad_galaxy(alert), simbad_unknown(alert)
        legacy = above(alert.column("legacydr8_zphot"), 0) & (unknown | galaxy)
        hosts = [galaxy, mangrove(alert), legacy, *([] if near_galaxy else [unknown])]
        elsewhere = outside_plane(20)(alert) & ~is_solar_system(alert)
        return good_quality(alert) & reduce(or_, hosts) & elsewhere & ~gaia_star(alert) & ~vsx_star(alert)

    return condition


def _brighter(alert: Alert, magnitude: float) -> Column:
    """Return whether the difference flux is brighter than a magnitude; negative and infinite ones are not."""
    from pyspark.sql import functions as F

    flux = alert.column("diaSource.psfFlux").cast("double")
    return above(flux, 10 ** ((MAG_ZERO_POINT - magnitude) / 2.5)) & below(flux, F.lit(math.inf))


def _age_days(alert: Alert) -> Column:
    return alert.column("diaSource.midpointMjdTai") - alert.column("firstDiaSourceMjdTaiFink")


def hostless(alert: Alert) -> Column:
    """Good quality, off the plane, brighter than 21.5, and a template without host by ELEPHANT's test."""
    score = "elephant_kstest_template"
    lonely = below(alert.column(score), alert.limit(score, 0.95))
    return good_quality(alert) & lonely & outside_plane(20)(alert) & _brighter(alert, 21.5)


def extragalactic_svom(alert: Alert) -> Column:
    """Near a galaxy, younger than 5 days, brighter than 24."""
    return extragalactic(near_galaxy=True)(alert) & below(_age_days(alert), 5) & _brighter(alert, 24)


def extragalactic_lt20mag(alert: Alert) -> Column:
    """Extragalactic, rising, brighter than 20, seen five times over more than a day."""
    sampled = above(alert.column("diaObject.nDiaSources"), 4) & above(_age_days(alert), 1)
    return extragalactic(near_galaxy=False)(alert) & _brighter(alert, 20) & rising(alert) & sampled


def unlikely_removed(alert: Alert) -> Column:
    """Kept by Fink as not unlikely: as published, alerts that are *not* of good quality, or negative."""
    good = good_quality(alert) & ~alert.flag("diaSource.isNegative")
    seen = at_least(alert.column("nDiaSources"), 2)
    return ~is_solar_system(alert) & above(alert.column("diaSource.snr"), 10) & ~good & seen


def most_likely_sn(alert: Alert) -> Column:
    """High scores of SuperNNova and CATS, on top of `unlikely_removed`."""
    snn, cats = "snnSnVsOthers_score", "cats_score"
    scores = [at_least(alert.column(name), alert.limit(name, value)) for name, value in ((snn, 0.7), (cats, 0.9))]
    return reduce(and_, scores) & sure(alert.column("cats_class") == 11) & unlikely_removed(alert)


def uniform_sample(alert: Alert) -> Column:
    """One alert in 113, by its id."""
    return sure(alert.column("diaSourceId") % 113 == 0)

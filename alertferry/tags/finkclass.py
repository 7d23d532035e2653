"""The class of a ZTF alert (``finkclass``), as Fink derives it from its classifiers, as one Spark expression.

The rules are those of `fink_filters.ztf.classification.extract_fink_classification` (7.45). What they leave open is
a missing input, on which the original fails or not by column: here a condition on a missing value is not fulfilled.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from alertferry.core.steps import Alerts
from alertferry.tags.logic import above, at_most, below, sure
from alertferry.tags.simbad import HOSTS

if TYPE_CHECKING:
    from pyspark.sql import Column

NAME = "finkclass"

UNKNOWN = "Unknown"
AMBIGUOUS = "Ambiguous"

FINK_CLASSES = (
    "Early SN Ia candidate",
    "SN candidate",
    "Kilonova candidate",
    "Microlensing candidate",
    "Solar System candidate",
    "Solar System MPC",
    "Tracklet",
    AMBIGUOUS,
    UNKNOWN,
)
"""Classes of Fink's own; all others are labels of SIMBAD."""

_NO_LABEL = ("Unknown", "Transient")


def derive(alerts: Alerts) -> Alerts:
    """Return the alerts with the column ``finkclass``."""
    return replace(alerts, frame=alerts.frame.withColumn(NAME, finkclass()))


def finkclass() -> Column:
    """Return the class of an alert, never null: the label of SIMBAD goes before everything but galaxies and failures.

    More than one of microlensing, supernova and solar system is ambiguous.
    """
    from pyspark.sql import functions as F

    supernova, microlensing = _supernova(), above(_number("mulens"), 0)
    candidate, known = sure(F.col("roid") == 2), sure(F.col("roid") == 3)
    flags = (microlensing, supernova, candidate, known)
    several = reduce(add, (flag.cast("int") for flag in flags)) > 1
    return (
        F.when(_has_label(), F.col("cdsxmatch"))
        .when(several, AMBIGUOUS)
        .when(known, "Solar System MPC")
        .when(sure(F.col("tracklet").startswith("TRCK_")), "Tracklet")
        .when(candidate, "Solar System candidate")
        .when(_kilonova(), "Kilonova candidate")
        .when(_early_supernova(), "Early SN Ia candidate")
        .when(supernova, "SN candidate")
        .when(microlensing, "Microlensing candidate")
        .otherwise(UNKNOWN)
    )


def _number(path: str) -> Column:
    """Return a number in double precision, in which the original compares."""
    from pyspark.sql import functions as F

    return F.col(path).cast("double")


def _has_label() -> Column:
    from pyspark.sql import functions as F

    label = F.col("cdsxmatch")
    return sure(~label.isin(*_NO_LABEL) & ~label.startswith("Fail") & ~label.startswith("Galaxy"))


def _point_source_of_a_host() -> Column:
    from pyspark.sql import functions as F

    sharp = above(_number("candidate.drb"), 0.5) & above(_number("candidate.classtar"), 0.4)
    return sharp & sure(F.col("cdsxmatch").isin(*HOSTS))


def _age_days() -> Column:
    return _number("candidate.jd") - _number("candidate.jdstarthist")


def _like_supernova() -> Column:
    scores = above(_number("snn_snia_vs_nonia"), 0.5) | above(_number("snn_sn_vs_all"), 0.5)
    return scores & _point_source_of_a_host()


def _supernova() -> Column:
    from pyspark.sql import functions as F

    repeated = above(_number("candidate.ndethist"), 1) & at_most(_age_days(), 90)
    return _like_supernova() & repeated & sure(F.col("roid") != 3)


def _early_supernova() -> Column:
    few = at_most(_number("candidate.ndethist"), 20)
    return _like_supernova() & few & above(_number("rf_snia_vs_nonia"), 0.5)


def _kilonova() -> Column:
    from pyspark.sql import functions as F

    young = below(_age_days(), 5) & below(_number("candidate.ndethist"), 20)
    stationary = F.coalesce(F.col("roid") != 3, F.lit(True))
    return above(_number("rf_kn_vs_nonkn"), 0.5) & _point_source_of_a_host() & young & stationary

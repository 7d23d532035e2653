"""The class of a ZTF alert (``finkclass``), as Fink derives it from its classifiers, as one Spark expression.

The rules are those of `fink_filters.ztf.classification.extract_fink_classification` (7.45). What they leave open is
a missing input, on which the original fails or not by column: here a condition on a missing value is not fulfilled.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alertferry.core.steps import Alerts
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

_LABEL = "cdsxmatch NOT IN ('Unknown', 'Transient') AND cdsxmatch NOT LIKE 'Fail%' AND cdsxmatch NOT LIKE 'Galaxy%'"
_AGE_DAYS = "CAST(candidate.jd AS DOUBLE) - CAST(candidate.jdstarthist AS DOUBLE)"
_HOST = f"cdsxmatch IN ({', '.join(map(repr, HOSTS))})"
_KNOWN, _CANDIDATE = "roid = 3", "roid = 2"


def _above(name: str, limit: float) -> str:
    """Return ``name > limit`` in double precision, in which the original compares; false for NaN, as in pandas.

    Spark holds NaN for greater than every number, so both sides are negated.
    """
    return f"-CAST({name} AS DOUBLE) < {-limit}D"


_POINT_SOURCE_OF_A_HOST = f"{_above('candidate.drb', 0.5)} AND {_above('candidate.classtar', 0.4)} AND {_HOST}"
_LIKE_SUPERNOVA = (
    f"({_above('snn_snia_vs_nonia', 0.5)} OR {_above('snn_sn_vs_all', 0.5)}) AND {_POINT_SOURCE_OF_A_HOST}"
)
_SUPERNOVA = f"{_LIKE_SUPERNOVA} AND {_above('candidate.ndethist', 1)} AND {_AGE_DAYS} <= 90 AND roid != 3"
_EARLY = f"{_LIKE_SUPERNOVA} AND CAST(candidate.ndethist AS DOUBLE) <= 20 AND {_above('rf_snia_vs_nonia', 0.5)}"
_KILONOVA = (
    f"{_above('rf_kn_vs_nonkn', 0.5)} AND {_POINT_SOURCE_OF_A_HOST} AND {_AGE_DAYS} < 5 "
    "AND CAST(candidate.ndethist AS DOUBLE) < 20 AND coalesce(roid != 3, true)"
)
_MICROLENSING = _above("mulens", 0)
_SEVERAL = (
    f"{' + '.join(f'int(coalesce({flag}, false))' for flag in (_MICROLENSING, _SUPERNOVA, _CANDIDATE, _KNOWN))} > 1"
)


def derive(alerts: Alerts) -> Alerts:
    """Return the alerts with the column ``finkclass``."""
    return replace(alerts, frame=alerts.frame.withColumn(NAME, finkclass()))


def finkclass() -> Column:
    """Return the class of an alert, never null: the label of SIMBAD goes before everything but galaxies and failures.

    More than one of microlensing, supernova and solar system is ambiguous. A condition that is null is not fulfilled.
    """
    from pyspark.sql import functions as F

    # one text for Spark's parser: put together call by call, it took 0.3 s of every job
    return F.expr(
        f"""CASE
        WHEN {_LABEL} THEN cdsxmatch
        WHEN {_SEVERAL} THEN '{AMBIGUOUS}'
        WHEN {_KNOWN} THEN 'Solar System MPC'
        WHEN startswith(tracklet, 'TRCK_') THEN 'Tracklet'
        WHEN {_CANDIDATE} THEN 'Solar System candidate'
        WHEN {_KILONOVA} THEN 'Kilonova candidate'
        WHEN {_EARLY} THEN 'Early SN Ia candidate'
        WHEN {_SUPERNOVA} THEN 'SN candidate'
        WHEN {_MICROLENSING} THEN 'Microlensing candidate'
        ELSE '{UNKNOWN}' END"""
    )

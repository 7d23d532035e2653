"""What Fink adds to a Rubin alert: scores, counterparts, verdicts and light-curve features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.testing.simulator.columns import (
    by_group,
    digits,
    joined,
    map_column,
    struct_column,
    with_nulls,
    words,
)
from alertferry.testing.simulator.draws import Array, chance, exponential, normal, uniform, whole
from alertferry.testing.simulator.lsst_source import BANDS, first_detections, midpoint
from alertferry.testing.simulator.population import Campaign, Exposures, detections_before, night_date
from alertferry.testing.simulator.samples import Samples
from alertferry.testing.simulator.vocabularies import (
    AGN,
    CONSTANT,
    GAIA_SHARE,
    GCVS,
    PARALLAX,
    PULSATING,
    SIMBAD_LSST,
    SOLAR_SYSTEM,
    SPICY,
    SUPERNOVA,
    TNS,
    VARIABLE,
    VSX,
)

_CATS_CLASSES = (11, 12, 13, 21, 22)
_CATS_BY_KIND = (3, 3, 4, 0, 4, 1, 0, 1)


def score_columns(alerts: Exposures) -> dict[str, Any]:
    """Return the fields of ``clf``; -1 and -99 say that a classifier was not run."""
    key, kind = alerts.key, alerts.objects.kind
    moving = kind == SOLAR_SYSTEM
    ran = (detections_before(alerts) >= 2) & ~moving
    lot = np.where(chance(key, "mistaken", 0.25), whole(key, "cats", 5), np.array(_CATS_BY_KIND)[kind])
    likely = np.clip(0.8 + normal(key, "snn", 0.12), 0.0, 1.0)
    hosts = chance(key, "elephant", 0.25)
    columns: dict[str, Any] = {
        "snnSnVsOthers_score": np.where(kind == SUPERNOVA, likely, 0.72 * uniform(key, "snn") ** 0.2),
        "cats_class": np.where(ran, np.array(_CATS_CLASSES)[lot], -1),
        "cats_score": np.where(ran, uniform(key, "cats score", 0.35, 1.0), 0.0),
        "earlySNIa_score": np.where(ran & (kind == SUPERNOVA), uniform(key, "early"), -1.0),
    }
    for image in ("science", "template"):
        value = np.where(hosts, uniform(key, f"ks {image}", 0.1, 0.95), -99.0)
        columns[f"elephant_kstest_{image}"] = with_nulls(value, moving)
    return columns


def catalogue_columns(alerts: Exposures) -> dict[str, Any]:
    """Return the fields of ``xm``; an object keeps its counterparts for life, and absence is null."""
    key, kind = alerts.objects.key, alerts.objects.kind
    young = (kind == VARIABLE) & chance(key, "spicy", 0.004)
    blazar = (kind == AGN) & chance(key, "blazar", 0.01)
    name = joined("J", digits(np.floor(alerts.ra * 4e3).astype(np.int64), 7), "-2500")
    return (
        _gaia(key, kind)
        | _legacy(key, kind)
        | _mangrove(key, kind)
        | _tns(alerts)
        | {
            "simbad_otype": by_group(kind, SIMBAD_LSST, key, "simbad"),
            "vsx_Type": _no_word(by_group(kind, VSX, key, "vsx"), chance(key, "deep vsx", 0.97), "nan"),
            "gcvs_type": _no_word(by_group(kind, GCVS, key, "gcvs"), chance(key, "deep gcvs", 0.97), "Unknown"),
            "spicy_SPICY": with_nulls(1 + whole(key, "spicy", 117_446), ~young),
            "spicy_class": with_nulls(words(key, "spicy class", SPICY), ~young),
            "x3hsp_type": with_nulls(joined("3HSP", name), ~blazar),
            "x4lac_type": with_nulls(joined("4FGL ", name), ~blazar),
        }
    )


def _no_word(found: Any, faint: Array, nothing: str) -> Any:
    """Return ``found`` with nulls for the word of absence and for objects too ``faint`` for the catalogue."""
    return pc.if_else(pc.or_(pc.equal(found, nothing), pa.array(faint)), pa.scalar(None, pa.string()), found)


def _gaia(key: Array, kind: Array) -> dict[str, Any]:
    there = chance(key, "gaia", np.array(GAIA_SHARE)[kind] * 0.8)
    name = joined("Gaia DR3 ", digits(10**17 + whole(key, "gaia name", 6 * 10**18)))
    error = 0.02 + exponential(key, "parallax error", 0.2)
    parallax = exponential(key, "parallax") * np.array(PARALLAX)[kind] * 1.5 + normal(key, "noise", error)
    nothing = ~there | chance(key, "no parallax", 0.2)
    variable = there & np.isin(kind, (PULSATING, VARIABLE)) & chance(key, "flag", 0.5)
    return {
        "gaiadr3_DR3Name": with_nulls(name, ~there),
        "gaiadr3_Plx": with_nulls(parallax, nothing),
        "gaiadr3_e_Plx": with_nulls(error, nothing),
        "gaiadr3_VarFlag": variable.astype(np.int32),
    }


def _legacy(key: Array, kind: Array) -> dict[str, Any]:
    nothing = (kind == SOLAR_SYSTEM) | ~chance(key, "legacy", 0.3)
    redshift = exponential(key, "redshift", 0.5)
    stellar = np.isin(kind, (PULSATING, VARIABLE, CONSTANT))
    return {
        "legacydr8_zphot": with_nulls(np.round(redshift, 3), nothing),
        "legacydr8_e_zphot": with_nulls(np.round(0.02 + redshift * uniform(key, "z error"), 3), nothing),
        "legacydr8_pstar": with_nulls(np.where(stellar, 0.99, uniform(key, "pstar") ** 3), nothing),
        "legacydr8_fqual": with_nulls(whole(key, "fqual", 2), nothing),
    }


def _mangrove(key: Array, kind: Array) -> dict[str, Any]:
    nothing = ~((kind == SUPERNOVA) & chance(key, "mangrove", 0.07))
    distance = uniform(key, "distance", 15.0, 250.0)
    return {
        "mangrove_HyperLEDA_name": with_nulls(
            joined("PGC", digits(1000 + whole(key, "galaxy", 2_000_000), 7)), nothing
        ),
        "mangrove_2MASS_name": with_nulls(digits(whole(key, "2mass", 24 * 10**6), 8), nothing),
        "mangrove_lum_dist": with_nulls(distance, nothing),
        "mangrove_ang_dist": with_nulls(distance / (1 + distance / 4283.0) ** 2, nothing),
    }


def _tns(alerts: Exposures) -> dict[str, Any]:
    """Return type and name in the Transient Name Server, for a few supernovae; the name without its type is AT."""
    key, kind = alerts.objects.key, alerts.objects.kind
    unlisted = ~((kind == SUPERNOVA) & chance(key, "tns listed", 0.06))
    label = by_group(kind, TNS, key, "tns")
    typed = pc.not_equal(label, "")
    year = np.array([night_date(int(night)).year for night in alerts.objects.birth])
    letters = pa.array(list("abcdefghijklmnopqrstuvwxyz"))
    tail = joined(*(letters.take(pa.array(whole(key, f"letter {place}", 26))) for place in range(4)))
    name = joined(pc.if_else(typed, "SN ", "AT "), digits(year), tail)
    return {
        "tns_type": with_nulls(pc.if_else(typed, label, pa.scalar(None, pa.string())), unlisted),
        "tns_fullname": with_nulls(name, unlisted),
    }


def verdict_columns(alerts: Exposures, scores: dict[str, Any], counterparts: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of ``pred``, which sum up the others."""
    moving = alerts.objects.kind == SOLAR_SYSTEM
    names = ("simbad_otype", "gaiadr3_DR3Name", "vsx_Type", "tns_type", "mangrove_HyperLEDA_name")
    listed = np.any([counterparts[name].is_valid().to_numpy(zero_copy_only=False) for name in names], axis=0)
    return {
        "is_sso": moving,
        "is_first": with_nulls(detections_before(alerts) == 0, moving),
        "is_cataloged": listed,
        "main_label_classifier": scores["cats_class"],
        "main_label_crossmatch": pc.coalesce(counterparts["tns_type"], counterparts["simbad_otype"]),
    }


def first_seen(campaign: Campaign, alerts: Exposures) -> Array:
    """Return the first detection as the broker knows it (MJD, TAI): for a moving object, that of the alert."""
    moving = alerts.objects.kind == SOLAR_SYSTEM
    return np.where(moving, midpoint(alerts), midpoint(first_detections(campaign, alerts)))


def feature_map(samples: Samples, features: dict[str, Array], kind: Any, size: int) -> Any:
    """Return ``lc_features``: for each alert, the features (nJy) of each band it has detections in."""
    values = struct_column(kind.item_type, features, len(samples.starts))
    keys = pa.array(list(BANDS)).take(pa.array(samples.curve_band))
    counts = np.bincount(samples.curve_alert, minlength=size)
    return map_column(kind, keys, values, np.append(0, np.cumsum(counts)))

"""What Fink adds to a ZTF alert: counterparts in catalogues and scores of classifiers."""

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
from alertferry.testing.simulator.names import calendar
from alertferry.testing.simulator.population import Exposures, night_date
from alertferry.testing.simulator.samples import Samples
from alertferry.testing.simulator.vocabularies import (
    AGN,
    CLASSES_T2,
    GAIA_CLASS,
    GAIA_SHARE,
    GCVS,
    NEWCOMER,
    PARALLAX,
    PULSATING,
    SIMBAD,
    SIMBAD_2021,
    SOLAR_SYSTEM,
    SPICY,
    SUPERNOVA,
    TNS,
    VARIABLE,
    VSX,
)

BROKER_VERSIONS = {
    "2021": ("3.3", "1.3", "0.4.8"),
    "2025.01": ("4.02", "3.1", "5.21.16"),
    "2025.06": ("4.02", "4.0", "8.6.0"),
}
"""Version of the survey's schema, of the broker and of its science modules, by version of the lake."""


def catalogue_columns(alerts: Exposures, schema: pa.Schema, version: str) -> dict[str, Any]:
    """Return the counterparts; an object keeps them for life. Absence is text, NaN or -1, as the broker writes it."""
    key, kind = alerts.objects.key, alerts.objects.kind
    young = (kind == VARIABLE) & chance(key, "spicy", 0.02)
    return {
        "cdsxmatch": by_group(kind, SIMBAD_2021 if version == "2021" else SIMBAD, key, "simbad"),
        "tns": by_group(kind, TNS, key, "tns"),
        "vsx": by_group(kind, VSX, key, "vsx"),
        "gcvs": by_group(kind, GCVS, key, "gcvs"),
        "spicy_id": np.where(young, whole(key, "spicy", 117_446) + 1, -1),
        "spicy_class": pc.if_else(pa.array(young), words(key, "spicy class", SPICY), "Unknown"),
        "x3hsp": _sky_name(alerts, "3HSPJ", (kind == AGN) & chance(key, "x3hsp", 0.03)),
        "x4lac": _sky_name(alerts, "4FGL J", (kind == AGN) & chance(key, "x4lac", 0.03)),
        "mangrove": _mangrove(alerts, schema.field("mangrove").type) if "mangrove" in schema.names else None,
    } | _gaia(key, kind)


def _gaia(key: Array, kind: Array) -> dict[str, Any]:
    there = chance(key, "gaia", np.array(GAIA_SHARE)[kind])
    name = joined("Gaia DR3 ", digits(10**17 + whole(key, "gaia name", 6 * 10**18)))
    error = 0.02 + exponential(key, "parallax error", 0.2)
    parallax = exponential(key, "parallax", 1.0) * np.array(PARALLAX)[kind] + normal(key, "noise", error)
    return {
        "DR3Name": pc.if_else(pa.array(there), name, "nan"),
        "Plx": np.where(there, parallax, np.nan),
        "e_Plx": np.where(there, error, np.nan),
        "gaiaVarFlag": (there & np.isin(kind, (PULSATING, VARIABLE)) & chance(key, "flag", 0.7)).astype(np.int32),
        "gaiaClass": by_group(np.where(there, kind, SOLAR_SYSTEM), GAIA_CLASS, key, "gaia class"),
    }


def _sky_name(alerts: Exposures, prefix: str, there: Array) -> Any:
    """Return names made of a position (hours, minutes, sign, degrees), or Unknown."""
    hours = np.floor(alerts.ra / 15.0).astype(np.int64)
    minutes = np.floor(alerts.ra * 4.0).astype(np.int64) % 60
    south = pa.array(np.where(alerts.dec < 0, "-", "+"))
    degrees = digits(np.floor(np.abs(alerts.dec)).astype(np.int64), 2)
    name = joined(prefix, digits(hours, 2), digits(minutes, 2), ".0", south, degrees, "00")
    return pc.if_else(pa.array(there), name, "Unknown")


def _mangrove(alerts: Exposures, kind: Any) -> Any:
    key, size = alerts.objects.key, len(alerts.mjd)
    there = pa.array((alerts.objects.kind == SUPERNOVA) & chance(key, "mangrove", 0.1))
    distance = uniform(key, "distance", 15.0, 250.0)
    values = (
        joined("PGC", digits(1000 + whole(key, "galaxy", 2_000_000), 7)),
        joined(digits(whole(key, "2mass", 24 * 10**6), 8), "+", digits(whole(key, "2mass dec", 9 * 10**6), 7)),
        pa.array(np.round(distance, 4)).cast(pa.string()),
        pa.array(np.round(distance / (1 + distance / 4283.0) ** 2, 4)).cast(pa.string()),
    )
    columns = [pc.if_else(there, value, "None") for value in values]
    return _maps(kind, ("HyperLEDA_name", "2MASS_name", "lum_dist", "ang_dist"), columns, size)


def _maps(kind: Any, names: tuple[str, ...], columns: list[Any], size: int) -> Any:
    """Return maps with the same keys in every row; ``columns`` holds one array of values a key."""
    across = np.arange(size * len(names)).reshape(len(names), size).T.ravel()
    values = pa.concat_arrays(columns).take(pa.array(across))
    keys = pa.array(names).take(pa.array(np.tile(np.arange(len(names)), size)))
    return map_column(kind, keys, values, np.arange(size + 1) * len(names))


def score_columns(alerts: Exposures, points: Array, schema: pa.Schema) -> dict[str, Any]:
    """Return the scores of the classifiers; ``points`` is how many detections each had to go by."""
    key, kind = alerts.key, alerts.objects.kind
    enough = points >= 3
    likely = kind == SUPERNOVA
    columns: dict[str, Any] = {
        "rf_snia_vs_nonia": np.where(enough, np.round(_score(key, "rf", likely, 0.35), 3), 0.0),
        "snn_snia_vs_nonia": np.where(points > 1, _score(key, "snn ia", likely, 0.65), 0.0),
        "snn_sn_vs_all": np.where(points > 1, _score(key, "snn", likely, 0.75), 0.0),
        "rf_kn_vs_nonkn": np.where((points > 1) & chance(key, "kn", 0.1), whole(key, "kn trees", 30) / 30.0, 0.0),
        "mulens": np.where((kind == VARIABLE) & chance(key, "mulens", 0.004), uniform(key, "mulens score"), 0.0),
        "roid": _moving_score(key, kind),
        "nalerthist": points,
        "tracklet": _tracklet(alerts),
    }
    if "t2" in schema.names:
        columns["t2"] = _t2(key, likely & enough, schema.field("t2").type)
    if "blazar_stats" in schema.names:
        columns["blazar_stats"] = _blazar(alerts, schema.field("blazar_stats").type)
    return columns | _anomaly(key, points)


def _score(key: Array, what: str, likely: Array, centre: float) -> Array:
    """Return scores in [0, 1): around ``centre`` for the likely, mostly low for the others."""
    high = np.clip(centre + normal(key, what, 0.2), 0.0, 0.999)
    return np.where(likely, high, uniform(key, what) ** 3)


def _moving_score(key: Array, kind: Array) -> Array:
    lot = uniform(key, "roid")
    loose = np.where(lot < 0.03, 2, np.where(lot < 0.04, 1, 0))
    return np.where(kind == SOLAR_SYSTEM, 3, np.where(kind == NEWCOMER, loose, 0))


def _tracklet(alerts: Exposures) -> Any:
    fast = (alerts.objects.kind == NEWCOMER) & chance(alerts.key, "tracklet", 0.01)
    day = calendar(alerts.night, lambda night: night_date(night).strftime("TRCK_%Y%m%d_"))
    seconds = np.floor((alerts.mjd - alerts.night) * 86400.0).astype(np.int64)
    clock = digits(seconds // 3600 * 10_000 + seconds % 3600 // 60 * 100 + seconds % 60, 6)
    return with_nulls(joined(day, clock, "_", digits(whole(alerts.key, "track", 20), 2)), ~fast)


def _t2(key: Array, ran: Array, kind: Any) -> Any:
    weights = np.array([exponential(key, name) for name in CLASSES_T2])
    weights[CLASSES_T2.index("SNIa")] *= 8.0
    shares = np.where(ran, weights / weights.sum(axis=0), 0.0).astype(np.float32)
    return _maps(kind, tuple(CLASSES_T2), [pa.array(row) for row in shares], len(key))


def _blazar(alerts: Exposures, kind: Any) -> Any:
    key = alerts.key
    watched = (alerts.objects.kind == AGN) & chance(alerts.objects.key, "blazar", 0.05)
    rows = [np.where(watched, np.exp(normal(key, name, 0.4)), -1.0) for name in ("m0", "m1", "m2")]
    return _maps(kind, ("m0", "m1", "m2"), [pa.array(row.astype(np.float32)) for row in rows], len(key))


def _anomaly(key: Array, points: Array) -> dict[str, Any]:
    """Return anomaly scores: 0 where there was nothing to go by, else negative, lower for the stranger."""
    base = np.where(points > 1, -0.012 - exponential(key, "anomaly", 0.008), 0.0)
    names = ("_beta", "_anais", "_emille", "_julien", "_maria")
    tuned = {f"anomaly_score{name}": base * 6.0 * np.exp(normal(key, name, 0.05)) for name in names}
    return {"anomaly_score": base, "anomaly_score_emille_30days": base * 1.05} | tuned


def feature_columns(samples: Samples, value: Array, error: Array, schema: pa.Schema, size: int) -> dict[str, Any]:
    """Return ``lc_features_g`` and ``lc_features_r``.

    An alert without points in a band has a struct of NaN in the lake of January 2025, and none in that of June.
    """
    features = samples.features(value, error)
    columns = {}
    for band, name in enumerate(("lc_features_g", "lc_features_r")):
        here = np.flatnonzero(samples.curve_band == band)
        place = np.full(size, -1)
        place[samples.curve_alert[here]] = here
        absent = place < 0
        values = {key: np.where(absent, np.nan, feature[place]) for key, feature in features.items()}
        null = None if "t2" in schema.names else absent
        columns[name] = struct_column(schema.field(name).type, values, size, null)
    return columns


def rate_columns(alerts: Exposures, last: dict[str, Array], magnitude: Array, error: Array) -> dict[str, Any]:
    """Return how fast the alert brightens or fades since ``last``: the latest exposure in its filter.

    ``last`` holds ``there``, ``mjd``, ``magnitude``, ``error`` and ``limit`` (true for an upper limit).
    """
    there = last["there"]
    days = np.where(there, alerts.mjd - last["mjd"], 1.0)
    rate, sigma = (magnitude - last["magnitude"]) / days, np.hypot(error, last["error"]) / days
    columns = {
        "mag_rate": rate,
        "sigma_rate": sigma,
        "lower_rate": rate - 1.645 * sigma,
        "upper_rate": rate + 1.645 * sigma,
        "delta_time": days,
    }
    return {name: with_nulls(values, ~there) for name, values in columns.items()} | {
        "from_upper": there & last["limit"]
    }

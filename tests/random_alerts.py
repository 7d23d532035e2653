"""Rubin alerts made to try conditions: each is built to pass them all, then some fields are spoilt."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alertferry.core.schema import Primitive, Struct, find

_ARROW = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
}

LABELS = ["Unknown", "Fail", "Fail 504", "Fail 1", "Galaxy", "GinPair", "SN", "Star", "RR", "AGN", "M", "", "QSO"]

PASSING = {
    "psfFlux": 2e5,
    "psfFluxErr": 1e3,
    "snr": 200.0,
    "ra": 30.0,
    "dec": -45.0,
    "band": "r",
    "midpointMjdTai": 61_000.0,
    "firstDiaSourceMjdTaiFink": 60_998.0,
    "simbad_otype": "Galaxy",
    "gaiadr3_DR3Name": None,
    "gaiadr3_Plx": 1.0,
    "gaiadr3_e_Plx": 1.0,
    "vsx_Type": None,
    "mangrove_lum_dist": 40.0,
    "legacydr8_zphot": 0.1,
    "tns_fullname": "SN 2026abc",
    "elephant_kstest_template": 0.2,
    "snnSnVsOthers_score": 0.9,
    "cats_score": 0.95,
    "cats_class": 11,
    "nDiaSources": 7,
    "isNegative": True,
}

NEVER_NULL = {"is_sso", "isNegative", "diaSourceId"}
"""Fields that Rubin always fills; with a null there, Fink's functions fail."""

EDGES = {
    "snnSnVsOthers_score": [0.7, 0.69, np.float32(0.7)],
    "cats_score": [0.9, 0.89, np.float32(0.9)],
    "elephant_kstest_template": [0.95, 0.949, np.float32(0.95), -99.0],
    "psfFlux": [0.0, -0.0, -5.0, 6e3, 9120.0, 9121.0, 912.0, 913.0, 36307.0, 36309.0, math.inf, 3e38],
    "psfFluxErr": [0.0, -0.0, 1e-30, 3e4, 1e38, math.inf],
    "gaiadr3_Plx": [0.0, -0.0, 5.0, 5.000001, 25.0, -25.0, math.inf],
    "gaiadr3_e_Plx": [0.0, -0.0, 0.2, math.inf],
    "mangrove_lum_dist": [0.0, -0.0, -1.0],
    "legacydr8_zphot": [0.0, -1.0],
    "snr": [10.0, 10.001],
    "nDiaSources": [1, 2, 4, 5],
    "cats_class": [-1, 12],
    "firstDiaSourceMjdTaiFink": [61_000.0, 60_999.0, 60_995.0, 60_994.9, 60_998.999],
    "midpointMjdTai": [60_998.0, 61_000.0],
    "band": [*"ugrizy", "w"],
}


def write_alerts(file: Path, documented: Struct, paths: Iterable[str], alerts: int, seed: int) -> None:
    """Write a parquet file of alerts that have just the dotted ``paths``, in the types of the survey."""
    random = np.random.default_rng(seed)
    spoilt = random.choice([0.01, 0.05, 0.4], size=alerts)
    roots: dict[str, dict[str, pa.Array]] = {}
    for path in sorted(paths):
        root, _, leaf = path.partition(".")
        found = find(documented, path)
        assert found is not None
        assert isinstance(found.type, Primitive)
        values = [_value(random, leaf or root, found.type.name, share) for share in spoilt]
        roots.setdefault(root, {})[leaf] = pa.array(values, _ARROW[found.type.name])
    columns = {root: leaves.get("") or _struct(random, root, leaves, alerts) for root, leaves in roots.items()}
    columns["diaSourceId"] = pa.array(random.integers(0, 2**57, alerts))
    pq.write_table(pa.table(columns), file, row_group_size=200)


def _struct(random: np.random.Generator, root: str, leaves: dict[str, pa.Array], alerts: int) -> pa.Array:
    """Return a struct; one in eight objects is missing altogether, as for those of the solar system."""
    null = pa.array(random.random(alerts) < 0.12 if root == "diaObject" else np.zeros(alerts, bool))
    return pa.StructArray.from_arrays(list(leaves.values()), names=list(leaves), mask=null)


def _value(random: np.random.Generator, name: str, type_name: str, share: float) -> Any:
    if random.random() > share:
        return _passing(random, name, type_name)
    if name not in NEVER_NULL and random.random() < 0.3:
        return None
    match type_name:
        case "boolean":
            return bool(random.random() < 0.5)
        case "string":
            return str(random.choice(EDGES.get(name, LABELS)))
        case "float" | "double" if random.random() < 0.2:
            return math.nan
    if name in ("ra", "dec"):
        return random.uniform(0, 360) if name == "ra" else math.degrees(math.asin(random.uniform(-1, 1)))
    edges = EDGES.get(name)
    return edges[random.integers(len(edges))] if edges else random.integers(0, 300)


def _passing(random: np.random.Generator, name: str, type_name: str) -> Any:
    if name.endswith("psfFluxMean"):
        return random.choice([1e5, 3e5])
    if name.endswith("psfFluxMeanErr"):
        return random.choice([10.0, 1e5])
    return PASSING.get(name, False if type_name == "boolean" else 0)

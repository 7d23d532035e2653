"""Simulated Rubin alerts, as they stand in the broker's lake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.testing.simulator.columns import arrow_column, joined, list_column, struct_column, words
from alertferry.testing.simulator.draws import Array, fold, uniform, whole
from alertferry.testing.simulator.lightcurves import Photometry, measure
from alertferry.testing.simulator.lsst_broker import (
    catalogue_columns,
    feature_map,
    first_seen,
    score_columns,
    verdict_columns,
)
from alertferry.testing.simulator.lsst_object import object_columns, orbit_columns, solar_system_columns
from alertferry.testing.simulator.lsst_source import bands, forced_columns, source_columns
from alertferry.testing.simulator.names import lsst_source_id
from alertferry.testing.simulator.options import Contents
from alertferry.testing.simulator.population import (
    Campaign,
    Exposures,
    History,
    Kind,
    alerts_of_night,
    history,
)
from alertferry.testing.simulator.samples import both, collect
from alertferry.testing.simulator.schema import lake_schema
from alertferry.testing.simulator.sky import DEEP_FIELDS, Cadence, lsst_fields
from alertferry.testing.simulator.stamps import POOL_SIZE, stamp_pool
from alertferry.testing.simulator.vocabularies import SOLAR_SYSTEM, WIDE_REASONS, WIDE_TARGETS

KINDS = (
    Kind("pulsating", 0.12, (1, 2, 3, 4), (80, 160), (17.0, 23.0)),
    Kind("variable", 0.14, (1, 2, 3, 4, 6), (80, 160), (17.0, 23.0)),
    Kind("agn", 0.18, (2, 3, 4), (80, 160), (18.0, 23.0)),
    Kind("supernova", 0.18, (1, 2, 3), (40, 90), (20.0, 24.0)),
    Kind("constant", 0.10, (2, 3, 5), (80, 160), (16.0, 20.0)),
    Kind("artefact", 0.08, (3, 4, 6), (1, 1), (23.0, 24.0), twice=False),
    Kind("newcomer", 0.14, (2, 3, 4, 6), (1, 1), (22.0, 24.5), twice=False),
    Kind("solar_system", 0.06, (2, 3, 4), (20, 40), (18.0, 23.5), twice=False),
)

_DEPTH = (23.0, 24.2)
_HISTORY_NIGHTS = 365
_VERSIONS = {"lsst_schema_version": "lsst.v10_0", "fink_broker_version": "4.1", "fink_science_version": "8.35.1"}


def campaign(seed: int, alerts_per_night: int) -> Campaign:
    """Return what decides a simulated Rubin: nights that begin 20 minutes before 0h UTC, 38 seconds an exposure."""
    return Campaign(seed, alerts_per_night, KINDS, lsst_fields(), Cadence(-0.0139, 38.0), _HISTORY_NIGHTS)


def alert_table(plan: Campaign, version: str, night: int, rows: Array, contents: Contents) -> pa.Table:
    """Return the alerts number ``rows`` of ``night`` (MJD)."""
    schema = lake_schema("lsst", version)
    alerts = alerts_of_night(plan, night, rows)
    past = history(plan, alerts, since_birth=True)
    past = past.only(past.exposures.objects.kind != SOLAR_SYSTEM)
    photometry = measure(plan, alerts, bands(alerts), _DEPTH)
    earlier = measure(plan, past.exposures, bands(past.exposures), _DEPTH)
    columns = _survey_columns(plan, alerts) | _broker_times(alerts)
    columns |= _objects(plan, alerts, past, (earlier, photometry), schema)
    columns |= _fink_columns(plan, alerts, schema, version)
    if contents.history:
        columns |= _previous(plan, alerts, past, earlier, schema)
    if contents.cutouts:
        columns |= _cutouts(plan, alerts, photometry)
    arrays = [arrow_column(columns.get(field.name), field.type, len(rows)) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _survey_columns(plan: Campaign, alerts: Exposures) -> dict[str, Any]:
    field = alerts.objects.field
    image = fold(field, alerts.night, alerts.visit)
    deep = plan.fields.kind[field]
    names = pa.array([None, *(f"ddf_{name}" for name, _, _ in DEEP_FIELDS)], pa.string()).take(pa.array(deep))
    targets = joined(names, ", lowdust")
    return _VERSIONS | {
        "diaSourceId": lsst_source_id(plan, alerts),
        "observation_reason": pc.coalesce(names, words(image, "reason", WIDE_REASONS)),
        "target_name": pc.coalesce(targets, words(fold(field), "target", WIDE_TARGETS)),
        "publisher": "Fink",
    }


def _broker_times(alerts: Exposures) -> dict[str, Any]:
    ingest = alerts.mjd + uniform(alerts.key, "ingest", 60.0, 600.0) / 86400.0
    start = ingest + uniform(alerts.key, "start", 15.0, 120.0) / 86400.0
    end = start + uniform(alerts.key, "end", 12.0, 90.0) / 86400.0
    return {
        "brokerIngestMjd": ingest,
        "brokerStartProcessTimestamp": _clock(start),
        "brokerEndProcessTimestamp": _clock(end),
        "timestamp": _clock(alerts.mjd),
    }


def _clock(mjd: Array) -> Array:
    """Return times (MJD, UTC) as timestamps, to the microsecond."""
    day = np.floor(mjd)
    midnight = np.datetime64("1858-11-17", "us") + day.astype("timedelta64[D]")
    return np.asarray(midnight + ((mjd - day) * 86400e6).astype("timedelta64[us]"))


def _objects(
    plan: Campaign,
    alerts: Exposures,
    past: History,
    photometry: tuple[Photometry, Photometry],
    schema: pa.Schema,
) -> dict[str, Any]:
    """Return the detection, what it belongs to, and the features of the light curve."""
    size = len(alerts.mjd)
    samples = collect(alerts, past, photometry[1].band, photometry[0].band)
    everything = both(*photometry)
    moving = alerts.objects.kind == SOLAR_SYSTEM
    features = samples.features(everything.flux, everything.error)
    static = object_columns(plan, alerts, samples, everything, features)
    source = source_columns(plan, alerts, photometry[1], current=True)
    structs = {
        "diaSource": (source, None),
        "diaObject": (static, moving),
        "ssSource": (solar_system_columns(plan, alerts, photometry[1]), ~moving),
        "mpc_orbits": (orbit_columns(alerts), ~moving),
    }
    columns = {
        name: struct_column(schema.field(name).type, values, size, null) for name, (values, null) in structs.items()
    }
    kind = schema.field("lc_features").type
    return columns | {"lc_features": feature_map(samples, features, kind, size)}


def _fink_columns(plan: Campaign, alerts: Exposures, schema: pa.Schema, version: str) -> dict[str, Any]:
    scores, counterparts = score_columns(alerts), catalogue_columns(alerts)
    verdicts = verdict_columns(alerts, scores, counterparts)
    if version == "10.0":
        del counterparts["tns_fullname"]
    structs = {
        "clf": scores,
        "xm": counterparts,
        "pred": verdicts,
        "misc": {"firstDiaSourceMjdTaiFink": first_seen(plan, alerts)},
    }
    return {name: struct_column(schema.field(name).type, values, len(alerts.mjd)) for name, values in structs.items()}


def _previous(
    plan: Campaign, alerts: Exposures, past: History, earlier: Photometry, schema: pa.Schema
) -> dict[str, Any]:
    """Return the two histories: null detections if there were none, empty forced photometry for the first night.

    Forced photometry comes from the nights before, detected or not, and is null for solar system objects.
    """
    found = past.only(past.exposures.detected)
    kind = schema.field("prvDiaSources").type
    rows = np.flatnonzero(past.exposures.detected)
    sources = source_columns(plan, found.exposures, earlier.take(rows), current=False)
    values = struct_column(kind.value_type, sources, len(rows))
    return {
        "prvDiaSources": list_column(kind, values, found.offsets, np.diff(found.offsets) == 0),
        "prvDiaForcedSources": _forced(plan, alerts, past, schema),
    }


def _forced(plan: Campaign, alerts: Exposures, past: History, schema: pa.Schema) -> Any:
    older = past.only(past.exposures.night < alerts.night[past.alert])
    kind = schema.field("prvDiaForcedSources").type
    photometry = measure(plan, older.exposures, bands(older.exposures), _DEPTH, forced=True)
    columns = forced_columns(plan, older.exposures, photometry)
    values = struct_column(kind.value_type, columns, len(older.alert))
    return list_column(kind, values, older.offsets, alerts.objects.kind == SOLAR_SYSTEM)


def _cutouts(plan: Campaign, alerts: Exposures, photometry: Photometry) -> dict[str, Any]:
    half = POOL_SIZE // 2
    place = whole(alerts.key, "stamp", half) + np.where(photometry.flux > 0, 0, half)
    pool = stamp_pool("lsst", plan.seed)
    return {f"cutout{kind}": files.take(pa.array(place)) for kind, files in pool.items()}

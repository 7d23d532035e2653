"""Simulated ZTF alerts, as they stand in the broker's lake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from alertferry.testing.simulator.columns import arrow_column, joined, list_column, struct_column
from alertferry.testing.simulator.draws import Array, chance, fold, uniform, whole
from alertferry.testing.simulator.lightcurves import Photometry, magnitude, measure
from alertferry.testing.simulator.names import ztf_candid, ztf_image, ztf_object_name
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
from alertferry.testing.simulator.sky import Cadence, ztf_fields
from alertferry.testing.simulator.stamps import POOL_SIZE, stamp_pool
from alertferry.testing.simulator.vocabularies import SOLAR_SYSTEM
from alertferry.testing.simulator.ztf_broker import (
    BROKER_VERSIONS,
    catalogue_columns,
    feature_columns,
    rate_columns,
    score_columns,
)
from alertferry.testing.simulator.ztf_candidate import (
    alert_columns,
    blank_upper_limits,
    detection_columns,
    first_detection,
    image_columns,
    image_file,
    julian,
)

KINDS = (
    Kind("pulsating", 0.14, (1, 2, 3, 4), (1500, 3000), (13.0, 19.5)),
    Kind("variable", 0.16, (1, 2, 3, 4, 6), (1500, 3000), (13.0, 19.5)),
    Kind("agn", 0.08, (2, 3, 4), (1500, 3000), (16.0, 20.0)),
    Kind("supernova", 0.10, (1, 2, 3), (40, 90), (16.5, 20.0)),
    Kind("constant", 0.08, (2, 3, 5), (1500, 3000), (13.0, 17.0)),
    Kind("artefact", 0.08, (3, 4, 6), (1, 1), (20.0, 21.0), twice=False),
    Kind("newcomer", 0.25, (2, 3, 4, 6), (1, 1), (19.0, 21.0), twice=False),
    Kind("solar_system", 0.11, (2, 3, 4), (20, 40), (16.5, 20.5), twice=False),
)

_DEPTH = (19.0, 20.9)
_HISTORY_NIGHTS = 30
_COVERED_BEFORE = 0.85


def campaign(seed: int, alerts_per_night: int) -> Campaign:
    """Return what decides a simulated ZTF: Palomar's nights from 2h24 UTC, 40 seconds an exposure."""
    return Campaign(seed, alerts_per_night, KINDS, ztf_fields(), Cadence(0.1, 40.0), _HISTORY_NIGHTS)


def alert_table(plan: Campaign, version: str, night: int, rows: Array, contents: Contents) -> pa.Table:
    """Return the alerts number ``rows`` of ``night`` (MJD)."""
    schema = lake_schema("ztf", version)
    alerts = alerts_of_night(plan, night, rows)
    past = _history(plan, alerts)
    photometry = measure(plan, alerts, _band(alerts), _DEPTH)
    earlier = measure(plan, past.exposures, _band(past.exposures), _DEPTH)
    columns = _survey_columns(alerts, photometry, version) | _broker_times(alerts)
    columns |= _fink_columns(plan, alerts, past, (earlier, photometry), schema)
    columns["candidate"] = _candidate(plan, alerts, photometry, schema)
    if contents.history:
        columns["prv_candidates"] = _previous(plan, past, earlier, schema)
    if contents.cutouts:
        columns |= _cutouts(plan, alerts, photometry, schema)
    arrays = [arrow_column(columns.get(field.name), field.type, len(rows)) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _history(plan: Campaign, alerts: Exposures) -> History:
    """Return the exposures of the last 30 days; where a moving object is now, nothing was before."""
    past = history(plan, alerts, since_birth=False, covered=_COVERED_BEFORE)
    still = past.exposures.objects.kind != SOLAR_SYSTEM
    seen = past.exposures
    exposures = Exposures(**(vars(seen) | {"detected": seen.detected & still}))
    return History(exposures, past.alert, past.offsets)


def _band(exposures: Exposures) -> Array:
    """Return 0 for g and 1 for r; the two exposures of a night are in different filters."""
    first = whole(fold(exposures.objects.field, exposures.night), "filter", 2)
    return (first + exposures.visit) % 2


def _survey_columns(alerts: Exposures, photometry: Photometry, version: str) -> dict[str, Any]:
    objects = alerts.objects
    named_on = np.where(objects.kind == SOLAR_SYSTEM, alerts.night, objects.birth)
    return {
        "candid": ztf_candid(alerts, photometry.flux > 0),
        "schemavsn": BROKER_VERSIONS[version][0],
        "publisher": "Fink",
        "objectId": ztf_object_name(objects.slot, named_on),
        "fink_broker_version": BROKER_VERSIONS[version][1],
        "fink_science_version": BROKER_VERSIONS[version][2],
    }


def _broker_times(alerts: Exposures) -> dict[str, Any]:
    """Return when the exposure was taken (UTC) and when the broker handled it."""
    seconds = (alerts.mjd - alerts.night) * 86400.0
    midnight = np.datetime64("1858-11-17", "us") + alerts.night.astype("timedelta64[D]")
    ingest = seconds + uniform(alerts.key, "ingest", 400.0, 1200.0)
    start = ingest + uniform(alerts.key, "start", 15.0, 120.0)
    clocks = {"timestamp": seconds, "brokerIngestTimestamp": ingest, "brokerStartProcessTimestamp": start}
    clocks["brokerEndProcessTimestamp"] = start + uniform(alerts.key, "end", 12.0, 90.0)
    return {name: midnight + (clock * 1e6).astype("timedelta64[us]") for name, clock in clocks.items()}


def _fink_columns(
    plan: Campaign,
    alerts: Exposures,
    past: History,
    photometry: tuple[Photometry, Photometry],
    schema: pa.Schema,
) -> dict[str, Any]:
    detected = past.exposures.detected
    points = 1 + np.bincount(past.alert[detected], minlength=len(alerts.mjd))
    version = "2021" if "tns" not in schema.names else "later"
    columns = catalogue_columns(alerts, schema, version) | score_columns(alerts, points, schema)
    if version == "2021":
        return columns
    everything = both(*photometry)
    magnitudes, errors = magnitude(everything.flux), 1.0857 * everything.error / np.abs(everything.flux)
    samples = collect(alerts, past, photometry[1].band, photometry[0].band)
    columns |= feature_columns(samples, magnitudes, errors, schema, len(points))
    last = _last_in_filter(past, photometry, magnitudes, errors)
    columns |= rate_columns(alerts, last, magnitudes[-len(points) :], errors[-len(points) :])
    first = _first_in_history(alerts, past)
    return columns | {"jd_first_real_det": first, "jdstarthist_dt": first - first_detection(plan, alerts)}


def _last_in_filter(
    past: History, photometry: tuple[Photometry, Photometry], magnitudes: Array, errors: Array
) -> dict[str, Array]:
    """Return the latest earlier exposure in each alert's filter, a detection or an upper limit."""
    earlier, now = photometry
    same = np.flatnonzero(earlier.band == now.band[past.alert])
    row = np.full(len(now.band), -1)
    row[past.alert[same]] = same
    there = row >= 0
    limit = ~past.exposures.detected[row] if len(past.alert) else np.zeros(len(row), dtype=bool)
    limits = np.append(earlier.limit_magnitude, 0.0)
    return {
        "there": there,
        "mjd": np.append(past.exposures.mjd, 0.0)[row],
        "magnitude": np.where(limit, limits[row], magnitudes[row]),
        "error": np.where(limit, 0.2, errors[row]),
        "limit": limit,
    }


def _first_in_history(alerts: Exposures, past: History) -> Array:
    """Return the Julian date of the first detection that the alert tells of."""
    first = julian(alerts.mjd)
    detected = np.flatnonzero(past.exposures.detected)[::-1]
    first[past.alert[detected]] = julian(past.exposures.mjd[detected])
    return first


def _candidate(plan: Campaign, alerts: Exposures, photometry: Photometry, schema: pa.Schema) -> Any:
    columns = image_columns(plan, alerts, photometry) | detection_columns(alerts, photometry)
    columns |= alert_columns(plan, alerts, photometry)
    columns["pdiffimfilename"] = image_file(plan, alerts, photometry, archived=False)
    return struct_column(schema.field("candidate").type, columns, len(alerts.mjd))


def _previous(plan: Campaign, past: History, earlier: Photometry, schema: pa.Schema) -> Any:
    kind = schema.field("prv_candidates").type
    found = detection_columns(past.exposures, earlier)
    columns = image_columns(plan, past.exposures, earlier)
    columns |= blank_upper_limits(found | _older_signs(past, earlier), past.exposures.detected)
    columns["pdiffimfilename"] = image_file(plan, past.exposures, earlier, archived=True)
    values = struct_column(kind.value_type, columns, len(past.alert))
    return list_column(kind, values, past.offsets, np.diff(past.offsets) == 0)


def _older_signs(past: History, earlier: Photometry) -> dict[str, Any]:
    """Return ``isdiffpos`` in which some detections have 1 and 0 for t and f, as histories do."""
    digit = chance(past.exposures.key, "spelling", 0.06)
    up, down = np.where(digit, "1", "t"), np.where(digit, "0", "f")
    return {"isdiffpos": pa.array(np.where(earlier.flux > 0, up, down))}


def _cutouts(plan: Campaign, alerts: Exposures, photometry: Photometry, schema: pa.Schema) -> dict[str, Any]:
    pool = stamp_pool("ztf", plan.seed)
    half = POOL_SIZE // 2
    positive = photometry.flux > 0
    place = pa.array(whole(alerts.key, "stamp", half) + np.where(positive, 0, half))
    candid = joined("candid", arrow_column(ztf_candid(alerts, positive), pa.string(), 0))
    image = joined(candid, "_pid", arrow_column(ztf_image(alerts), pa.string(), 0), "_targ_")
    names = {
        "Science": joined(image, "sci.fits.gz"),
        "Template": joined(candid, "_ref.fits.gz"),
        "Difference": joined(image, pa.array(np.where(positive, "scimref", "refmsci")), ".fits.gz"),
    }
    return {
        f"cutout{kind}": struct_column(
            schema.field(f"cutout{kind}").type,
            {"fileName": name, "stampData": pool[kind].take(place)},
            len(alerts.mjd),
        )
        for kind, name in names.items()
    }

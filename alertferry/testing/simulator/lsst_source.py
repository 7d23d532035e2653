"""What Rubin measures of one detection: the structs ``diaSource``, ``prvDiaSources`` and ``prvDiaForcedSources``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from alertferry.testing.simulator.columns import with_nulls
from alertferry.testing.simulator.draws import Array, chance, exponential, fold, normal, uniform, whole
from alertferry.testing.simulator.lightcurves import Photometry
from alertferry.testing.simulator.names import (
    designation_index,
    lsst_detector,
    lsst_forced_id,
    lsst_source_id,
    lsst_visit,
    packed_designation,
    packed_number,
)
from alertferry.testing.simulator.population import Campaign, Exposures, expose
from alertferry.testing.simulator.vocabularies import ARTEFACT, SOLAR_SYSTEM

BANDS = "ugrizy"

_TAI_DAYS = 37.0 / 86400.0
_HALF_EXPOSURE_DAYS = 15.0 / 86400.0
_RARE_FLAGS = {
    "pixelFlags_bad": 0.005,
    "pixelFlags_cr": 0.03,
    "pixelFlags_crCenter": 0.004,
    "pixelFlags_edge": 0.01,
    "pixelFlags_interpolated": 0.05,
    "pixelFlags_interpolatedCenter": 0.01,
    "pixelFlags_saturated": 0.01,
    "pixelFlags_saturatedCenter": 0.006,
    "pixelFlags_suspect": 0.01,
    "pixelFlags_suspectCenter": 0.005,
    "pixelFlags_streak": 0.008,
    "pixelFlags_streakCenter": 0.003,
    "glint_trail": 0.002,
}
_NEVER = (
    *("centroid_flag", "apFlux_flag_apertureTruncated", "psfFlux_flag_noGoodPixels", "trail_flag_edge"),
    *("forced_PsfFlux_flag_noGoodPixels", "shape_flag_no_pixels", "shape_flag_not_contained"),
    *("shape_flag_parent_source", "pixelFlags", "pixelFlags_nodata", "pixelFlags_nodataCenter"),
    *("pixelFlags_offimage", "pixelFlags_injected", "pixelFlags_injectedCenter"),
    *("pixelFlags_injected_template", "pixelFlags_injected_templateCenter"),
)


def midpoint(exposures: Exposures) -> Array:
    """Return the middle of the exposures, MJD in TAI."""
    return exposures.mjd + _HALF_EXPOSURE_DAYS + _TAI_DAYS


def bands(exposures: Exposures) -> Array:
    """Return the filter of the exposures, as an index into `BANDS`; the same for a whole field of view."""
    image = fold(exposures.objects.field, exposures.night, exposures.visit, "filter")
    lot = uniform(image, "filter")
    return np.searchsorted(np.array([0.06, 0.18, 0.42, 0.68, 0.85, 1.0]), lot, side="right")


def first_detections(campaign: Campaign, exposures: Exposures) -> Exposures:
    """Return the exposure that detected each object first."""
    objects = exposures.objects
    return expose(campaign, objects, objects.birth, np.zeros(len(objects.slot), dtype=np.int64))


def object_ids(campaign: Campaign, exposures: Exposures) -> Array:
    """Return ``diaObjectId``, which is the first detection's diaSourceId; 0 for solar system objects."""
    first = lsst_source_id(campaign, first_detections(campaign, exposures))
    return np.where(exposures.objects.kind == SOLAR_SYSTEM, 0, first)


def body_ids(exposures: Exposures) -> Array:
    """Return ``ssObjectId``; 0 for static objects."""
    moving = exposures.objects.kind == SOLAR_SYSTEM
    ids = packed_number(packed_designation(designation_index(exposures.objects)))
    return np.where(moving, ids, 0)


def source_columns(campaign: Campaign, exposures: Exposures, photometry: Photometry, current: bool) -> dict[str, Any]:
    """Return the fields of diaSource; the history leaves ``ssObjectId`` null where the alert itself has 0."""
    columns = (
        _identity(campaign, exposures, photometry)
        | _place(exposures, photometry)
        | _fluxes(exposures, photometry)
        | _trail(exposures, photometry)
        | _dipole(exposures, photometry)
        | _shape(exposures)
        | _flags(exposures)
    )
    return columns | ({"ssObjectId": body_ids(exposures)} if current else {})


def _identity(campaign: Campaign, exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    taken = midpoint(exposures)
    image = fold(exposures.objects.field, exposures.night, exposures.visit)
    return {
        "diaSourceId": lsst_source_id(campaign, exposures),
        "visit": lsst_visit(exposures),
        "detector": lsst_detector(campaign, exposures),
        "diaObjectId": object_ids(campaign, exposures),
        "parentDiaSourceId": 0,
        "midpointMjdTai": taken,
        "timeProcessedMjdTai": taken + uniform(image, "processed", 0.0014, 0.0019),
        "band": pa.array(list(BANDS)).take(pa.array(photometry.band)),
        "reliability": _reliability(exposures),
    }


def _reliability(exposures: Exposures) -> Array:
    bogus = exposures.objects.kind == ARTEFACT
    lot = uniform(exposures.key, "reliability")
    return np.where(bogus, 0.1 + 0.4 * lot**2, 1.0 - 0.9 * lot**2)


def _place(exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    key = exposures.key
    error = 2.8e-4 * photometry.error / np.abs(photometry.flux)
    return {
        "ra": exposures.ra,
        "raErr": error * uniform(key, "ra error", 0.7, 1.3),
        "dec": exposures.dec,
        "decErr": error * uniform(key, "dec error", 0.7, 1.5),
        "ra_dec_Cov": error**2 * normal(key, "covariance", 0.1),
        "x": uniform(key, "x", 10.0, 4060.0),
        "xErr": error * 18000.0 * uniform(key, "x error", 0.7, 1.3),
        "y": uniform(key, "y", 10.0, 3990.0),
        "yErr": error * 18000.0 * uniform(key, "y error", 0.7, 1.3),
    }


def _fluxes(exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    key, flux, error = exposures.key, photometry.flux, photometry.error
    wide = 2.7 * error
    deep = error * uniform(key, "template error", 0.1, 0.4)
    return {
        "apFlux": flux + normal(key, "aperture", wide),
        "apFluxErr": wide,
        "isNegative": flux < 0,
        "snr": np.abs(flux) / error,
        "psfFlux": flux,
        "psfFluxErr": error,
        "psfChi2": 1681.0 + normal(key, "chi", 80.0) + 2.0 * np.abs(flux) / error,
        "psfNdata": np.where(chance(key, "cut psf", 0.03), 1476, 1681),
        "scienceFlux": photometry.template + flux + normal(key, "science", error * 0.3),
        "scienceFluxErr": error * uniform(key, "science error", 0.96, 1.03),
        "templateFlux": photometry.template + normal(key, "template", deep),
        "templateFluxErr": deep,
        "bboxSize": 9 + whole(key, "box", 12) + (np.abs(flux) / error > 50) * 8,
    }


def _trail(exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    """Return the trail fit, which is made where the shape could be measured."""
    key = exposures.key
    columns = {
        "trailFlux": photometry.flux * uniform(key, "trail flux", 0.95, 1.25),
        "trailFluxErr": photometry.error * uniform(key, "trail error", 0.04, 0.08),
        "trailRa": exposures.ra + normal(key, "trail ra", 2e-6),
        "trailDec": exposures.dec + normal(key, "trail dec", 1e-5),
        "trailLength": 0.4 + exponential(key, "trail length", 0.5),
        "trailAngle": uniform(key, "trail angle", -180.0, 180.0),
    }
    failed = shape_failed(exposures)
    return {name: with_nulls(values, failed) for name, values in columns.items()} | {"trailNdata": 0}


def _dipole(exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    key = exposures.key
    tried = chance(key, "dipole", np.where(exposures.objects.kind == ARTEFACT, 0.4, 0.08))
    mean = photometry.template * 0.9 + np.abs(photometry.flux)
    columns = {
        "dipoleMeanFlux": mean,
        "dipoleMeanFluxErr": photometry.error,
        "dipoleFluxDiff": np.zeros(len(mean)),
        "dipoleFluxDiffErr": 2.0 * photometry.error,
        "dipoleLength": 0.01 + exponential(key, "dipole length", 0.04),
        "dipoleAngle": uniform(key, "dipole angle", 0.0, 360.0),
        "dipoleChi2": uniform(key, "dipole chi", 900.0, 1700.0),
    }
    pixels = np.where(tried, 600 + whole(key, "dipole pixels", 600), 0)
    fitted = {name: with_nulls(values, ~tried) for name, values in columns.items()}
    return fitted | {"dipoleNdata": pixels, "isDipole": tried, "dipoleFitAttempted": tried}


def shape_failed(exposures: Exposures) -> Array:
    """Return where the shape could not be measured; trail and extendedness go with it."""
    return chance(exposures.key, "no shape", 0.3)


def _shape(exposures: Exposures) -> dict[str, Any]:
    key, failed = exposures.key, shape_failed(exposures)
    own = {
        "ixx": np.exp(normal(key, "ixx", 0.5)) * 0.14,
        "iyy": np.exp(normal(key, "iyy", 0.5)) * 0.14,
        "ixy": normal(key, "ixy", 0.04),
        "extendedness": uniform(key, "extended") ** 2,
    }
    image = fold(exposures.objects.field, exposures.night, exposures.visit)
    return {name: with_nulls(values, failed) for name, values in own.items()} | {
        "ixxPSF": uniform(image, "psf", 0.11, 0.25) + normal(key, "psf xx", 0.004),
        "iyyPSF": uniform(image, "psf", 0.11, 0.25) + normal(key, "psf yy", 0.004),
        "ixyPSF": normal(key, "psf xy", 0.01),
        "shape_flag": failed,
    }


def _flags(exposures: Exposures) -> dict[str, Any]:
    key = exposures.key
    edge = chance(key, "psf edge", 0.02)
    columns: dict[str, Any] = {name: chance(key, name, share) for name, share in _RARE_FLAGS.items()}
    columns |= dict.fromkeys(_NEVER, False)
    return columns | {
        "apFlux_flag": chance(key, "apFlux_flag", 0.004),
        "psfFlux_flag": edge,
        "psfFlux_flag_edge": edge,
        "forced_PsfFlux_flag": edge,
        "forced_PsfFlux_flag_edge": edge,
    }


def forced_columns(campaign: Campaign, exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    """Return the fields of prvDiaForcedSources, measured at the object's position."""
    key, taken = exposures.key, midpoint(exposures)
    first = first_detections(campaign, exposures)
    return {
        "diaForcedSourceId": lsst_forced_id(campaign, exposures),
        "diaObjectId": object_ids(campaign, exposures),
        "ra": first.ra,
        "dec": first.dec,
        "visit": lsst_visit(exposures),
        "detector": lsst_detector(campaign, exposures),
        "psfFlux": photometry.flux,
        "psfFluxErr": photometry.error,
        "midpointMjdTai": taken,
        "scienceFlux": photometry.template + photometry.flux + normal(key, "forced science", photometry.error * 0.3),
        "scienceFluxErr": photometry.error,
        "band": pa.array(list(BANDS)).take(pa.array(photometry.band)),
        "timeProcessedMjdTai": taken + 1.0 + uniform(key, "forced", 0.0, 0.2),
    }

"""What an alert belongs to: ``diaObject`` for static objects, ``ssSource`` and ``mpc_orbits`` for moving ones.

Fields that the samples of schema 10.0 leave empty (forced means, most orbital elements, first and last detection)
stay null.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alertferry.testing.simulator.draws import Array, normal, uniform
from alertferry.testing.simulator.lightcurves import Photometry, magnitude
from alertferry.testing.simulator.lsst_source import BANDS, body_ids, first_detections, midpoint, object_ids
from alertferry.testing.simulator.names import (
    designation,
    designation_index,
    lsst_source_id,
    packed_designation,
)
from alertferry.testing.simulator.population import Campaign, Exposures, detections_before, motion
from alertferry.testing.simulator.samples import Samples
from alertferry.testing.simulator.sky import direction, ecliptic, galactic


def object_columns(
    campaign: Campaign, alerts: Exposures, samples: Samples, photometry: Photometry, features: dict[str, Array]
) -> dict[str, Any]:
    """Return the fields of diaObject: position, and statistics of the detections in each band.

    ``photometry`` is given for the history's rows and then the alerts, ``features`` for the curves of ``samples``.
    """
    first = first_detections(campaign, alerts)
    count = detections_before(alerts) + 1
    error = 2.8e-4 * 0.15 / np.sqrt(count)
    columns: dict[str, Any] = {
        "diaObjectId": object_ids(campaign, alerts),
        "validityStartMjdTai": midpoint(alerts) + 0.0017,
        "ra": first.ra,
        "raErr": error,
        "dec": first.dec,
        "decErr": error,
        "ra_dec_Cov": error**2 * normal(alerts.key, "object covariance", 0.1),
        "nDiaSources": count,
    }
    statistics = band_statistics(samples, photometry, features)
    for band, letter in enumerate(BANDS):
        columns |= _in_band(samples, statistics, band, letter, len(count))
    return columns


def band_statistics(samples: Samples, photometry: Photometry, features: dict[str, Array]) -> dict[str, Array]:
    """Return the statistics of each alert's detections in each band, one value a curve (nJy)."""
    seen = photometry.take(samples.rows)
    flux, error, weight = seen.flux, seen.error, seen.error**-2.0
    total = _sum(samples, weight)
    count = np.diff(np.append(samples.starts, len(flux)))
    single = count < 2
    mean_error = total**-0.5
    return {
        "psfFluxMean": _sum(samples, flux * weight) / total,
        "psfFluxMeanErr": mean_error,
        "psfFluxSigma": np.ma.masked_where(single, features["standard_deviation"]),
        "psfFluxNdata": count,
        "scienceFluxMean": _sum(samples, (flux + seen.template) * weight) / total,
        "scienceFluxMeanErr": mean_error * 0.97,
        "psfFluxMin": np.minimum.reduceat(flux, samples.starts),
        "psfFluxMax": np.maximum.reduceat(flux, samples.starts),
        "psfFluxMaxSlope": np.ma.masked_where(single, features["maximum_slope"]),
        "psfFluxErrMean": _sum(samples, error) / count,
    }


def _sum(samples: Samples, values: Array) -> Array:
    return np.add.reduceat(values, samples.starts)


def _in_band(samples: Samples, statistics: dict[str, Array], band: int, letter: str, size: int) -> dict[str, Any]:
    """Return the columns of one band, null for alerts without a detection in it (and 0 for their count)."""
    here = np.flatnonzero(samples.curve_band == band)
    place = np.full(size, -1)
    place[samples.curve_alert[here]] = here
    columns: dict[str, Any] = {}
    for name, values in statistics.items():
        chosen = np.ma.masked_where(place < 0, values[place])
        columns[f"{letter}_{name}"] = chosen.filled(0) if name == "psfFluxNdata" else chosen
    return columns


def solar_system_columns(campaign: Campaign, alerts: Exposures, photometry: Photometry) -> dict[str, Any]:
    """Return the fields of ssSource; lengths in au, angles in degrees, offsets in arcsec."""
    key, own = alerts.key, alerts.objects.key
    number = designation_index(alerts.objects)
    longitude, latitude = ecliptic(alerts.ra, alerts.dec)
    galactic_longitude, galactic_latitude = galactic(alerts.ra, alerts.dec)
    rate, bearing = motion(own)
    across, along = normal(key, "offset across", 0.04), normal(key, "offset along", 0.03)
    return _geometry(alerts, longitude) | {
        "diaSourceId": lsst_source_id(campaign, alerts),
        "ssObjectId": body_ids(alerts),
        "designation": packed_designation(number),
        "eclLambda": longitude,
        "eclBeta": latitude,
        "galLon": galactic_longitude,
        "galLat": galactic_latitude,
        "ephRa": alerts.ra - across / 3600.0,
        "ephDec": alerts.dec - along / 3600.0,
        "ephVmag": magnitude(photometry.flux) + 0.3,
        "ephRate": rate,
        "ephRateRa": rate * np.cos(bearing),
        "ephRateDec": rate * np.sin(bearing),
        "ephOffset": np.hypot(across, along),
        "ephOffsetRa": across,
        "ephOffsetDec": along,
        "diaDistanceRank": 1,
    }


def _geometry(alerts: Exposures, longitude: Array) -> dict[str, Any]:
    """Return where Sun, Earth and object stand; the Earth goes round the Sun on a circle in the ecliptic."""
    sun = np.radians((280.46 + 0.9856474 * (alerts.mjd - 51544.5)) % 360.0)
    earth = np.array([-np.cos(sun), -0.91748 * np.sin(sun), -0.39778 * np.sin(sun)])
    range_ = _sun_distance(alerts.objects.key)
    towards = np.array(direction(alerts.ra, alerts.dec))
    along = (earth * towards).sum(axis=0)
    distance = np.sqrt(along**2 - 1.0 + range_**2) - along
    topo = towards * distance
    helio = earth + topo
    speed = 0.0172 / np.sqrt(range_) * np.array([-helio[1], helio[0], 0.1 * helio[2]]) / range_
    seen = speed - 0.0172 * np.array([-earth[1], 0.84 * earth[0], 0.36 * earth[0]])
    columns = _vectors("helio", helio, speed) | _vectors("topo", topo, seen)
    cosine = (range_**2 + distance**2 - 1.0) / (2 * range_ * distance)
    return columns | {
        "elongation": np.abs((longitude - np.degrees(sun) + 180.0) % 360.0 - 180.0),
        "phaseAngle": np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))),
        "topoRange": distance,
        "topoRangeRate": (topo * seen).sum(axis=0) / distance,
        "helioRange": range_,
        "helioRangeRate": (helio * speed).sum(axis=0) / range_,
    }


def _orbit(key: Array) -> tuple[Array, Array]:
    """Return perihelion distance (au) and eccentricity of main-belt orbits."""
    return uniform(key, "perihelion", 1.7, 3.0), uniform(key, "eccentricity", 0.01, 0.3)


def _sun_distance(key: Array) -> Array:
    perihelion, eccentricity = _orbit(key)
    aphelion = perihelion * (1 + eccentricity) / (1 - eccentricity)
    return np.asarray(perihelion + uniform(key, "distance") * (aphelion - perihelion))


def _vectors(prefix: str, place: Array, speed: Array) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for axis, letter in enumerate("xyz"):
        columns |= {f"{prefix}_{letter}": place[axis], f"{prefix}_v{letter}": speed[axis]}
    return columns | {f"{prefix}_vtot": np.sqrt((speed**2).sum(axis=0))}


def orbit_columns(alerts: Exposures) -> dict[str, Any]:
    """Return the fields of mpc_orbits that the samples fill."""
    own, number = alerts.objects.key, designation_index(alerts.objects)
    readable = designation(number)
    perihelion, eccentricity = _orbit(own)
    return {
        "id": 0,
        "designation": readable,
        "packed_primary_provisional_designation": packed_designation(number),
        "unpacked_primary_provisional_designation": readable,
        "q": perihelion,
        "e": eccentricity,
        "node": uniform(own, "node", 0.0, 360.0),
    }

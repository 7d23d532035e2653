"""What ZTF measures at one position on one image: the structs ``candidate`` and ``prv_candidates``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.testing.simulator.columns import digits, joined, with_nulls, words
from alertferry.testing.simulator.draws import Array, chance, exponential, fold, normal, uniform, whole
from alertferry.testing.simulator.lightcurves import Photometry, magnitude
from alertferry.testing.simulator.names import (
    ZTF_FIRST_NIGHT,
    calendar,
    minor_planet_number,
    ztf_candid,
    ztf_image,
    ztf_row,
)
from alertferry.testing.simulator.population import Campaign, Exposures, detections_before, expose, night_date
from alertferry.testing.simulator.vocabularies import ARTEFACT, CONSTANT, NEWCOMER, SOLAR_SYSTEM, SUPERNOVA

MISSING = -999.0

_JD_OF_MJD = 2400000.5
_IN_PS1 = (0.99, 0.99, 0.97, 0.8, 0.99, 0.7, 0.7, 0.6)


def julian(mjd: Array) -> Array:
    """Return Julian dates with ZTF's seven decimals."""
    return np.round(mjd + _JD_OF_MJD, 7)


def image_columns(campaign: Campaign, exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    """Return what is known of the image whether or not anything was detected on it."""
    field = exposures.objects.field
    image = fold(field, exposures.night, exposures.visit)
    chip = fold(image, exposures.objects.chip)
    return {
        "jd": julian(exposures.mjd),
        "fid": photometry.band + 1,
        "pid": ztf_image(exposures),
        "diffmaglim": photometry.limit_magnitude,
        "programpi": words(image, "programme", {"Kulkarni": 0.93, "Prince": 0.07}),
        "programid": 1,
        "nid": exposures.night - ZTF_FIRST_NIGHT,
        "rcid": exposures.objects.chip,
        "field": campaign.fields.number[field],
        "magzpsci": 26.25 + normal(image, "zero point", 0.08) + normal(chip, "zero point", 0.02),
        "magzpsciunc": 3e-6 * np.exp(normal(chip, "zero point error", 0.7)),
        "magzpscirms": uniform(chip, "zero point scatter", 0.018, 0.06),
        "clrcoeff": np.where(photometry.band == 0, -0.05, 0.09) + normal(chip, "colour term", 0.012),
        "clrcounc": 5e-6 * np.exp(normal(chip, "colour error", 0.8)),
        "rbversion": "t17_f5_c3",
    }


def image_file(campaign: Campaign, exposures: Exposures, photometry: Photometry, archived: bool) -> Any:
    """Return the names of the difference images, with the archive's folders if ``archived``."""
    objects = exposures.objects
    frac = digits(np.floor((exposures.mjd - exposures.night) * 1e6).astype(np.int64), 6)
    day = calendar(exposures.night, lambda night: night_date(night).strftime("%Y%m%d"))
    folder = calendar(exposures.night, lambda night: night_date(night).strftime("/ztf/archive/sci/%Y/%m%d/"))
    ccd, quadrant = objects.chip // 4 + 1, objects.chip % 4 + 1
    band = pa.array(["zg", "zr", "zi"]).take(pa.array(photometry.band))
    number = digits(campaign.fields.number[objects.field], 6)
    parts = ["ztf_", day, frac, "_", number, "_", band, "_c", digits(ccd, 2), "_o_q", digits(quadrant)]
    if archived:
        return joined(folder, frac, "/", *parts, "_scimrefdiffimg.fits.fz")
    return joined(*parts, "_scimrefdiffimg.fits")


def detection_columns(exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    """Return what is measured of a detection."""
    return (
        _identity(exposures, photometry)
        | _place(exposures)
        | _brightness(exposures, photometry)
        | _shape(exposures)
        | _quality(exposures, photometry)
        | _reference(exposures, photometry)
    )


def _identity(exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    positive = photometry.flux > 0
    return {
        "candid": ztf_candid(exposures, positive),
        "isdiffpos": pa.array(np.where(positive, "t", "f")),
        "tblid": ztf_row(exposures),
    }


def _place(exposures: Exposures) -> dict[str, Any]:
    key, own = exposures.key, exposures.objects.key
    x = np.clip(uniform(own, "across", 60.0, 3010.0) + normal(key, "x", 8.0), 30.0, 3042.0)
    y = np.clip(uniform(own, "along", 60.0, 3020.0) + normal(key, "y", 8.0), 30.0, 3050.0)
    edge = np.minimum(np.minimum(x, 3072.0 - x), np.minimum(y, 3080.0 - y))
    return {
        "xpos": x,
        "ypos": y,
        "ra": np.round(exposures.ra, 7),
        "dec": np.round(exposures.dec, 7),
        "mindtoedge": edge,
    }


def _brightness(exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    key = exposures.key
    faint, error = magnitude(photometry.flux), 1.0857 * photometry.error / np.abs(photometry.flux)
    small, big = normal(key, "aperture", 0.5 * error), normal(key, "large aperture", 0.9 * error)
    return {
        "magpsf": faint,
        "sigmapsf": error,
        "chipsf": 1.0 + exponential(key, "chi") + (0.06 / error) ** 2 * exponential(key, "chi of bright", 3.0),
        "magap": faint + small,
        "sigmagap": np.maximum(0.0015, 0.9 * error),
        "magapbig": faint + big,
        "sigmagapbig": np.maximum(0.0017, 1.3 * error),
        "magdiff": small,
        "magfromlim": photometry.limit_magnitude - faint - small,
        "sky": normal(key, "sky", 2.0),
    }


def _shape(exposures: Exposures) -> dict[str, Any]:
    key = exposures.key
    fwhm = np.exp(normal(key, "fwhm", 0.35)) * 2.5
    width = uniform(key, "width", 0.6, 1.3)
    elongation = 1.0 + exponential(key, "elongation", 0.1)
    return {
        "fwhm": fwhm,
        "seeratio": np.clip(2.8 / fwhm, 0.2, 2.0),
        "aimage": width,
        "bimage": width / elongation,
        "aimagerat": width / fwhm,
        "bimagerat": width / elongation / fwhm,
        "elong": elongation,
    }


def _quality(exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    key, kind = exposures.key, exposures.objects.kind
    bogus = np.isin(kind, (ARTEFACT, CONSTANT))
    ratio = np.abs(photometry.flux) / photometry.error
    sums = np.where(chance(key, "all positive", 0.6), 1.0, uniform(key, "sums", 0.5, 1.0))
    return {
        "classtar": np.where(
            chance(key, "extended", 0.05), uniform(key, "star", 0.3, 0.95), uniform(key, "star", 0.95, 1)
        ),
        "nneg": whole(key, "negative", np.where(bogus, 13, 7)),
        "nbad": np.where(chance(key, "bad", 0.004), 5, 0),
        "rb": np.where(bogus, uniform(key, "rb", 0.55, 0.75), uniform(key, "rb", 0.55, 0.97)),
        "ssdistnr": MISSING,
        "ssmagnr": MISSING,
        "ssnamenr": "null",
        "sumrat": sums,
        "scorr": ratio * uniform(key, "scorr", 1.0, 1.4),
    }


def _reference(exposures: Exposures, photometry: Photometry) -> dict[str, Any]:
    """Return the nearest source of the reference image: the object itself, its host or a neighbour."""
    key, kind = exposures.objects.key, exposures.objects.kind
    own = ~np.isin(kind, (ARTEFACT, NEWCOMER, SOLAR_SYSTEM, SUPERNOVA))
    distance = np.where(own, exponential(key, "near", 0.3), uniform(key, "far", 0.8, 14.0))
    bearing = uniform(key, "bearing of reference", 0.0, 2 * np.pi)
    bright = np.where(own, magnitude(photometry.template), uniform(key, "reference", 16.0, 22.5))
    dec = exposures.dec + distance / 3600.0 * np.sin(bearing)
    return {
        "distnr": distance,
        "magnr": np.round(bright, 3),
        "sigmagnr": np.round(np.clip(0.014 + 0.02 * (bright - 17.0), 0.009, 0.32), 3),
        "chinr": np.round(0.5 + exponential(key, "chi of reference", 0.4), 3),
        "sharpnr": np.round(normal(key, "sharp", 0.1), 3),
        "ranr": np.round((exposures.ra + distance / 3600.0 * np.cos(bearing) / np.cos(np.radians(dec))) % 360.0, 7),
        "decnr": np.round(dec, 7),
    }


def alert_columns(campaign: Campaign, alerts: Exposures, photometry: Photometry) -> dict[str, Any]:
    """Return the fields that only ``candidate`` has: calibration, catalogues and the record of the position."""
    return (
        _solar_system(alerts, photometry)
        | _record(campaign, alerts)
        | _panstarrs(alerts)
        | _gaia(alerts)
        | _calibration(campaign, alerts, photometry)
    )


def _solar_system(alerts: Exposures, photometry: Photometry) -> dict[str, Any]:
    known = alerts.objects.kind == SOLAR_SYSTEM
    name = digits(minor_planet_number(alerts.objects))
    return {
        "ssdistnr": np.where(known, np.round(exponential(alerts.key, "from prediction", 0.8)), MISSING),
        "ssmagnr": np.where(
            known, np.round(magnitude(photometry.flux) + normal(alerts.key, "predicted", 0.3), 1), MISSING
        ),
        "ssnamenr": pc.if_else(pa.array(known), name, "null"),
    }


def first_detection(campaign: Campaign, alerts: Exposures) -> Array:
    """Return the Julian date of each object's first detection; a moving object is new at every place."""
    objects = alerts.objects
    first = expose(campaign, objects, objects.birth, np.zeros(len(objects.slot), dtype=np.int64))
    return np.where(objects.kind == SOLAR_SYSTEM, julian(alerts.mjd), julian(first.mjd))


def _record(campaign: Campaign, alerts: Exposures) -> dict[str, Any]:
    before = np.where(alerts.objects.kind == SOLAR_SYSTEM, 0, detections_before(alerts))
    return {
        "ndethist": before + 1,
        "ncovhist": before + 200 + whole(alerts.objects.key, "covered", 3000),
        "jdstarthist": first_detection(campaign, alerts),
        "jdendhist": julian(alerts.mjd),
        "tooflag": 0,
        "exptime": 30.0,
    }


def _panstarrs(alerts: Exposures) -> dict[str, Any]:
    """Return the three nearest PS1 sources; the first is the object itself or its host, if PS1 has it."""
    key, kind = alerts.objects.key, alerts.objects.kind
    sources = np.where(chance(key, "in ps1", np.array(_IN_PS1)[kind]), 1 + whole(key, "ps1 sources", 40), 0)
    columns: dict[str, Any] = {"nmtchps": sources}
    distance = np.where(np.isin(kind, (ARTEFACT, NEWCOMER, SOLAR_SYSTEM)), 3.0, 0.1)
    for rank in (1, 2, 3):
        distance = distance + exponential(key, f"step {rank}", 0.25 if rank == 1 else 3.0)
        there = (sources >= rank) & (distance < 30.0)
        columns |= _neighbour(key, rank, there, alerts, distance)
    return columns


def _neighbour(key: Array, rank: int, there: Array, alerts: Exposures, distance: Array) -> dict[str, Any]:
    zone = np.floor((alerts.dec + 90.0) / 0.0083333).astype(np.int64)
    number = zone * 10**13 + (alerts.ra * 1e6).astype(np.int64) * 10**4 + whole(key, f"ps1 {rank}", 10**4)
    columns: dict[str, Any] = {
        f"objectidps{rank}": np.where(there, number, -999),
        f"sgscore{rank}": np.where(there, _star_score(key, rank), MISSING),
        f"distpsnr{rank}": np.where(there, distance, MISSING),
    }
    bright = uniform(key, f"brightness {rank}", 14.0, 21.5)
    for step, band in enumerate("griz"):
        seen = there & ~chance(key, f"no {band} {rank}", 0.12)
        columns[f"s{band}mag{rank}"] = np.where(seen, np.round(bright - 0.3 * step, 4), MISSING)
    return columns


def _star_score(key: Array, rank: int) -> Array:
    score = uniform(key, f"star score {rank}")
    sure = np.where(score < 0.35, score * 0.2, 1.0 - (1.0 - score) * 0.1)
    return np.where(chance(key, f"undecided {rank}", 0.2), 0.5, sure)


def _gaia(alerts: Exposures) -> dict[str, Any]:
    key = alerts.objects.key
    bright = chance(key, "bright gaia", 0.55)
    near, far = exponential(key, "near gaia", 12.0), uniform(key, "far gaia", 5.0, 89.0)
    return {
        "neargaia": np.minimum(near, 89.0),
        "maggaia": uniform(key, "gaia magnitude", 12.0, 20.5),
        "neargaiabright": np.where(bright, far, MISSING),
        "maggaiabright": np.where(bright, uniform(key, "bright magnitude", 9.0, 14.0), MISSING),
    }


def _calibration(campaign: Campaign, alerts: Exposures, photometry: Photometry) -> dict[str, Any]:
    field, key = alerts.objects.field, alerts.key
    reference = fold(field, alerts.objects.chip, photometry.band)
    number = campaign.fields.number[field] * 10**6 + (photometry.band + 1) * 10**5 + 20_000 + 200
    ratio = np.abs(photometry.flux) / photometry.error
    deep = ratio * uniform(key, "deep", 1.2, 2.2)
    return {
        "rfid": number + alerts.objects.chip,
        "jdstartref": np.round(2458190.5 + uniform(reference, "first", 0.0, 110.0), 6),
        "jdendref": np.round(2458310.5 + uniform(reference, "last", 0.0, 300.0), 6),
        "nframesref": 15 + whole(reference, "frames", 26),
        "dsnrms": ratio,
        "ssnrms": ratio + deep,
        "dsdiff": -deep,
        "nmatches": 100 + whole(reference, "matches", 2000),
        "zpclrcov": -1e-5 * np.exp(normal(reference, "covariance", 0.6)),
        "zpmed": 26.3 + normal(reference, "median", 0.08),
        "clrmed": uniform(reference, "median colour", 0.47, 1.0),
        "clrrms": uniform(reference, "colour scatter", 0.13, 0.33),
        "drb": _deep_score(alerts),
        "drbversion": "d6_m7",
    }


def _deep_score(alerts: Exposures) -> Array:
    low = np.isin(alerts.objects.kind, (ARTEFACT, CONSTANT))
    high = np.clip(1.0 - exponential(alerts.key, "drb", 0.02), 0.0, 1.0)
    return np.where(low, uniform(alerts.key, "drb") ** 2, high)


def blank_upper_limits(columns: dict[str, Any], detected: Array) -> dict[str, Any]:
    """Return ``columns`` with nulls where nothing was detected, and without the names of solar system objects."""
    dropped = ("ssdistnr", "ssmagnr", "ssnamenr")
    return {name: with_nulls(values, ~detected) for name, values in columns.items() if name not in dropped}

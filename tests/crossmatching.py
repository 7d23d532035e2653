"""Catalogues and alerts at the awkward places of the sky, and matching them the slow and certain way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import healpy
import numpy as np
import pyarrow as pa

from alertferry.catalogs.model import Catalog, ProperMotion

ARCSEC = np.pi / 180 / 3600
UNDECIDED_ARCSEC = 2e-9
"""Closer than this to the edge of a disc, doubles in degrees cannot tell inside from outside."""


def catalog(ra, dec, radius=None, ids=None, columns=None, pm=None, epoch=None) -> Catalog:
    """Return a catalogue as reading a file would give it."""
    rows = len(ra)
    names = [f"s{index:05d}" for index in range(rows)] if ids is None else ids
    return Catalog(
        name="catalogue.csv",
        format="csv",
        sha256="0" * 64,
        rows=rows,
        ids=pa.array(names, pa.string()),
        ra_deg=np.asarray(ra, float),
        dec_deg=np.asarray(dec, float),
        radius_arcsec=None if radius is None else np.asarray(radius, float),
        pm=None if pm is None else ProperMotion(*np.array(pm, float)),
        epoch=None if epoch is None else np.full(rows, float(epoch)),
        columns=pa.table(columns or {"n": pa.array(np.arange(rows))}),
        used={},
        guessed=(),
        units={},
        bad_rows=(),
        bad_row_count=0,
        warnings=(),
        duplicate_ids=0,
        duplicate_positions=0,
    )


@dataclass(frozen=True)
class Scene:
    """Sources with their radii, and alerts; positions in degrees, radii in arcsec."""

    ra: np.ndarray
    dec: np.ndarray
    radius: np.ndarray
    alert_ra: np.ndarray
    alert_dec: np.ndarray


def places(kind: str, rng: np.random.Generator, count: int, radius_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Return positions in degrees: near a pole, across right ascension 0, on edges of HEALPix cells, anywhere."""
    near = rng.normal(size=(2, count)) * 3 * radius_deg
    if kind == "north":
        return rng.uniform(0, 360, count), 90 - np.abs(near[1])
    if kind == "south":
        return rng.uniform(0, 360, count), -90 + np.abs(near[1])
    if kind == "meridian":
        return near[0] % 360, np.clip(rng.uniform(-80, 80) + near[1], -90, 90)
    if kind == "cells":
        nside = 2 ** int(rng.integers(0, 14))
        pixels = rng.integers(0, 12 * nside**2, count)
        corners = healpy.boundaries(nside, pixels, step=3).transpose(0, 2, 1)[
            np.arange(count), rng.integers(0, 12, count)
        ]
        ra, dec = healpy.vec2ang(corners, lonlat=True)
        offset = radius_deg * (1 + rng.choice([-1e-9, 0, 1e-9], count))
        return ra, np.clip(dec + rng.choice([-1, 1], count) * offset, -90, 90)
    z = rng.uniform(-1, 1, count)
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(z))


def scene(seed: int, kind: str, sources: int, radius_arcsec: float, *, own_radii: bool) -> Scene:
    """Return sources and alerts around them: at the centre, within, just within, just without, far."""
    rng = np.random.default_rng(seed)
    ra, dec = places(kind, rng, sources, radius_arcsec / 3600)
    if sources > 2:  # one source is there twice
        ra[-1], dec[-1] = ra[0], dec[0]
    radius = np.full(sources, radius_arcsec)
    if own_radii:
        radius = np.clip(radius_arcsec * 10 ** rng.uniform(-1.5, 0.5, sources), 0.01, 3600)
    share = np.array([0, 1e-3, 0.5, 1 - 1e-6, 1 - 1e-9, 1 + 1e-9, 1 + 1e-6, 1.5])
    chosen = np.repeat(np.arange(sources), len(share))
    around = offset(ra[chosen], dec[chosen], radius[chosen] * np.tile(share, sources), rng.uniform(0, 360, len(chosen)))
    far = places("anywhere", rng, 40, 1.0)
    some = places(kind, rng, 40, radius_arcsec / 3600)
    special = np.array([0.0, 360, 0, 123, 359.9999999, 45]), np.array([0.0, 0, 90, -90, 1e-12, 41.8103149])
    alert_ra, alert_dec = (np.concatenate(parts) for parts in zip(around, far, some, special, strict=True))
    return Scene(ra, dec, radius, alert_ra, alert_dec)


def offset(ra: np.ndarray, dec: np.ndarray, distance_arcsec: np.ndarray, bearing: np.ndarray) -> tuple[Any, Any]:
    """Return positions at a distance and bearing (degrees east of north) from others."""
    lon, lat, angle, way = np.radians(ra), np.radians(dec), distance_arcsec * ARCSEC, np.radians(bearing)
    up = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    east = np.stack([-np.sin(lon), np.cos(lon), 0 * lon])
    x, y, z = np.cos(angle) * up + np.sin(angle) * (np.cos(way) * north + np.sin(way) * east)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def separations_arcsec(ra, dec, ra0, dec0) -> np.ndarray:
    """Return all separations, shape (len(ra), len(ra0)), in extended precision (Vincenty's formula)."""
    one, other = (np.radians(np.asarray(value, np.longdouble)) for value in (ra, dec))
    lon0, lat0 = (np.radians(np.asarray(value, np.longdouble)) for value in (ra0, dec0))
    turn = lon0[None] - one[:, None]
    sine, cosine, sine0, cosine0 = (
        np.sin(other)[:, None],
        np.cos(other)[:, None],
        np.sin(lat0)[None],
        np.cos(lat0)[None],
    )
    up = np.hypot(cosine0 * np.sin(turn), cosine * sine0 - sine * cosine0 * np.cos(turn))
    return np.degrees(np.arctan2(up, sine * sine0 + cosine * cosine0 * np.cos(turn))) * 3600


def brute_force(found: Scene) -> tuple[list[set[int]], list[set[int]], np.ndarray]:
    """Return for each alert the sources that match for certain, those that may, and all separations in arcsec."""
    apart = separations_arcsec(found.alert_ra, found.alert_dec, found.ra, found.dec)
    margin = apart - found.radius[None]
    certain = [set(np.flatnonzero(row <= -UNDECIDED_ARCSEC)) for row in margin]
    possible = [set(np.flatnonzero(row <= UNDECIDED_ARCSEC)) for row in margin]
    return certain, possible, apart

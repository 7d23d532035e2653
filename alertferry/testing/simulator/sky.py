"""Where a survey points: its fields, and positions on their detectors.

A survey points at the same fields every night, in an order that changes from night to night; every field is
exposed twice a night, the second time some half an hour later. Seasons and the weather are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertferry.testing.simulator.draws import Array, chance, fold, normal, uniform

FIELD_COUNT = 240

_ORDER_STEP = 97
_NIGHT_STEP = 31
_SECOND_EXPOSURE = 41


@dataclass(frozen=True)
class Fields:
    """The pointings of a survey and the detectors of its camera.

    ``ra`` and ``dec`` (deg) are field centres, ``number`` their names in the survey. The camera's ``chips`` fill a
    square of ``chips_across`` by ``chips_across`` places of ``chip_deg`` degrees. ``ecliptic`` holds the indices of the
    fields nearest the ecliptic, where solar system objects are. ``kind`` says what a field is observed for.
    """

    ra: Array
    dec: Array
    number: Array
    kind: Array
    chips: int
    chips_across: int
    chip_deg: float
    ecliptic: Array


@dataclass(frozen=True)
class Cadence:
    """When exposures are taken: from ``start`` (days after 0h UTC of the night) on, one every ``step_seconds``."""

    start: float
    step_seconds: float

    def sequence(self, field: Array, night: Array, visit: Array) -> Array:
        """Return the number of the exposure in its night; no two fields share one."""
        rank = (field * _ORDER_STEP + night * _NIGHT_STEP) % FIELD_COUNT
        return np.asarray(3 * rank + _SECOND_EXPOSURE * visit + 1)

    def mjd(self, night: Array, sequence: Array) -> Array:
        """Return the start of the exposure, MJD in UTC."""
        late = uniform(fold(night, sequence), "delay", 0.0, 4.0)
        return night + self.start + (sequence * self.step_seconds + late) / 86400.0


def ztf_fields() -> Fields:
    """Return fields over the northern sky, a quarter of them crowded along the Milky Way."""
    ra, dec = _spread(FIELD_COUNT * 3 // 4, -28.0, 86.0)
    plane_ra, plane_dec = _along_the_plane(FIELD_COUNT // 4, -28.0)
    number = 245 + 2 * np.arange(FIELD_COUNT) + np.arange(FIELD_COUNT) % 2
    kind = np.zeros(FIELD_COUNT, dtype=np.int64)
    return _fields(np.append(ra, plane_ra), np.append(dec, plane_dec), number, kind, (64, 8, 0.86))


DEEP_FIELDS = (
    ("cosmos", 150.11, 2.23),
    ("ecdfs", 52.98, -28.12),
    ("edfs_a", 58.90, -49.32),
    ("edfs_b", 63.60, -47.60),
    ("elaiss1", 9.45, -44.02),
    ("xmm_lss", 35.57, -4.82),
)


def lsst_fields() -> Fields:
    """Return fields over the southern sky and, for more than a third of the pointings, the six deep drilling fields.

    ``kind`` is 0 for the wide survey, 1 to 6 for the deep fields in the order of `DEEP_FIELDS`.
    """
    deep = FIELD_COUNT * 3 // 8
    ra, dec = _spread(FIELD_COUNT - deep, -72.0, 12.0)
    turn = np.arange(deep)
    places = np.array([place[1:] for place in DEEP_FIELDS])[turn % len(DEEP_FIELDS)]
    angle = turn * 2.39996
    ra = np.append(ra, places[:, 0] + 0.3 * np.cos(angle))
    dec = np.append(dec, places[:, 1] + 0.3 * np.sin(angle))
    kind = np.append(np.zeros(FIELD_COUNT - deep, dtype=np.int64), 1 + turn % len(DEEP_FIELDS))
    return _fields(ra, dec, np.arange(FIELD_COUNT), kind, (189, 14, 0.23))


def _fields(ra: Array, dec: Array, number: Array, kind: Array, camera: tuple[int, int, float]) -> Fields:
    order = np.argsort(np.abs(ecliptic_latitude(ra, dec)), kind="stable")
    return Fields(ra % 360.0, dec, number, kind, *camera, ecliptic=order[: FIELD_COUNT // 5])


def positions(fields: Fields, field: Array, chip: Array, key: Array) -> tuple[Array, Array]:
    """Return right ascension and declination (deg) of objects in ``field``; one in seven belongs to a cluster."""
    cluster = fold(field, chip, "cluster")
    clumped = chance(key, "clumped", 1 / 7)
    offsets = []
    for axis in ("across", "along"):
        centre = uniform(cluster, axis, 0.2, 0.8) + normal(key, "spread " + axis, 0.02)
        offsets.append(np.where(clumped, centre, uniform(key, axis)))
    middle = fields.chips_across / 2.0
    along = (chip // fields.chips_across + offsets[1] - middle) * fields.chip_deg
    across = (chip % fields.chips_across + offsets[0] - middle) * fields.chip_deg
    dec = np.clip(fields.dec[field] + along, -89.5, 89.5)
    ra = fields.ra[field] + across / np.cos(np.radians(np.minimum(np.abs(dec), 88.0)))
    return ra % 360.0, dec


_OBLIQUITY = np.radians(23.4392911)


def ecliptic_latitude(ra: Array, dec: Array) -> Array:
    """Return ecliptic latitudes (deg) of equatorial positions (deg)."""
    return ecliptic(ra, dec)[1]


def ecliptic(ra: Array, dec: Array) -> tuple[Array, Array]:
    """Return ecliptic longitude and latitude (deg) of equatorial positions (deg), for the obliquity of J2000."""
    x, y, z = direction(ra, dec)
    cosine, sine = np.cos(_OBLIQUITY), np.sin(_OBLIQUITY)
    return _angles(x, y * cosine + z * sine, z * cosine - y * sine)


# Rows: the x, y and z axes of the galactic frame in ICRS (Hipparcos catalogue, vol. 1, 1997).
_GALACTIC = np.array(
    [
        [-0.0548755604, -0.8734370902, -0.4838350155],
        [0.4941094279, -0.4448296300, 0.7469822445],
        [-0.8676661490, -0.1980763734, 0.4559837762],
    ]
)


def galactic(ra: Array, dec: Array) -> tuple[Array, Array]:
    """Return galactic longitude and latitude (deg) of equatorial positions (deg)."""
    x, y, z = _GALACTIC @ np.array(direction(ra, dec))
    return _angles(x, y, z)


def direction(ra: Array, dec: Array) -> tuple[Array, Array, Array]:
    """Return unit vectors (x, y, z) of equatorial positions (deg)."""
    alpha, delta = np.radians(ra), np.radians(dec)
    return np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)


def _angles(x: Array, y: Array, z: Array) -> tuple[Array, Array]:
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arcsin(np.clip(z, -1.0, 1.0)))


def _spread(count: int, south: float, north: float) -> tuple[Array, Array]:
    """Return positions evenly spread between two declinations (a Fibonacci spiral)."""
    turn = np.arange(count) + 0.5
    low, high = np.sin(np.radians([south, north]))
    return (turn * 137.50776405) % 360.0, np.degrees(np.arcsin(low + (high - low) * turn / count))


def _along_the_plane(count: int, south: float) -> tuple[Array, Array]:
    """Return ``count`` positions close to the galactic equator and north of ``south`` (deg)."""
    key = fold(np.arange(20 * count), "milky way")
    longitude, latitude = uniform(key, "longitude", 0.0, 2 * np.pi), normal(key, "latitude", np.radians(4.0))
    x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
    ra, dec = _angles(*(_GALACTIC.T @ np.array([x, y, np.sin(latitude)])))
    seen = np.flatnonzero(dec > south)[:count]
    return ra[seen], dec[seen]

"""Who is in the sky: persistent objects, and the exposures that catch them.

Each alert of a night belongs to a slot. A slot holds one object at a time, is looked at once every so many
nights, and gives its place to a new object when the old one has lived its time. Everything about an object
follows from the slot and the date by arithmetic, so any night can be made on its own, has exactly the number of alerts
asked for, and agrees with the history told by the alerts of later nights.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np

from alertferry.testing.simulator.draws import Array, chance, fold, normal, uniform, whole
from alertferry.testing.simulator.sky import FIELD_COUNT, Cadence, Fields, positions

MOST_ALERTS = 10_000_000

_EPOCH_OF_MJD = date(1858, 11, 17).toordinal()
_GOLDEN = 0.6180339887498949
_SILVER = 0.4142135623730951


@dataclass(frozen=True)
class Kind:
    """One class of objects: its share of the alerts, nights between visits, nights an object lives, and magnitudes.

    ``lifetime_nights`` of (1, 1) means that every alert is a new object. ``twice`` allows some objects to be
    caught twice a night. ``magnitudes`` is the range of AB magnitudes of the object itself.
    """

    name: str
    share: float
    every_nights: tuple[int, ...]
    lifetime_nights: tuple[int, int]
    magnitudes: tuple[float, float]
    twice: bool = True


@dataclass(frozen=True)
class Campaign:
    """Everything that decides what a simulated survey sees; ``history_nights`` is how far back an alert looks."""

    seed: int
    alerts_per_night: int
    kinds: tuple[Kind, ...]
    fields: Fields
    cadence: Cadence
    history_nights: int

    def kind(self, name: str) -> int:
        """Return the index of the kind called ``name``."""
        return next(index for index, kind in enumerate(self.kinds) if kind.name == name)


@dataclass(frozen=True)
class Objects:
    """Objects, row by row: where they are filed, what they are and when they are looked at.

    ``every`` (nights) and ``residue`` say on which nights: those with ``night % every == residue``. ``visit_night``
    counts them (``night // every``) and ``first_visit`` is that count at the object's first alert. ``key`` is the
    object's identity for draws, ``birth`` the MJD of its first night; ``counter`` tells apart the objects of one
    detector.
    """

    slot: Array
    kind: Array
    every: Array
    residue: Array
    visit_night: Array
    first_visit: Array
    key: Array
    twice: Array
    field: Array
    chip: Array
    counter: Array

    @property
    def birth(self) -> Array:
        """Return the night (MJD) of the first alert."""
        return self.first_visit * self.every + self.residue

    def take(self, rows: Array) -> Objects:
        """Return the objects of ``rows``."""
        return Objects(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


@dataclass(frozen=True)
class Exposures:
    """Looks at objects, row by row: when (MJD, UTC), as which exposure of the night, and whether it was detected."""

    objects: Objects
    night: Array
    visit: Array
    key: Array
    sequence: Array
    mjd: Array
    detected: Array
    ra: Array
    dec: Array


def night_number(night: date) -> int:
    """Return the MJD of 0h UTC of ``night``."""
    return night.toordinal() - _EPOCH_OF_MJD


def night_date(number: int) -> date:
    """Return the date whose 0h UTC is MJD ``number``."""
    return date.fromordinal(number + _EPOCH_OF_MJD)


def alerts_of_night(campaign: Campaign, night: int, rows: Array) -> Exposures:
    """Return the alerts number ``rows`` (from 0 to `Campaign.alerts_per_night`) of a night."""
    pairs = (rows % 8 == 7) & _caught_twice(campaign, rows - 1)
    slots = np.where(pairs, rows - 1, rows)
    return expose(campaign, _objects(campaign, night, slots), np.full(len(rows), night), pairs.astype(np.int64))


def _kind_of_slot(campaign: Campaign, slots: Array) -> Array:
    shares = np.array([kind.share for kind in campaign.kinds])
    phase = campaign.seed * 0.754877666 % 1.0
    place = (slots * _SILVER + phase) % 1.0 * shares.sum()
    return np.asarray(np.minimum(np.searchsorted(np.cumsum(shares), place, side="right"), len(shares) - 1))


def _caught_twice(campaign: Campaign, slots: Array) -> Array:
    allowed = np.array([kind.twice for kind in campaign.kinds])[_kind_of_slot(campaign, slots)]
    return np.asarray((slots % 8 == 6) & (slots + 1 < campaign.alerts_per_night) & allowed)


def _objects(campaign: Campaign, night: int, slots: Array) -> Objects:
    kind = _kind_of_slot(campaign, slots)
    slot_key = fold(campaign.seed, "slot", slots)
    every = _choose(slot_key, "every", [item.every_nights for item in campaign.kinds], kind)
    residue, visit_night = night % every, night // every
    seat = fold(slot_key, residue)
    lives = _lifetime_visits(campaign, seat, kind, every)
    phase = whole(seat, "phase", lives)
    generation = (visit_night + phase) // lives
    field, chip, counter = _places(campaign, slots, kind)
    return Objects(
        slot=slots,
        kind=kind,
        every=every,
        residue=residue,
        visit_night=visit_night,
        first_visit=generation * lives - phase,
        key=fold(seat, generation),
        twice=_caught_twice(campaign, slots),
        field=field,
        chip=chip,
        counter=counter,
    )


def _choose(key: Array, what: str, choices: list[tuple[int, ...]], group: Array) -> Array:
    longest = max(map(len, choices))
    table = np.array([row + row[:1] * (longest - len(row)) for row in choices])
    sizes = np.array([len(row) for row in choices])
    return table[group, whole(key, what, sizes[group])]


def _lifetime_visits(campaign: Campaign, seat: Array, kind: Array, every: Array) -> Array:
    ranges = np.array([item.lifetime_nights for item in campaign.kinds])[kind]
    nights = ranges[:, 0] + uniform(seat, "lifetime") * (ranges[:, 1] - ranges[:, 0])
    return np.asarray(np.maximum(nights // every, 1).astype(np.int64))


def _places(campaign: Campaign, slots: Array, kind: Array) -> tuple[Array, Array, Array]:
    """Return field, detector and counter of slots; no two slots share all three.

    Solar system objects are moved to the fields near the ecliptic, with counters that nobody else has there.
    """
    survey = campaign.fields
    places = FIELD_COUNT * survey.chips
    stride = int(places * _GOLDEN) | 1
    while np.gcd(stride, places) > 1:
        stride += 2
    place = (slots * stride) % places
    field, chip, counter = place // survey.chips, place % survey.chips, slots // places
    width = len(survey.ecliptic)
    moving = kind == campaign.kind("solar_system")
    counter = counter * (FIELD_COUNT // width + 1) + np.where(moving, 1 + field // width, 0)
    return np.where(moving, survey.ecliptic[field % width], field), chip, counter


def expose(campaign: Campaign, objects: Objects, night: Array, visit: Array) -> Exposures:
    """Return what a look at ``objects`` in the first (0) or second (1) exposure of ``night`` finds."""
    key = fold(objects.key, night, visit)
    sequence = campaign.cadence.sequence(objects.field, night, visit)
    mjd = campaign.cadence.mjd(night, sequence)
    ra, dec = _positions(campaign, objects, key, mjd)
    alive = (night - objects.residue) // objects.every >= objects.first_visit
    detected = alive & ((visit == 0) | objects.twice)
    return Exposures(objects, night, visit, key, sequence, mjd, detected, ra, dec)


def _positions(campaign: Campaign, objects: Objects, key: Array, mjd: Array) -> tuple[Array, Array]:
    """Return positions (deg): fixed but for 0.1 arcsec of noise, and for the motion of solar system objects."""
    ra, dec = positions(campaign.fields, objects.field, objects.chip, objects.key)
    moving = objects.kind == campaign.kind("solar_system")
    days = np.where(moving, mjd - objects.birth, 0.0)
    rate, bearing = motion(objects.key)
    dec = np.clip(dec + days * rate * np.sin(bearing) + normal(key, "dec", 0.07 / 3600), -89.9, 89.9)
    ra = ra + (days * rate * np.cos(bearing) + normal(key, "ra", 0.07 / 3600)) / np.cos(np.radians(dec))
    return ra % 360.0, dec


def motion(key: Array) -> tuple[Array, Array]:
    """Return rate (deg/d) and direction (radians from east to north) of solar system objects."""
    return uniform(key, "rate", 0.03, 0.3), uniform(key, "bearing", -0.5, 0.5)


@dataclass(frozen=True)
class History:
    """Earlier exposures of alerts, oldest first; those of alert ``i`` are rows ``offsets[i]`` to ``offsets[i + 1]``."""

    exposures: Exposures
    alert: Array
    offsets: Array

    def only(self, keep: Array) -> History:
        """Return the history without the rows where ``keep`` is false."""
        counts = np.bincount(self.alert[keep], minlength=len(self.offsets) - 1)
        return History(take(self.exposures, np.flatnonzero(keep)), self.alert[keep], _offsets(counts))


def history(campaign: Campaign, alerts: Exposures, since_birth: bool, covered: float = 1.0) -> History:
    """Return the exposures of the ``history_nights`` before each alert.

    ``since_birth`` leaves out those before the object's first alert. ``covered`` is the share of objects whose place
    had been observed before that; the others have none.
    """
    objects = alerts.objects
    nights = np.full(len(objects.slot), campaign.history_nights) // objects.every
    alone = since_birth | ~chance(objects.key, "covered", covered)
    nights = np.where(alone, np.minimum(nights, objects.visit_night - objects.first_visit), nights)
    counts = 2 * nights + alerts.visit
    offsets = _offsets(counts)
    alert = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(offsets[-1]) - offsets[alert]
    seen = objects.take(alert)
    night = (seen.visit_night - nights[alert] + place // 2) * seen.every + seen.residue
    return History(expose(campaign, seen, night, place % 2), alert, offsets)


def _offsets(counts: Array) -> Array:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def take(exposures: Exposures, rows: Array) -> Exposures:
    """Return ``rows`` of ``exposures``."""
    chosen: dict[str, Any] = {
        item.name: getattr(exposures, item.name)[rows] for item in fields(exposures) if item.name != "objects"
    }
    return replace(exposures, objects=exposures.objects.take(rows), **chosen)


def detections_before(alerts: Exposures) -> Array:
    """Return how often each object has been detected before its alert, since its first."""
    objects = alerts.objects
    return np.asarray((objects.visit_night - objects.first_visit) * (1 + objects.twice) + alerts.visit)

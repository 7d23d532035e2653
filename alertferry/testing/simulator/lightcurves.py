"""How bright objects are: difference fluxes of each class as functions of time.

Fluxes are in nJy (AB magnitude = 31.4 - 2.5 log10 flux). A flux is the visit minus the template, as both surveys
give it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alertferry.testing.simulator.draws import Array, chance, exponential, fold, normal, uniform
from alertferry.testing.simulator.population import Campaign, Exposures

ZERO_POINT = 31.4
THRESHOLD = 5.02

# Templates are fainter than the mean, so that, as in the samples, more alerts are brighter than fainter.
_LIFT = 0.3


@dataclass(frozen=True)
class Photometry:
    """Measured fluxes (nJy), row by row: the difference, its error, the template, and the five-sigma limit.

    ``band`` is the index of the filter in the survey's list.
    """

    band: Array
    flux: Array
    error: Array
    template: Array
    limit_magnitude: Array

    def take(self, rows: Array) -> Photometry:
        """Return the photometry of ``rows``."""
        return Photometry(**{name: values[rows] for name, values in vars(self).items()})


def magnitude(flux: Array) -> Array:
    """Return AB magnitudes of fluxes in nJy, whatever their sign."""
    return ZERO_POINT - 2.5 * np.log10(np.maximum(np.abs(flux), 1e-3))


def flux_of(magnitudes: Array | float) -> Any:
    """Return fluxes in nJy of AB magnitudes."""
    return 10.0 ** (0.4 * (ZERO_POINT - np.asarray(magnitudes)))


def measure(
    campaign: Campaign, exposures: Exposures, band: Array, depth: tuple[float, float], forced: bool = False
) -> Photometry:
    """Return what is measured at ``exposures``.

    ``depth`` is the range of five-sigma limiting magnitudes; all objects of an exposure share one limit. What was
    detected is at least `THRESHOLD` times its error; ``forced`` photometry takes what is there.
    """
    objects = exposures.objects
    image = fold(objects.field, exposures.night, exposures.visit)
    limit = uniform(image, "limit", *depth) + normal(exposures.key, "limit", 0.02)
    error = flux_of(limit) / 5.0
    flux, template = _difference(campaign, exposures, band, error)
    flux = flux + normal(exposures.key, "noise", error)
    if not forced:
        least = error * (THRESHOLD + exponential(exposures.key, "excess", 0.8))
        above = (flux >= 0) | (objects.kind == campaign.kind("newcomer"))
        flux = np.where(np.abs(flux) >= least, flux, np.where(above, least, -least))
    return Photometry(band, flux, np.hypot(error, 0.012 * flux), template, limit)


Model = Callable[[Array, Array, Array], Array]


def _difference(campaign: Campaign, exposures: Exposures, band: Array, error: Array) -> tuple[Array, Array]:
    """Return the true difference flux and the template flux (nJy)."""
    objects = exposures.objects
    ranges = np.array([kind.magnitudes for kind in campaign.kinds])[objects.kind]
    own = flux_of(ranges[:, 0] + (ranges[:, 1] - ranges[:, 0]) * np.sqrt(uniform(objects.key, "magnitude")))
    colour = 1.0 + (band - 2.0) * uniform(objects.key, "colour", -0.08, 0.12)
    time = exposures.mjd - objects.birth
    shape = np.zeros(len(own))
    for code, kind in enumerate(campaign.kinds):
        here = np.flatnonzero(objects.kind == code)
        if kind.name in _SHAPES and len(here):
            shape[here] = _SHAPES[kind.name](objects.key[here], time[here], exposures.key[here])
    template = np.where(_has_template(campaign)[objects.kind], own * colour, error * 0.2)
    return own * colour * shape, template


def _has_template(campaign: Campaign) -> Array:
    absent = {"supernova", "solar_system", "artefact", "newcomer"}
    return np.array([kind.name not in absent for kind in campaign.kinds])


def _pulsating(key: Array, time: Array, _exposure: Array) -> Array:
    """RR Lyrae: a sine with a period of half a day."""
    cycles = time / uniform(key, "period", 0.3, 0.8) + uniform(key, "phase")
    return uniform(key, "amplitude", 0.2, 0.6) * (_LIFT + np.sin(2 * np.pi * cycles))


def _variable(key: Array, time: Array, _exposure: Array) -> Array:
    """Long-period and eclipsing stars: a slow sine, or short dips."""
    cycles = time / uniform(key, "period", 1.0, 300.0) + uniform(key, "phase")
    wave = _LIFT + np.sin(2 * np.pi * cycles)
    dips = np.where(cycles % 1.0 < 0.12, -1.0, 0.1)
    return uniform(key, "amplitude", 0.1, 0.6) * np.where(chance(key, "eclipsing", 0.3), dips, wave)


def _agn(key: Array, time: Array, _exposure: Array) -> Array:
    """Active galaxies: a random walk, as a sum of waves whose amplitude grows with the square root of their period."""
    total = np.zeros(len(key))
    for period in (5.0, 15.0, 45.0, 135.0, 405.0):
        phase = uniform(key, f"phase {period}")
        total += np.sqrt(period / 405.0) * np.sin(2 * np.pi * (time / period + phase))
    return uniform(key, "amplitude", 0.1, 0.4) * (_LIFT + total)


def _supernova(key: Array, time: Array, _exposure: Array) -> Array:
    """Supernovae: an exponential rise and a slower exponential fall (Bazin et al. 2009), peak 1."""
    rise, fall = uniform(key, "rise", 2.0, 5.0), uniform(key, "fall", 20.0, 45.0)
    after = time + 1.0 - uniform(key, "peak", 6.0, 18.0)
    ratio = rise / fall
    top = (1 - ratio) * (ratio / (1 - ratio)) ** ratio
    rising = np.exp(np.clip(-after / fall, -50, 20)) / (1 + np.exp(np.clip(-after / rise, -50, 50)))
    return np.where(time < -1.0, 0.0, rising / top)


def _constant(_key: Array, _time: Array, exposure: Array) -> Array:
    """Bright stars that do not vary: the residual of an imperfect subtraction."""
    return normal(exposure, "residual", 0.03)


def _solar_system(key: Array, time: Array, _exposure: Array) -> Array:
    """Solar system objects: not in the template, brighter and fainter as they turn."""
    cycles = time / uniform(key, "period", 0.1, 1.0)
    return 1.0 + uniform(key, "amplitude", 0.0, 0.2) * np.sin(2 * np.pi * cycles)


_SHAPES: Mapping[str, Model] = {
    "pulsating": _pulsating,
    "variable": _variable,
    "agn": _agn,
    "supernova": _supernova,
    "constant": _constant,
    "solar_system": _solar_system,
}

"""Features of light curves, many at a time, in the definitions of the light-curve package the broker uses.

Malanchev (2021), ascl:2107.001; checked against the alert samples. A feature that needs more points than there
are is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alertferry.testing.simulator.draws import Array


@dataclass(frozen=True)
class Curves:
    """Light curves end to end: curve ``i`` begins at row ``starts[i]``.

    Each holds at least one point, in order of ``time`` (d). ``value`` and ``error`` are magnitudes or fluxes.
    """

    time: Array
    value: Array
    error: Array
    starts: Array

    @cached_property
    def count(self) -> Array:
        """Return the points of each curve."""
        return np.diff(np.append(self.starts, len(self.value)))

    @cached_property
    def curve(self) -> Array:
        """Return the curve of each point."""
        return np.repeat(np.arange(len(self.starts)), self.count)

    def total(self, values: Array) -> Array:
        """Return the sum of ``values`` over each curve."""
        return np.add.reduceat(values, self.starts) if len(values) else np.zeros(0)

    def ordered(self, values: Array) -> Array:
        """Return ``values`` sorted within each curve."""
        return values[np.lexsort((values, self.curve))]

    def quantile(self, ordered: Array, fraction: float) -> Array:
        """Return a quantile of each curve; value ``k`` of ``n`` stands for the fraction (k + 1/2) / n."""
        place = np.clip(self.count * fraction - 0.5, 0, self.count - 1)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, self.count - 1)
        below, above = ordered[self.starts + low], ordered[self.starts + high]
        return np.asarray(below + (place - low) * (above - below))


def light_curve_features(curves: Curves) -> dict[str, Array]:
    """Return the 26 features of each curve, by name."""
    with np.errstate(divide="ignore", invalid="ignore"):
        features = _moments(curves) | _ranks(curves)
        features |= _deviations(curves, features) | _plain_line(curves) | _weighted_line(curves)
    return features


def _least(curves: Curves, points: int, values: Array) -> Array:
    return np.where(curves.count >= points, values, np.nan)


def _moments(curves: Curves) -> dict[str, Array]:
    count = curves.count.astype(np.float64)
    mean = curves.total(curves.value) / count
    offset = curves.value - mean[curves.curve]
    std = _least(curves, 2, np.sqrt(curves.total(offset**2) / (count - 1)))
    third, fourth = (curves.total((offset / std[curves.curve]) ** power) for power in (3, 4))
    shift = 3 * (count - 1) ** 2 / ((count - 2) * (count - 3))
    walk = _walk(curves, offset)
    return {
        "mean": mean,
        "standard_deviation": std,
        "mean_variance": std / mean,
        "beyond_1_std": _least(curves, 2, curves.total(np.abs(offset) > std[curves.curve]) / count),
        "skew": _least(curves, 3, third * count / ((count - 1) * (count - 2))),
        "kurtosis": _least(curves, 4, fourth * count * (count + 1) / ((count - 1) * (count - 2) * (count - 3)) - shift),
        "cusum": _least(curves, 2, walk / (count * std)),
        "anderson_darling_normal": _anderson_darling(curves, offset / std[curves.curve]),
    }


def _walk(curves: Curves, offset: Array) -> Array:
    """Return the range of the running sum of ``offset`` in each curve."""
    running = np.cumsum(offset)
    before = running[curves.starts] - offset[curves.starts]
    running = running - before[curves.curve]
    if not len(running):
        return np.zeros(0)
    return np.maximum.reduceat(running, curves.starts) - np.minimum.reduceat(running, curves.starts)


def _anderson_darling(curves: Curves, scores: Array) -> Array:
    """Return Stephens' modified statistic; the normal integral is Abramowitz and Stegun's 7.1.26."""
    ordered = curves.ordered(np.nan_to_num(scores))
    step = 1 / (1 + 0.3275911 * np.abs(ordered) / np.sqrt(2))
    coefficients = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
    tail = 0.5 * step * np.polyval(coefficients, step) * np.exp(-(ordered**2) / 2)
    below = np.clip(np.where(ordered < 0, tail, 1 - tail), 1e-12, 1 - 1e-12)
    count = curves.count.astype(np.float64)
    rank = np.arange(len(ordered)) - curves.starts[curves.curve] + 1
    weights = (2 * rank - 1) * np.log(below) + (2 * count[curves.curve] + 1 - 2 * rank) * np.log(1 - below)
    statistic = -count - curves.total(weights) / count
    return _least(curves, 4, statistic * (1 + 4 / count - 25 / count**2))


def _ranks(curves: Curves) -> dict[str, Array]:
    ordered = curves.ordered(curves.value)
    at = {fraction: curves.quantile(ordered, fraction) for fraction in (0.05, 0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9, 0.95)}
    last = curves.starts + curves.count - 1
    amplitude = (ordered[last] - ordered[curves.starts]) / 2
    distance = curves.ordered(np.abs(curves.value - at[0.5][curves.curve]))
    near = distance < 0.1 * amplitude[curves.curve]
    return {
        "median": at[0.5],
        "amplitude": amplitude,
        "inter_percentile_range_10": at[0.9] - at[0.1],
        "magnitude_percentage_ratio_40_5": (at[0.6] - at[0.4]) / (at[0.95] - at[0.05]),
        "magnitude_percentage_ratio_20_10": (at[0.8] - at[0.2]) / (at[0.9] - at[0.1]),
        "median_absolute_deviation": curves.quantile(distance, 0.5),
        "median_buffer_range_percentage_10": curves.total(near) / curves.count,
        "percent_amplitude": distance[last],
    }


def _deviations(curves: Curves, known: dict[str, Array]) -> dict[str, Array]:
    weight = curves.error**-2.0
    mean = curves.total(curves.value * weight) / curves.total(weight)
    score = (curves.value - mean[curves.curve]) / curves.error
    squares = curves.total(score**2)
    stetson = curves.total(np.abs(score)) / np.sqrt(curves.count * squares)
    return {
        "weighted_mean": np.where(curves.count > 1, mean, known["mean"]),
        "chi2": _least(curves, 2, squares / (curves.count - 1)),
        "stetson_K": _least(curves, 2, stetson),
        "maximum_slope": _steepest(curves),
    }


def _steepest(curves: Curves) -> Array:
    slope = np.zeros(len(curves.value))
    slope[1:] = np.abs(np.diff(curves.value) / np.diff(curves.time))
    slope[curves.starts] = 0.0
    steepest = np.maximum.reduceat(slope, curves.starts) if len(slope) else slope
    return _least(curves, 2, steepest)


def _plain_line(curves: Curves) -> dict[str, Array]:
    slope, spread, residual = _line(curves, np.ones(len(curves.value)))
    noise = np.sqrt(residual / (curves.count - 2))
    return {
        "linear_trend": _least(curves, 3, slope),
        "linear_trend_sigma": _least(curves, 3, noise / np.sqrt(spread)),
        "linear_trend_noise": _least(curves, 3, noise),
    }


def _weighted_line(curves: Curves) -> dict[str, Array]:
    slope, spread, residual = _line(curves, curves.error**-2.0)
    return {
        "linear_fit_slope": _least(curves, 3, slope),
        "linear_fit_slope_sigma": _least(curves, 3, 1 / np.sqrt(spread)),
        "linear_fit_reduced_chi2": _least(curves, 3, residual / (curves.count - 2)),
    }


def _line(curves: Curves, weight: Array) -> tuple[Array, Array, Array]:
    """Return slope, weighted sum of squared times, and weighted sum of squared residuals of straight lines."""
    total = curves.total(weight)
    time = curves.time - (curves.total(weight * curves.time) / total)[curves.curve]
    value = curves.value - (curves.total(weight * curves.value) / total)[curves.curve]
    spread = curves.total(weight * time**2)
    slope = curves.total(weight * time * value) / spread
    residual = curves.total(weight * (value - slope[curves.curve] * time) ** 2)
    return slope, spread, residual

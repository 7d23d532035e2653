"""Quantiles of the gamma distribution, from the standard library alone."""

from __future__ import annotations

import math
from statistics import NormalDist

_TERMS = 10_000
_PRECISION = 1e-13
_LARGE = 1_000.0


def gamma_quantile(probability: float, shape: float, scale: float) -> float:
    """Return the quantile of a gamma distribution.

    By bisection of its distribution function; for large shapes by the approximation of Wilson & Hilferty (1931), which
    is then right to a millionth.
    """
    if shape <= 0:
        return 0.0
    if shape > _LARGE:
        normal = NormalDist().inv_cdf(probability)
        return float(shape * (1 - 1 / (9 * shape) + normal / (3 * math.sqrt(shape))) ** 3 * scale)
    low, high = 0.0, shape + 10.0 * math.sqrt(shape) + 20.0
    while high - low > 1e-10 * max(1.0, high):
        middle = (low + high) / 2
        if gamma_below(shape, middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2 * scale


def gamma_below(shape: float, value: float) -> float:
    """Return the regularised lower incomplete gamma function P(shape, value).

    By its series below the mean and by its continued fraction (modified Lentz) above.
    """
    if value <= 0:
        return 0.0
    front = math.exp(shape * math.log(value) - value - math.lgamma(shape))
    if value < shape + 1:
        return front * _series(shape, value)
    return 1.0 - front * _fraction(shape, value)


def _series(shape: float, value: float) -> float:
    term = total = 1.0 / shape
    for step in range(1, _TERMS):
        term *= value / (shape + step)
        total += term
        if term < total * _PRECISION:
            break
    return total


def _fraction(shape: float, value: float) -> float:
    tiny = 1e-300
    b = value + 1.0 - shape
    c, d = 1.0 / tiny, 1.0 / b
    found = d
    for step in range(1, _TERMS):
        a = -step * (step - shape)
        b += 2.0
        d, c = 1.0 / _off_zero(a * d + b, tiny), _off_zero(b + a / c, tiny)
        found *= d * c
        if abs(d * c - 1.0) < _PRECISION:
            break
    return found


def _off_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny

"""How many alerts of the whole lake fulfil what a sample of it fulfils: estimate and 95 % interval.

Each night is a stratum, sampled without replacement. The interval is that of Fay & Feuer (1997, Statistics in Medicine
16, 791) for weighted sums of rare events, which is honest for few alerts and none; with the variance of a stratified
sample (Cochran 1977, Sampling Techniques, 5.3) in place of that of pure counting, so that it is not too wide for many.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alertferry.estimates.gamma import gamma_quantile

TAIL = 0.025
"""Probability that the truth lies below the interval, and that it lies above."""

GROUP_CORRELATION = 0.05
"""How alike alerts of one row group are taken to be (intraclass correlation) where not all groups were read."""


@dataclass(frozen=True)
class Stratum:
    """A night: its alerts, those looked at, those of them that pass.

    ``groups`` counts the row groups that the sample comes from, where these were drawn first; 0 where alerts were
    drawn one by one.
    """

    alerts: int
    sampled: int
    passing: int
    groups: int = 0

    @property
    def complete(self) -> bool:
        """Whether every alert was looked at."""
        return self.sampled >= self.alerts

    @property
    def failing(self) -> Stratum:
        """The same stratum with the alerts counted that do not pass."""
        return replace(self, passing=self.sampled - self.passing)

    @property
    def effect(self) -> float:
        """Design effect: by how much drawing whole groups multiplies the variance (Kish 1965, 5.4)."""
        if not self.groups:
            return 1.0
        return 1.0 + max(0.0, self.sampled / self.groups - 1.0) * GROUP_CORRELATION


@dataclass(frozen=True)
class Interval:
    """A number of alerts with its 95 % interval."""

    value: float
    low: float
    high: float

    def at_most(self, most: float) -> Interval:
        """Return the interval of the same number where it cannot be more than ``most``."""
        return Interval(min(self.value, most), min(self.low, most), min(self.high, most))


def count_interval(strata: Iterable[Stratum]) -> Interval:
    """Return how many alerts pass in all strata together."""
    nights = list(strata)
    known = [stratum for stratum in nights if stratum.complete]
    drawn = [stratum for stratum in nights if not stratum.complete]
    certain = float(sum(stratum.passing for stratum in known))
    found = _of_samples(drawn)
    return Interval(certain + found.value, certain + found.low, certain + found.high)


def _of_samples(strata: Sequence[Stratum]) -> Interval:
    """Return the interval of incomplete strata; where most alerts pass, from those that do not."""
    total = sum(stratum.alerts for stratum in strata)
    value = sum(_weight(stratum) * stratum.passing for stratum in strata)
    if not strata:
        return Interval(0.0, 0.0, 0.0)
    if value > total / 2:
        rest = _rare([stratum.failing for stratum in strata])
        return Interval(total - rest.value, total - rest.high, total - rest.low)
    return _rare(strata)


def _rare(strata: Sequence[Stratum]) -> Interval:
    seen = sum(stratum.passing for stratum in strata)
    most = sum(stratum.alerts - stratum.sampled + stratum.passing for stratum in strata)
    value = sum(_weight(stratum) * stratum.passing for stratum in strata)
    variance = sum(map(_variance, strata))
    one = max(map(_one_more, strata))
    low = _quantile(TAIL, value, variance) if value else 0.0
    high = _quantile(1 - TAIL, value + one, variance + one * one)
    return Interval(value, max(low, float(seen)), min(high, float(most)))


def _quantile(probability: float, mean: float, variance: float) -> float:
    """Return the quantile of the gamma distribution of this mean and variance."""
    if variance <= 0:
        return mean
    return gamma_quantile(probability, mean * mean / variance, variance / mean)


def _weight(stratum: Stratum) -> float:
    return stratum.alerts / stratum.sampled if stratum.sampled else float(stratum.alerts)


def _variance(stratum: Stratum) -> float:
    """Return the variance of the stratum's estimated total."""
    size, drawn, passing = stratum.alerts, stratum.sampled, stratum.passing
    if drawn < 2:
        return _weight(stratum) ** 2 * passing
    share = passing / drawn
    return size * (size - drawn) * share * (1 - share) / (drawn - 1) * stratum.effect


def _one_more(stratum: Stratum) -> float:
    """Return what one passing alert more would have counted.

    Drawing without replacement misses K passing alerts with probability (1 - f)^K; as a weight that is -1 / ln(1 - f),
    which is 1 / f for small samples. Alerts of a night that was not sampled at all may all pass.
    """
    if not stratum.sampled:
        return float(stratum.alerts)
    return stratum.effect / -math.log1p(-stratum.sampled / stratum.alerts)


def ratio_interval(total: Interval, mean: float, deviation: float, measured: int, complete: bool) -> Interval:
    """Return total × mean, where the mean of ``measured`` values with this standard deviation is uncertain itself.

    Relative errors add in quadrature; both factors are independent. ``complete`` says that nothing was left to measure.
    """
    error = 0.0 if complete else _student(measured) * deviation / math.sqrt(max(1, measured)) / mean if mean else 0.0
    value = total.value * mean
    if not total.value:
        return Interval(0.0, 0.0, total.high * mean * (1 + error))
    below, above = total.value - total.low, total.high - total.value
    low = value * (1 - math.hypot(below / total.value, error))
    return Interval(value, max(0.0, low), value * (1 + math.hypot(above / total.value, error)))


def _student(measured: int) -> float:
    """Return the 97.5 % quantile of Student's t (Cornish-Fisher expansion; exact for one and two degrees)."""
    degrees = max(1, measured - 1)
    if degrees <= 2:
        return 12.706 if degrees == 1 else 4.303
    z = 1.959964
    terms = (z, (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return float(sum(term / degrees**power for power, term in enumerate(terms)))

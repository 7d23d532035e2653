"""Light curves as an alert tells them: the detections of its history, then its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alertferry.testing.simulator.draws import Array
from alertferry.testing.simulator.features import Curves, light_curve_features
from alertferry.testing.simulator.lightcurves import Photometry
from alertferry.testing.simulator.population import Exposures, History


@dataclass(frozen=True)
class Samples:
    """Detections sorted by alert, band and time: which alert and band each belongs to, and where each curve starts.

    A curve is one alert's detections in one band. ``time`` is in days; ``rows`` points into the history's rows
    followed by the alerts themselves.
    """

    alert: Array
    band: Array
    time: Array
    rows: Array
    starts: Array

    @property
    def curve_alert(self) -> Array:
        """Return the alert of each curve."""
        return self.alert[self.starts]

    @property
    def curve_band(self) -> Array:
        """Return the band of each curve."""
        return self.band[self.starts]

    def features(self, value: Array, error: Array) -> dict[str, Array]:
        """Return the features of each curve; ``value`` and ``error`` are given for history rows and then for alerts."""
        return light_curve_features(Curves(self.time, value[self.rows], error[self.rows], self.starts))


def collect(alerts: Exposures, past: History, band: Array, past_band: Array) -> Samples:
    """Gather the detections of ``past`` and the alerts themselves."""
    detected = np.flatnonzero(past.exposures.detected)
    rows = np.concatenate([detected, len(past.alert) + np.arange(len(band))])
    alert = np.concatenate([past.alert[detected], np.arange(len(band))])
    bands = np.concatenate([past_band[detected], band])
    time = np.concatenate([past.exposures.mjd[detected], alerts.mjd])
    order = np.lexsort((time, bands, alert))
    alert, bands = alert[order], bands[order]
    new = np.append(True, (np.diff(alert) != 0) | (np.diff(bands) != 0)) if len(alert) else np.zeros(0, bool)
    return Samples(alert, bands, time[order], rows[order], np.flatnonzero(new))


def both(past: Photometry, now: Photometry) -> Photometry:
    """Return the photometry of history rows followed by that of the alerts."""
    return Photometry(**{name: np.concatenate([values, getattr(now, name)]) for name, values in vars(past).items()})

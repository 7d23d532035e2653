"""Lakes to try the dashboard with, where none is configured: a few nights of simulated alerts for both surveys."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from alertferry.core.local_lake import SIMULATED
from alertferry.core.settings import Settings

FIRST_NIGHT = date(2026, 3, 1)
NIGHTS = 10
ALERTS_PER_NIGHT = 200
SURVEYS = ("lsst", "ztf")


def demo_lakes(
    settings: Settings, say: Callable[[str], None], nights: int = NIGHTS, alerts_per_night: int = ALERTS_PER_NIGHT
) -> dict[str, Path]:
    """Make the lakes that are missing in the home folder, tell this process of them, and return them."""
    made = {}
    for survey in SURVEYS:
        folder = settings.home / "demo-lakes" / survey
        if not (folder / "_complete").exists():
            say(f"writing a demonstration lake of {nights * alerts_per_night:,} simulated {survey} alerts")
            _write(survey, folder, nights, alerts_per_night)
        (folder / SIMULATED).touch()  # also where an earlier version made the lake
        os.environ[f"ALERTFERRY_LAKE_{survey.upper()}"] = str(folder)
        made[survey] = folder
    return made


def _write(survey: str, folder: Path, nights: int, alerts_per_night: int) -> None:
    import shutil

    from alertferry.testing.simulator import simulate

    shutil.rmtree(folder, ignore_errors=True)
    found = [FIRST_NIGHT + timedelta(days=day + day // 3) for day in range(nights)]  # some nights are cloudy
    simulate(survey, folder, found, alerts_per_night, seed=7)
    (folder / "_complete").touch()

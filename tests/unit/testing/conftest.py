"""One small simulated lake of each survey, with stamps and histories."""

from __future__ import annotations

import pytest

from alertferry.testing.simulator import SimulatedLake, simulate
from tests.simulated import ALERTS, NIGHTS


@pytest.fixture(scope="session")
def ztf(tmp_path_factory: pytest.TempPathFactory) -> SimulatedLake:
    return simulate("ztf", tmp_path_factory.mktemp("ztf"), NIGHTS, ALERTS)


@pytest.fixture(scope="session")
def lsst(tmp_path_factory: pytest.TempPathFactory) -> SimulatedLake:
    return simulate("lsst", tmp_path_factory.mktemp("lsst"), NIGHTS, ALERTS)

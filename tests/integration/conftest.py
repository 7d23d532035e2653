"""Fixtures of the tests on real parts."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from alertferry.broker import BrokerInfo
from alertferry.core.settings import Settings
from tests.consuming import Case, Nursery


@pytest.fixture
def case(broker: BrokerInfo, tmp_path: Path) -> Case:
    """Return a topic name of its own and a folder for it."""
    topic = f"ftransfer_lsst_2026-11-21_{uuid.uuid4().hex[:12]}"
    return Case(Settings(bootstrap_servers=broker.bootstrap_servers), broker.bootstrap_servers, topic, tmp_path)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Return what starts consumers that are to be killed."""
    found = Nursery()
    yield found
    found.close()

"""Fixtures that every test may use: one real broker and one real Spark session for a whole run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from alertferry.broker import BrokerInfo, running_broker
from alertferry.core.settings import load_settings
from alertferry.testing.fixtures import alerts, lakes, spark  # noqa: F401 - what plugin authors use, tests use too
from tests.commands import Shell
from tests.secured import SecuredBroker, secured_broker, spark_java
from tests.small_jobs import installation  # noqa: F401 - jobs without Spark


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that rewrites golden files."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; review the difference")


def pytest_configure() -> None:
    """Let what tests start hear Ctrl-C, which a shell's background jobs ignore; no test fails as the machine is busy."""
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what uses the Spark session together, and what uses the broker: parallel workers share neither."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & {"spark", "alerts"} or "contract" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("spark"))
        elif "secured" in fixtures:
            item.add_marker(pytest.mark.xdist_group("secured"))
        elif "broker" in fixtures:
            item.add_marker(pytest.mark.xdist_group("broker"))


@pytest.fixture
def alertferry(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return a function that calls the command line in this process."""
    return Shell(monkeypatch, capsys)


@pytest.fixture(scope="session")
def jars_home() -> Path:
    """Return the user's own home: its jars are fetched once, not in every run."""
    home = load_settings().home
    (home / "jars").mkdir(parents=True, exist_ok=True)  # tests link to it, also before anything was fetched
    return home


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, jars_home: Path) -> Iterator[BrokerInfo]:
    """Return a real Apache Kafka broker on loopback, with empty data; stopped when the run ends."""
    with running_broker(tmp_path_factory.mktemp("broker"), jars_home=jars_home) as info:
        yield info


@pytest.fixture(scope="session")
def java(jars_home: Path) -> Iterator[Any]:
    """Return the Java of a job without its Spark session: Spark's own libraries and connectors."""
    with spark_java(jars_home) as jvm:
        yield jvm


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory, jars_home: Path) -> Iterator[SecuredBroker]:
    """Return a real broker with TLS, users and access rights: ``root`` may all, ``ferry`` publish, others nothing."""
    with secured_broker(tmp_path_factory.mktemp("secured"), jars_home) as found:
        yield found

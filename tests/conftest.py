"""Fixtures that every test may use: one real broker and one real Spark session for a whole run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alertferry.broker import BrokerInfo, running_broker
from alertferry.core.jars import fetch_jars
from alertferry.core.settings import SPARK_PACKAGES, load_settings
from tests.commands import Shell

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that rewrites golden files."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files; review the difference")


@pytest.fixture
def alertferry(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return a function that calls the command line in this process."""
    return Shell(monkeypatch, capsys)


@pytest.fixture(scope="session")
def jars_home() -> Path:
    """Return the user's own home: its jars are fetched once, not in every run."""
    return load_settings().home


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, jars_home: Path) -> Iterator[BrokerInfo]:
    """Return a real Apache Kafka broker on loopback, with empty data; stopped when the run ends."""
    with running_broker(tmp_path_factory.mktemp("broker"), jars_home=jars_home) as info:
        yield info


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory, jars_home: Path) -> Iterator[SparkSession]:
    """Return one local Spark session with the Avro and Kafka connectors."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    folder = tmp_path_factory.mktemp("spark")
    jars = fetch_jars(SPARK_PACKAGES, jars_home)
    conf = {
        "spark.jars": ",".join(map(str, jars)),
        "spark.ui.enabled": "false",
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={folder}",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.ansi.enabled": "false",
        "spark.sql.runSQLOnFiles": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    builder = SparkSession.builder.master("local[2]").appName("alertferry tests")
    for name, value in conf.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()

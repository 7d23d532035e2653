"""Fixtures for plugin authors: a Spark session, a simulated lake for each survey, its alerts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alertferry.core.local_spark import COMPILE_LATER, local_conf, python_environment
from alertferry.core.run import SESSION, STARTED_WITH
from alertferry.core.settings import SPARK_PACKAGES, load_settings
from alertferry.core.steps import Alerts
from alertferry.testing.contracts import NIGHTS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALERTS_PER_NIGHT = 60


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Give one local Spark session with the Avro and Kafka connectors, as jobs have it."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.update(python_environment())
    folder = tmp_path_factory.mktemp("spark")
    options = {
        "spark.driver.memory": "2g",
        **local_conf(SPARK_PACKAGES, load_settings().home, *COMPILE_LATER, f"-Dderby.system.home={folder}"),
        "spark.local.dir": str(folder / "local"),
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        **SESSION,
        **STARTED_WITH,
    }
    builder = SparkSession.builder.master("local[2]").appName("alertferry tests")
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give a small simulated lake for each built-in survey."""
    from alertferry.testing.simulator import simulate

    root = tmp_path_factory.mktemp("lakes")
    for survey in ("ztf", "lsst"):
        simulate(survey, root / survey, NIGHTS, ALERTS_PER_NIGHT, seed=1)
    return {survey: root / survey for survey in ("ztf", "lsst")}


@pytest.fixture(scope="session")
def alerts(spark: SparkSession, lakes: dict[str, Path]) -> list[Alerts]:
    """Give the simulated alerts of each built-in survey, held in memory.

    Held by a checkpoint, not by a cache: Spark would answer from a cache whoever else reads the same lake, and a test
    that looks at what is read from the files would see that instead.
    """
    from alertferry.core.registry import default_registry

    found = []
    for survey, lake in lakes.items():
        source = default_registry().get("source", survey)(nights=[f"{NIGHTS[0]}..{NIGHTS[-1]}"], lake=str(lake))
        loaded = source.load(spark, load_settings())
        found.append(replace(loaded, frame=loaded.frame.localCheckpoint()))
    return found

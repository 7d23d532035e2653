"""Spark as estimates use it: two cores, no web page, the session settings of jobs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from alertferry.core.gateway import acknowledge_at_once
from alertferry.core.local_spark import local_conf, python_environment
from alertferry.core.run import SESSION, STARTED_WITH
from alertferry.core.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

QUERIES = {
    # every question is a new query over few alerts: compiling code for it takes longer than going without
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.subexpressionElimination.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",  # small data: planning once is quicker
    "spark.sql.files.openCostInBytes": str(256 * 1024),
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.debug.maxToStringFields": "5",
}
"""Session settings of estimates, beside those of jobs."""


def session_of_its_own(spark: SparkSession) -> SparkSession:
    """Return a session for one job: filters and outputs size batches for it."""
    session = spark.newSession()
    for name, value in QUERIES.items():
        session.conf.set(name, value)
    return session


def start_spark(settings: Settings, folder: Path) -> SparkSession:
    """Start Spark in this process; its temporary files go below ``folder``."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.update(python_environment())
    builder = SparkSession.builder.appName("alertferry estimates")
    for name, value in _options(settings, folder).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    acknowledge_at_once(spark)
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _options(settings: Settings, folder: Path) -> dict[str, str]:
    return {
        "spark.driver.memory": f"{_gigabytes()}g",
        **settings.spark_conf,
        **SESSION,
        **STARTED_WITH,
        "spark.master": "local[2]",
        "spark.submit.deployMode": "client",
        **local_conf(settings.spark_packages, settings.home, f"-Dderby.system.home={folder}", "-XX:+UseSerialGC"),
        "spark.local.dir": str(folder / "spark"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }


def _gigabytes() -> int:
    """Return a quarter of the machine's memory, between 1 and 4 GiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(4, total // 4 // 2**30))

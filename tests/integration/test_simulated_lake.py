"""Spark reads simulated lakes as it reads the real ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alertferry.testing.simulator import simulate
from tests.simulated import LAKE, SAMPLES, needs_samples

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@needs_samples
@pytest.mark.spark
@pytest.mark.parametrize(("survey", "version", "night"), SAMPLES)
def test_spark_sees_the_schema_of_the_real_lake(
    spark: SparkSession, tmp_path: Path, survey: str, version: str, night: str
) -> None:
    simulate(survey, tmp_path, [date(2026, 1, 1)], 40, version=version, files_per_night=1)
    made = spark.read.parquet(str(tmp_path))
    real = spark.read.option("basePath", str(LAKE / survey)).parquet(str(LAKE / survey / night))
    assert made.schema.json() == real.schema.json()
    # Reading every column shows that the values are where the schema says.
    made.write.format("noop").mode("overwrite").save()
    assert made.count() == 40


@pytest.mark.spark
def test_spark_reads_times_and_maps(spark: SparkSession, tmp_path: Path) -> None:
    simulate("ztf", tmp_path, [date(2026, 1, 1)], 40, cutouts=False)
    lake = spark.read.parquet(str(tmp_path))
    found = lake.selectExpr(
        "count(*) AS alerts",
        "count_if(to_date(timestamp) = date'2026-01-01') AS of_the_night",
        "count_if(abs(unix_micros(timestamp) / 86400e6 + 2440587.5 - candidate.jd) < 1e-6) AS of_the_exposure",
        "count_if(mangrove['lum_dist'] IS NOT NULL) AS with_map",
        "count_if(exists(prv_candidates, old -> old.jd >= candidate.jd)) AS told_too_early",
    ).first()
    assert found is not None
    assert found.asDict() == {
        "alerts": 40,
        "of_the_night": 40,
        "of_the_exposure": 40,
        "with_map": 40,
        "told_too_early": 0,
    }

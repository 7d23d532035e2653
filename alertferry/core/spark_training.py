"""A small Spark job that touches what alertferry's jobs touch, so that Java can keep the classes it loads.

``spark-submit spark_training.py FOLDER``; nothing leaves the folder.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ALERTS = """
    SELECT id AS alertId, CAST(id % 360 AS double) AS ra, CAST(id % 90 AS double) AS dec, id % 3 = 0 AS real,
           struct(CAST(id AS float) AS magnitude, concat('g', id) AS band, timestamp_micros(id) AS time,
                  encode('image', 'utf-8') AS stamp) AS candidate,
           array(struct(id AS alertId, CAST(id AS double) AS flux)) AS history, map('a', id) AS notes
    FROM range(400)
"""

_CONDITION = "candidate.magnitude > 3 AND candidate.band LIKE 'g%' AND real AND size(history) > 0 AND abs(dec) < 80"


def train(spark: SparkSession, folder: Path) -> None:
    """Write, read, select, join, count, encode and try to publish."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import to_avro

    spark.sql(_ALERTS).withColumn("night", F.lit("2026-01-01")).repartition(2).write.partitionBy("night").parquet(
        str(folder / "lake")
    )
    alerts = spark.read.parquet(str(folder / "lake"))
    some = spark.createDataFrame([(1, 2.0), (5, 4.0)], "alertId long, radius double")
    selected = alerts.filter(_CONDITION).join(F.broadcast(some), "alertId", "left")
    selected.groupBy("candidate.band").agg(F.count("*"), F.max("ra")).orderBy("band").collect()
    seen = Observation("seen")
    packets = selected.observe(seen, F.count(F.lit(1)).alias("n")).select(
        F.col("alertId").cast("string").cast("binary").alias("key"),
        to_avro(F.struct(*map(F.col, alerts.columns))).alias("value"),
    )
    packets.write.mode("overwrite").parquet(str(folder / "packets"))
    with contextlib.suppress(Exception):  # nobody listens: what counts is that the producer was loaded
        options = {"kafka.bootstrap.servers": "127.0.0.1:1", "kafka.max.block.ms": "200", "topic": "none"}
        packets.limit(1).write.format("kafka").options(**options).save()


def main(folder: Path) -> None:
    """Run in the Spark of ``spark-submit``."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("alertferry classes").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    spark.conf.set("spark.sql.sources.useV1SourceList", "avro,csv,json,orc,parquet,text")
    train(spark, folder)
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

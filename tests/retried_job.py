"""A program: jobs in a Spark session of their own, whose tasks fail in the middle and are tried again.

``python -m tests.retried_job LAKE FAULT DELIVERY...`` prints a list of topics and receipts as JSON. ``FAULT`` is ``raise`` or
``kill`` (all Python workers, by SIGKILL); ``none`` for jobs that do not fail.
"""

import json
import os
import signal
import sys
from dataclasses import replace

from alertferry.core.job import Job
from alertferry.core.run import Run
from alertferry.plugins.outputs import transactions

NIGHTS = "2026-03-01..2026-03-02"
GOOD_ROWS = 700
"""Rows that a task hands on before it fails."""


def session(master):
    """Return a session whose tasks are tried four times."""
    from pyspark.sql import SparkSession

    from alertferry.core.local_spark import CLASS_PATH, COMPILE_LATER, local_conf, python_environment
    from alertferry.core.run import SESSION, STARTED_WITH
    from alertferry.core.settings import SPARK_PACKAGES, load_settings

    os.environ.update(python_environment())
    local = local_conf(SPARK_PACKAGES, load_settings().home, *COMPILE_LATER)
    options = {
        "spark.driver.memory": "1g",
        **local,
        "spark.executor.extraClassPath": local[CLASS_PATH],
        "spark.executor.extraJavaOptions": " ".join(COMPILE_LATER),
        "spark.speculation": "true",
        "spark.speculation.interval": "50ms",
        "spark.speculation.quantile": "0.2",
        "spark.speculation.multiplier": "1.1",
        **SESSION,
        **STARTED_WITH,
    }
    builder = SparkSession.builder.master(master).appName("alertferry tests")
    for name, value in options.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def faulty(fault, column):
    """Return a condition that is always true, and fails once in the middle of each task."""
    from pyspark import TaskContext
    from pyspark.sql import functions as F

    seen = [0]

    def judge(_):
        seen[0] += 1
        if fault != "none" and TaskContext.get().attemptNumber() == 0 and seen[0] > GOOD_ROWS:
            if fault == "kill":
                _kill_workers()
            raise RuntimeError("as asked for")
        return True

    return F.udf(judge, "boolean")(F.col(column))


def _kill_workers():
    import psutil

    workers = psutil.Process(os.getppid()).children()
    for worker in sorted(workers, key=lambda worker: worker.pid == os.getpid()):
        worker.send_signal(signal.SIGKILL)


def publish(spark, lake, fault, delivery):
    """Run one job."""
    job = Job.from_dict(
        {
            "source": {"kind": "ztf", "nights": NIGHTS, "lake": lake},
            "output": {"kind": "kafka", "packet": "light", "partitions": 3, "delivery": delivery},
        }
    )
    run = Run(spark)
    alerts = run.read(job.source)
    alerts = replace(alerts, frame=alerts.frame.where(faulty(fault, "candid")), count=None)
    report = run.write(alerts, job.output)
    return {"topic": report.topic, "receipt": report.receipt.model_dump(mode="json")}


def main(lake, fault, *deliveries):
    """Publish once for each delivery and print what came of it."""
    transactions.CHUNK = transactions.Full(alerts=150)
    spark = session(os.environ.get("RETRIED_JOB_MASTER", "local[2,4]"))
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "100")
    print(json.dumps([publish(spark, lake, fault, delivery) for delivery in deliveries]))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

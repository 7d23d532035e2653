"""Publishing: from the lake to acknowledged records, beside what it cannot be faster than."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lakes import Case, Published
from measuring import Bar, Cost, Row, alternating, median

from alertferry.core.jars import fetch_jars, java_command
from alertferry.core.job import Job
from alertferry.core.local_spark import COMPILE_LATER, local_conf, python_environment
from alertferry.core.render import render
from alertferry.core.run import SESSION, STARTED_WITH, Run
from alertferry.core.settings import load_settings
from alertferry.plugins.outputs.kafka import PRODUCER

TOOLS = ("org.apache.kafka:kafka-tools:4.1.1",)
"""Kafka's own tools, of the version of the embedded broker."""

WARM = 4
"""Java still compiles what it runs after the first time: a publisher that is warm has run some times."""

PAYLOADS = 100

BARS = {"ztf full": Bar(at_most=1.5), "lsst full": Bar(at_most=2), "light": Bar(at_most=2)}


def session(home: Path) -> Any:
    """Return a Spark session as the local launcher makes it."""
    from pyspark.sql import SparkSession

    os.environ.update(python_environment())
    settings = load_settings()
    builder = SparkSession.builder.master("local[*]")
    options = {
        "spark.driver.memory": "6g",
        **local_conf(settings.spark_packages, home, *COMPILE_LATER),
        **SESSION,
        **STARTED_WITH,
    }
    for name, value in options.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def encode_only(spark: Any, job: Job) -> None:
    """Read and encode the same packets and throw them away: what publishing cannot be faster than."""
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import to_avro

    from alertferry.plugins.outputs import packing

    run = Run(spark)
    alerts = run.read(job.source)
    packed = packing.pack(job.output, alerts, run)  # type: ignore[arg-type]
    alerts.frame.select(to_avro(F.struct(*packed.columns))).write.format("noop").mode("overwrite").save()


def publish(spark: Any, job: Job) -> Any:
    """Run the rendered job in this session."""
    scope: dict[str, Any] = {"__name__": "job"}
    exec(compile(render(job), "job.py", "exec"), scope)
    return scope["main"](spark)


def compare(spark: Any, servers: str, case: Case, jobs: tuple[Job, Job], runs: int) -> Iterator[Row | Published]:
    """Publish one case with both kinds of delivery; the topic of the first is left for consumers."""
    plain, transactional = jobs
    kept = _Topics(servers)
    both = (lambda: encode_only(spark, plain)), (lambda: kept.keep(publish(spark, plain)))
    noop, cost = (Cost(found.seconds) for found in alternating(both, runs, warm=WARM))
    report = kept.last
    size = report.receipt.bytes / 1e6
    bar = BARS.get(case.name) or BARS["light"]
    yield Row(f"publish {case.name}", case.alerts, size, cost, "read + encode", noop, bar=bar)
    tool = producer_performance(servers, case.alerts, report.receipt.bytes // max(1, report.receipt.alerts), runs)
    yield Row("the same", case.alerts, size, cost, "Kafka's ProducerPerformance, random text", tool)
    others = _Topics(servers)
    slower = median(lambda: others.keep(publish(spark, transactional)), runs)
    yield Row(f"publish {case.name}, transactional", case.alerts, size, Cost(slower.seconds), "at least once", cost)
    others.drop()
    yield Published(case, servers, report.topic, report.receipt.bytes)


class _Topics:
    """Keeps the newest topic and deletes the one before: a full run writes tens of gigabytes otherwise."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self.last: Any = None

    def keep(self, report: Any) -> None:
        if self.last is not None:
            self.drop()
        self.last = report

    def drop(self) -> None:
        delete_topics(self._servers, self.last.topic, self.last.topic + "_schema")


def delete_topics(servers: str, *topics: str) -> None:
    """Delete topics and wait until the broker no longer lists them."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.delete_topics(list(topics), operation_timeout=20).values():
        future.result()


def producer_performance(servers: str, records: int, record_bytes: int, runs: int) -> Cost:
    """Return the median seconds that Kafka's own tool needs for as many records of the mean size, one process.

    The texts are given to it: its own random bytes take it longer to make than to send.
    """
    from confluent_kafka.admin import AdminClient, NewTopic

    jars = os.pathsep.join(map(str, fetch_jars(TOOLS, load_settings().home, for_spark=False)))
    words = [java_command(), "-cp", jars, "org.apache.kafka.tools.ProducerPerformance", "--throughput", "-1"]
    props = [f"{name}={value}" for name, value in PRODUCER.items()]
    admin, seconds = AdminClient({"bootstrap.servers": servers}), []
    with tempfile.NamedTemporaryFile() as texts:
        texts.write(b"\n".join(base64.b64encode(os.urandom(record_bytes))[:record_bytes] for _ in range(PAYLOADS)))
        texts.flush()
        words += ["--num-records", str(records), "--payload-file", texts.name, "--producer-props"]
        for number in range(runs):
            topic = f"ftransfer_bench_{number}"
            for future in admin.create_topics([NewTopic(topic, 10, 1)]).values():
                future.result()
            command = [*words, f"bootstrap.servers={servers}", *props, "max.request.size=10485760", "--topic", topic]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            seconds.append(records / float(re.findall(r"([\d.]+) records/sec", said)[-1]))
            delete_topics(servers, topic)
    return Cost(sorted(seconds)[len(seconds) // 2])

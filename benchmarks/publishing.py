"""Publishing: from the lake to acknowledged records, beside what it cannot be faster than."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lakes import Case, Published
from measuring import Bar, Clock, Cost, Row, alternating, cpu_of, median, middle

from alertferry.broker import BrokerInfo
from alertferry.core.jars import fetch_jars, java_command
from alertferry.core.job import Job
from alertferry.core.local_spark import COMPILE_LATER, local_conf, python_environment
from alertferry.core.render import render
from alertferry.core.run import SESSION, STARTED_WITH, Run
from alertferry.core.settings import load_settings
from alertferry.core.steps import Alerts
from alertferry.plugins.outputs.access import await_partitions
from alertferry.plugins.outputs.kafka import PRODUCER
from alertferry.plugins.outputs.packing import Packing
from alertferry.plugins.outputs.records import records

TOOLS = ("org.apache.kafka:kafka-tools:4.1.1",)
"""Kafka's own tools, of the version of the embedded broker."""

WARM = 8
"""Java still compiles what it runs after the first time: a publisher that is warm has run some times."""

BROKER = {"log.segment.delete.delay.ms": "0"}
"""Kafka keeps the files of a deleted topic for a minute. Every run would then write into other memory, which in a virtual
machine that has not used it lately costs up to ten times as much, and the runs would differ by just that."""

DELETED_SECONDS = 1.0
"""The broker removes the files of a topic a moment after it has forgotten it; the next run is not to pay for that."""

PAYLOADS = 100
LARGEST_REQUEST = 10 << 20

CACHED_TOGETHER = 100
"""Encoded packets that Spark remembers as one piece: by itself it would take more than its memory holds."""

BARS = {"ztf full": Bar(at_most=1.5), "lsst full": Bar(at_most=2), "light": Bar(at_most=2)}


@contextmanager
def session(home: Path) -> Iterator[Any]:
    """Run a Spark session as the local launcher makes it; its Java has ended at the end."""
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
    try:
        yield spark
    finally:
        gateway = spark.sparkContext._gateway
        spark.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()  # as when Python ends
        gateway.proc.wait(timeout=60)


def packets(spark: Any, job: Job) -> tuple[Alerts, Packing]:
    """Return the alerts that a job reads, and what its packets are made of."""
    from alertferry.plugins.outputs import packing

    run = Run(spark)
    alerts = run.read(job.source)
    return alerts, packing.pack(job.output, alerts, run)  # type: ignore[arg-type]


def encode_only(spark: Any, job: Job, *, ours: bool) -> None:
    """Read and encode the same packets, by our encoder or by Spark's, and throw them away."""
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import to_avro

    alerts, packed = packets(spark, job)
    value = packed.encoded() if ours else to_avro(F.struct(*packed.columns))
    alerts.frame.select(value).write.format("noop").mode("overwrite").save()


def publish(spark: Any, job: Job) -> Any:
    """Run the rendered job in this session."""
    scope: dict[str, Any] = {"__name__": "job"}
    exec(compile(render(job), "job.py", "exec"), scope)
    return scope["main"](spark)


def sending_alone(alerts: Alerts, packed: Packing, servers: str, runs: int, busy: Clock) -> Cost:
    """Return what it costs to send the same records once they are encoded, from Spark's memory to the broker."""
    alerts.frame.sparkSession.conf.set("spark.sql.inMemoryColumnarStorage.batchSize", CACHED_TOGETHER)
    rows, _ = records(alerts, packed, "fail", LARGEST_REQUEST)
    frame = rows.select("key", "value").cache()
    options = {f"kafka.{name}": value for name, value in PRODUCER.items()} | {"kafka.compression.type": packed.codec}
    options |= {"kafka.bootstrap.servers": servers, "kafka.max.request.size": str(LARGEST_REQUEST)}
    costs = []
    try:
        frame.count()
        for _ in range(runs + 1):
            with new_topic(servers) as topic:
                sink = frame.write.format("kafka").options(**options, topic=topic).mode("append")
                costs.append(median(sink.save, 1, warm=0, busy=busy))
    finally:
        frame.unpersist(blocking=True)  # or Spark would publish what it remembers
    return middle(costs[1:])


def compare(spark: Any, broker: BrokerInfo, case: Case, jobs: tuple[Job, Job], runs: int) -> Iterator[Row | Published]:
    """Publish one case with both kinds of delivery; the topic of the first is left for consumers.

    Processor seconds are those of Spark and the broker together.
    """
    plain, transactional = jobs
    servers = broker.bootstrap_servers
    busy = cpu_of(spark._jvm.java.lang.ProcessHandle.current().pid(), broker.pid)
    kept = _Topics(servers)
    theirs, ours = (lambda: encode_only(spark, plain, ours=False)), (lambda: encode_only(spark, plain, ours=True))
    actions = theirs, ours, lambda: publish(spark, plain)
    noop, least, cost = alternating(actions, runs, warm=WARM, busy=busy, then=kept.keep)
    report = kept.last
    size = report.receipt.bytes / 1e6
    bar = BARS.get(case.name) or BARS["light"]
    yield Row(f"publish {case.name}", case.alerts, size, cost, "read + Spark's to_avro", noop, bar=bar)
    yield Row("the same", case.alerts, size, cost, "read + encode as we do", least)
    alerts, packed = packets(spark, plain)
    alone = sending_alone(alerts, packed, servers, runs, busy)
    yield Row("the same", case.alerts, size, cost, "sending alone, encoded before", alone)
    each = report.receipt.bytes // max(1, report.receipt.alerts)
    tool = producer_performance(servers, case.alerts, each, runs, packed.codec)
    yield Row("the same", case.alerts, size, cost, "Kafka's ProducerPerformance, random text", tool)
    others = _Topics(servers)
    # seconds only: Python's workers send these
    slower = Cost(median(lambda: publish(spark, transactional), runs, then=others.keep).seconds)
    yield Row(f"publish {case.name}, transactional", case.alerts, size, slower, "at least once", Cost(cost.seconds))
    others.drop()
    yield Published(case, servers, report.topic, report.receipt.bytes)


class _Topics:
    """Keeps the newest topic until the next action: a full run writes tens of gigabytes otherwise."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self.last: Any = None

    def keep(self, report: Any | None) -> None:
        self.drop()
        self.last = report

    def drop(self) -> None:
        if self.last is not None:
            delete_topics(self._servers, self.last.topic, self.last.topic + "_schema")


def delete_topics(servers: str, *topics: str) -> None:
    """Delete topics and wait until the broker no longer lists them, and a moment for their files."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.delete_topics(list(topics), operation_timeout=20).values():
        future.result()
    time.sleep(DELETED_SECONDS)


@contextmanager
def new_topic(servers: str) -> Iterator[str]:
    """Give the name of a new topic, which is deleted afterwards."""
    from confluent_kafka.admin import AdminClient, NewTopic

    topic, admin = f"ftransfer_bench_{uuid.uuid4().hex[:16]}", AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics([NewTopic(topic, 10, 1)]).values():
        future.result()
    await_partitions(admin, topic, 10, 15)
    yield topic
    delete_topics(servers, topic)


def producer_performance(servers: str, records: int, record_bytes: int, runs: int, codec: str) -> Cost:
    """Return the median seconds that Kafka's own tool needs for as many records of the mean size, one process.

    The texts are given to it: its own random bytes take it longer to make than to send.
    """
    jars = os.pathsep.join(map(str, fetch_jars(TOOLS, load_settings().home, for_spark=False)))
    words = [java_command(), "-cp", jars, "org.apache.kafka.tools.ProducerPerformance", "--throughput", "-1"]
    props = [f"{name}={value}" for name, value in PRODUCER.items()]
    props += [f"bootstrap.servers={servers}", f"max.request.size={LARGEST_REQUEST}", f"compression.type={codec}"]
    seconds = []
    with tempfile.NamedTemporaryFile() as texts:
        texts.write(b"\n".join(base64.b64encode(os.urandom(record_bytes))[:record_bytes] for _ in range(PAYLOADS)))
        texts.flush()
        words += ["--num-records", str(records), "--payload-file", texts.name, "--producer-props", *props]
        for _ in range(runs):
            with new_topic(servers) as topic:
                command = [*words, "--topic", topic]
                said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                seconds.append(records / float(re.findall(r"([\d.]+) records/sec", said)[-1]))
    return Cost(sorted(seconds)[len(seconds) // 2])

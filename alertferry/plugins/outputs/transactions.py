"""Publishing in Kafka transactions: a task that Spark tries again does not send what it has already committed.

Each task of Spark has a producer of its own, ``transactional.id`` = ``<topic>-<task>``, so that a new attempt fences an
earlier one that still runs. Every transaction holds a chunk of records and, as an offset committed for a group of
consumers that nobody joins, how many rows of the task are done, with the digest of their alert ids. So the mark and
the records become visible together, and the topic holds nothing but packets. A new attempt reads the mark and passes
over as many rows; if their digest differs, the rows came in another order and the job ends rather than guess.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from alertferry.core.kafka_client import client_options
from alertferry.core.receipt import ids_digest
from alertferry.core.spark_errors import REORDERED

if TYPE_CHECKING:
    import pyarrow as pa
    from confluent_kafka import Consumer, TopicPartition
    from pyspark.sql import DataFrame

    from alertferry.core.run import Run
    from alertferry.plugins.outputs.packing import Codec
    from alertferry.plugins.outputs.topic import TopicPair


@dataclass(frozen=True)
class Full:
    """When a chunk is full: at so many bytes or alerts, or when the first of them has waited so many seconds."""

    bytes: int = 32 * 1024 * 1024
    alerts: int = 50_000
    seconds: float = 5.0


CHUNK = Full()
"""Bounds of one transaction: far from its timeout, and few enough bytes to be held in memory."""

WAIT_SECONDS = 60.0
ARROW_BYTES = 8 * 1024 * 1024
"""Size of what Spark hands over at once."""

PRODUCER = {
    "acks": "all",
    "linger.ms": 20,
    "batch.size": 1024 * 1024,
    "queue.buffering.max.messages": 4 * CHUNK.alerts,
    "queue.buffering.max.kbytes": 1024 * 1024,
    "transaction.timeout.ms": int(WAIT_SECONDS * 1000),
}
"""librdkafka's options, as those of the Java producer; a chunk always fits into the queue."""


def send(frame: DataFrame, pair: TopicPair, run: Run, codec: Codec, *, in_order: bool) -> dict[int, int]:
    """Send rows of key and value, each exactly once; return the number of records committed in each partition.

    Rows that do not come in the same order whenever a task is tried again (``in_order``) are sorted within tasks.
    """
    from pyspark.sql import functions as F

    partitions = pair.partitions()
    options = client_options(run.settings)
    options |= {"message.max.bytes": pair.largest_record_bytes(), "compression.type": codec}
    run.spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(ARROW_BYTES))
    rows = frame.select("key", "value", F.pmod(F.xxhash64("key"), F.lit(partitions)).cast("int").alias("partition"))
    rows = rows if in_order else rows.sortWithinPartitions("key", F.xxhash64("value"))
    sender = Sender(pair.topic, partitions, options, CHUNK)
    counted = rows.mapInArrow(sender, "records array<bigint>").collect()
    totals = np.sum([row["records"] for row in counted], axis=0, dtype=int) if counted else np.zeros(partitions, int)
    return dict(enumerate(totals.tolist()))


def is_shuffled(frame: DataFrame) -> bool:
    """Tell whether rows come from behind a shuffle, as they arrive; a task that reads files repeats itself."""
    plan = frame._jdf.queryExecution().executedPlan().toString()
    return "Exchange" in plan.replace("BroadcastExchange", "").replace("ReusedExchange", "")


@dataclass(frozen=True)
class Sender:
    """What runs in Spark's Python workers: sends a task's rows and returns how many each partition got."""

    topic: str
    partitions: int
    options: dict[str, Any] = field(repr=False)
    full: Full = CHUNK

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Send the rows (key, value, partition) of the task that runs here."""
        import pyarrow as pa
        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None
        counts = self.send(context.partitionId(), batches)
        yield pa.RecordBatch.from_pylist([{"records": counts}], pa.schema([("records", pa.list_(pa.int64()))]))

    def send(self, task: int, batches: Iterable[pa.RecordBatch]) -> list[int]:
        """Send the rows of a task and return the number of records in each partition, earlier attempts included."""
        counts = np.zeros(self.partitions, dtype=int)
        producer: TaskProducer | None = None
        for chunk in chunks(batches, self.full):
            producer = producer or TaskProducer(self, task)
            for batch in chunk:
                counts += np.bincount(batch["partition"].to_numpy(), minlength=self.partitions)
            producer.send(chunk)
        if producer is not None:
            producer.finish()
        return [int(count) for count in counts]


def chunks(batches: Iterable[pa.RecordBatch], full: Full) -> Iterator[list[pa.RecordBatch]]:
    """Put batches together until a chunk is full. While it fills no transaction is open that could time out."""
    held: list[pa.RecordBatch] = []
    started = time.monotonic()
    for batch in batches:
        if not held:
            started = time.monotonic()
        held.append(batch)
        size, alerts = sum(item.nbytes for item in held), sum(item.num_rows for item in held)
        if size >= full.bytes or alerts >= full.alerts or time.monotonic() - started >= full.seconds:
            yield held
            held = []
    if any(item.num_rows for item in held):
        yield held


class TaskProducer:
    """The producer of one task. Making it ends the transactions of earlier attempts and learns what they committed."""

    def __init__(self, sender: Sender, task: int) -> None:
        from confluent_kafka import Consumer, Producer, TopicPartition

        self._topic = sender.topic
        group = f"{sender.topic}-{task // sender.partitions}"
        self._producer = Producer(sender.options | PRODUCER | {"transactional.id": f"{sender.topic}-{task}"})
        self._producer.init_transactions(WAIT_SECONDS)
        self._marks = Consumer(sender.options | {"group.id": group, "enable.auto.commit": False})
        self._slot = (sender.topic, task % sender.partitions)
        mark = _committed(self._marks, TopicPartition(*self._slot))
        self._committed = max(0, mark.offset)
        self._committed_digest = int(mark.metadata or "0", 16)
        self._rows, self._digest = 0, 0

    def send(self, chunk: list[pa.RecordBatch]) -> None:
        """Commit the rows of a chunk that are not committed yet."""
        fresh = [batch for item in chunk if (batch := self._pass_over(item)).num_rows]
        if not fresh:
            return
        self._producer.begin_transaction()
        for batch in fresh:
            self._produce(batch)
        self._mark()
        self._producer.commit_transaction(WAIT_SECONDS)

    def finish(self) -> None:
        """Close. Raises `RuntimeError` when fewer rows came than an earlier attempt has committed."""
        if self._rows < self._committed:
            raise RuntimeError(REORDERED)
        self._marks.close()

    def _pass_over(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return what of a batch is not committed, and check that what is was the same."""
        known = min(batch.num_rows, max(0, self._committed - self._rows))
        self._count(batch.slice(0, known))
        if known and self._rows == self._committed and self._digest != self._committed_digest:
            raise RuntimeError(REORDERED)
        return batch.slice(known)

    def _count(self, batch: pa.RecordBatch) -> None:
        self._rows += batch.num_rows
        self._digest = ids_digest(batch["key"].to_pylist(), self._digest)

    def _produce(self, batch: pa.RecordBatch) -> None:
        keys, values, partitions = (batch[name].to_pylist() for name in ("key", "value", "partition"))
        produce, topic = self._producer.produce, self._topic
        for key, value, partition in zip(keys, values, partitions, strict=True):
            produce(topic, value, key, partition)
        self._rows += len(keys)
        self._digest = ids_digest(keys, self._digest)

    def _mark(self) -> None:
        from confluent_kafka import TopicPartition

        mark = TopicPartition(*self._slot, self._rows, metadata=f"{self._digest:x}")
        self._producer.send_offsets_to_transaction([mark], self._marks.consumer_group_metadata(), WAIT_SECONDS)


def _committed(marks: Consumer, slot: TopicPartition) -> TopicPartition:
    """Return the offset committed for a slot, once the broker has found out who keeps it."""
    from confluent_kafka import KafkaError, KafkaException

    passing = (
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    )
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return marks.committed([slot], WAIT_SECONDS)[0]
        except KafkaException as error:
            if error.args[0].code() not in passing or time.monotonic() > deadline:
                raise
            time.sleep(0.1)

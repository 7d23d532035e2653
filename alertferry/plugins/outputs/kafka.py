"""Publishing to a Kafka topic made for the job: schemaless Avro, keyed by alert id, proved by a receipt."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field

from alertferry.core.content import PacketOutput
from alertferry.core.errors import AlertferryError
from alertferry.core.hooks import hookimpl
from alertferry.core.kafka_java import java_options
from alertferry.core.receipt import Manifest
from alertferry.core.spark_errors import OVERSIZE, from_spark_error
from alertferry.core.steps import Alerts, Output, Report
from alertferry.plugins.outputs import packing
from alertferry.plugins.outputs.access import check_sink, unseen
from alertferry.plugins.outputs.packing import Packing
from alertferry.plugins.outputs.topic import TopicPair

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Observation

    from alertferry.core.run import Run
    from alertferry.core.settings import Settings

RECORD_OVERHEAD_BYTES = 512
"""Room for the key, headers and framing beside a packet in a batch of one record."""

PRODUCER = {
    "acks": "all",
    "enable.idempotence": "true",
    "batch.size": str(1024 * 1024),
    "linger.ms": "20",
    "compression.type": "lz4",
    "buffer.memory": str(128 * 1024 * 1024),
    "max.block.ms": "60000",
    "delivery.timeout.ms": "120000",
}
"""Java producer options: few, large, acknowledged batches (measured in `make bench`)."""


class Kafka(PacketOutput):
    """Publish packets to a topic of their own.

    The topic and its companion ``<topic>_schema`` are created first, so that they exist even for zero alerts.
    The receipt comes last: without it the topic is not complete.
    """

    kind: ClassVar[str] = "kafka"

    partitions: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Number of partitions of the topic; the installation's setting (10) when left out."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a predefined packet and a list of fields."""
        return cls(packet="full"), cls(fields=("diaSource.ra", "diaSource.dec", "diaSource.psfFlux"))

    def write(self, alerts: Alerts, run: Run) -> Report:
        """Publish; return when every alert is acknowledged and the receipt stands in the companion topic."""
        packed = packing.pack(self, alerts, run)
        pair = TopicPair(run.topic, run.settings)
        options = java_options(run.settings)  # refused now, if at all, and not behind a topic that stays empty
        manifest = packing.manifest(run, alerts, packed, run.topic, datetime.now(UTC).isoformat())
        pair.create(self.partitions or run.settings.topic_partitions, run.owner)
        check_sink(run.spark._jvm, run.topic, options, run.settings)
        pair.publish_schema(packed.avro_schema, manifest.to_json(), run.settings.schema_copies)
        run.event("topic", topic=run.topic)
        try:
            return self._publish(alerts, run, packed, pair, manifest)
        except BaseException as error:
            _say_failed(pair, packed, manifest, run, error)
            raise

    def abandon(self, topic: str, state: str, reason: str, settings: Settings) -> Manifest | None:
        """Say in the topic of a job that has died that no receipt will come, unless one stands there."""
        return TopicPair(topic, settings).say_dead(state, settings.redact(reason))

    def _publish(self, alerts: Alerts, run: Run, packed: Packing, pair: TopicPair, manifest: Manifest) -> Report:
        run.progress.published = pair.published
        started = time.monotonic()
        frame, seen = _records(alerts, packed, run)
        with unseen(run.spark, java_options(run.settings) | _producer(run)) as options:
            frame.write.format("kafka").options(**options, topic=run.topic).mode("append").save()
        run.timings["publish"] = time.monotonic() - started
        receipt = packing.receipt(run, alerts, packed, seen, pair.end_offsets())
        if receipt.records < receipt.alerts:
            raise AlertferryError(
                f"{receipt.alerts} alerts were selected, but the topic {run.topic} holds {receipt.records}: "
                "the broker lost or expired some; run the job again"
            )
        complete = manifest.model_copy(update={"state": "complete", "receipt": receipt})
        pair.publish_schema(packed.avro_schema, complete.to_json(), 1)
        return Report(destination=run.topic, receipt=receipt, topic=run.topic)


def _producer(run: Run) -> dict[str, str]:
    size = {"max.request.size": str(run.settings.max_message_bytes)}
    return {f"kafka.{name}": value for name, value in (PRODUCER | size).items()}


def _records(alerts: Alerts, packed: Packing, run: Run) -> tuple[DataFrame, Observation]:
    """Return (key, value) rows; a packet over the limit ends the job and names its alert."""
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import to_avro

    limit = run.settings.max_message_bytes - RECORD_OVERHEAD_BYTES
    # the schema is given: left to itself Spark drops the null union of a column that a condition proves not null
    value = to_avro(F.struct(*packed.columns), packed.avro_schema)
    rows = alerts.frame.select(packed.key.alias("key"), value.alias("value"))
    size, alert = F.length("value"), F.col("key").cast("string")
    refusal = F.concat(F.lit(f"{OVERSIZE} id="), alert, F.lit(" size="), size.cast("string"), F.lit(f" limit={limit}"))
    checked = F.when(size > limit, F.raise_error(refusal)).otherwise(F.col("value"))
    rows = rows.select("key", checked.alias("value"))
    return packing.observed(rows, F.col("key"), F.length("value"))


def _say_failed(pair: TopicPair, packed: Packing, manifest: Manifest, run: Run, error: BaseException) -> None:
    """Tell consumers that no receipt will come, and why."""
    reason = run.settings.redact(str(from_spark_error(error)))
    state = "cancelled" if isinstance(error, KeyboardInterrupt) else "failed"
    failed = manifest.model_copy(update={"state": state, "reason": reason})
    with contextlib.suppress(AlertferryError):  # the broker may be what failed; the first error is the one to see
        pair.publish_schema(packed.avro_schema, failed.to_json(), 1)


@hookimpl
def register_outputs() -> Sequence[type[Output]]:
    """Offer ``kind: kafka``."""
    return [Kafka]

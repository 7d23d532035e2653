"""Publishing to a Kafka topic made for the job: schemaless Avro, keyed by alert id, proved by a receipt."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from alertferry.core.content import PacketOutput
from alertferry.core.errors import UNTOLD, AlertferryError
from alertferry.core.hooks import hookimpl
from alertferry.core.kafka_java import java_options
from alertferry.core.naming import avro_path
from alertferry.core.receipt import Manifest, Oversize
from alertferry.core.stages import last_stage, task_seconds
from alertferry.core.steps import Alerts, Output, Report
from alertferry.plugins.outputs import packing
from alertferry.plugins.outputs.access import check_sink, unseen
from alertferry.plugins.outputs.measures import Measures
from alertferry.plugins.outputs.packing import Codec, Packing
from alertferry.plugins.outputs.records import RECORD_OVERHEAD_BYTES, OversizeAction, records
from alertferry.plugins.outputs.topic import TopicPair

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from alertferry.core.run import Run
    from alertferry.core.settings import Settings

BATCH_BYTES = 512 * 1024
"""A request holds one batch of every partition, and Java copies all that is left of it for each part that it sends."""

PRODUCER = {
    "acks": "all",
    "enable.idempotence": "true",
    "batch.size": str(BATCH_BYTES),
    "linger.ms": "20",
    "buffer.memory": str(128 * 1024 * 1024),
    "send.buffer.bytes": "-1",  # the system's choice grows with the rate; Kafka's own 128 KiB keep both sides waiting
    "max.block.ms": "60000",
    "delivery.timeout.ms": "120000",
}
"""Java producer options: few, large, acknowledged batches (measured in `make bench`)."""

LAST_WORD_SECONDS = 2.0
"""Who cancels a job waits for its last word in the topic; if the broker does not take it now, it is written later."""

ABANDON_SECONDS = 4.0
"""The same where the job itself is gone: whoever asks for it may ask again."""


class Kafka(PacketOutput):
    """Publish packets to a topic of their own.

    The topic and its companion ``<topic>_schema`` are created first, so that they exist even for zero alerts.
    The receipt comes last: without it the topic is not complete.
    """

    kind: ClassVar[str] = "kafka"

    partitions: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Number of partitions of the topic; the installation's setting (10) when left out."""

    oversize: Annotated[OversizeAction, Field(title="Packets that are too large")] = "fail"
    """What to do with a packet larger than the topic takes: fail (the job, naming the alert), drop-cutouts, or skip."""

    delivery: Annotated[Literal["at-least-once", "transactional"], Field(title="Guarantee")] = "at-least-once"
    """With transactional, no record is ever in the topic twice, however often Spark tries a task again; slower, and
    not for readers who count offsets, as `finkctl` does."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a predefined packet and a list of fields."""
        return cls(packet="full"), cls(fields=("diaSource.ra", "diaSource.dec", "diaSource.psfFlux"))

    def write(self, alerts: Alerts, run: Run) -> Report:
        """Publish; return when every alert is acknowledged and the receipt stands in the companion topic."""
        with run.timed("schema"):
            packed = packing.pack(self, alerts, run)
        packed = packing.look_for_repeats(packed, run)
        with run.timed("topic"):
            pair = TopicPair(run.topic, run.settings)
            options = java_options(run.settings)  # refused now, if at all, and not behind a topic that stays empty
            manifest = packing.manifest(run, alerts, packed, run.topic, datetime.now(UTC).isoformat())
            roles = {"alert_id": avro_path(manifest.alert_id), "time": avro_path(manifest.time)}
            manifest = manifest.model_copy(update=roles)
            pair.create(self.partitions or run.settings.topic_partitions, run.owner)
            check_sink(run.spark._jvm, run.topic, options, run.settings)
            pair.publish_schema(packed.avro_schema, manifest.to_json(), run.settings.schema_copies)
        run.event("topic", topic=run.topic)
        try:
            return self._publish(alerts, run, packed, pair, manifest)
        except BaseException as error:  # also when interrupted: consumers must learn that no receipt will come
            told = _say_failed(pair, packed, manifest, run, error)
            if isinstance(error, KeyboardInterrupt) and not told:
                raise KeyboardInterrupt(UNTOLD) from None
            raise

    def abandon(self, topic: str, state: str, reason: str, settings: Settings) -> Manifest | None:
        """Say in the topic of a job that has died that no receipt will come, unless one stands there."""
        return TopicPair(topic, settings, ABANDON_SECONDS).say_dead(state, settings.redact(reason))

    def _publish(self, alerts: Alerts, run: Run, packed: Packing, pair: TopicPair, manifest: Manifest) -> Report:
        run.progress.published = pair.published
        limit_bytes = pair.largest_record_bytes() - RECORD_OVERHEAD_BYTES
        frame, seen = records(alerts, packed, self.oversize, limit_bytes)
        before = last_stage(run.spark)
        with run.timed("publish"):
            pair.await_leaders()  # only now: the broker prepared them while we prepared the records
            sent = self._send(frame, alerts, run, pair, packed.codec)
            measures = Measures.of(*seen)
        run.timings |= task_seconds(run.spark, before)
        receipt = packing.receipt(
            run, alerts, packed, measures, **sent, oversize=_oversize(self.oversize, measures, limit_bytes)
        )
        _check_acknowledged(run.topic, receipt.alerts, receipt.records)
        complete = manifest.model_copy(update={"state": "complete", "receipt": receipt})
        pair.publish_schema(packed.avro_schema, complete.to_json(), 1)
        return Report(destination=run.topic, receipt=receipt, topic=run.topic)

    def _send(self, frame: DataFrame, alerts: Alerts, run: Run, pair: TopicPair, codec: Codec) -> dict[str, Any]:
        """Send all records made of alerts; return what the receipt says of the partitions."""
        if self.delivery == "transactional":
            from alertferry.plugins.outputs.transactions import is_shuffled, send

            acknowledged = send(frame, pair, run, codec, in_order=not is_shuffled(alerts.frame))
            return {"partitions": pair.settled_offsets(), "acknowledged": acknowledged}
        largest = pair.largest_record_bytes()
        # a batch is a unit to the broker: of several packets that fit one by one, it may be too large
        own = {
            "max.request.size": str(largest),
            "batch.size": str(min(BATCH_BYTES, largest)),
            "compression.type": codec,
        }
        tuned = {f"kafka.{name}": value for name, value in (PRODUCER | own).items()}
        with unseen(run.spark, java_options(run.settings) | tuned) as options:
            frame.write.format("kafka").options(**options, topic=run.topic).mode("append").save()
        ends = pair.end_offsets()
        return {"partitions": ends, "acknowledged": ends}


def _oversize(action: OversizeAction, measures: Measures, limit_bytes: int) -> Oversize | None:
    if action == "fail" or not measures.oversize:
        return None
    return Oversize(action=action, alerts=measures.oversize, ids=measures.oversize_ids, limit_bytes=limit_bytes)


def _check_acknowledged(topic: str, alerts: int, found: int) -> None:
    if found < alerts:
        raise AlertferryError(
            f"{alerts} alerts were selected, but the topic {topic} holds {found}: "
            "the broker lost or expired some; run the job again"
        )


def _say_failed(pair: TopicPair, packed: Packing, manifest: Manifest, run: Run, error: BaseException) -> bool:
    """Tell consumers that no receipt will come, and why; return whether the broker took it."""
    reason = run.settings.redact(str(run.told(error)))
    cancelled = isinstance(error, KeyboardInterrupt)
    failed = manifest.model_copy(update={"state": "cancelled" if cancelled else "failed", "reason": reason})
    with contextlib.suppress(AlertferryError):  # the broker may be what failed; the first error is the one to see
        pair.publish_schema(packed.avro_schema, failed.to_json(), 1, LAST_WORD_SECONDS if cancelled else None)
        return True
    return False


@hookimpl
def register_outputs() -> Sequence[type[Output]]:
    """Offer ``kind: kafka``."""
    return [Kafka]

"""Publishing topics without Spark: the way jobs do, and the way the peer does."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import fastavro
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from alertferry.core.receipt import Manifest, Receipt, format_digest, ids_digest, schema_fingerprint

LIGHT: dict[str, Any] = {
    "type": "record",
    "name": "topLevelRecord",
    "fields": [
        {"name": "diaSourceId", "type": "long"},
        {"name": "band", "type": ["string", "null"]},
        {"name": "psfFlux", "type": ["double", "null"]},
        {"name": "reliability", "type": ["null", "float"]},
        {"name": "features", "type": [{"type": "map", "values": ["double", "null"]}, "null"]},
    ],
}

FIRST_ID = 2**60 + 1
"""Ids that a double cannot hold."""

Keyed = tuple[bytes | None, bytes | None]


def light_alerts(count: int, first: int = FIRST_ID) -> list[dict[str, Any]]:
    """Return ``count`` small alerts with consecutive ids and nulls among them."""
    return [
        {
            "diaSourceId": first + number,
            "band": None if number % 7 == 3 else "ugrizy"[number % 6],
            "psfFlux": None if number % 5 == 4 else number * 1.25,
            "reliability": None if number % 2 else 0.5,
            "features": None if number % 11 == 0 else {"a": 1.5, "b": None},
        }
        for number in range(count)
    ]


def encode(schema: dict[str, Any], records: Iterable[dict[str, Any]]) -> list[bytes]:
    """Return the records as schemaless Avro."""
    parsed = fastavro.parse_schema(schema)
    found = []
    for record in records:
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, parsed, record)
        found.append(stream.getvalue())
    return found


def keyed(records: Sequence[dict[str, Any]], schema: dict[str, Any] = LIGHT, key: str = "diaSourceId") -> list[Keyed]:
    """Return (key, value) of each record, the key as jobs write it."""
    values = encode(schema, records)
    return [(str(record[key]).encode(), value) for record, value in zip(records, values, strict=True)]


@dataclass
class Publisher:
    """A topic pair, written step by step as a job does."""

    servers: str
    topic: str
    schema: dict[str, Any]
    manifest: Manifest
    partitions: int = 10

    @classmethod
    def create(
        cls,
        servers: str,
        topic: str,
        *,
        schema: dict[str, Any] | None = None,
        partitions: int = 10,
        alert_id: str | None = "diaSourceId",
        created: str = "2026-11-21T12:00:00+00:00",
        job: dict[str, Any] | None = None,
    ) -> Publisher:
        """Create both topics."""
        schema = schema or LIGHT
        _create(servers, {topic: partitions, f"{topic}_schema": 1})
        manifest = Manifest(
            topic=topic,
            survey="lsst",
            job=job or {"version": 1},
            job_hash="0" * 64,
            schema_fingerprint=schema_fingerprint(json.dumps(schema)),
            alert_id=alert_id,
            created=created,
        )
        return cls(servers, topic, schema, manifest, partitions)

    def begin(self, copies: int = 100) -> None:
        """Write the schema records that come before the data."""
        self._schema_records(self.manifest, copies)

    def send(self, messages: Sequence[Keyed], partition: int | None = None) -> None:
        """Write messages, spread by position unless a partition is named."""
        produce(self.servers, self.topic, messages, self.partitions if partition is None else None, partition or 0)

    def finish(self, ids: Sequence[bytes]) -> Receipt:
        """Write the receipt of a job that selected ``ids``."""
        receipt = Receipt(
            alerts=len(ids),
            bytes=0,
            digest=format_digest(ids_digest(ids)),
            schema_fingerprint=self.manifest.schema_fingerprint,
            job_hash=self.manifest.job_hash,
            partitions=end_offsets(self.servers, self.topic, self.partitions),
        )
        self.conclude(self.manifest.model_copy(update={"state": "complete", "receipt": receipt}))
        return receipt

    def fail(self, reason: str, state: str = "failed") -> None:
        """Write that the job ended without a receipt."""
        self.conclude(self.manifest.model_copy(update={"state": state, "reason": reason}))

    def conclude(self, manifest: Manifest) -> None:
        """Write the last schema record."""
        self._schema_records(manifest, 1)

    def _schema_records(self, manifest: Manifest, copies: int) -> None:
        record = json.dumps(self.schema).encode(), manifest.to_json().encode()
        produce(self.servers, f"{self.topic}_schema", [record] * copies, None, 0)


def publish(servers: str, topic: str, records: Sequence[dict[str, Any]], **options: Any) -> Publisher:
    """Publish a complete job."""
    job = Publisher.create(servers, topic, **options)
    job.begin()
    messages = keyed(records, job.schema)
    job.send(messages)
    job.finish([key for key, _ in messages if key is not None])
    return job


def publish_as_peer(servers: str, topic: str, records: Sequence[dict[str, Any]], copies: int = 1000) -> None:
    """Publish as the peer does: schema copies over ten partitions, topic names as keys, no manifest, no receipt."""
    _create(servers, {topic: 10, f"{topic}_schema": 10})
    schema = [(json.dumps(LIGHT).encode(), b"\x12some text")] * copies
    produce(servers, f"{topic}_schema", schema, 10, 0)
    produce(servers, topic, [(topic.encode(), value) for value in encode(LIGHT, records)], 10, 0)


def produce(servers: str, topic: str, messages: Sequence[Keyed], spread: int | None, partition: int) -> None:
    """Write messages to one partition, or in turn to ``spread`` partitions."""
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "log_level": 0,
            "linger.ms": 5,
            "compression.type": "lz4",
            "message.max.bytes": 10_000_000,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    refused: list[str] = []
    for number, (key, value) in enumerate(messages):
        producer.produce(
            topic,
            key=key,
            value=value,
            partition=number % spread if spread else partition,
            on_delivery=lambda error, _: refused.append(str(error)) if error else None,
        )
        producer.poll(0)
    assert producer.flush(30) == 0
    assert not refused, refused[0]


def end_offsets(servers: str, topic: str, partitions: int) -> dict[int, int]:
    """Return the end offset of every partition."""
    admin = AdminClient({"bootstrap.servers": servers})
    wanted = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(partitions)}
    for _ in range(50):
        with contextlib.suppress(KafkaException):  # a new topic has no leader for a moment
            return {part.partition: future.result().offset for part, future in admin.list_offsets(wanted).items()}
        time.sleep(0.1)
    raise AssertionError(f"the broker does not tell the offsets of {topic}")


def delete_records(servers: str, topic: str, before: dict[int, int]) -> None:
    """Let records expire: everything below the given offset of each partition."""
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.delete_records([TopicPartition(topic, part, end) for part, end in before.items()]).values():
        future.result()


def delete_topics(servers: str, *topics: str) -> None:
    """Delete topics and wait until the broker no longer lists them."""
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.delete_topics(list(topics), operation_timeout=20).values():
        future.result()


def _create(servers: str, topics: dict[str, int]) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    wanted = [NewTopic(name, partitions, 1) for name, partitions in topics.items()]
    for future in admin.create_topics(wanted, operation_timeout=20).values():
        future.result()

"""The topic pair of a job: data, and its companion with schema, manifest and receipt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.kafka_client import CONNECT_SECONDS, client_options, make_client, reachable_servers, refusal
from alertferry.core.kafka_security import reader_of
from alertferry.core.receipt import SCHEMA_SUFFIX, Manifest
from alertferry.core.settings import Settings
from alertferry.plugins.outputs.access import await_partitions, check_writable, let_read

WAIT_SECONDS = 15.0
SETTLE_SECONDS = 60.0
LOOK_SECONDS = 5.0
"""For what is only progress: a broker that takes longer counts as one that does not answer now."""
MANIFEST_BYTES = 1024 * 1024


class TopicPair:
    """Creates and writes the two topics of a job. Everything raised names the topic and the remedy."""

    def __init__(self, topic: str, settings: Settings, seconds: float = WAIT_SECONDS) -> None:
        """Reach the broker; ``seconds`` are the longest to wait for what is written to the companion or read there."""
        from confluent_kafka.admin import AdminClient

        self.topic = topic
        self._largest: int | None = None
        self.companion = topic + SCHEMA_SUFFIX
        self._settings = settings
        self._seconds = seconds
        reachable_servers(settings, seconds=min(seconds, CONNECT_SECONDS))
        self._admin = make_client(AdminClient, client_options(settings), settings)

    def create(self, partitions: int, owner: str | None = None) -> None:
        """Create both topics with retention and sizes from the settings, readable as these say for the owner."""
        from confluent_kafka.admin import NewTopic

        config = {
            "retention.ms": str(int(self._settings.topic_retention_days * 86_400_000)),
            "max.message.bytes": str(self._settings.max_message_bytes),
            "cleanup.policy": "delete",
        }
        replication = self._settings.topic_replication
        pair = [NewTopic(self.topic, partitions, replication, config=config)]
        # a manifest is not a packet: it must fit where packets are to be tiny
        roomy = config | {"max.message.bytes": str(max(self._settings.max_message_bytes, MANIFEST_BYTES))}
        pair.append(NewTopic(self.companion, 1, replication, config=roomy))
        if reader := reader_of(owner, self._settings):  # first, so that no topic stays behind when it is refused
            let_read(self._admin, (self.topic, self.companion), reader, WAIT_SECONDS)
        for name, future in self._admin.create_topics(pair, request_timeout=WAIT_SECONDS).items():
            _wait(future.result, f"the topic {name} cannot be created")
        check_writable(self._admin, (self.topic, self.companion), WAIT_SECONDS)

    def await_leaders(self) -> None:
        """Return once every partition of the data topic takes records, which may be a moment after it was created."""
        await_partitions(self._admin, self.topic, self.partitions(), WAIT_SECONDS)

    def largest_record_bytes(self) -> int:
        """Return the largest record that the settings, the topic and the broker allow, as far as these tell."""
        if self._largest is None:
            told = [self._told("TOPIC", self.topic, "max.message.bytes")]
            told += [self._told("BROKER", self._a_broker(), "socket.request.max.bytes")]
            self._largest = min([self._settings.max_message_bytes, *(item for item in told if item)])
        return self._largest

    def _a_broker(self) -> str:
        return str(next(iter(self._admin.list_topics(timeout=WAIT_SECONDS).brokers)))

    def _told(self, kind: str, name: str, option: str) -> int | None:
        """Return a limit that is in force on the broker; None when this user may not ask."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import ConfigResource

        asked = self._admin.describe_configs([ConfigResource(kind, name)], request_timeout=WAIT_SECONDS)
        try:
            found = next(iter(asked.values())).result().get(option)
        except KafkaException:
            return None
        return int(found.value) if found is not None and found.value else None

    def partitions(self) -> int:
        """Return the number of partitions of the data topic."""
        return len(self._admin.list_topics(self.topic, timeout=WAIT_SECONDS).topics[self.topic].partitions)

    def publish_schema(self, schema: str, manifest: str, copies: int, seconds: float | None = None) -> None:
        """Write ``copies`` records: key the Avro schema, value the manifest; within some ``seconds``."""
        from confluent_kafka import Producer

        refused: list[str] = []
        options = {
            "linger.ms": 5,
            "compression.type": "zstd",
            "acks": "all",
            "retry.backoff.ms": 10,  # a new topic refuses for a moment
        }
        producer = Producer(client_options(self._settings) | options)
        for _ in range(copies):
            producer.produce(
                self.companion,
                key=schema.encode(),
                value=manifest.encode(),
                partition=0,
                on_delivery=lambda error, _: refused.append(str(error)) if error else None,
            )
        seconds = seconds or self._seconds
        left = producer.flush(seconds)
        if left or refused:
            said = refused[0] if refused else f"no answer within {seconds:.0f} s"
            raise AlertferryError(f"the schema cannot be written to {self.companion}: {said}")

    def last_word(self) -> tuple[str, Manifest] | None:
        """Return the last schema and manifest of the companion topic; None when there is none."""
        from confluent_kafka import Consumer, KafkaException, TopicPartition

        part = TopicPartition(self.companion, 0)
        options = {"group.id": f"alertferry-{self.topic}", "enable.auto.commit": False}
        consumer = Consumer(client_options(self._settings) | options)
        try:
            if not self._exists():
                return None
            first, end = consumer.get_watermark_offsets(part, timeout=self._seconds)
            if first == end:
                return None
            consumer.assign([TopicPartition(self.companion, 0, end - 1)])
            found = consumer.consume(1, timeout=self._seconds)
        except KafkaException as error:
            raise AlertferryError(f"{self.companion} cannot be read: {error.args[0].str()}") from None
        finally:
            consumer.close()
        manifest = Manifest.from_json(found[0].value() or b"") if found and not found[0].error() else None
        return (found[0].key().decode(), manifest) if manifest else None

    def _exists(self) -> bool:
        return self.companion in self._admin.list_topics(timeout=self._seconds).topics

    def say_dead(self, state: str, reason: str) -> Manifest | None:
        """Write that no receipt will come, unless the job itself had its last word; return the last word.

        For a job of which nothing runs any more. ``state`` is ``failed`` or ``cancelled``.
        """
        found = self.last_word()
        if found is None or found[1].state != "publishing":
            return found[1] if found else None
        schema, manifest = found
        last = Manifest.model_validate(manifest.model_dump() | {"state": state, "reason": reason})
        self.publish_schema(schema, last.to_json(), 1)
        return last

    def settled_offsets(self) -> dict[int, int]:
        """Return the end offsets once every transaction has ended: its last mark comes a moment after its commit.

        Raises `AlertferryError` when one is still open after a minute.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            committed, ends = self.end_offsets(committed=True), self.end_offsets()
            if committed == ends:
                return ends
            if time.monotonic() > deadline:
                raise AlertferryError(
                    f"a transaction on {self.topic} is still open {SETTLE_SECONDS:.0f} s after all were committed; "
                    "look at the broker's log and run the job again"
                )
            time.sleep(0.05)

    def end_offsets(self, *, committed: bool = False, seconds: float = WAIT_SECONDS) -> dict[int, int]:
        """Return the end offset of every partition of the data topic, or where open transactions begin."""
        from confluent_kafka import IsolationLevel, TopicPartition
        from confluent_kafka.admin import OffsetSpec

        isolation = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED

        found = self._admin.list_topics(self.topic, timeout=seconds).topics[self.topic].partitions
        wanted: dict[Any, Any] = {TopicPartition(self.topic, number): OffsetSpec.latest() for number in found}
        answers = self._admin.list_offsets(wanted, isolation_level=isolation, request_timeout=seconds)
        return {
            part.partition: int(_wait(future.result, f"the offsets of {self.topic} cannot be read").offset)
            for part, future in sorted(answers.items(), key=lambda item: item[0].partition)
        }

    def published(self) -> int | None:
        """Return the number of records so far; None when the broker does not answer now."""
        from confluent_kafka import KafkaException

        try:
            return sum(self.end_offsets(seconds=LOOK_SECONDS).values())
        except (AlertferryError, KafkaException):
            return None  # progress only: the next look may succeed, and the write itself reports failures


def _wait(result: Callable[[], Any], what: str) -> Any:
    from confluent_kafka import KafkaError, KafkaException

    try:
        return result()
    except KafkaException as error:
        reason = error.args[0]
        if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            raise UsageError(f"{what}: it exists already; leave the name to alertferry") from None
        raise refusal(reason, what) from None

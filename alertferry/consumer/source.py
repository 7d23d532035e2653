"""A topic to be fetched: its schema, where its job stands, and which offsets it holds now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alertferry.consumer.connection import (
    Broker,
    Offsets,
    UnavailableError,
    close_consumer,
    is_passing,
    kafka_failure,
    learn,
)
from alertferry.consumer.shards import Shard, portion, share_of
from alertferry.consumer.spans import Coverage, Covered, missing, total
from alertferry.core.errors import DamagedError, IncompleteError, UsageError
from alertferry.core.receipt import SCHEMA_SUFFIX, Manifest, Receipt
from alertferry.core.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

TAIL_RECORDS = 5
"""How many of the last records of a companion topic are read to find where the job stands."""

ANSWER_SECONDS = 10.0

_COMPANION: dict[str, Any] = {
    "fetch.message.max.bytes": 64 << 10,
    "queued.min.messages": 1,
    "fetch.queue.backoff.ms": 2,
}
"""Few records are read, here and there: little is fetched ahead, and what comes after them is not waited for."""


@dataclass(frozen=True)
class Outlook:
    """One look at a topic: what its job says, and where each partition begins and ends; of a shard, what is its."""

    manifest: Manifest | None
    low: Mapping[int, int]
    high: Mapping[int, int]
    shard: Shard | None = None

    @property
    def receipt(self) -> Receipt | None:
        """The proof of what the topic must hold, once the job is complete."""
        return self.manifest.receipt if self.manifest and self.manifest.state == "complete" else None

    @property
    def undivided(self) -> bool:
        """Whether this shard's part is not known before the receipt is."""
        return self.shard is not None and self.receipt is None and self.shard.needs_receipt(len(self.high))

    @property
    def portion(self) -> dict[int, Covered]:
        """What is asked for of each partition: by the receipt, or what it holds so far; of a shard, its part."""
        ends = self.receipt.partitions if self.receipt else self.high
        return {} if self.undivided else portion(self.shard, ends)

    @property
    def starts(self) -> dict[int, int]:
        """Where fetching begins in each partition."""
        return {number: max(part.start, self.low.get(number, 0)) for number, part in self.portion.items()}

    @property
    def ends(self) -> dict[int, int]:
        """Where fetching ends in each partition.

        The receipt of a topic that shrank since asks for more than there is; it is not fetched, only missed.
        """
        return {number: min(part.end, self.high.get(number, 0)) for number, part in self.portion.items()}

    @property
    def vanished(self) -> int:
        """Number of offsets that the receipt names and the topic no longer has at its end."""
        if self.receipt is None:
            return 0
        found = self.portion.items()
        return sum(max(0, part.end - max(part.start, self.high.get(number, 0))) for number, part in found)

    @property
    def expected(self) -> int | None:
        """Number of alerts asked for; None while nobody knows."""
        if self.receipt is None:
            return None
        return share_of(self.receipt, self.shard)

    def expired(self, covered: Coverage) -> int:
        """Return how many records the broker deleted before they were fetched."""
        starts = {number: part.start for number, part in self.portion.items()}
        lows = {number: min(part.end, self.low.get(number, 0)) for number, part in self.portion.items()}
        return total(missing(covered, starts, lows))


class Source:
    """A topic and its companion. Raises `UsageError` for topics that do not exist or are no data topics.

    A schema is waited for until ``timeout`` seconds are over or ``stop()``.
    """

    def __init__(
        self,
        topic: str,
        settings: Settings,
        timeout: float,
        shard: Shard | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.topic = topic
        self.settings = settings
        self._shard = shard
        self._broker = Broker(settings)
        with ExitStack() as opened:
            consumer = self._broker.consumer(**_COMPANION)  # it connects while the topics are asked for
            opened.callback(close_consumer, consumer)
            topics = self._broker.topics()
            _check_topic(topic, topics)
            self.partitions = topics[topic]
            self._companion = Companion(self._broker, consumer, topic + SCHEMA_SUFFIX, topics[topic + SCHEMA_SUFFIX])
            self.schema_json = self._companion.wait_for_schema(timeout, stop)
            self.topic_id = self._broker.topic_id(topic)
            self._opened = opened.pop_all()

    @property
    def manifest(self) -> Manifest | None:
        """What the job last said of itself; None for topics of other publishers."""
        return self._companion.manifest

    def look(self) -> Outlook:
        """Return where the topic stands now. Raises `AlertferryError` when the broker does not answer."""
        manifest = self._companion.refresh()
        offsets = self._broker.offsets(self.topic, self.partitions)
        return Outlook(manifest, offsets.low, offsets.high, self._shard)

    def close(self) -> None:
        """Close the connections."""
        self._opened.close()


class Companion:
    """The companion topic: schema in the keys, manifests in the values, the newest at the end."""

    def __init__(self, broker: Broker, consumer: Consumer, topic: str, partitions: Sequence[int]) -> None:
        self.topic = topic
        self.manifest: Manifest | None = None
        self._broker = broker
        self._consumer = consumer
        self._partitions = partitions
        self._seen: dict[int, int] = {}
        self._is_ours = True
        learn(consumer, topic)

    def wait_for_schema(self, timeout: float, stop: Callable[[], bool]) -> str:
        """Return the schema, waiting for a job that has just created its topics.

        Raises `IncompleteError` when none comes within ``timeout`` seconds, or before ``stop()``.
        """
        deadline = time.monotonic() + timeout
        while True:
            with suppress(UnavailableError):
                first = self._first(self._broker.offsets(self.topic, self._partitions))
                if first is not None:
                    self._is_ours = Manifest.from_json(first.value() or b"") is not None
                    self.refresh()
                    return _text(first.key(), self.topic)
            if stop() or time.monotonic() > deadline:
                raise IncompleteError(
                    f"the topic {self.topic} holds no schema yet: its job has not begun to publish, or its records "
                    "have expired; run the same command again later"
                )
            time.sleep(0.25)

    def refresh(self) -> Manifest | None:
        """Return the newest manifest; a final state, once seen, stays."""
        if not self._is_ours or (self.manifest and self.manifest.state != "publishing"):
            return self.manifest
        offsets = self._broker.offsets(self.topic, self._partitions)
        for number in self._partitions:
            if offsets.high[number] > max(self._seen.get(number, 0), offsets.low[number]):
                self._take(number, self._tail(number, offsets))
        return self.manifest

    def _take(self, number: int, messages: Sequence[Message]) -> None:
        for message in messages:
            self._seen[number] = message.offset() + 1
            found = Manifest.from_json(message.value() or b"")
            if found is not None:
                self.manifest = found

    def _first(self, offsets: Offsets) -> Message | None:
        for number in self._partitions:
            low, high = offsets.low[number], offsets.high[number]
            for message in self._read(number, low, min(high, low + 1)):
                if message.key():
                    return message
        return None

    def _tail(self, number: int, offsets: Offsets) -> list[Message]:
        start = max(offsets.low[number], offsets.high[number] - TAIL_RECORDS)
        return self._read(number, start, offsets.high[number])

    def _read(self, number: int, start: int, end: int) -> list[Message]:
        """Return the records from ``start`` to ``end``; fewer when some offsets hold none."""
        from confluent_kafka import TopicPartition

        found: list[Message] = []
        if start >= end:
            return found
        self._consumer.assign([TopicPartition(self.topic, number, start)])
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            message = self._consumer.poll(0.2)
            if message is None:
                continue
            if message.error() is None:
                found.append(message)
                if message.offset() + 1 >= end:
                    break
            elif _at_end(message):
                break
            elif not is_passing(message.error()):
                raise kafka_failure(message.error(), f"{self.topic} cannot be read", self._broker.settings)
        self._consumer.unassign()
        return found


def _text(key: bytes, topic: str) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise DamagedError(
            f"the schema in {topic} is not text in UTF-8 ({error}); ask who published the topic"
        ) from None


def _at_end(message: Message) -> bool:
    from confluent_kafka import KafkaError

    return bool(message.error().code() == KafkaError._PARTITION_EOF)


def _check_topic(topic: str, topics: Mapping[str, Sequence[int]]) -> None:
    if topic.endswith(SCHEMA_SUFFIX) and topic.removesuffix(SCHEMA_SUFFIX) in topics:
        data = topic.removesuffix(SCHEMA_SUFFIX)
        raise UsageError(f"{topic} holds the schema of the topic {data}; name {data} instead")
    if topic not in topics:
        # no "did you mean": the random part of a name is what keeps other people's alerts theirs
        raise UsageError(
            f"the broker has no topic {topic!r}; check the spelling, the broker's address and that this user may "
            "read it (a job's topic exists as soon as the job starts to publish, and is deleted after some days)"
        )
    if topic + SCHEMA_SUFFIX not in topics:
        raise UsageError(
            f"the topic {topic} has no companion topic {topic + SCHEMA_SUFFIX} with its schema, so its messages cannot "
            "be read; it is not a topic of a transfer job, or its companion has expired"
        )

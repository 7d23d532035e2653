"""The Kafka broker as the consumer sees it: topics, offsets, and errors in words that say what to check."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import AlertferryError
from alertferry.core.kafka_client import CONNECT_SECONDS, client_options, cluster_of, make_client
from alertferry.core.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

GROUP = "alertferry"
CLOSE_SECONDS = 3.0
LEARN_SECONDS = 1.0
STALE_SECONDS = 0.2

FETCHING: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    "check.crcs": True,
    "fetch.queue.backoff.ms": 20,
    "fetch.wait.max.ms": 20,
    "fetch.message.max.bytes": 4 << 20,
    "queued.min.messages": 100_000,
    "queued.max.messages.kbytes": 64 << 10,
}
"""What exactly-once delivery needs, and what keeps a reader fast with at most 64 MiB waiting in memory.

A fetch that finds nothing would otherwise hold up every other partition of that broker for half a second, and a full
queue would be looked at once a second.
"""


@dataclass(frozen=True)
class Offsets:
    """Lowest offset still held and end offset of every partition."""

    low: dict[int, int]
    high: dict[int, int]


class Broker:
    """A connection for questions; `consumer` makes the ones that carry alerts."""

    def __init__(self, settings: Settings) -> None:
        from confluent_kafka.admin import AdminClient

        self.settings = settings
        self._heard: list[KafkaError] = []
        self._admin = make_client(AdminClient, self._options(), settings)

    def _options(self) -> dict[str, Any]:
        options = client_options(self.settings)
        return options | {"error_cb": self._heard.append}

    def topics(self) -> dict[str, list[int]]:
        """Return the partitions of every topic this user may see. Raises `AlertferryError` after ten seconds."""
        self._heard.clear()
        # naming a topic here could create it on brokers that make topics on demand
        found = cluster_of(self._admin, self._heard, self.settings).topics
        return {name: sorted(topic.partitions) for name, topic in found.items()}

    def topic_id(self, topic: str) -> str | None:
        """Return the id that a topic keeps for life; None where the broker does not tell."""
        from confluent_kafka import KafkaException, TopicCollection

        future = self._admin.describe_topics(TopicCollection([topic]), request_timeout=CONNECT_SECONDS)[topic]
        try:
            return str(future.result().topic_id)
        except KafkaException:
            return None

    def offsets(self, topic: str, partitions: Iterable[int]) -> Offsets:
        """Return where each partition begins and ends now. Raises `AlertferryError`.

        A broker whose partitions are just changing leaders is asked again for ten seconds. The client keeps asking for
        the leader epoch that it has once learnt, so it is made to learn anew.
        """
        from confluent_kafka.admin import OffsetSpec

        numbers = list(partitions)
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                low, high = (self._offsets(topic, numbers, spec()) for spec in (OffsetSpec.earliest, OffsetSpec.latest))
                return Offsets(low, high)
            except _StaleError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(STALE_SECONDS)
                self.topics()

    def _offsets(self, topic: str, partitions: list[int], spec: Any) -> dict[int, int]:
        from confluent_kafka import IsolationLevel, KafkaException, TopicPartition

        wanted = {TopicPartition(topic, number): spec for number in partitions}
        if not wanted:
            return {}
        asked = self._admin.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=CONNECT_SECONDS
        )
        try:
            return {part.partition: int(future.result().offset) for part, future in asked.items()}
        except KafkaException as error:
            raise self._failed(error.args[0], topic) from None

    def consumer(self, group: str = GROUP, **more: Any) -> Consumer:
        """Return a consumer that fetches what it is assigned and never moves by itself."""
        return open_consumer(self.settings, group, **more)

    def _failed(self, error: KafkaError, topic: str) -> AlertferryError:
        what = f"the offsets of the topic {topic} cannot be read"
        # a topic that was made a moment ago is listed before its partitions answer
        if error.code() in _stale():
            return _StaleError(f"{what}: {self.settings.redact(error.str())}")
        if is_passing(error) or (_is_unknown(error) and topic in self.topics()):
            return UnavailableError(f"{what}: {self.settings.redact(error.str())}")
        return kafka_failure(error, what, self.settings)


class UnavailableError(AlertferryError):
    """The broker does not answer now; asking again may help."""


class _StaleError(UnavailableError):
    """The broker answered that the question was about a state which has passed; asking again soon helps."""


def kafka_failure(error: KafkaError, what: str, settings: Settings) -> AlertferryError:
    """Return an error that says what failed, in the broker's words, and the remedy where it is known."""
    from confluent_kafka import KafkaError as Codes

    said = settings.redact(error.str())
    if error.code() in (Codes.TOPIC_AUTHORIZATION_FAILED, Codes.GROUP_AUTHORIZATION_FAILED):
        return AlertferryError(f"{what}: this user may not read it ({said}); ask the broker's operator for access")
    if _is_unknown(error):
        return AlertferryError(f"{what}: the topic was deleted ({said}); what is on disk stays")
    return AlertferryError(f"{what}: {said}")


def open_consumer(settings: Settings, group: str = GROUP, **more: Any) -> Consumer:
    """Return a consumer with the options of exactly-once delivery; a user's options cannot weaken them."""
    from confluent_kafka import Consumer

    options = {"group.id": group} | client_options(settings) | FETCHING | more
    return make_client(Consumer, options, settings)


def learn(consumer: Consumer, topic: str) -> None:
    """Ask which brokers lead the partitions of a topic, before any of them is assigned.

    A client that is connected by then would find out at its next look at what it does not know: up to a second later.
    """
    from confluent_kafka import KafkaException

    with suppress(KafkaException):  # a broker that does not answer now is dealt with where its records are missed
        consumer.list_topics(topic, timeout=LEARN_SECONDS)


def close_consumer(consumer: Consumer) -> None:
    """Close a connection; a broker that no longer answers is not waited for, as there is nothing left to say to it."""
    closing = threading.Thread(target=consumer.close, daemon=True)
    closing.start()
    closing.join(CLOSE_SECONDS)


def _is_unknown(error: KafkaError) -> bool:
    from confluent_kafka import KafkaError as Codes

    return error.code() in (Codes.UNKNOWN_TOPIC_OR_PART, Codes._UNKNOWN_TOPIC, Codes._UNKNOWN_PARTITION)


def is_passing(error: KafkaError) -> bool:
    """Tell whether a failure may be over when the same thing is tried again."""
    from confluent_kafka import KafkaError as Codes

    return error.code() in (
        Codes._TRANSPORT,
        Codes._TIMED_OUT,
        Codes._ALL_BROKERS_DOWN,
        Codes.REQUEST_TIMED_OUT,
        Codes.NOT_LEADER_FOR_PARTITION,
        Codes.LEADER_NOT_AVAILABLE,
        Codes.BROKER_NOT_AVAILABLE,
        Codes.REPLICA_NOT_AVAILABLE,
        *_stale(),
    )


def _stale() -> tuple[int, ...]:
    """Return the codes by which a broker says that the client's picture of it is out of date: it will look again.

    A broker that was away for a while takes up its partitions under a new leader epoch.
    """
    from confluent_kafka import KafkaError as Codes

    return (
        Codes.FENCED_LEADER_EPOCH,
        Codes.UNKNOWN_LEADER_EPOCH,
        Codes.OFFSET_NOT_AVAILABLE,
        Codes.KAFKA_STORAGE_ERROR,
        Codes.NETWORK_EXCEPTION,
        Codes._NOENT,  # no leader of any partition is known: the connection was cut a moment ago
    )

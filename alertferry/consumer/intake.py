"""Polling: from spans of offsets to chunks of messages, one chunk for each file to be."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING

from alertferry.consumer.connection import close_consumer, is_passing, kafka_failure, learn, open_consumer
from alertferry.consumer.spans import Span, total
from alertferry.core.errors import DamagedError, IncompleteError
from alertferry.core.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

BATCH_BYTES = 128 << 20
BATCH_ALERTS = 50_000

POLL_SECONDS = 0.2
FIRST_POLL = 20
LARGEST_POLL = 400
POLL_BYTES = 4 << 20
"""One poll asks for no more than either, by the sizes so far. Larger ones are slower: they leave the processor's cache,
and those who decode and write wait for Python's lock meanwhile."""

AHEAD_BYTES = 32 << 20
"""The next span is begun when less than this is left of the one before: the broker is then never waited for."""

SMALLEST_GIFT_BYTES = 16 << 20
SMALLEST_GIFT_ALERTS = 2_000
FIRST_GIFT_ALERTS = 500
"""Half of what is left is given away when it is more than either of the first two, or the third before sizes are known.
"""

LEAST_PATIENCE_SECONDS = 2.0
"""A busy broker is silent for shorter; a new connection would only make it busier."""

Stop = Callable[[], bool]


class OvertakenError(DamagedError):
    """The broker deleted records while they were about to be read."""


class SilentBrokerError(IncompleteError):
    """The broker holds records but sends none."""


@dataclass(frozen=True)
class Limits:
    """When a chunk is full, and how many seconds without a message are too many."""

    batch_bytes: int = BATCH_BYTES
    batch_alerts: int = BATCH_ALERTS
    timeout: float = 60.0


@dataclass
class Chunk:
    """Consecutive messages of one partition, in order; ``span`` is what they cover, gaps included."""

    span: Span
    offsets: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)


@dataclass
class _Reading:
    """A span that is being read: what is covered by chunks, what is held, what comes next."""

    span: Span
    covered: int
    next: int
    held: Chunk
    bytes: int = 0

    @classmethod
    def begin(cls, span: Span) -> _Reading:
        return cls(span, span.start, span.start, Chunk(span))

    @property
    def finished(self) -> bool:
        return self.next >= self.span.end

    def give(self, count: int) -> Span:
        """Give up the last ``count`` offsets, which were not received yet."""
        end = self.span.end - count
        given = Span(self.span.partition, end, self.span.end)
        self.span = Span(self.span.partition, self.span.start, end)
        return given

    def add(self, messages: Sequence[Message]) -> tuple[int, int]:
        """Hold messages but those beyond the span's end; return how many, and the bytes of their values."""
        first, last = messages[0].offset(), messages[-1].offset()
        if last >= self.span.end:
            messages = [message for message in messages if message.offset() < self.span.end]
        whole = last - first + 1 == len(messages)  # there are millions of them: nothing is asked that is known
        values = [message.value() for message in messages]
        self.held.offsets += range(first, last + 1) if whole else [message.offset() for message in messages]
        self.held.keys += [message.key() for message in messages]
        self.held.values += values
        size = _size(values)
        self.bytes += size
        self.next = last + 1
        return len(values), size

    def take(self, count: int | None = None) -> Chunk:
        """Return the first ``count`` messages as a chunk, or all with everything that was passed over."""
        held = self.held
        number = self.span.partition
        if count is None or count >= len(held.offsets):
            end = min(self.next, self.span.end)
            chunk = Chunk(Span(number, self.covered, end), held.offsets, held.keys, held.values)
            self.held, self.bytes = Chunk(self.span), 0
        else:
            end = held.offsets[count - 1] + 1
            span = Span(number, self.covered, end)
            chunk = Chunk(span, held.offsets[:count], held.keys[:count], held.values[:count])
            self.held = Chunk(self.span, held.offsets[count:], held.keys[count:], held.values[count:])
            self.bytes = _size(self.held.values)
        self.covered = end
        return chunk


class Intake:
    """Reads spans of a topic; several partitions at a time while their messages are few, else one or two.

    One thread fetches; others may call `halve` meanwhile.
    """

    def __init__(self, settings: Settings, topic: str, group: str, limits: Limits) -> None:
        self._settings = settings
        self._topic = topic
        self._group = group
        self._limits = limits
        self._consumer: Consumer = open_consumer(settings, group)
        self._learnt = False
        self._mean_bytes = 0.0
        self._waiting: deque[Span] = deque()
        self._reading: dict[int, _Reading] = {}
        self._lock = threading.Lock()

    def fetch(self, spans: Sequence[Span], stop: Stop) -> Iterator[Chunk]:
        """Return everything in ``spans`` as chunks; ends early, without what is still open, when ``stop()``.

        Raises `SilentBrokerError` when nothing comes for the timeout, `OvertakenError` when records expire meanwhile.
        """
        if not self._learnt:
            self._learnt = True
            learn(self._consumer, self._topic)
        with self._lock:
            self._waiting, self._reading = deque(spans), {}
        try:
            yield from self._fetch(stop)
        finally:
            with self._lock:
                self._waiting, self._reading = deque(), {}
            self._consumer.unassign()

    def halve(self) -> list[Span]:
        """Give away half of what is left to fetch; nothing when that is too little to be worth it."""
        with self._lock:
            left = self._left() + total(self._waiting)
            smallest = FIRST_GIFT_ALERTS
            if self._mean_bytes:
                smallest = min(SMALLEST_GIFT_ALERTS, int(SMALLEST_GIFT_BYTES / self._mean_bytes) + 1)
            return self._give(left // 2) if left // 2 >= smallest else []

    def _give(self, wanted: int) -> list[Span]:
        """Give away ``wanted`` offsets: what was not begun, from the end, then the ends of what is being read."""
        given: list[Span] = []
        while self._waiting and wanted:
            span = self._waiting.pop()
            if span.size > wanted:
                middle = span.end - wanted
                self._waiting.append(Span(span.partition, span.start, middle))
                span = Span(span.partition, middle, span.end)
            given.append(span)
            wanted -= span.size
        for reading in sorted(self._reading.values(), key=_remaining, reverse=True):
            cut = min(wanted, _remaining(reading) // 2)
            if cut > 0:
                given.append(reading.give(cut))
                wanted -= cut
        return sorted(given)

    def _fetch(self, stop: Stop) -> Iterator[Chunk]:
        silence = _Silence(self._limits.timeout)
        with self._lock:
            self._admit()
        while self._reading and not stop():
            # a poll that takes what another worker was given meanwhile does no harm: it is dropped
            messages = self._consumer.consume(self._appetite(), POLL_SECONDS)
            if messages:
                silence.ends()
                with self._lock:
                    self._receive(messages)
                    full = self._full_chunks()
                    self._admit()
                del messages
                while full:
                    yield full.pop(0)
            elif silence.is_final():
                raise SilentBrokerError(
                    f"the broker sent nothing of {self._topic} for {self._limits.timeout:g} s although there is more; "
                    "check the broker and the network"
                )
            elif silence.is_suspicious():
                self._connect_anew()

    def _connect_anew(self) -> None:
        """Take another connection for what is being read: this one may be dead, or the client at a loss.

        A connection can die without a sign. And a client whose broker was restarted some times, on a busy machine, was
        seen to ask for nothing any more.
        """
        from confluent_kafka import TopicPartition

        close_consumer(self._consumer)
        self._consumer = open_consumer(self._settings, self._group)
        learn(self._consumer, self._topic)
        with self._lock:
            going_on = [reading for reading in self._reading.values() if not reading.finished]
            self._consumer.assign([TopicPartition(self._topic, each.span.partition, each.next) for each in going_on])

    def confirm(self, partition: int, offset: int) -> None:
        """Tell Kafka how far this folder is: a courtesy to those who watch lag, never read back."""
        from confluent_kafka import KafkaException, TopicPartition

        try:
            self._consumer.commit(offsets=[TopicPartition(self._topic, partition, offset)], asynchronous=True)
        except KafkaException:
            return  # files are the truth

    def close(self) -> None:
        """Close the connection."""
        close_consumer(self._consumer)

    def _left(self) -> int:
        return sum(reading.span.end - reading.next for reading in self._reading.values())

    def _appetite(self) -> int:
        """Return how many messages to ask for: no more than are left, or the poll waits in vain at the end."""
        if not self._mean_bytes:
            return min(FIRST_POLL, self._left())
        fitting = int(min(POLL_BYTES, self._limits.batch_bytes) / self._mean_bytes) + 1
        return max(1, min(fitting, LARGEST_POLL, self._limits.batch_alerts, self._left()))

    def _admit(self) -> None:
        """Begin further spans while little is left of what is being read."""
        from confluent_kafka import TopicPartition

        room = min(AHEAD_BYTES / (self._mean_bytes or float("inf")), self._limits.batch_alerts / 2)
        for span in [span for span in self._waiting if span.partition not in self._reading]:
            if self._reading and (self._left() >= room or not self._mean_bytes):
                break
            if span.partition in self._reading:
                continue
            self._waiting.remove(span)
            self._reading[span.partition] = _Reading.begin(span)
            self._consumer.incremental_assign([TopicPartition(self._topic, span.partition, span.start)])

    def _receive(self, messages: Sequence[Message]) -> None:
        whole = [message for message in messages if message.error() is None]
        held = size = 0
        for number, run in groupby(whole, key=_partition):
            reading = self._reading.get(number)
            if reading is not None and not reading.finished:
                count, more = reading.add(list(run))
                held, size = held + count, size + more
        if len(whole) < len(messages):
            # after the records that came with them: the end of a partition ends its reading
            for message in messages:
                if message.error() is not None:
                    self._reckon(message)
        if held:
            mean = size / held
            self._mean_bytes = mean if not self._mean_bytes else 0.9 * self._mean_bytes + 0.1 * mean

    def _reckon(self, message: Message) -> None:
        """Deal with an event in the stream: the end of a partition, or a failure."""
        from confluent_kafka import KafkaError

        error = message.error()
        if error.code() == KafkaError._PARTITION_EOF:
            reading = self._reading.get(message.partition())
            if reading is not None:
                reading.next = max(reading.next, message.offset())
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise OvertakenError(f"records of {self._topic} expired while they were being fetched")
        elif not is_passing(error):
            raise kafka_failure(error, f"the topic {self._topic} cannot be read", self._settings)

    def _full_chunks(self) -> list[Chunk]:
        """Return what is full or finished; and the largest while all together hold too much."""
        from confluent_kafka import TopicPartition

        full = []
        for number, reading in list(self._reading.items()):
            while len(reading.held.offsets) > self._limits.batch_alerts:
                full.append(reading.take(self._limits.batch_alerts))
            if reading.finished:
                del self._reading[number]
                self._consumer.incremental_unassign([TopicPartition(self._topic, number)])
                if reading.covered < reading.span.end:
                    full.append(reading.take())
            elif reading.bytes >= self._limits.batch_bytes:
                full.append(reading.take())
        while sum(reading.bytes for reading in self._reading.values()) > 1.1 * self._limits.batch_bytes:
            full.append(max(self._reading.values(), key=_held_bytes).take())
        return full


class _Silence:
    """Time without a message: suspicious once, after a third of the timeout but not too soon; final after all of it."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._patience = max(timeout / 3, LEAST_PATIENCE_SECONDS)
        self._heard = time.monotonic()
        self._suspected: float | None = None

    def ends(self) -> None:
        """Take note of a message."""
        now = time.monotonic()
        if self._suspected is not None and now - self._suspected > self._patience / 4:
            self._patience *= 2  # it was only slow, and what was on its way had to be sent again
        self._heard, self._suspected = now, None

    def is_suspicious(self) -> bool:
        """Tell, once, whether the connection should be replaced."""
        now = time.monotonic()
        if self._suspected is not None or now - self._heard < self._patience:
            return False
        self._suspected = now
        return True

    def is_final(self) -> bool:
        """Tell whether the timeout is over."""
        return time.monotonic() - self._heard > self._timeout


def _size(values: Sequence[bytes | None]) -> int:
    return sum(map(len, filter(None, values)))  # a value may be absent


_partition = methodcaller("partition")
_held_bytes = attrgetter("bytes")


def _remaining(reading: _Reading) -> int:
    return reading.span.end - reading.next

"""What is held of the messages that a poll brings: all that were asked for, in order, gaps and ends included."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from alertferry.consumer.intake import _Reading
from alertferry.consumer.spans import Span


@dataclass
class Received:
    """A message as the library gives it."""

    number: int

    def offset(self) -> int:
        return self.number

    def key(self) -> bytes:
        return b"k%d" % self.number

    def value(self) -> bytes:
        return b"value %d" % self.number


@given(
    offsets=st.lists(st.integers(5, 40), min_size=1, unique=True).map(sorted),
    cut=st.integers(0, 40),
    end=st.integers(6, 45),
)
def test_messages_are_held_up_to_the_end_of_the_span(offsets: list[int], cut: int, end: int) -> None:
    reading = _Reading.begin(Span(3, 5, end))
    for poll in (offsets[:cut], offsets[cut:]):
        if poll and not reading.finished:
            reading.add([Received(offset) for offset in poll])
    wanted = [offset for offset in offsets if offset < end]
    assert reading.held.offsets == wanted
    assert reading.held.keys == [b"k%d" % offset for offset in wanted]
    assert reading.held.values == [b"value %d" % offset for offset in wanted]
    assert reading.bytes == sum(len(b"value %d" % offset) for offset in wanted)
    taken = reading.take()
    assert taken.span == Span(3, 5, min(end, offsets[-1] + 1))

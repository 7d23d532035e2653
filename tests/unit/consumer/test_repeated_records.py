"""Which records repeat another is told whatever their number; compared with a plain dictionary."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.consumer import repeats
from alertferry.consumer.intake import Chunk
from alertferry.consumer.repeats import Offsets, Seen, repeated_offsets
from alertferry.consumer.spans import Span
from alertferry.core.errors import AlertferryError
from alertferry.core.receipt import Receipt


class Records:
    """A topic in memory, read in chunks as an intake reads it."""

    def __init__(self, partitions):
        self.partitions = partitions

    def fetch(self, spans, stop):
        for span in spans:
            held = self.partitions[span.partition]
            for start in range(0, len(held), 3):
                part = held[start : start + 3]
                offsets = list(range(start, start + len(part)))
                keys, values = map(list, zip(*part, strict=True))
                yield Chunk(Span(span.partition, start, start + len(part)), offsets, keys, values)

    def repeated(self, alerts, **said):
        """Return (partition, offset) of what repeats, by a receipt of so many alerts."""
        ends = {number: len(held) for number, held in self.partitions.items()}
        receipt = Receipt(
            alerts=alerts, bytes=0, digest="", schema_fingerprint="", job_hash="", partitions=ends, **said
        )
        spans = [Span(number, 0, end) for number, end in ends.items() if end]
        found = repeated_offsets(self, spans, receipt, lambda: False)
        return {(number, offset) for number, offsets in found.items() for offset in offsets}


A, B, C, OTHER, NONE = (b"1", b"a"), (b"2", b"b"), (b"3", b"c"), (b"1", b"b"), (None, b"x")


def test_the_first_of_equal_records_stays():
    assert Records({0: [A, B, A, C, A]}).repeated(3, distinct=3) == {(0, 2), (0, 4)}


def test_packets_of_one_id_that_differ_are_no_repetitions():
    topic = Records({0: [A, OTHER, A, B, OTHER]})
    assert topic.repeated(3, distinct=2) == {(0, 2), (0, 4)}


def test_where_ids_are_said_to_differ_the_key_decides():
    """A task that is tried again may encode an alert in other bytes, if a function of a plugin is not the same twice."""
    assert Records({0: [A, B, OTHER]}).repeated(2, distinct=2) == {(0, 2)}


def test_a_receipt_of_0_1_0_leaves_it_to_the_number():
    assert Records({0: [A, B, OTHER]}).repeated(2) == {(0, 2)}
    assert Records({0: [A, OTHER, A]}).repeated(2) == {(0, 2)}


def test_records_without_a_key_repeat_each_other_in_any_partition():
    topic = Records({0: [NONE, A], 4: [NONE, (None, b"y"), (None, None), (None, None)]})
    assert topic.repeated(4, distinct=1, null_ids=3) == {(4, 0), (4, 3)}


def test_key_and_value_are_not_confused():
    topic = Records({0: [(b"ab", b"c"), (b"a", b"bc"), (b"", b"abc"), (b"", b""), (None, b"")]})
    assert topic.repeated(5, distinct=3, null_ids=1) == set()


records = st.lists(st.tuples(st.sampled_from([None, b"", b"1", b"2"]), st.sampled_from([None, b"", b"a", b"b"])))


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 900), records, max_size=3), st.sampled_from([1, 100, 1 << 20]))
def test_repetitions_are_those_of_a_dictionary(partitions, held_bytes):
    by_record, expected = set(), set()
    for number, held in sorted(partitions.items()):
        for offset, (key, value) in enumerate(held):
            if (key, value or b"") in by_record:
                expected.add((number, offset))
            by_record.add((key, value or b""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "HELD_BYTES", held_bytes)
        assert Records(partitions).repeated(len(by_record), distinct=0) == expected


def test_memory_holds_only_a_part(tmp_path, monkeypatch):
    monkeypatch.setattr(repeats, "HELD_BYTES", 1 << 14)
    numbers = [*range(20_000), *range(100, 200)]
    random.Random(1).shuffle(numbers)
    first = {}
    for place, number in enumerate(numbers):
        first.setdefault(number, place)
    with Seen(tmp_path) as seen:
        for place, number in enumerate(numbers):
            seen.add(seen.digest(b"%d" % number), place)
            assert seen._unwritten * 24 <= 1 << 14
        again = {place for _, places in seen.repeated() for place in places.to_pylist()}
    assert again == set(range(len(numbers))) - set(first.values())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", ["write", "flush", "read"])
def test_a_full_disk_is_an_error_about_the_disk(tmp_path, method):
    class Refusing:
        def __init__(self, file):
            self._file = file

        def __getattr__(self, name):
            if name == method:
                raise OSError(28, "No space left on device")
            return getattr(self._file, name)

    with Seen(tmp_path) as seen:
        seen._file = Refusing(seen._file)
        seen.add(seen.digest(b"1"), 0)
        with pytest.raises(AlertferryError, match=rf"cannot write to {tmp_path}: the disk is full"):
            list(seen.repeated())


def test_no_place_for_what_waits_on_disk_is_an_error_that_says_so(tmp_path):
    with pytest.raises(AlertferryError, match="absent"):
        Seen(tmp_path / "absent")


def test_digests_are_drawn_anew():
    with Seen() as one, Seen() as other:
        assert one.digest(b"1") != other.digest(b"1")


def test_offsets_are_a_sorted_set():
    offsets = Offsets([9, 2, 5])
    assert list(offsets) == [2, 5, 9]
    assert 5 in offsets
    assert 4 not in offsets
    assert "5" not in offsets
    assert (offsets.between(2, 5), offsets.between(3, 4), offsets.between(6, 100)) == (2, 0, 1)

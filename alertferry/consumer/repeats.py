"""What is there twice, records of a topic or ids of a folder: told by 128-bit digests, which wait on disk."""

from __future__ import annotations

import secrets
import tempfile
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import xxhash

from alertferry.consumer.durable import storage_errors
from alertferry.consumer.intake import Chunk, Intake, Stop
from alertferry.consumer.spans import Span
from alertferry.core.receipt import Receipt

if TYPE_CHECKING:
    import pyarrow as pa

HELD_BYTES = 48 << 20
"""Digests in memory before they go to disk."""

_DIGEST_BYTES = 16
_PLACE_BYTES = 8
_PARTITION = 1 << 44
"""Offsets in a partition; a record's place counts partition after partition."""


class Offsets(Collection[int]):
    """Offsets of one partition, eight bytes each."""

    def __init__(self, offsets: Iterable[int] = ()) -> None:
        self._offsets = array("q", sorted(offsets))

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, int) and self.between(offset, offset) > 0

    def __iter__(self) -> Iterator[int]:
        return iter(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)

    def between(self, first: int, last: int) -> int:
        """Return how many are from ``first`` to ``last``, both included."""
        return bisect_right(self._offsets, last) - bisect_left(self._offsets, first)


class Seen:
    """What was seen, each with its place (a number): which of it repeats, whatever its amount.

    Its methods raise `AlertferryError` when the disk refuses.

    Digests are put aside by their first byte, so that those that are equal are together in one of 256 parts, of which
    only one is in memory at a time. They depend on a number that is drawn anew each time: nobody can prepare content
    whose digests are equal.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._seed = secrets.randbits(64)
        # each step that touches the disk names it: callers read files of their own, and would blame those
        with storage_errors(folder or Path("$TMPDIR")):
            self._folder = folder or Path(tempfile.gettempdir())
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by `__exit__`
        self._held: list[tuple[bytearray, array[int]]] = [(bytearray(), array("q")) for _ in range(256)]
        self._unwritten = 0
        self._written: dict[int, list[tuple[int, int]]] = defaultdict(list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what waits on disk."""
        with suppress(OSError):  # what a full disk did not take is not needed any more
            self._file.close()

    def digest(self, content: bytes) -> bytes:
        """Return 16 bytes that differ for different content."""
        return xxhash.xxh3_128_digest(content, self._seed)

    def add(self, digest: bytes, place: int) -> None:
        """Take note of one of these."""
        digests, places = self._held[digest[0]]
        digests += digest
        places.append(place)
        self._unwritten += 1
        if self._unwritten * (_DIGEST_BYTES + _PLACE_BYTES) >= HELD_BYTES:
            self._put_aside()

    def repeated(self) -> Iterator[tuple[pa.Array, pa.Array]]:
        """Yield digests and places of everything but the first of each, by part; first is what has the least place."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self._put_aside()
        for segments in self._written.values():
            table = pa.concat_tables(self._read(at, count) for at, count in segments)
            firsts = table.group_by("digest").aggregate([("place", "min")])["place_min"]
            if len(firsts) < len(table):
                again = table.filter(pc.invert(pc.is_in(table["place"], value_set=firsts.combine_chunks())))
                yield again["digest"].combine_chunks(), again["place"].combine_chunks()

    def _put_aside(self) -> None:
        with storage_errors(self._folder):
            for part, (digests, places) in enumerate(self._held):
                if places:
                    self._written[part].append((self._file.tell(), len(places)))
                    self._file.write(digests)
                    self._file.write(places)
            self._file.flush()
        self._held = [(bytearray(), array("q")) for _ in range(256)]
        self._unwritten = 0

    def _read(self, at: int, count: int) -> pa.Table:
        import pyarrow as pa

        with storage_errors(self._folder):
            end = self._file.seek(0, 2)
            self._file.seek(at)
            digests, places = (pa.py_buffer(self._file.read(count * size)) for size in (_DIGEST_BYTES, _PLACE_BYTES))
            self._file.seek(end)
        return pa.table(
            {
                "digest": pa.FixedSizeBinaryArray.from_buffers(pa.binary(_DIGEST_BYTES), count, [None, digests]),
                "place": pa.Int64Array.from_buffers(pa.int64(), count, [None, places]),
            }
        )


def repeated_offsets(
    intake: Intake, spans: Sequence[Span], receipt: Receipt, stop: Stop, folder: Path | None = None
) -> dict[int, Offsets]:
    """Return for each partition the offsets of records that repeat an earlier one.

    Where the receipt says that no two packets have one id, records with an earlier record's key are repetitions, else
    only those that are equal to an earlier one in every byte. Receipts of 0.1.0 say nothing of ids: there keys decide
    if as many are repeated as there are too many records. What waits on disk does so in ``folder``.
    """
    with Seen(folder) as by_key, Seen(folder) as by_record:
        wanted = [by_key, by_record] if receipt.distinct is None else [by_record if receipt.differing else by_key]
        for chunk in intake.fetch(spans, stop):
            for seen in wanted:
                _add(seen, chunk, with_values=seen is by_record)
        found = [_by_partition(seen) for seen in wanted]
    surplus = receipt.records - receipt.alerts
    return found[0] if sum(map(len, found[0].values())) == surplus else found[-1]


def _add(seen: Seen, chunk: Chunk, *, with_values: bool) -> None:
    """Take note of records by key and value; by key alone where they have one and ``with_values`` does not hold."""
    begin = chunk.span.partition * _PARTITION
    for offset, key, value in zip(chunk.offsets, chunk.keys, chunk.values, strict=True):
        if key is None:
            content = b"-" + seen.digest(value or b"")
        elif with_values:
            content = seen.digest(value or b"") + key
        else:
            content = key
        seen.add(seen.digest(content), begin + offset)


def _by_partition(seen: Seen) -> dict[int, Offsets]:
    offsets: dict[int, array[int]] = defaultdict(lambda: array("q"))
    for _, places in seen.repeated():
        for place in places.to_pylist():
            number, offset = divmod(place, _PARTITION)
            offsets[number].append(offset)
    return {number: Offsets(found) for number, found in offsets.items()}

"""Records that a retried task sent twice: found by reading the topic's keys, dropped wherever they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import xxhash

from alertferry.consumer.intake import Chunk, Intake, Stop
from alertferry.consumer.spans import Span

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class _Seen:
    """Keys, checksums of values and offsets of one partition, in order."""

    keys: list[pa.Array] = field(default_factory=list)
    values: list[pa.Array] = field(default_factory=list)
    offsets: list[pa.Array] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        import pyarrow as pa

        known = [index for index, key in enumerate(chunk.keys) if key is not None]
        self.keys.append(pa.array([chunk.keys[index] for index in known], pa.large_binary()))
        sums = [xxhash.xxh3_128_digest(chunk.values[index] or b"") for index in known]
        self.values.append(pa.array(sums, pa.binary(16)))
        self.offsets.append(pa.array([chunk.offsets[index] for index in known], pa.int64()))

    def repeated(self, names: Sequence[str]) -> frozenset[int]:
        """Return the offsets of all records but the first with equal ``names`` (``key``, ``value``)."""
        import pyarrow as pa

        columns = {"key": self.keys, "value": self.values, "offset": self.offsets}
        if not self.offsets:
            return frozenset()
        table = pa.table({name: pa.chunked_array(parts) for name, parts in columns.items()})
        firsts = table.group_by(list(names)).aggregate([("offset", "min")])["offset_min"]
        return frozenset(table["offset"].to_pylist()) - frozenset(firsts.to_pylist())


def repeated_offsets(intake: Intake, spans: Sequence[Span], surplus: int, stop: Stop) -> dict[int, frozenset[int]]:
    """Return for each partition the offsets of records that repeat an earlier one.

    ``surplus`` is how many more records than alerts the receipt counts. Where as many keys are repeated, records with
    an earlier record's key are the repetitions; where more are, one alert makes several rows (a crossmatch that keeps
    all matches), and only records equal to an earlier one in every byte are.
    """
    by_key, by_record = {}, {}
    for number, seen in _read(intake, spans, stop):
        by_key[number] = seen.repeated(["key"])
        by_record[number] = seen.repeated(["key", "value"])
    return by_key if sum(map(len, by_key.values())) == surplus else by_record


def _read(intake: Intake, spans: Sequence[Span], stop: Stop) -> Iterator[tuple[int, _Seen]]:
    for number in sorted({span.partition for span in spans}):
        seen = _Seen()
        for chunk in intake.fetch([span for span in spans if span.partition == number], stop):
            seen.add(chunk)
        yield number, seen

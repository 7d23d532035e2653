"""The alert ids of a delivered folder, and packets that it holds twice, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.consumer.repeats import Seen
from alertferry.core.paths import split_path
from alertferry.core.receipt import ids_digest

if TYPE_CHECKING:
    import pyarrow as pa


FILTER_BITS = 1 << 28
"""What is kept of the ids that repeat, however many: 32 MiB. Of 10^8 it takes every third other id for one of them, and
all that comes of it is that more packets are compared."""


class Ids:
    """Alert ids as they are read: how many there are, how many differ. Ends with `close`."""

    def __init__(self) -> None:
        self._seen = Seen()
        self._count = 0

    def add(self, array: pa.Array) -> int:
        """Take note of some ids and return their `ids_digest`; those that are null count in the digest only."""
        keys = [text_of(value) for value in array.to_pylist()]
        for key in keys:
            if key is not None:
                self._seen.add(self._seen.digest(key), self._count)
                self._count += 1
        return ids_digest(keys)

    @property
    def distinct(self) -> int:
        """Number of ids that differ."""
        return self._count - self.repeated

    @cached_property
    def repeated(self) -> int:
        """Number of rows whose id another row before had."""
        return sum(len(places) for _, places in self._seen.repeated())

    @cached_property
    def _several(self) -> bytearray:
        """One bit for each part of the digests: set where an id repeats."""
        bits = bytearray(FILTER_BITS // 8)
        for digests, _ in self._seen.repeated():
            for digest in digests.to_pylist():
                at = _bit(digest)
                bits[at >> 3] |= 1 << (at & 7)
        return bits

    def may_have_several(self, key: bytes | None) -> bool:
        """Tell whether there are several rows of an id; always so if there are, and for those without one."""
        if key is None:
            return True
        at = _bit(self._seen.digest(key))
        return bool(self._several[at >> 3] >> (at & 7) & 1)

    def close(self) -> None:
        """Let go of what waits on disk."""
        self._seen.close()


def _bit(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big") % FILTER_BITS


def text_of(alert_id: Any) -> bytes | None:
    """Return an alert id as the key of its record."""
    return None if alert_id is None else str(alert_id).encode()


def packets_twice(files: Sequence[Path], alert_id: str, ids: Ids) -> int:
    """Return how many packets of some files are equal, in all that the files hold, to one before."""
    with Seen() as seen:
        for place, row in enumerate(row for path in files for row in _rows(path, alert_id, ids)):
            seen.add(seen.digest(repr(row).encode(errors="surrogatepass")), place)
        return sum(len(places) for _, places in seen.repeated())


def _rows(path: Path, alert_id: str, ids: Ids) -> Iterator[Any]:
    """Yield the packets of all ids that several have, and maybe of some others."""
    return _parquet_rows(path, alert_id, ids) if path.suffix == ".parquet" else _avro_rows(path, alert_id, ids)


def _parquet_rows(path: Path, alert_id: str, ids: Ids) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from alertferry.consumer.schemas import column_at

    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            found = column_at(
                file.read_row_group(group, columns=[".".join(split_path(alert_id))]), alert_id
            ).to_pylist()
            mask = [ids.may_have_several(text_of(value)) for value in found]
            if any(mask):
                yield from file.read_row_group(group).filter(pa.array(mask)).to_pylist()


def _avro_rows(path: Path, alert_id: str, ids: Ids) -> Iterator[Any]:
    import fastavro

    with path.open("rb") as file:
        for record in fastavro.reader(file):
            if ids.may_have_several(text_of(_value_at(record, split_path(alert_id)))):
                yield record


def _value_at(record: Any, path: Iterable[str]) -> Any:
    for name in path:
        record = record.get(name) if record is not None else None
    return record

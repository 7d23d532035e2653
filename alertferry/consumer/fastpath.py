"""Decoding by the Rust reader of polars-avro, straight into Arrow, with every message's boundary checked.

The reader knows containers, not messages: given messages end to end it would read past a short one into the next, and
it never returns when bytes are left over in a block. So each message is wrapped as a record of the packet and a fixed
random mark, messages are joined by that mark, the block claims more records than it holds, and only the first batch is
read. A message that does not end where it should cannot produce its mark.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.consumer.framing import header, new_sync, varint
from alertferry.consumer.schemas import Avro, arrow_type, storage_schema

if TYPE_CHECKING:
    import pyarrow as pa

SLICE_BYTES = 4 << 20
"""Messages decoded in one call; larger blocks are slower, because the reader copies a block as a whole."""

_MARK_BYTES = 8
_MORE_THAN_HELD = varint(1 << 40)


class ReadError(ValueError):
    """Some message in a slice cannot be read; the text says why."""


class FastReader:
    """Decodes messages of one schema into Arrow structs; ``usable`` is false where the Rust reader cannot."""

    def __init__(self, schema: Avro) -> None:
        self.mark = os.urandom(_MARK_BYTES)
        sync = new_sync()
        self._head = header(json.dumps(_wrapped(storage_schema(schema))), sync)
        self._tail = self.mark + sync
        self._type = _packet_type(self._head)
        self.usable = self._type is not None

    def read(self, messages: Sequence[bytes]) -> pa.StructArray:
        """Return one struct a message. Raises `ReadError` when any of them cannot be read."""
        batch = self._batch(messages, None)
        self._check(batch, len(messages))
        return batch.column("packet")

    def check(self, messages: Sequence[bytes]) -> None:
        """Walk over messages without keeping their values. Raises `ReadError` like `read`."""
        self._check(self._batch(messages, ["mark"]), len(messages))

    def matches(self, schema: Avro) -> bool:
        """Tell whether the reader's own Arrow type is exactly the one derived from the schema."""
        expected = arrow_type(schema, storage=True, dictionary=True)
        return self._type is not None and bool(self._type.equals(expected))

    def _batch(self, messages: Sequence[bytes], columns: list[str] | None) -> pa.RecordBatch:
        batch = _first_batch(self._framed(messages), len(messages), columns)
        if isinstance(batch, str):
            raise ReadError(batch)
        return batch

    def _framed(self, messages: Sequence[bytes]) -> bytes:
        size = sum(map(len, messages)) + len(messages) * _MARK_BYTES
        head = self._head + _MORE_THAN_HELD + varint(size)
        if len(messages) == 1:
            return b"".join((head, messages[0], self._tail))
        return self.mark.join((head + messages[0], *messages[1:-1], messages[-1] + self._tail))

    def _check(self, batch: pa.RecordBatch, count: int) -> None:
        import pyarrow as pa

        marks = batch.column("mark")
        if len(marks) != count:
            raise ReadError(f"{count} messages gave {len(marks)} records")
        start = marks.offset * _MARK_BYTES
        found = marks.buffers()[1].slice(start, count * _MARK_BYTES)
        if not found.equals(pa.py_buffer(self.mark * count)):
            raise ReadError("the record does not end where the message ends")


def _wrapped(packet: Avro) -> dict[str, Any]:
    mark = {"type": "fixed", "name": "AlertferryMark", "size": _MARK_BYTES}
    fields = [{"name": "packet", "type": packet}, {"name": "mark", "type": mark}]
    return {"type": "record", "name": "AlertferryFrame", "fields": fields}


# Below, the reader and its iterator are held in variables until any error of theirs has been dealt with: they close
# their file when they are dropped, and doing that while an error is on its way up corrupts the interpreter (seen as
# SystemError and as segmentation faults). For the same reason these functions return what went wrong.


def _reader(container: bytes) -> Any:
    # The documented functions of polars-avro convert to polars types and back, which loses nullability and time; the
    # reader below them hands out Arrow. Its absence in a later version is survived: `usable` is then false.
    from polars_avro._avro_rs import AvroSource

    return AvroSource([lambda: io.BytesIO(container)], False, False)


def _packet_type(container: bytes) -> pa.DataType | None:
    import pyarrow as pa

    reader = None
    try:
        reader = _reader(container)
        return pa.record_batch(reader.schema()).schema.field("packet").type
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # a panic of the Rust side is no Exception
        return None


def _first_batch(container: bytes, rows: int, columns: list[str] | None) -> pa.RecordBatch | str:
    import pyarrow as pa

    reader = _reader(container)
    batches = reader.batch_iter(rows, columns)
    try:
        for batch in batches:
            return pa.record_batch(batch)
        return "no record was found in the bytes"
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic of the Rust side is no Exception
        return str(error)


def container_column(path: Path, column: str) -> list[pa.Array] | None:
    """Return one top-level column of an Avro container known to be whole; None where the Rust reader cannot."""
    import pyarrow as pa
    from polars_avro._avro_rs import AvroSource

    reader = AvroSource([str(path)], False, False)
    try:
        return [pa.record_batch(batch).column(column) for batch in reader.batch_iter(8192, [column])]
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:  # a panic of the Rust side is no Exception
        return None

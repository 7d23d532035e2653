"""Decoding by the Rust reader of polars-avro, straight into Arrow, with every message's boundary checked.

The reader knows containers, not messages: given messages end to end it would read past a short one into the next, and
it never returns when bytes are left over in a block. So each message is wrapped as a record of the packet and a fixed
random mark, messages are joined by that mark, the block claims more records than it holds, and only the first batch is
read. A message that does not end where it should cannot produce its mark.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.consumer.framing import header, new_sync, varint
from alertferry.consumer.schemas import Avro, arrow_type, storage_schema

if TYPE_CHECKING:
    import pyarrow as pa

SLICE_BYTES = 12 << 20
"""Messages decoded in one call. A call costs time for every column, so smaller blocks are slower; and larger ones too,
because the reader copies a block as a whole."""

SLICE_MESSAGES = 8_000
"""Of small messages a block holds no more: what becomes of them then stays in the processor's cache."""

PIECE_BYTES = 64 << 10
"""Messages smaller than this are joined up to it before the reader asks for them; larger ones are not copied."""

_RUST = "polars_avro._avro_rs"
_loading = threading.Lock()

_MARK_BYTES = 8
_MORE_THAN_HELD = varint(1 << 40)


def slice_bytes(messages: Sequence[bytes]) -> int:
    """Return how many bytes of such messages are best decoded in one call."""
    mean = sum(map(len, messages)) / max(1, len(messages))
    return min(SLICE_BYTES, max(1, int(SLICE_MESSAGES * mean)))


class ReadError(ValueError):
    """Some message in a slice cannot be read; the text says why."""


class FastReader:
    """Decodes messages of one schema into Arrow structs; ``usable`` is false where the Rust reader cannot."""

    def __init__(self, schema: Avro) -> None:
        self.mark = os.urandom(_MARK_BYTES)
        sync = new_sync()
        self._head = header(json.dumps(_wrapped(storage_schema(schema))), sync)
        self._sync = sync
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
        batch = _first_batch(_Pieces(self._framed(messages)), len(messages), columns)
        if isinstance(batch, str):
            raise ReadError(batch)
        return batch

    def _framed(self, messages: Sequence[bytes]) -> Iterator[bytes]:
        """Yield the container in pieces: every message, each followed by the mark."""
        size = sum(map(len, messages))
        yield self._head + _MORE_THAN_HELD + varint(size + len(messages) * _MARK_BYTES)
        together = PIECE_BYTES * len(messages) // max(1, size)
        if together > 1:
            for start in range(0, len(messages), together):
                yield self.mark.join((*messages[start : start + together], b""))
        else:
            for message in messages:
                yield message
                yield self.mark
        yield self._sync

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


class _Pieces:
    """A file to read from whose content comes in pieces: none is copied that the reader has room for."""

    closed = False

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        piece = self._left or next(filter(None, self._pieces), b"")
        self._left = piece[size:]
        return piece[:size]

    def close(self) -> None:
        """Let go of what was not read."""
        self.closed = True
        self._pieces = iter(())
        self._left = b""

    def __enter__(self) -> _Pieces:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


# Below, the reader and its iterator are held in variables until any error of theirs has been dealt with: they close
# their file when they are dropped, and doing that while an error is on its way up corrupts the interpreter (seen as
# SystemError and as segmentation faults). For the same reason these functions return what went wrong.


def load() -> Any:
    """Return the Rust part of polars-avro. Raises `ImportError` where there is none.

    It is loaded by itself: its package imports all of polars, which nothing here uses and which takes as long as a
    small topic.
    """
    with _loading:
        if _RUST not in sys.modules:
            package = find_spec("polars_avro")
            spec = PathFinder.find_spec(_RUST, package.submodule_search_locations) if package else None
            if spec is None or spec.loader is None:
                raise ImportError(f"no {_RUST} is installed")
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[_RUST] = module
    return sys.modules[_RUST]


def _reader(container: _Pieces) -> Any:
    # The documented functions of polars-avro convert to polars types and back, which loses nullability and time; the
    # reader below them hands out Arrow. Its absence in a later version is survived: `usable` is then false.
    return load().AvroSource([lambda: container], False, False)


def _packet_type(head: bytes) -> pa.DataType | None:
    import pyarrow as pa

    reader = None
    try:
        reader = _reader(_Pieces(iter((head,))))
        return pa.record_batch(reader.schema()).schema.field("packet").type
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # a panic of the Rust side is no Exception
        return None


def _first_batch(container: _Pieces, rows: int, columns: list[str] | None) -> pa.RecordBatch | str:
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

    reader = load().AvroSource([str(path)], False, False)
    try:
        return [pa.record_batch(batch).column(column) for batch in reader.batch_iter(8192, [column])]
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:  # a panic of the Rust side is no Exception
        return None

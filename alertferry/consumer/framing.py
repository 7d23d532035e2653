"""Avro containers from bare messages: the file format of Avro 1.11, written and scanned without decoding."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import BinaryIO

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
BLOCK_BYTES = 1 << 20
"""Blocks hold about this much, so that readers never need much more memory than that."""


class FramingError(ValueError):
    """A file is not a whole Avro container."""


def varint(value: int) -> bytes:
    """Return Avro's encoding of a long: zig-zag, then seven bits a byte, the lowest first."""
    value = (value << 1) ^ (value >> 63)
    encoded = bytearray()
    while value & ~0x7F:
        encoded.append((value & 0x7F) | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def new_sync() -> bytes:
    """Return a random sync marker."""
    return os.urandom(SYNC_BYTES)


def header(schema_json: str, sync: bytes, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the head of a container with codec ``null``; ``metadata`` adds further keys."""
    entries = {"avro.schema": schema_json, "avro.codec": "null", **(metadata or {})}
    parts = [MAGIC, varint(len(entries))]
    for key, value in entries.items():
        for text in (key.encode(), value.encode()):
            parts += (varint(len(text)), text)
    return b"".join((*parts, varint(0), sync))


def block(messages: Sequence[bytes], sync: bytes) -> bytes:
    """Return one block that holds the messages as they are."""
    size = sum(map(len, messages))
    return b"".join((varint(len(messages)), varint(size), *messages, sync))


def blocks(messages: Sequence[bytes], sync: bytes, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Return the messages as blocks of about ``block_bytes``."""
    for start, stop in slices(messages, block_bytes):
        yield block(messages[start:stop], sync)


def slices(
    messages: Sequence[bytes], slice_bytes: int, weights: Sequence[int] | None = None
) -> Iterator[tuple[int, int]]:
    """Return (start, stop) of consecutive slices of about ``slice_bytes``, as even as whole messages allow.

    The bytes of a message are its ``weights``, by default its length.
    """
    size = sum(weights) if weights is not None else sum(map(len, messages))
    number = round(size / slice_bytes)
    if number < 2:  # as often; the ends of all messages need not be worked out
        if messages:
            yield 0, len(messages)
        return
    share = -(-size // number)
    ends = list(accumulate(map(len, messages) if weights is None else weights))
    start = reached = 0
    while start < len(ends):
        last = reached + share >= size
        stop = len(ends) if last else bisect_left(ends, reached + share, start) + 1
        yield start, stop
        start, reached = stop, ends[stop - 1]


def scan(file: BinaryIO) -> tuple[dict[str, str], int]:
    """Return the metadata and the number of records of a container, without decoding records.

    Raises `FramingError` when the file is cut short or a sync marker is damaged.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise FramingError("it does not begin as an Avro container")
    metadata = _read_map(file)
    sync = _take(file, SYNC_BYTES)
    rows = 0
    while (count := _read_long(file, at_end=True)) is not None:
        file.seek(_long(file), os.SEEK_CUR)
        if _take(file, SYNC_BYTES) != sync:
            raise FramingError("a sync marker is damaged")
        rows += count
    return metadata, rows


def _take(file: BinaryIO, count: int) -> bytes:
    taken = file.read(count)
    if len(taken) != count:
        raise FramingError("it ends in the middle of a block")
    return taken


def _read_long(file: BinaryIO, at_end: bool = False) -> int | None:
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte:
            if at_end and shift == 0:
                return None
            raise FramingError("it ends in the middle of a number")
        value |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return (value >> 1) ^ -(value & 1)
        if shift > 63:
            raise FramingError("a number is longer than 64 bits")


def _long(file: BinaryIO) -> int:
    value = _read_long(file)
    if value is None or value < 0:
        raise FramingError("a length is negative")
    return value


def _read_map(file: BinaryIO) -> dict[str, str]:
    entries: dict[str, str] = {}
    while count := _read_long(file):
        if count < 0:
            count = -count
            _long(file)
        for _ in range(count):
            key = _take(file, _long(file)).decode()
            entries[key] = _take(file, _long(file)).decode(errors="replace")
    return entries

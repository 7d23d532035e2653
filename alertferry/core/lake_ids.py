"""The ids of a lake's alerts, read from its files without the rest of them, to know whether any two share one.

A footer describes every column of a file, which for alerts takes longer to understand than the ids take to read. So
of thousands of small files only the description of one column is looked at, and the pieces of all files that hold it
become one small parquet file in memory, with a footer of our own. What was found is remembered.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.core.footers import TAIL_BYTES, Footer, FooterMemory
from alertferry.core.lake_files import ListedFile
from alertferry.core.lake_nights import LakeNights
from alertferry.core.many_reads import read_many
from alertferry.core.parquet_schema import Element, only_chunk, root_leaf

if TYPE_CHECKING:
    import pyarrow as pa

MOST_IDS = 1 << 24
"""Ids that are compared in memory here; Spark does it for more."""

_TEXT = 6
_COMPARED = {"int": 1, "long": 2, "string": _TEXT}
"""Types of which equal values are stored as equal ones, with the physical type that they are of."""

_MARK = b"PAR1"


@dataclass(frozen=True)
class LakeIds:
    """The ids of all alerts of some nights; ``column`` is a root column. That all differ is noted in ``memory``."""

    nights: LakeNights
    column: str
    memory: FooterMemory
    is_local: bool

    def all_differ(self) -> bool | None:
        """Tell whether no two alerts have the same id, nor two of them none; None where Spark has to be asked."""
        if self._fact and self.memory.noted(self._fact):
            return True
        if not self.is_local or self.nights.alerts > MOST_IDS:
            return None
        with suppress(OSError, ValueError, LookupError, NotImplementedError):  # Spark says what is wrong
            found = list(self._read())
            if sum(map(len, found)) == self.nights.alerts:
                return _differ(found)
        return None

    def remember(self) -> None:
        """Keep in mind that all differ, as long as the files stay what they are."""
        if self._fact:
            self.memory.note(self._fact)

    @property
    def _fact(self) -> str:
        """What is remembered of settled files: that no two alerts share a value of the column as Spark reads it.

        Two without a value count as sharing one. The number changes when an earlier finding is no longer trusted.
        """
        return f"2: no {self.column} twice in {self.nights.identity}" if self.nights.identity else ""

    def _read(self) -> Iterator[pa.ChunkedArray]:
        pairs = list(zip(self.nights.files, self.nights.footers, strict=True))
        for found in read_many(pairs, lambda part: _ids(part, self.column)):
            yield from found


def _differ(found: Sequence[pa.ChunkedArray]) -> bool | None:
    """Tell whether all values differ; None for types that cannot be compared with each other."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = {array.type for array in found if len(array)}
    if sum(array.null_count for array in found) > 1:
        return False
    if kinds <= {pa.int32(), pa.int64()}:
        ids = np.concatenate([np.empty(0, np.int64), *(array.drop_null().to_numpy() for array in found)])
        ids.sort()
        return not bool((ids[1:] == ids[:-1]).any())
    if len(kinds) > 1:
        return None
    whole = pa.chunked_array([chunk for array in found for chunk in array.chunks], kinds.pop()).drop_null()
    return len(whole) == int(pc.count_distinct(whole).as_py())


def _ids(pairs: Sequence[tuple[ListedFile, Footer]], column: str) -> list[pa.ChunkedArray]:
    """Return the ids of some files. Raises `NotImplementedError` for types that are left to Spark."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found, pieces = [], list[_Piece]()
    for file, footer in pairs:
        if not footer.alerts:
            continue
        leaf = _leaf(footer.described, column)
        known = footer.schema.get(column)
        if leaf is None or known is None or _COMPARED.get(str(known.type)) != leaf[1].physical:
            raise NotImplementedError(f"{column} in {file.path} is not stored as its value")  # unsigned, decimal, ...
        piece = _piece(file, *leaf)
        if piece is not None:
            pieces.append(piece)
        else:
            with pq.ParquetFile(file.path) as other:
                found.append(other.read(columns=[column]).column(0))
    for kind in {(piece.physical, piece.optional) for piece in pieces}:
        whole = pa.BufferReader(_together([p for p in pieces if (p.physical, p.optional) == kind], *kind))
        # without what is for slow disks: for thousands of row groups it takes ten times as long as to read them
        found.append(pq.ParquetFile(whole, pre_buffer=False).read(use_threads=False).column(0))
    return found


@cache
def _leaf(schema: bytes, column: str) -> tuple[int, Element] | None:
    return root_leaf(schema, column)


@dataclass(frozen=True)
class _Piece:
    """The values of a column in one file: their bytes, and where a footer says what is in them."""

    data: bytes
    meta: Mapping[int, Any]
    start: int
    physical: int
    optional: bool


def _piece(file: ListedFile, leaf: int, element: Element) -> _Piece | None:
    """Return the values of a column in a file of one row group; None for other files."""
    assert element.physical is not None
    with Path(file.path).open("rb", buffering=0) as stream:
        stream.seek(-min(file.size, TAIL_BYTES), os.SEEK_END)
        tail = stream.read(TAIL_BYTES)
        size = int.from_bytes(tail[-8:-4], "little")
        if size + 8 > len(tail):
            stream.seek(-size - 8, os.SEEK_END)
            tail = stream.read(size + 8)
        meta = only_chunk(tail[-8 - size : -8], leaf)
        if meta is None:
            return None
        start = min(meta[9], meta.get(11) or meta[9])
        if not 0 <= start <= start + meta[7] <= file.size:
            raise ValueError("its footer points beyond its end")
        stream.seek(start)
        return _Piece(stream.read(meta[7]), meta, start, element.physical, element.optional)


def _together(pieces: Sequence[_Piece], physical: int, optional: bool) -> bytes:
    """Return a parquet file of one column in which each piece is a row group."""
    data, groups = io.BytesIO(), list[bytes]()
    data.write(_MARK)
    for piece in pieces:
        moved, meta = data.tell() - piece.start, piece.meta
        offsets = {number: _i64(meta[number] + moved) for number in (9, 11) if meta.get(number)}
        described = {1: _i32(meta[1]), 2: _list(5, map(_varint, map(_zigzag, meta[2]))), 3: _list(8, [_bytes(b"id")])}
        described |= {4: _i32(meta[4]), **{number: _i64(meta[number]) for number in (5, 6, 7)}, **offsets}
        chunk = _struct({2: _i64(0), 3: (12, _struct(described))})
        groups.append(_struct({1: _list(12, [chunk]), 2: _i64(meta[6]), 3: _i64(meta[5])}))
        data.write(piece.data)
    root = _struct({4: (8, _bytes(b"schema")), 5: _i32(1)})
    text = {6: _i32(0)} if physical == _TEXT else {}
    leaf = _struct({1: _i32(physical), 3: _i32(int(optional)), 4: (8, _bytes(b"id")), **text})
    rows = sum(piece.meta[5] for piece in pieces)
    footer = _struct({1: _i32(1), 2: _list(12, [root, leaf]), 3: _i64(rows), 4: _list(12, groups)})
    data.write(footer + len(footer).to_bytes(4, "little") + _MARK)
    return data.getvalue()


_Value = tuple[int, bytes]
"""A value in Thrift's compact protocol: its type and its bytes."""


def _struct(fields: Mapping[int, _Value]) -> bytes:
    text, before = bytearray(), 0
    for number, (kind, value) in sorted(fields.items()):
        text.append((number - before) << 4 | kind)
        text += value
        before = number
    return bytes(text) + b"\0"


def _list(kind: int, items: Any) -> _Value:
    values = list(items)
    head = bytes([len(values) << 4 | kind]) if len(values) < 15 else bytes([0xF0 | kind]) + _varint(len(values))
    return 9, head + b"".join(values)


def _bytes(text: bytes) -> bytes:
    return _varint(len(text)) + text


def _zigzag(value: int) -> int:
    return value << 1 ^ value >> 63


def _varint(value: int) -> bytes:
    text = bytearray()
    while value > 127:
        text.append(value & 127 | 128)
        value >>= 7
    return bytes([*text, value])


def _i32(value: int) -> _Value:
    return 5, _varint(_zigzag(value))


def _i64(value: int) -> _Value:
    return 6, _varint(_zigzag(value))

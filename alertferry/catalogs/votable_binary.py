"""The cells of a VOTable's BINARY and BINARY2 streams (VOTable 1.4, sections 5.4 and 6).

Other readers take the end of the data for the end of the table; here a stream that ends within a row is damaged.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from alertferry.catalogs.display import shown
from alertferry.catalogs.source import too_many_rows
from alertferry.catalogs.votable_document import Document, Field
from alertferry.core.errors import UsageError

_NUMBERS = {
    "unsignedByte": ">u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
    "floatComplex": ">f4",
    "doubleComplex": ">f8",
}
_BYTES_OF = {"boolean": 1, "char": 1, "unicodeChar": 2, "floatComplex": 8, "doubleComplex": 16}
_BYTES_OF |= {name: int(kind[2]) for name, kind in _NUMBERS.items() if not name.endswith("Complex")}


@dataclass(frozen=True)
class _Cells:
    """The bytes of one column, and which of its cells are flagged as null."""

    parts: list[bytes]
    nulls: list[bool]


def read_binary(
    text: str, document: Document, wanted: Sequence[int], max_rows: int, stop: bool = False
) -> list[pa.Array]:
    """Return columns (by position) of a base64 stream with their declared types.

    Above ``max_rows`` rows it stops, or raises `UsageError` unless ``stop``.
    """
    fields = document.fields
    stream = decoded(text)
    cells = {index: _Cells([], []) for index in wanted}
    for number, row in enumerate(_rows(stream, fields, document.serialization == "BINARY2")):
        if number == max_rows:
            if stop:
                break
            raise too_many_rows(f"more than {max_rows:,}", max_rows)
        for index, column in cells.items():
            part, null = row[index]
            column.parts.append(part)
            column.nulls.append(null)
    return [_array(fields[index], cells[index]) for index in wanted]


def decoded(text: str) -> bytes:
    """Return the bytes of a base64 stream. Raises `UsageError` when it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"is damaged: its data are no base64 ({shown(error)})") from None


def _rows(stream: bytes, fields: Sequence[Field], flagged: bool) -> Iterator[list[tuple[bytes, bool]]]:
    """Give the cells of each row."""
    layout = [_layout(field) for field in fields]
    flag_bytes = math.ceil(len(fields) / 8) if flagged else 0
    at = 0
    while at < len(stream):
        start = at
        flags = int.from_bytes(stream[at : at + flag_bytes], "big")
        at += flag_bytes
        row = []
        for position, (size, fixed) in enumerate(layout):
            count = int.from_bytes(stream[at : at + 4], "big", signed=True) if fixed is None else fixed
            at += 4 if fixed is None else 0
            length = size * count if size else math.ceil(count / 8)
            end = at + length
            if count < 0 or end > len(stream):
                raise UsageError("is damaged: its binary data end within a row")
            row.append((stream[at:end], bool(flagged and flags >> (8 * flag_bytes - 1 - position) & 1)))
            at = end
        if at == start:
            raise UsageError("declares rows without any bytes")
        yield row


def _layout(field: Field) -> tuple[int, int | None]:
    """Return the bytes of an element (0: bits) and the number of elements; None when each cell tells it."""
    if field.datatype != "bit" and field.datatype not in _BYTES_OF:
        raise UsageError(f"has a field {shown(field.name)!r} of the unknown type {shown(field.datatype)!r}")
    size = _BYTES_OF.get(field.datatype, 0)
    if "*" in field.arraysize:
        return size, None
    try:
        return size, math.prod(int(part) for part in field.arraysize.split("x")) if field.arraysize else 1
    except ValueError:
        raise UsageError(f"has a field of {shown(field.arraysize)!r} elements, which is no size") from None


def _array(field: Field, cells: _Cells) -> pa.Array:
    if field.datatype in ("char", "unicodeChar"):
        encoding = "utf-8" if field.datatype == "char" else "utf-16-be"
        texts = (part.decode(encoding, "replace").split("\0")[0] for part in cells.parts)
        return pa.array(
            [None if null else text or None for text, null in zip(texts, cells.nulls, strict=True)], pa.string()
        )
    if field.datatype == "bit" and field.is_scalar:
        return pa.array([any(part) for part in cells.parts], mask=np.array(cells.nulls, dtype=bool))
    if field.datatype == "bit":
        return pa.array([part.hex() for part in cells.parts], pa.string(), mask=np.array(cells.nulls, dtype=bool))
    if field.datatype == "boolean" and field.is_scalar:
        known = {b"T": True, b"t": True, b"1": True, b"F": False, b"f": False, b"0": False}
        return pa.array(
            [None if null else known.get(part) for part, null in zip(cells.parts, cells.nulls, strict=True)]
        )
    kind = np.dtype(_NUMBERS.get(field.datatype, "u1"))
    if not field.is_scalar or field.datatype.endswith("Complex"):
        values = [
            None if null else np.frombuffer(part, kind).tolist()
            for part, null in zip(cells.parts, cells.nulls, strict=True)
        ]
        return pa.array(values, pa.list_(pa.from_numpy_dtype(kind.newbyteorder("="))))
    return _scalars(field, np.frombuffer(b"".join(cells.parts), kind), np.array(cells.nulls, dtype=bool))


def _scalars(field: Field, values: Any, nulls: Any) -> pa.Array:
    try:
        null = int(field.null) if field.null and values.dtype.kind in "iu" else None
    except ValueError:
        null = None
    if null is not None:
        nulls = nulls | (values == null)
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=nulls)

"""Identifiers as text, exactly as they are written: ``00123``, ``1e5``, `` x`` and 19 digits stay what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.catalogs.display import shown
from alertferry.catalogs.faults import Measured
from alertferry.catalogs.numeric import is_text
from alertferry.core.errors import UsageError

MAX_ID_CHARACTERS = 1000
_EXACT_INTEGERS = 2**53
_MAX_TEXT_BYTES = 2**31 - 1


def identifier_texts(name: str, column: pa.Array) -> pa.Array:
    """Return identifiers as strings; null where the file has none (an empty text, a null, a nan).

    Integers become their decimal digits. Raises `UsageError` when the type has no exact text: nested types, and
    floating-point numbers so large that digits have been lost already.
    """
    kind = column.type
    if pa.types.is_floating(kind):
        column = pa.array(_float_texts(name, column), pa.string())
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        column = _utf8(name, column)
    elif not is_text(kind):
        if pa.types.is_nested(kind) or pa.types.is_null(kind):
            raise UsageError(f"column {shown(name)!r} holds {kind}, which is no identifier; choose another column")
        column = pc.cast(column, pa.string())
    column = pc.if_else(pc.equal(column, ""), None, column)
    return pc.cast(column, pa.string())


def refuse_long(name: str, ids: pa.Array) -> Measured:
    """Return the identifiers as a column whose faults are those too long to be one."""
    long = np.asarray(pc.fill_null(pc.greater(pc.utf8_length(ids), MAX_ID_CHARACTERS), False))
    measured = Measured(name, np.zeros(len(ids)), ids)
    return measured.refuse(long, f"an identifier longer than {MAX_ID_CHARACTERS:,} characters")


def _float_texts(name: str, column: pa.Array) -> list[str | None]:
    """Return integral floats without a decimal point: they were integers before a missing value came in."""
    values = np.asarray(pc.fill_null(pc.cast(column, pa.float64()), np.nan))
    if (np.abs(values[np.isfinite(values)]) > _EXACT_INTEGERS).any():
        raise UsageError(
            f"column {shown(name)!r} holds identifiers as floating-point numbers, which has cost them their last "
            "digits already; save them as integers or as text"
        )
    single = pa.types.is_float32(column.type)
    return [_float_text(np.float32(value) if single else value) for value in values]


def _float_text(value: Any) -> str | None:
    if not np.isfinite(value):
        return None
    return str(int(value)) if value == int(value) else str(value)


def _utf8(name: str, column: pa.Array) -> pa.Array:
    try:
        return pc.cast(pc.cast(column, pa.binary()), pa.string())
    except pa.ArrowInvalid:
        raise UsageError(f"column {shown(name)!r} holds bytes that are not UTF-8 text") from None


def check_size(name: str, parts: Sequence[pa.Array]) -> None:
    """Raise `UsageError` when the texts of a column are too long together to be one array of Arrow."""
    size = sum(pc.sum(pc.binary_length(part)).as_py() or 0 for part in parts)
    if size > _MAX_TEXT_BYTES:
        raise UsageError(f"column {shown(name)!r} holds {size:,} bytes of identifiers; at most 2 GiB can be used")

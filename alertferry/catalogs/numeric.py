"""Columns of numbers, whether the file holds numbers or texts; exact, and each failure with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.catalogs.display import shown
from alertferry.catalogs.faults import Mask, Measured
from alertferry.core.errors import UsageError

if TYPE_CHECKING:
    from alertferry.catalogs.model import FloatArray

_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_MISSING_WORDS = pa.array(["", "null", "none", "n/a", "na", "--", "-", "…", "..."])
_NOT_FINITE = r"(?i)^[+-]?(?:nan|inf|infinity)$"
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"

MISSING = "is missing"
NOT_FINITE = "is not a finite number"


def measure_numbers(name: str, column: pa.Array) -> Measured:
    """Return a column of numbers or of texts that are numbers as float64.

    Raises `UsageError` when the column's type can hold no numbers.
    """
    if is_text(column.type):
        return _from_text(name, column)
    if not _is_number(column.type):
        raise UsageError(f"column {shown(name)!r} holds {column.type}, not numbers; choose another column")
    missing = np.asarray(pc.is_null(column))
    values = np.array(pc.fill_null(pc.cast(column, pa.float64(), safe=False), np.nan), dtype=float)
    measured = Measured(name, values, column).refuse(missing, MISSING)
    return measured.refuse(~np.isfinite(values), NOT_FINITE)


def is_text(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type is a string."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def missing_words(text: pa.Array) -> Mask:
    """Return which texts are empty or stand for no value (``null``, ``n/a``, ``--``)."""
    return np.asarray(pc.or_(pc.is_in(pc.utf8_lower(text), value_set=_MISSING_WORDS), pc.is_null(text)))


def decimal_texts(text: pa.Array) -> Mask:
    """Return which texts are plain decimal numbers, with or without an exponent."""
    return matching(text, _NUMBER)


def not_finite_texts(text: pa.Array) -> Mask:
    """Return which texts say nan or infinity."""
    return matching(text, _NOT_FINITE)


def matching(text: pa.Array, pattern: str) -> Mask:
    """Return which texts match a regular expression; a null does not."""
    return np.asarray(pc.fill_null(pc.match_substring_regex(text, pattern), False))


def to_floats(text: pa.Array, where: Mask) -> FloatArray:
    """Return the nearest float64 of every decimal text, nan where ``where`` is not set."""
    chosen = text if where.all() else pc.if_else(pa.array(where), text, None)
    return np.array(pc.fill_null(pc.cast(chosen, pa.float64()), np.nan), dtype=float)


def refuse_texts(measured: Measured, text: pa.Array, unread: Mask, otherwise: str) -> Measured:
    """Return a column with the reason for each of its ``unread`` texts."""
    if not unread.any():
        return measured
    measured = measured.refuse(unread & missing_words(text), MISSING)
    measured = measured.refuse(unread & not_finite_texts(text), NOT_FINITE)
    measured = measured.refuse(unread & matching(text, _DECIMAL_COMMA), "has a decimal comma; write a point")
    return measured.refuse(unread, otherwise)


def _from_text(name: str, column: pa.Array) -> Measured:
    text = pc.utf8_trim_whitespace(column)
    decimal = decimal_texts(text)
    measured = Measured(name, to_floats(text, decimal), column)
    measured = refuse_texts(measured, text, ~decimal, "is not a number")
    return measured.refuse(~np.isfinite(measured.values), NOT_FINITE)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))

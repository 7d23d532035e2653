"""numpy columns, as astropy gives them, turned into Arrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from alertferry.catalogs.display import shown
from alertferry.core.errors import UsageError


def arrow_array(name: str, values: Any, mask: Any = None) -> pa.Array:
    """Return a column as Arrow: machine byte order, texts as strings, arrays in cells as lists.

    Raises `UsageError` for complex numbers and other types that Arrow has not.
    """
    array = np.asarray(values)
    if array.dtype.byteorder not in ("=", "|"):
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "c":
        raise UsageError(f"column {shown(name)!r} holds complex numbers, which cannot be used")
    if array.ndim > 1:
        return _lists(name, array)
    missing = None if mask is None or not np.any(mask) else np.broadcast_to(np.asarray(mask, dtype=bool), array.shape)
    if array.dtype.kind in "SU":
        return pa.array([_text(value) for value in array.tolist()], pa.string(), mask=missing)
    if array.dtype.kind == "O":
        return pa.array([_cell(value) for value in array.tolist()], mask=missing)
    return pa.array(np.ascontiguousarray(array), mask=missing)


def _lists(name: str, array: Any) -> pa.Array:
    flat = arrow_array(name, array.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(array.shape[1:])))


def _cell(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.ma.MaskedArray):
        return np.asarray(value).ravel().tolist()
    return _text(value)


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

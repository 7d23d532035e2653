"""From numpy columns to Arrow arrays of a given type, structs, lists and maps included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.testing.simulator.draws import Array, weighted

Columns = Mapping[str, Any]


def arrow_column(values: Any, kind: Any, size: int) -> Any:
    """Return ``values`` as an Arrow array of type ``kind``.

    ``values`` may be an Arrow array, a numpy array (masked where null), or one value for all ``size`` rows.
    """
    if isinstance(values, pa.Array):
        return values if values.type == kind else values.cast(kind)
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(values.data, mask=np.ma.getmaskarray(values)).cast(kind, safe=False)
    if isinstance(values, np.ndarray):
        return pa.array(values).cast(kind, safe=False)
    return pa.nulls(size, kind) if values is None else pa.repeat(pa.scalar(values, kind), size)


def struct_column(kind: Any, columns: Columns, size: int, null: Array | None = None) -> Any:
    """Return an array of structs of type ``kind``; fields that ``columns`` lacks are null.

    ``null`` marks rows without a struct. Raises `KeyError` for a column that the struct does not have.
    """
    names = [kind.field(index).name for index in range(kind.num_fields)]
    unknown = set(columns) - set(names)
    if unknown:
        raise KeyError(f"the struct has no field {', '.join(sorted(unknown))}")
    children = [arrow_column(columns.get(name), kind.field(index).type, size) for index, name in enumerate(names)]
    mask = None if null is None else pa.array(null)
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)


def list_column(kind: Any, values: Any, offsets: Array, null: Array) -> Any:
    """Return lists cut out of ``values`` at ``offsets`` (one more than rows); ``null`` marks rows without a list."""
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=kind, mask=pa.array(null))


def map_column(kind: Any, keys: Any, values: Any, offsets: Array) -> Any:
    """Return an array of maps; the entries of row ``i`` are those from ``offsets[i]`` to ``offsets[i + 1]``."""
    return pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), keys, values, type=kind)


def with_nulls(values: Any, null: Array) -> Any:
    """Return ``values`` (numpy or Arrow) with nulls where ``null`` is true."""
    if isinstance(values, pa.Array):
        return pc.if_else(pa.array(null), pa.scalar(None, values.type), values)
    return np.ma.MaskedArray(values, mask=np.ma.getmaskarray(values) | null)


def words(key: Array, what: str, shares: Mapping[str | None, float]) -> Any:
    """Return one word of ``shares`` a row, each as often as its share; None gives null."""
    return pa.array(list(shares), pa.string()).take(pa.array(weighted(key, what, list(shares.values()))))


def joined(*parts: Any) -> Any:
    """Return the texts of each row joined end to end; parts are Arrow text arrays or single words."""
    size = next(len(part) for part in parts if isinstance(part, pa.Array))
    arrays = [part if isinstance(part, pa.Array) else pa.repeat(part, size) for part in parts]
    return pc.binary_join_element_wise(*arrays, "")


def digits(values: Array, width: int = 1) -> Any:
    """Return whole numbers as text, filled with zeros to ``width``."""
    text = pa.array(values, pa.int64()).cast(pa.string())
    return pc.utf8_lpad(text, width, padding="0") if width > 1 else text


def by_group(groups: Array, choices: Sequence[Mapping[str | None, float]], key: Array, what: str) -> Any:
    """Return one word a row from the vocabulary of the row's group (an index into ``choices``)."""
    result = pa.nulls(len(groups), pa.string())
    for group, shares in enumerate(choices):
        here = groups == group
        if here.any():
            result = pc.if_else(pa.array(here), words(key, what, shares), result)
    return result

"""Finding single alerts in the lake by their ids, with all their columns, without reading whole nights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alertferry.estimates.drawing import Group, Reader, pick
from alertferry.estimates.listing import NightFiles
from alertferry.estimates.tiers import MEGABYTE

READ_BYTES = 256 * MEGABYTE
"""Compressed bytes to read in search of alerts, about; those not found by then are left out."""


def find_alerts(
    nights: Sequence[NightFiles], ids: Mapping[date, Collection[Any]], path: str
) -> Iterator[tuple[date, pa.Table]]:
    """Yield the alerts with these ids, each table of one schema. ``path`` is the dotted column of the ids."""
    left = READ_BYTES
    for night in nights:
        wanted = ids.get(night.night, ())
        if not wanted:
            continue
        reader = Reader.of(night, frozenset())
        for group in reader.groups():
            rows = _rows(reader, group, path, wanted)
            if len(rows) and left > 0:
                left -= group.bytes
                yield night.night, pa.Table.from_batches(pick(reader, group, rows))


def _rows(reader: Reader, group: Group, path: str, wanted: Collection[Any]) -> np.ndarray[Any, Any]:
    """Return the numbers of the rows of a group whose id is wanted, reading that column only."""
    with reader.open(group) as file:
        column = file.read_row_group(group.index, columns=[path])
    root, *rest = path.split(".")
    values = column.column(root)
    for part in rest:
        values = pc.struct_field(values, part)
    # files of one night may hold ids of several widths: all are compared as what holds any whole number of 64 bits
    kind = pa.decimal128(20, 0) if pa.types.is_integer(values.type) else pa.array(list(wanted)).type
    found = pc.is_in(values.cast(kind), value_set=pa.array(list(wanted), kind))
    return np.flatnonzero(np.asarray(found.combine_chunks()))

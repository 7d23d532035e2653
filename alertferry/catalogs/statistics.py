"""Numbers that describe the rows of a catalogue: what occurs twice, and where on the sky they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOC_ORDER = 6
_MANY = 1_000_000


def statistics(table: pa.Table, cells: bool) -> dict[str, Any]:
    """Return duplicates, ranges and, where asked for, the cells of order 6 (NESTED) that hold a source.

    Parameters
    ----------
    table
        Rows as `assemble` returns them.
    """
    ra, dec = (table.column(name).to_numpy() for name in ("ra_deg", "dec_deg"))
    found: dict[str, Any] = {
        "duplicate_ids": _repeated(table.column("id").drop_null().combine_chunks()),
        "duplicate_positions": _repeated_pairs(ra, dec),
        "ra_range_deg": _range(ra),
        "dec_range_deg": _range(dec),
        "radius_range_arcsec": None,
    }
    if "radius_arcsec" in table.column_names:
        found["radius_range_arcsec"] = _range(table.column("radius_arcsec").to_numpy())
    if cells:
        found["cells"] = _cells(ra, dec)
    return found


def _repeated(ids: pa.Array) -> int:
    """Return how many values an earlier one equals; by sorting when there are many, which takes less memory."""
    ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    if len(ids) <= _MANY:
        return len(ids) - len(ids.unique())
    order = pc.sort_indices(ids)
    repeated = 0
    for start in range(0, len(ids), _MANY):
        some = ids.take(order.slice(start, _MANY + 1))
        repeated += int(pc.sum(pc.equal(some[1:], some[:-1])).as_py() or 0)
    return repeated


def _repeated_pairs(ra: Any, dec: Any) -> int:
    """Return how many pairs an earlier one equals; only those whose numbers mix to the same are compared."""
    mixed = _mixed(ra, dec)
    rising = np.sort(mixed)
    same = rising[1:][rising[1:] == rising[:-1]]
    del rising
    if not len(same):
        return 0
    some = np.flatnonzero(np.isin(mixed, np.unique(same)))
    order = some[np.lexsort((ra[some], dec[some]))]
    a, d = ra[order], dec[order]
    return int(((a[1:] == a[:-1]) & (d[1:] == d[:-1])).sum())


def _mixed(ra: Any, dec: Any) -> Any:
    """Return one number of 64 bits for each pair; equal pairs have equal ones, others nearly never."""
    odd = np.uint64(0x9E3779B97F4A7C15)  # 2**64 by the golden ratio spreads neighbours (Knuth, TAOCP 3, 6.4)
    mixed = np.empty(len(ra), np.uint64)
    for start in range(0, len(ra), _MANY):
        some = slice(start, start + _MANY)
        first, second = ((values[some] + 0.0).view(np.uint64) for values in (ra, dec))  # -0.0 equals 0.0
        mixed[some] = (first * odd) ^ (second * odd >> np.uint64(7)) ^ (second << np.uint64(31))
    return mixed


def _range(values: Any) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _cells(ra: Any, dec: Any) -> list[int]:
    import healpy

    seen = np.zeros(12 * 4**MOC_ORDER, bool)
    for start in range(0, len(ra), _MANY):
        some = slice(start, start + _MANY)
        seen[healpy.ang2pix(2**MOC_ORDER, ra[some], dec[some], nest=True, lonlat=True)] = True
    return [int(cell) for cell in np.flatnonzero(seen)]

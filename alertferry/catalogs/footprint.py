"""Where on the sky a lake on this machine has alerts, as coarse HEALPix cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alertferry.core.errors import DamagedError

if TYPE_CHECKING:
    import pyarrow as pa

ORDER = 6
"""Cells of 0.9 degrees: the size of a field of view matters here, not that of an error circle."""

_ROWS = 250_000


def lake_cells(files: Sequence[Path], ra: str, dec: str) -> NDArray[np.int64]:
    """Return the NESTED cells of `ORDER` that hold an alert, in order.

    Parameters
    ----------
    files
        Parquet files of the lake; only the two columns are read.
    ra, dec
        Columns of the position in degrees, as paths (``diaSource.ra``).

    Raises
    ------
    DamagedError
        A file cannot be read; the message names it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    seen = np.zeros(12 * 4**ORDER, bool)
    for file in files:
        try:
            for batch in pq.ParquetFile(file).iter_batches(_ROWS, columns=[ra, dec]):
                seen[_cells(_values(batch, ra), _values(batch, dec))] = True
        except (OSError, pa.ArrowException, KeyError) as error:
            raise DamagedError(f"the positions in {file} cannot be read ({error}); write it again") from None
    return np.flatnonzero(seen)


def _values(batch: pa.RecordBatch, path: str) -> NDArray[np.float64]:
    import pyarrow.compute as pc

    root, *below = path.split(".")
    column = batch.column(root)
    for name in below:
        column = pc.struct_field(column, name)
    values: NDArray[np.float64] = column.to_numpy(zero_copy_only=False).astype(float)
    return values


def _cells(ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]) -> Any:
    import healpy

    good = np.isfinite(ra_deg) & (np.abs(dec_deg) <= 90)
    return healpy.ang2pix(2**ORDER, ra_deg[good], dec_deg[good], lonlat=True, nest=True)


def overlap_percent(moc: Any, cells: NDArray[np.int64]) -> float:
    """Return which part of a catalogue's coverage (a `mocpy.MOC`) has alerts in it, in percent of its area."""
    from mocpy import MOC

    if moc.empty():
        return 0.0
    lake = MOC.from_healpix_cells(cells.astype(np.uint64), np.full(len(cells), ORDER, np.uint8), max_depth=ORDER)
    return 100 * float(moc.intersection(lake).sky_fraction / moc.sky_fraction) if len(cells) else 0.0

"""What a crossmatch found, seen from the catalogue: sources with alerts, and why the others have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import healpy
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alertferry.catalogs.cell_table import CellTable
from alertferry.catalogs.counterparts import HITS, Keep, Position, with_hits
from alertferry.catalogs.healpix import with_cell
from alertferry.core.receipt import AlertsPerSource, CrossmatchReport

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from alertferry.catalogs.model import Catalog

Longs = NDArray[np.int64]

MOC_ORDER = 9
"""HEALPix order at which a place counts as observed: cells of 6.9 arcmin."""


def tally(
    catalog: Catalog,
    table: CellTable,
    keep: Keep,
    frames: tuple[DataFrame, DataFrame],
    positions: tuple[Position, Position],
) -> CrossmatchReport:
    """Count matches by source.

    Parameters
    ----------
    catalog, table
        The catalogue, and the same by cell.
    keep
        ``nearest`` gives an alert to its nearest source; else it counts for every source within its radius.
    frames, positions
        The alerts that were matched, and all alerts of the nights, with where they hold their positions.
    """
    rows, alerts, first = _alerts_by_source(frames[0], positions[0], table, keep)
    missing = np.setdiff1d(np.arange(catalog.rows), rows)
    observed = _observed(frames[1], positions[1], catalog.ra_deg[missing], catalog.dec_deg[missing])
    return CrossmatchReport(
        name=catalog.name,
        sha256=catalog.sha256,
        keep=keep,
        sources=catalog.rows,
        bad_rows=catalog.bad_row_count,
        matched_sources=len(rows),
        alerts_with_match=int(first.sum()),
        alerts_per_source=_spread(alerts),
        unmatched_observed=int(observed.sum()),
        unmatched_never_observed=int((~observed).sum()),
        moc_order=MOC_ORDER,
    )


def _spread(alerts: Longs) -> AlertsPerSource | None:
    if len(alerts) == 0:
        return None
    return AlertsPerSource(min=int(alerts.min()), median=float(np.median(alerts)), max=int(alerts.max()))


def _alerts_by_source(frame: DataFrame, position: Position, table: CellTable, keep: Keep) -> tuple[Longs, Longs, Longs]:
    """Return rows of sources, how many alerts each has, and for how many of these it is the nearest."""
    from pyspark.sql import functions as F

    narrow, alone = position.narrow(frame)
    hits = with_hits(narrow, alone, table, "nearest" if keep == "nearest" else "all")
    sources = hits.select(F.posexplode(F.col(HITS).getField("row")).alias("place", "row"))
    counts = sources.groupBy("row").agg(F.count("*").alias("alerts"), F.count_if(F.col("place") == 0).alias("first"))
    found = counts.toArrow()
    rows, alerts, first = (found.column(name).to_numpy().astype(np.int64) for name in ("row", "alerts", "first"))
    return rows, alerts, first


def _observed(
    frame: DataFrame, position: Position, ra_deg: NDArray[np.float64], dec_deg: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return for each position whether an alert is in the same cell of `MOC_ORDER`."""
    from pyspark.sql import functions as F

    if len(ra_deg) == 0:
        return np.zeros(0, bool)
    cells = healpy.ang2pix(2**MOC_ORDER, ra_deg, dec_deg, lonlat=True)
    wanted = frame.sparkSession.createDataFrame(pa.table({"cell": np.unique(cells)}))
    narrow, alone = position.narrow(frame)
    celled = with_cell(narrow, alone.ra, alone.dec, 2**MOC_ORDER).select("cell")
    seen = celled.join(F.broadcast(wanted), "cell", "left_semi").distinct().toArrow()
    return np.isin(cells, seen.column("cell").to_numpy())

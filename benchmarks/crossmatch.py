"""Measure the crossmatch: 10 million positions against 75,000 sources, beside a plain scan and a SkyCoord UDF.

Each figure is the median of the warm runs of one session, but of one run for the UDFs, which take minutes; what counts
are the ratios. The UDFs call ``astropy``'s
``match_to_catalog_sky`` for each Arrow batch of 10,000 positions: "both ways" as the field's service does it (the nearest
position of each source, then the nearest source of each such position, which finds one alert a source in a batch at
most), "one way" as a careful user would write it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alertferry.catalogs.cell_table import cell_table
from alertferry.catalogs.counterparts import HITS, Position, matches, with_hits
from alertferry.catalogs.model import Catalog
from alertferry.core.local_spark import COMPILE_LATER, local_conf, python_environment
from alertferry.core.run import SESSION

RADIUS_ARCSEC = 1.5
FILES = 8


def main() -> None:
    """Run the comparison and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--positions", type=int, default=10_000_000)
    parser.add_argument("--sources", type=int, default=75_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(compare(Path(folder), options.positions, options.sources, options.runs)))


def compare(folder: Path, positions: int, sources: int, runs: int) -> list[str]:
    """Return a Markdown table of scan, crossmatch and UDF."""
    rng = np.random.default_rng(7)
    ra, dec = sphere(rng, sources)
    lake = write_lake(folder / "lake", rng, positions, (ra, dec))
    spark = session(folder)
    try:
        frame = spark.read.parquet(str(lake))
        table = cell_table(as_catalog(ra, dec), RADIUS_ARCSEC, None)
        found = with_hits(frame, Position("ra", "dec"), table, "nearest")
        native = found.withColumn("xmatch", matches(["n"], "nearest")).drop(HITS)
        plan = native._jdf.queryExecution().executedPlan().toString()
        assert "Python" not in plan, plan
        assert "Broadcast" in plan, plan
        one, both = (
            frame.withColumn("source", skycoord(ra, dec, way)("ra", "dec")).where("source is not null")
            for way in (one_way, both_ways)
        )
        scan = measured(lambda: noop(frame.select("ra", "dec")), runs)
        ours = measured(lambda: noop(native), runs)
        careful, usual = (measured(lambda udf=udf: noop(udf), 0) for udf in (one, both))
        matched = native.count()
    finally:
        spark.stop()
    size = f"{positions:,} positions, {sources:,} sources, {RADIUS_ARCSEC}″, nside {table.nside}, {matched:,} matches"
    return [
        f"| crossmatch: {size} | seconds | against the scan | alertferry is faster by |",
        "|---|---|---|---|",
        f"| plain scan of ra, dec | {scan:.2f} | 1 | |",
        f"| alertferry | {ours:.2f} | {ours / scan:.1f} × | |",
        f"| SkyCoord UDF, one way | {careful:.1f} | {careful / scan:.0f} × | {careful / ours:.0f} × |",
        f"| SkyCoord UDF, both ways | {usual:.1f} | {usual / scan:.0f} × | {usual / ours:.0f} × |",
    ]


def sphere(rng: np.random.Generator, count: int) -> tuple[Any, Any]:
    """Return positions in degrees, evenly on the sphere."""
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


def write_lake(folder: Path, rng: np.random.Generator, count: int, sources: tuple[Any, Any]) -> Path:
    """Write positions; one in a hundred within 2 arcsec of a source."""
    folder.mkdir()
    for number in range(FILES):
        ra, dec = sphere(rng, count // FILES)
        some = rng.integers(0, len(sources[0]), len(ra) // 100)
        ra[: len(some)] = sources[0][some]
        dec[: len(some)] = np.clip(sources[1][some] + rng.uniform(-2, 2, len(some)) / 3600, -90, 90)
        pq.write_table(pa.table({"ra": ra, "dec": dec}), folder / f"{number}.parquet")
    return folder


def as_catalog(ra: Any, dec: Any) -> Catalog:
    """Return positions as a catalogue that was read."""
    ids, columns = pa.array([f"s{index}" for index in range(len(ra))]), pa.table({"n": np.arange(len(ra))})
    place = {"ids": ids, "ra_deg": ra, "dec_deg": dec, "rows": len(ra), "columns": columns}
    nothing: dict[str, Any] = dict.fromkeys(("radius_arcsec", "pm", "epoch"))
    empty: dict[str, Any] = {"used": {}, "guessed": (), "units": {}, "bad_rows": (), "bad_row_count": 0, "warnings": ()}
    empty |= {"duplicate_ids": 0, "duplicate_positions": 0}
    return Catalog(name="made", format="csv", sha256="", **place, **nothing, **empty)


def session(folder: Path) -> Any:
    """Return a session like that of a job, on two cores."""
    from pyspark.sql import SparkSession

    os.environ.update(python_environment())
    options = {
        "spark.driver.memory": "4g",
        **local_conf((), folder, *COMPILE_LATER),
        "spark.local.dir": str(folder),
        "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
        **SESSION,
    }
    builder = SparkSession.builder.master("local[2]").appName("crossmatch")
    for name, value in options.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.sparkContext.addPyFile(__file__)  # functions of this file are found by its name
    return spark


Matcher = Callable[[Any, Any], tuple[Any, Any]]


def one_way(catalog: Any, positions: Any) -> tuple[Any, Any]:
    """Return the nearest source of each position, and whether it is near enough."""
    index, apart, _ = positions.match_to_catalog_sky(catalog)
    return index, apart.arcsec <= RADIUS_ARCSEC


def both_ways(catalog: Any, positions: Any) -> tuple[Any, Any]:
    """Return the same, but only for positions that are the nearest of a source."""
    index, apart, _ = catalog.match_to_catalog_sky(positions)
    chosen = np.unique(index[apart.arcsec <= RADIUS_ARCSEC])
    kept = np.zeros(len(positions), bool)
    kept[chosen] = True
    found = np.zeros(len(positions), np.int64)
    if len(chosen):
        found[chosen] = positions[chosen].match_to_catalog_sky(catalog)[0]
    return found, kept


def skycoord(ra: Any, dec: Any, matcher: Matcher) -> Any:
    """Return a pandas UDF: the source of each position, null where there is none."""
    from pyspark.sql.functions import pandas_udf

    def nearest(ra_deg: pd.Series, dec_deg: pd.Series) -> pd.Series:
        from astropy import units as u
        from astropy.coordinates import SkyCoord

        catalog = SkyCoord(ra * u.deg, dec * u.deg)
        positions = SkyCoord(ra_deg.to_numpy() * u.deg, dec_deg.to_numpy() * u.deg)
        index, near = matcher(catalog, positions)
        return pd.Series(index).where(near).astype("Int64")

    return pandas_udf(nearest, "long")


def noop(frame: Any) -> None:
    """Compute every row and keep none."""
    frame.write.format("noop").mode("overwrite").save()


def measured(action: Callable[[], None], runs: int) -> float:
    """Return the median seconds after one run to warm up; of that one run where ``runs`` is 0."""
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:] or times)


if __name__ == "__main__":
    main()

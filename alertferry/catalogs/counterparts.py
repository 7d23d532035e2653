"""Finding the sources near each alert, in native Spark expressions.

One alert row meets at most one row of the catalogue: the array of all sources whose discs touch the alert's cell. So no
alert is ever multiplied, shuffled or put together again, however wide its packet is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from alertferry.catalogs.cell_table import CellTable
from alertferry.catalogs.healpix import Get, all_but, fused, staged, with_cell

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, SparkSession

Keep = Literal["nearest", "all", "none"]

BROADCAST_BYTES = 256 * 1024 * 1024
"""A larger catalogue is not sent to every executor: it is joined by cell, with a shuffle of positions only."""

BROADCAST_CONF = "spark.alertferry.crossmatch.broadcastBytes"
"""Spark setting that overrides `BROADCAST_BYTES`."""

HITS = "__xm_hits"
"""Sources found for an alert, nearest first: structs of ``chord2``, ``row`` and ``source``."""

_CELL, _KEY, _SOURCES = "__xm_cell", "__xm_key", "__xm_sources"
_X, _Y, _Z, _YEAR = "__xm_x", "__xm_y", "__xm_z", "__xm_year"
_HELPERS = (_CELL, _KEY, _SOURCES, _X, _Y, _Z, _YEAR)
_ARCSEC_PER_RADIAN = 180 * 3600 / math.pi


@dataclass(frozen=True)
class Position:
    """Where alerts hold their position in degrees (quoted columns), and their time as Julian year where it matters."""

    ra: str
    dec: str
    year: Column | None = None

    def narrow(self, frame: DataFrame) -> tuple[DataFrame, Position]:
        """Return the positions alone."""
        from pyspark.sql import functions as F

        columns = [F.col(self.ra).alias("__xm_ra"), F.col(self.dec).alias("__xm_dec")]
        if self.year is None:
            return frame.select(*columns), Position("__xm_ra", "__xm_dec")
        return frame.select(*columns, self.year.alias("__xm_when")), Position("__xm_ra", "__xm_dec", F.col("__xm_when"))


def with_hits(frame: DataFrame, position: Position, table: CellTable, keep: Keep) -> DataFrame:
    """Keep the alerts that have a source within its radius and add `HITS`; one source only for ``nearest``."""
    if _fits(frame.sparkSession, table):
        return _joined(frame, position, table, keep, "broadcast")
    return _by_shuffle(frame, position, table, keep, "inner")


def without_hits(frame: DataFrame, position: Position, table: CellTable) -> DataFrame:
    """Keep the alerts that have no source within its radius, also those without a usable position."""
    from pyspark.sql import functions as F

    if not _fits(frame.sparkSession, table):
        return _by_shuffle(frame, position, table, "nearest", "left_anti")
    pairs = _to_spark(frame.sparkSession, table.by_pair, {"key": _KEY})
    source = {name: F.col(name) for name in pairs.columns}
    ra, dec = F.radians(F.col(position.ra).cast("double")), F.radians(F.col(position.dec).cast("double"))
    vector = (F.cos(dec) * F.cos(ra), F.cos(dec) * F.sin(ra), F.sin(dec))
    near = _chord2(vector, position.year, source.__getitem__, table.moves) <= source["limit"]
    celled = with_cell(frame, position.ra, position.dec, table.nside, _CELL)
    return celled.join(F.broadcast(pairs), (F.col(_CELL) == F.col(_KEY)) & near, "left_anti").drop(_CELL)


class Nearest(NamedTuple):
    """A column to add: its name, the field of the nearest source it holds, and its value where no source is near."""

    name: str
    field: str
    otherwise: str


def with_nearest(frame: DataFrame, position: Position, table: CellTable, nearest: Nearest) -> DataFrame:
    """Keep all alerts, each with a field of the nearest source within its radius."""
    from pyspark.sql import functions as F

    sources = _to_spark(frame.sparkSession, table.by_cell, {"key": _KEY, "sources": _SOURCES})
    celled = with_cell(frame, position.ra, position.dec, table.nside, _CELL)
    joined = _with_vectors(celled.join(F.broadcast(sources), F.col(_CELL) == F.col(_KEY), "left"), position)
    value = F.get(_hits(table.moves), 0).getField("source").getField(nearest.field)
    found = F.coalesce(value, F.lit(nearest.otherwise)).alias(nearest.name)
    return joined.select(all_but(_HELPERS), found)


def matches(names: Sequence[str], keep: Keep) -> Column:
    """Return the counterpart of each alert (or all, nearest first) from `HITS`; ``names`` of carried columns."""
    from pyspark.sql import functions as F

    def match(hit: Column, place: Column) -> Column:
        chord = F.sqrt(hit.getField("chord2"))
        carried = [hit.getField("source").getField(f"c{index}").alias(name) for index, name in enumerate(names)]
        return F.struct(
            hit.getField("source").getField("id").alias("id"),
            (F.asin(chord / F.lit(2.0)) * F.lit(2 * _ARCSEC_PER_RADIAN)).alias("separation_arcsec"),
            (place + 1).cast("int").alias("rank"),
            *carried,
        )

    found = F.transform(HITS, match)
    return found if keep == "all" else found.getItem(0)


def _fits(spark: SparkSession, table: CellTable) -> bool:
    return table.bytes <= int(spark.conf.get(BROADCAST_CONF, None) or BROADCAST_BYTES)


def _to_spark(spark: SparkSession, table: pa.Table, names: dict[str, str]) -> DataFrame:
    return spark.createDataFrame(table.rename_columns([names.get(name, name) for name in table.column_names]))


def _joined(frame: DataFrame, position: Position, table: CellTable, keep: Keep, hint: str) -> DataFrame:
    """Join alerts and sources by cell, and keep the alerts that are near enough to one.

    ``explode`` of an array with one element or none selects. A filter would be pushed into the join, where Spark
    interprets lambdas and would do so for every alert.
    """
    from pyspark.sql import functions as F

    sources = _to_spark(frame.sparkSession, table.by_cell, {"key": _KEY, "sources": _SOURCES}).hint(hint)
    celled = with_cell(frame, position.ra, position.dec, table.nside, _CELL)
    joined = _with_vectors(celled.join(sources, F.col(_CELL) == F.col(_KEY)), position)
    hits = _hits(table.moves)
    kept = F.slice(hits, 1, 1) if keep == "nearest" else hits
    some = F.filter(F.array(kept), lambda found: F.size(found) > 0)
    return joined.select(all_but(_HELPERS), F.explode(some).alias(HITS))


def _with_vectors(frame: DataFrame, position: Position) -> DataFrame:
    """Add the unit vectors of alerts, after the join: most alerts need none."""
    from pyspark.sql import functions as F

    def angles(_: Get) -> dict[str, Column]:
        year = F.lit(0.0) if position.year is None else position.year
        ra, dec = (F.radians(F.col(name).cast("double")) for name in (position.ra, position.dec))
        return {"ra": ra, "dec": dec, "year": year}

    def vector(get: Get) -> dict[str, Column]:
        level = F.cos(get("dec"))
        return {"x": level * F.cos(get("ra")), "y": level * F.sin(get("ra")), "z": F.sin(get("dec"))}

    return staged(frame, [fused([angles, vector], "x", "y", "z", "year")], {"x": _X, "y": _Y, "z": _Z, "year": _YEAR})


def _hits(moves: bool) -> Column:
    """Return the sources of the alert's cell that are near enough, by distance, then by order in the catalogue."""
    from pyspark.sql import functions as F

    alert, year = (F.col(_X), F.col(_Y), F.col(_Z)), F.col(_YEAR)

    def distance(source: Column) -> Column:
        return _chord2(alert, year, source.getField, moves)

    near = F.filter(_SOURCES, lambda source: distance(source) <= source.getField("limit"))
    measured = F.transform(
        near,
        lambda source: F.struct(
            distance(source).alias("chord2"), source.getField("row").alias("row"), source.alias("source")
        ),
    )
    return F.sort_array(measured)


def _chord2(alert: Sequence[Column], year: Column | None, source: Get, moves: bool) -> Column:
    """Return the squared chord between the unit vectors of alert and source.

    The difference of two vectors loses nothing when they are close: separations are good to 1e-9 arcsec. A moving
    source goes straight on in space, and its direction is its vector divided by its length.
    """
    from pyspark.sql import functions as F

    places = [source(axis) for axis in "xyz"]
    if moves:
        assert year is not None
        speeds, years = [source(f"v{axis}") for axis in "xyz"], year - source("epoch")
        far = F.sqrt(_sum_of_squares(speeds) * years * years + F.lit(1.0))
        places = [
            (place + speed * years) * F.pow(far, F.lit(-1.0)) for place, speed in zip(places, speeds, strict=True)
        ]
    return _sum_of_squares([one - other for one, other in zip(alert, places, strict=True)])


def _sum_of_squares(parts: Sequence[Column]) -> Column:
    x, y, z = (part * part for part in parts)
    return x + y + z


def _by_shuffle(frame: DataFrame, position: Position, table: CellTable, keep: Keep, how: str) -> DataFrame:
    """Find the positions that have hits, then select the alerts at those positions.

    Only positions are shuffled to meet the sources. What is found is usually small enough to be broadcast to the
    alerts; if not, Spark shuffles both.
    """
    from pyspark.sql import functions as F

    positions, alone = position.narrow(frame)
    found = _joined(positions, alone, table, keep, "merge").dropDuplicates(positions.columns).persist()
    size = found.count() * table.bytes / max(1, len(table.cells.cell))
    limit = int(frame.sparkSession.conf.get(BROADCAST_CONF, None) or BROADCAST_BYTES)
    keys = [F.col(position.ra) == F.col("__xm_ra"), F.col(position.dec) == F.col("__xm_dec")]
    if position.year is not None:
        keys.append(position.year == F.col("__xm_when"))
    joined = frame.join(F.broadcast(found) if size <= limit else found, keys, how)
    return joined.drop(*positions.columns) if how == "inner" else joined

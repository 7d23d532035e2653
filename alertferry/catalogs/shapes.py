"""Whether positions are within a shape on the sky, as native Spark expressions that hold at the poles and across ra 0.

Cones and boxes are plain conditions, which reach the parquet reader. Polygons and coverages take several steps (see
`alertferry.catalogs.healpix` for why), which end in the column ``inside``. It is never null: a position that is null,
not finite or beyond a pole is in no shape.
"""

from __future__ import annotations

import math
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from alertferry.catalogs.healpix import Get, Stage, cell_stages, fused

if TYPE_CHECKING:
    from pyspark.sql import Column

    from alertferry.catalogs.coverage import Coverage
    from alertferry.catalogs.polygons import FlatPolygon

_DEC_ROUNDING_DEG = 1e-9
_EDGES_A_STAGE = 25
_MAX_RA_DEG = 1e9  # further round, a double holds no position


def in_cone(ra: Column, dec: Column, centre: tuple[float, float], radius_deg: float) -> Column:
    """Return whether positions are at most ``radius_deg`` from the centre, by the haversine of the distance.

    The range of declinations is tested first: cheap, and known to the parquet reader.
    """
    from pyspark.sql import functions as F

    def half_angle_sine(one: Column, other: float) -> Column:
        return F.pow(F.sin(F.radians(one.cast("double") - F.lit(other)) * F.lit(0.5)), F.lit(2.0))

    ra0, dec0 = centre
    low, high = dec0 - radius_deg - _DEC_ROUNDING_DEG, dec0 + radius_deg + _DEC_ROUNDING_DEG
    level = F.cos(F.radians(dec.cast("double"))) * F.lit(math.cos(math.radians(dec0)))
    haversine = half_angle_sine(dec, dec0) + level * half_angle_sine(ra, ra0)
    limit = math.sin(math.radians(radius_deg) / 2) ** 2 if radius_deg < 180 else 2.0
    finite = F.abs(ra.cast("double")) < F.lit(_MAX_RA_DEG)
    return dec.between(max(low, -90.0), min(high, 90.0)) & finite & (haversine <= F.lit(limit))


def in_box(ra: Column, dec: Column, ras: tuple[float, float], decs: tuple[float, float]) -> Column:
    """Return whether positions are between two declinations, and east of the first and west of the second meridian.

    A pole has every right ascension.
    """
    from pyspark.sql import functions as F

    west, east = ras
    width = east - west if east >= west else east - west + 360.0
    finite = F.abs(ra.cast("double")) < F.lit(_MAX_RA_DEG)
    if width >= 360.0:
        return dec.between(*decs) & finite
    within = F.pmod(ra.cast("double") - F.lit(west), F.lit(360.0)) <= F.lit(width)
    return dec.between(*decs) & finite & (within | (F.abs(dec) == 90.0))


def polygon_stages(ra: Column, dec: Column, polygon: FlatPolygon) -> list[Stage]:
    """Return the stages for ``inside``: a line to the right, on the polygon's plane, crosses its edges oddly."""
    from pyspark.sql import functions as F

    def angles(_: Get) -> dict[str, Column]:
        missing = F.lit(math.nan)
        found = F.coalesce(ra.cast("double"), missing), F.coalesce(dec.cast("double"), missing)
        usable = (F.abs(found[0]) < F.lit(_MAX_RA_DEG)) & (F.abs(found[1]) <= F.lit(90.0))
        return {"usable": usable, "ra": F.radians(found[0]), "dec": F.radians(found[1])}

    def vector(get: Get) -> dict[str, Column]:
        level = F.cos(get("dec"))
        return {"x": level * F.cos(get("ra")), "y": level * F.sin(get("ra")), "z": F.sin(get("dec"))}

    def plane(get: Get) -> dict[str, Column]:
        depth, right, up = (
            reduce(add, (get(name) * F.lit(float(part)) for name, part in zip("xyz", axis, strict=True)))
            for axis in polygon.axes
        )
        return {"front": get("usable") & (depth > F.lit(0.0)), "depth": depth, "right": right, "up": up}

    def project(get: Get) -> dict[str, Column]:
        far = F.lit(math.inf)  # behind the plane, where no edge is
        return {
            name: F.when(get("front"), get(length) / get("depth")).otherwise(far)
            for name, length in (("u", "right"), ("v", "up"))
        }

    counts = _crossing_stages(polygon)
    total = [f"count{index}" for index in range(len(counts))]
    return [
        fused([angles, vector], "usable", "x", "y", "z"),
        fused([plane, project], "u", "v"),
        *counts,
        lambda get: {"inside": _settled((reduce(add, map(get, total)) % 2) == 1)},
    ]


def _crossing_stages(polygon: FlatPolygon) -> list[Stage]:
    """Return stages that count crossings, a part of the edges each, to keep the expressions shallow."""
    edges = _edges(polygon)
    parts = [edges[first : first + _EDGES_A_STAGE] for first in range(0, len(edges), _EDGES_A_STAGE)]

    def stage(index: int) -> Stage:
        def count(get: Get) -> dict[str, Column]:
            return {f"count{index}": reduce(add, (_crosses(get("u"), get("v"), edge) for edge in parts[index]))}

        return count

    return [stage(index) for index in range(len(parts))]


Edge = tuple[float, float, float, float]


def _edges(polygon: FlatPolygon) -> list[Edge]:
    """Return v of the lower and the upper end, u of the lower end, and the slope; level edges are never crossed."""
    corners = [(float(v), float(u)) for u, v in polygon.vertices]
    pairs = (sorted(pair) for pair in zip(corners, [*corners[1:], corners[0]], strict=True))
    return [(low, high, u, (end - u) / (high - low)) for (low, u), (high, end) in pairs if low != high]


def _crosses(u: Column, v: Column, edge: Edge) -> Column:
    """Return 1 or 0; an edge owns its lower end and not its upper, so that a line through a corner counts once."""
    from pyspark.sql import functions as F

    low, high, at_low, slope = map(F.lit, edge)
    left = (v >= low) & (v < high) & (u < (v - low) * slope + at_low)
    return F.when(left, F.lit(1)).otherwise(F.lit(0))


def coverage_stages(ra: Column, dec: Column, coverage: Coverage) -> list[Stage]:
    """Return the stages that compute ``inside``; they find the coverage's bounds as one array of longs, ``bounds``.

    A binary search returns the place of the cell among the bounds where it is one of them, and minus one minus the
    place where it would stand otherwise. Either is even exactly for cells inside.
    """
    from pyspark.sql.internal import InternalFunction

    def inside(get: Get) -> dict[str, Column]:
        found = InternalFunction.array_binary_search(get("bounds"), get("cell"))
        return {"inside": _settled(found.bitwiseAND(1) == 0)}

    *before, cell = cell_stages(ra, dec, 2**coverage.order, nested=True)
    return [*before, fused([cell, inside], "inside")]


def _settled(decision: Column) -> Column:
    """Return the decision as a value that Spark does not compute again.

    Spark moves a filter below the projections it depends on and repeats their expressions there, in one piece, unless
    they are not deterministic. The number of the partition counts as that and costs nothing.
    """
    from pyspark.sql import functions as F

    return F.coalesce(decision, F.lit(False)) & (F.spark_partition_id() >= 0)

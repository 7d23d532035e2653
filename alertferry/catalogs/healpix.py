"""HEALPix cells of alerts as native Spark expressions, cell for cell what healpy computes.

The scheme is that of Górski et al. (2005, ApJ 622, 759), in the order of operations of the HEALPix C++ library, which
healpy wraps: equal operations on equal doubles round alike.

Each step is a projection of its own. In one expression, Spark would repeat the sine of the declination dozens of
times, and the generated method would grow beyond what the JVM compiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from alertferry.core.projection import quote

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

MAX_ORDER = 29
"""The deepest order whose cells fit into 64 bits."""

NO_CELL = -1
"""The cell of an alert without a usable position: null, not finite, or beyond a pole."""

_MAX_RA_DEG = 1e9  # further round, a double holds no position

Get = Callable[[str], "Column"]
Stage = Callable[[Get], Mapping[str, "Column"]]
"""Columns that need only those of earlier stages, which they get by name."""

_HIDDEN = "__cell_"


def with_cell(  # noqa: PLR0913 - four of them say which cell
    frame: DataFrame, ra: str, dec: str, nside: int, name: str = "cell", *, nested: bool = False
) -> DataFrame:
    """Add the HEALPix cell of a position as a column of longs that is never null.

    Parameters
    ----------
    frame
        Rows with a position.
    ra, dec
        Columns of the position in degrees, quoted where necessary; any right ascension is taken modulo 360.
    nside
        Resolution; a power of two.
    name
        Name of the new column.
    nested
        Number the cells in the NESTED scheme instead of RING.

    Returns
    -------
    DataFrame
        The rows with the column; `NO_CELL` where there is no usable position. Cells are those of
        ``healpy.ang2pix(nside, ra, dec, lonlat=True)``; a position within rounding (1e-14 degrees) of an edge may
        fall on either side of it.
    """
    from pyspark.sql import functions as F

    position = _position(F.col(ra), F.col(dec))
    frame = frame.select("*", *(column.alias(_HIDDEN + part) for part, column in position.items()))
    made = [_HIDDEN + part for part in position]
    for columns in _later_columns(frame.sparkSession.sparkContext._gateway, nside, nested):
        frame = frame.select("*", *columns.values())
        made += columns
    return frame.select(all_but(made), F.col(_HIDDEN + "cell").alias(name))


@lru_cache(maxsize=64)
def _later_columns(java: Any, nside: int, nested: bool) -> tuple[dict[str, Column], ...]:  # noqa: ARG001 - see below
    """Return the columns of each stage behind the position, which are the same in every frame of one Java.

    They are some hundred calls to Java, which for a small job or an estimate takes longer than computing them.
    """
    from pyspark.sql import functions as F

    def get(name: str) -> Column:
        return F.col(_HIDDEN + name)

    stages = cell_stages(get("ra"), get("dec"), nside, nested=nested)[1:]
    return tuple(
        {_HIDDEN + name: column.alias(_HIDDEN + name) for name, column in stage(get).items()} for stage in stages
    )


def staged(
    frame: DataFrame, stages: Sequence[Stage], kept: Mapping[str, str], given: Mapping[str, Column] | None = None
) -> DataFrame:
    """Compute stages one after the other and keep some of their columns, under the names that ``kept`` maps to.

    Stages find the columns of ``given`` by their names too. No two stages give a column the same name.
    """
    from pyspark.sql import functions as F

    known, made = dict(given or {}), list[str]()

    def get(name: str) -> Column:
        if name not in known:
            known[name] = F.col(_HIDDEN + name)
        return known[name]

    for stage in stages:
        columns = stage(get)
        frame = frame.select("*", *(column.alias(_HIDDEN + name) for name, column in columns.items()))
        made += [_HIDDEN + name for name in columns]
    return frame.select(all_but(made), *(get(name).alias(alias) for name, alias in kept.items()))


def all_but(names: Iterable[str]) -> Column:
    """Return every column but these, for ``select``: one word to Spark, however many columns there are."""
    from pyspark.sql import functions as F

    return F.expr(f"* EXCEPT ({', '.join(map(quote, names))})")


def inlined(stages: Sequence[Stage], kept: str, given: Mapping[str, Column] | None = None) -> Column:
    """Return a column of the last stage as one expression, for places that take an expression only.

    Each stage is a lambda over an array of one element, which Spark interprets: some 50 times slower than `staged`,
    but of a size that does not grow exponentially with the number of stages.
    """
    from pyspark.sql import functions as F

    known = list(given or {})
    rows = F.array(F.struct(*(column.alias(name) for name, column in (given or {}).items())))
    for stage in stages:
        rows, known = _next_row(rows, known, stage)
    return F.transform(rows, lambda row: row.getField(kept)).getItem(0)


def _next_row(rows: Column, known: list[str], stage: Stage) -> tuple[Column, list[str]]:
    """Return the row with the columns of one more stage, and their names."""
    from pyspark.sql import functions as F

    found = list[str]()

    def extend(row: Column) -> Column:
        columns = {name: row.getField(name) for name in known} | dict(stage(row.getField))
        found[:] = columns
        return F.struct(*(column.alias(name) for name, column in columns.items()))

    return F.transform(rows, extend), found


def cell_stages(ra: Column, dec: Column, nside: int, *, nested: bool = False) -> list[Stage]:
    """Return the stages that compute ``cell``, for `staged` or `inlined`; ``nside`` is a power of two."""
    if nside < 1 or nside & (nside - 1) or nside > 1 << MAX_ORDER:
        raise ValueError(f"nside must be a power of two up to 2^{MAX_ORDER}, got {nside}")
    before: list[Stage] = [lambda _: _position(ra, dec), _valid, _angles, _heights, lambda get: _slopes(get, nside)]
    scheme = _nested(nside) if nested else _ring(nside)
    return [*before, lambda get: _crossings(get, nside), *scheme, _cell]


def _position(ra: Column, dec: Column) -> dict[str, Column]:
    """Nothing from here on is null, which spares a check at every operation."""
    from pyspark.sql import functions as F

    missing = F.lit(math.nan)
    return {"ra": F.coalesce(ra.cast("double"), missing), "dec": F.coalesce(dec.cast("double"), missing)}


def _valid(get: Get) -> dict[str, Column]:
    from pyspark.sql import functions as F

    return {"valid": (F.abs(get("dec")) <= 90.0) & (F.abs(get("ra")) <= _MAX_RA_DEG)}


def _angles(get: Get) -> dict[str, Column]:
    """Colatitude in radians, right ascension in quarters of a turn; zero where invalid, as NaN cannot be cast."""
    from pyspark.sql import functions as F

    zero = F.lit(0.0)
    return {
        "colatitude": F.when(get("valid"), F.lit(math.pi / 2) - F.radians(get("dec"))).otherwise(zero),
        "quarters": F.when(get("valid"), F.radians(get("ra")) * F.lit(2 / math.pi)).otherwise(zero),
    }


def _heights(get: Get) -> dict[str, Column]:
    """``z`` of the unit vector, and the quarters within one turn: rounding may give 4 for a tiny negative angle."""
    from pyspark.sql import functions as F

    whole = F.lit(4.0) * F.floor(get("quarters") * F.lit(0.25)).cast("double")
    return {"z": F.cos(get("colatitude")), "around": get("quarters") - whole}


def _slopes(get: Get, nside: int) -> dict[str, Column]:
    """Where the position is along the two families of cell edges: in the belt around the equator, or in a cap."""
    from pyspark.sql import functions as F

    height = F.abs(get("z"))
    belt = height <= 2 / 3
    turn = F.when(get("around") < 4.0, get("around")).otherwise(F.lit(0.0))
    in_belt = F.lit(float(nside)) * get("z") * F.lit(0.75)
    return {"belt": belt, "turn": turn, "slope": F.when(belt, in_belt).otherwise(_from_pole(get, height, nside))}


def _from_pole(get: Get, height: Column, nside: int) -> Column:
    r"""Within 0.01 radians of a pole, 1 - \|z\| has lost most digits and the sine of the colatitude takes its place."""
    from pyspark.sql import functions as F

    size, one, three = F.lit(float(nside)), F.lit(1.0), F.lit(3.0)
    close = (get("colatitude") < 0.01) | (get("colatitude") > 3.14159 - 0.01)
    by_sine = size * F.sin(get("colatitude")) / F.sqrt((one + height) / three)
    return F.when(close, F.coalesce(by_sine, F.lit(0.0))).otherwise(size * F.sqrt(three * (one - height)))


def _crossings(get: Get, nside: int) -> dict[str, Column]:
    """Count the edges of either family between the position and the origin."""
    from pyspark.sql import functions as F

    rise = F.lit(float(nside)) * (F.lit(0.5) + get("turn"))
    part = get("turn") - F.floor(get("turn")).cast("double")
    falling = F.when(get("belt"), rise - get("slope")).otherwise(part * get("slope"))
    rising = F.when(get("belt"), rise + get("slope")).otherwise((F.lit(1.0) - part) * get("slope"))
    return {"falling": falling.cast("bigint"), "rising": rising.cast("bigint")}


def _ring(nside: int) -> list[Stage]:
    """Ring (counted from the pole in the caps) and place in it."""
    from pyspark.sql import functions as F

    def ring(get: Get) -> dict[str, Column]:
        jp, jm = get("falling"), get("rising")
        return {"ring": F.when(get("belt"), jp - jm + (nside + 1)).otherwise(jp + jm + 1)}

    def place(get: Get) -> dict[str, Column]:
        shift = 1 - get("ring").bitwiseAND(F.lit(1))
        twice = get("falling") + get("rising") + shift + (7 * nside + 1)
        in_belt = F.shiftright(twice, 1).bitwiseAND(F.lit(4 * nside - 1))
        return {
            "place": F.when(get("belt"), in_belt).otherwise((get("turn") * get("ring").cast("double")).cast("bigint"))
        }

    def index(get: Get) -> dict[str, Column]:
        ring, place = get("ring"), get("place")
        in_belt = (ring - 1) * (4 * nside) + place + 2 * nside * (nside - 1)
        north, south = 2 * ring * (ring - 1) + place, 12 * nside * nside - 2 * ring * (ring + 1) + place
        return {"index": F.when(get("belt"), in_belt).when(get("z") > 0.0, north).otherwise(south)}

    return [ring, place, index]


def _nested(nside: int) -> list[Stage]:
    """Find base cell and place in it; the index interleaves the bits of the two coordinates."""
    from pyspark.sql import functions as F

    order, last = nside.bit_length() - 1, nside - 1

    def rows(get: Get) -> dict[str, Column]:
        inside = F.lit(last)
        return {
            "face_p": F.when(get("belt"), F.shiftright(get("falling"), order)).otherwise(F.floor(get("turn"))),
            "face_m": F.shiftright(get("rising"), order),
            "p": F.when(get("belt"), get("falling").bitwiseAND(inside)).otherwise(F.least(get("falling"), inside)),
            "m": F.when(get("belt"), get("rising").bitwiseAND(inside)).otherwise(F.least(get("rising"), inside)),
        }

    def face(get: Get) -> dict[str, Column]:
        p, m, north = get("face_p"), get("face_m"), get("z") > 0.0
        in_belt = F.when(p == m, p.bitwiseOR(F.lit(4))).when(p < m, p).otherwise(m + 8)
        return {
            "face": F.when(get("belt"), in_belt).when(north, p).otherwise(p + 8),
            "x0": F.when(get("belt"), get("m")).when(north, last - get("m")).otherwise(get("p")),
            "y0": F.when(get("belt") | north, last - get("p")).otherwise(get("m")),
        }

    def index(get: Get) -> dict[str, Column]:
        bits = get(f"x{len(_SPREAD)}").bitwiseOR(F.shiftleft(get(f"y{len(_SPREAD)}"), 1))
        return {"index": F.shiftleft(get("face"), 2 * order).bitwiseOR(bits)}

    return [rows, face, *(_spread(step) for step in range(len(_SPREAD))), index]


_SPREAD = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)
"""Shifts and masks that move the bits of a number to every second place."""


def _spread(step: int) -> Stage:
    from pyspark.sql import functions as F

    shift, mask = _SPREAD[step]

    def spread(get: Get) -> dict[str, Column]:
        wide = {name: get(f"{name}{step}") for name in "xy"}
        return {
            f"{name}{step + 1}": F.shiftleft(bits, shift).bitwiseOR(bits).bitwiseAND(F.lit(mask))
            for name, bits in wide.items()
        }

    return spread


def _cell(get: Get) -> dict[str, Column]:
    """Not nullable, or a join would infer a condition on the cell and compute it again, in one piece, to test that."""
    from pyspark.sql import functions as F

    none = F.lit(NO_CELL).cast("bigint")
    return {"cell": F.coalesce(F.when(get("valid"), get("index")), none)}

"""HEALPix cells of alerts as native Spark expressions, cell for cell what healpy computes.

The scheme is that of Górski et al. (2005, ApJ 622, 759), in the order of operations of the HEALPix C++ library, which
healpy wraps: equal operations on equal doubles round alike.

It takes a few projections, one behind the other. In one expression, Spark would repeat the sine of the declination
dozens of times, and the generated method would grow beyond what the JVM compiles; each projection in turn makes Spark
generate code for a whole row.
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

    made: list[str] = []
    for columns in _columns(frame.sparkSession.sparkContext._gateway, ra, dec, nside, nested):
        frame = frame.select("*", *columns.values())
        made += columns
    return frame.select(all_but(made), F.col(_HIDDEN + "cell").alias(name))


@lru_cache(maxsize=64)
def _columns(java: Any, ra: str, dec: str, nside: int, nested: bool) -> tuple[dict[str, Column], ...]:  # noqa: ARG001 - see below
    """Return the columns of each stage, which are the same in every frame of one Java.

    They are some hundred calls to Java, which for a small job or an estimate takes longer than computing them.
    """
    from pyspark.sql import functions as F

    def get(name: str) -> Column:
        return F.col(_HIDDEN + name)

    stages = cell_stages(F.col(ra), F.col(dec), nside, nested=nested)
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


def fused(stages: Sequence[Stage], *kept: str) -> Stage:
    """Return one stage for several, which gives the columns ``kept``.

    A later stage gets the expressions of an earlier one, as often as it asks for them: right for what is cheap or asked
    for once. For every projection Spark generates and compiles code that copies the row, even where nothing calls it,
    which is thousands of lines for an alert with its history.
    """

    def stage(get: Get) -> dict[str, Column]:
        found: dict[str, Column] = {}

        def known(name: str) -> Column:
            return found[name] if name in found else get(name)

        for part in stages:
            found |= part(known)
        return {name: found[name] for name in kept}

    return stage


def cell_stages(ra: Column, dec: Column, nside: int, *, nested: bool = False) -> list[Stage]:
    """Return the stages that compute ``cell``, for `staged` or `inlined`; ``nside`` is a power of two."""
    if nside < 1 or nside & (nside - 1) or nside > 1 << MAX_ORDER:
        raise ValueError(f"nside must be a power of two up to 2^{MAX_ORDER}, got {nside}")
    direction = fused([lambda _: _position(ra, dec), _valid, _angles, _heights], "valid", "colatitude", "z", "turn")
    before: list[Stage] = [direction, lambda get: _slopes(get, nside)]
    if nested:
        return [*before, lambda get: _face(get, nside), fused([lambda get: _nested(get, nside), _cell], "cell")]
    return [*before, fused([lambda get: _ring(get, nside), _cell], "cell")]


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

    around = get("quarters") - F.lit(4.0) * F.floor(get("quarters") * F.lit(0.25)).cast("double")
    return {"z": F.cos(get("colatitude")), "turn": F.when(around < 4.0, around).otherwise(F.lit(0.0))}


def _slopes(get: Get, nside: int) -> dict[str, Column]:
    """Where the position is along the two families of cell edges: in the belt around the equator, or in a cap."""
    from pyspark.sql import functions as F

    height = F.abs(get("z"))
    belt = height <= 2 / 3
    in_belt = F.lit(float(nside)) * get("z") * F.lit(0.75)
    return {"belt": belt, "slope": F.when(belt, in_belt).otherwise(_from_pole(get, height, nside))}


def _from_pole(get: Get, height: Column, nside: int) -> Column:
    r"""Within 0.01 radians of a pole, 1 - \|z\| has lost most digits and the sine of the colatitude takes its place."""
    from pyspark.sql import functions as F

    size, one, three = F.lit(float(nside)), F.lit(1.0), F.lit(3.0)
    close = (get("colatitude") < 0.01) | (get("colatitude") > 3.14159 - 0.01)
    by_sine = size * F.sin(get("colatitude")) / F.sqrt((one + height) / three)
    return F.when(close, F.coalesce(by_sine, F.lit(0.0))).otherwise(size * F.sqrt(three * (one - height)))


def _crossings(get: Get, nside: int) -> tuple[tuple[Column, Column], tuple[Column, Column]]:
    """Count the falling and the rising edges between the position and the origin: in the belt, and in a cap."""
    from pyspark.sql import functions as F

    rise = F.lit(float(nside)) * (F.lit(0.5) + get("turn"))
    part = get("turn") - F.floor(get("turn")).cast("double")
    in_belt = rise - get("slope"), rise + get("slope")
    in_cap = part * get("slope"), (F.lit(1.0) - part) * get("slope")
    falling, rising = ((belt.cast("bigint"), cap.cast("bigint")) for belt, cap in zip(in_belt, in_cap, strict=True))
    return (falling[0], rising[0]), (falling[1], rising[1])


def _ring(get: Get, nside: int) -> dict[str, Column]:
    """Return the index by ring (counted from the pole in the caps) and place in it."""
    from pyspark.sql import functions as F

    (falling, rising), (cap_falling, cap_rising) = _crossings(get, nside)
    ring = falling - rising + (nside + 1)
    twice = falling + rising + (1 - ring.bitwiseAND(F.lit(1))) + (7 * nside + 1)
    place = F.shiftright(twice, 1).bitwiseAND(F.lit(4 * nside - 1))
    in_belt = (ring - 1) * (4 * nside) + place + 2 * nside * (nside - 1)
    ring = cap_falling + cap_rising + 1
    place = (get("turn") * ring.cast("double")).cast("bigint")
    north, south = 2 * ring * (ring - 1) + place, 12 * nside * nside - 2 * ring * (ring + 1) + place
    return {"index": F.when(get("belt"), in_belt).when(get("z") > 0.0, north).otherwise(south)}


def _face(get: Get, nside: int) -> dict[str, Column]:
    """Find the base cell, and the place in it by two coordinates."""
    from pyspark.sql import functions as F

    order, inside, north = nside.bit_length() - 1, F.lit(nside - 1), get("z") > 0.0
    (falling, rising), cap = _crossings(get, nside)
    p, m, quarter = F.shiftright(falling, order), F.shiftright(rising, order), F.floor(get("turn"))
    in_belt = F.when(p == m, p.bitwiseOR(F.lit(4))).when(p < m, p).otherwise(m + 8)
    cap_falling, cap_rising = (F.least(count, inside) for count in cap)
    return {
        "face": F.when(get("belt"), in_belt).when(north, quarter).otherwise(quarter + 8),
        "x": F.when(get("belt"), rising.bitwiseAND(inside)).when(north, inside - cap_rising).otherwise(cap_falling),
        "y": F.when(get("belt"), inside - falling.bitwiseAND(inside))
        .when(north, inside - cap_falling)
        .otherwise(cap_rising),
    }


def _nested(get: Get, nside: int) -> dict[str, Column]:
    """Return the index of the base cell and the interleaved bits of the two coordinates."""
    from pyspark.sql import functions as F

    order = nside.bit_length() - 1
    bits = _spread(get("x"), order).bitwiseOR(F.shiftleft(_spread(get("y"), order), 1))
    return {"index": F.shiftleft(get("face"), 2 * order).bitwiseOR(bits)}


_SPREAD = "array(" + ", ".join(f"{int(format(byte, 'b'), 4)}L" for byte in range(256)) + ")"
"""Bytes with their bits at every second place: the number with the same digits, to base 4."""


def _spread(number: Column, order: int) -> Column:
    """Move each of the ``order`` bits of a number to twice its place, byte by byte."""
    from pyspark.sql import functions as F

    table, found = F.expr(_SPREAD), F.lit(0).cast("bigint")
    for shift in range(0, order, 8):
        byte = F.shiftright(number, shift).bitwiseAND(F.lit(255)).cast("int")
        found = found.bitwiseOR(F.shiftleft(F.get(table, byte), 2 * shift))
    return found


def _cell(get: Get) -> dict[str, Column]:
    """Not nullable, or a join would infer a condition on the cell and compute it again, in one piece, to test that."""
    from pyspark.sql import functions as F

    none = F.lit(NO_CELL).cast("bigint")
    return {"cell": F.coalesce(F.when(get("valid"), get("index")), none)}

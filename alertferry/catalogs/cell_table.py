"""A catalogue arranged for Spark: for every HEALPix cell, the sources whose discs touch it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from alertferry.catalogs.discs import DiscCells, Floats, cells_of_discs, choose_nside, chord_squared, unit_vectors
from alertferry.core.errors import UsageError
from alertferry.core.naming import avro_name

if TYPE_CHECKING:
    from alertferry.catalogs.model import Catalog

FIXED = ("id", "separation_arcsec", "rank")
"""Fields of a match that do not come from the catalogue's columns."""

_ARCSEC = np.pi / 180 / 3600
_ODD = re.compile(r"(?![A-Za-z0-9_])[\x00-\x7f]")
_ROW_BYTES = 16  # what Spark adds to each source for lengths and null bits

_WIDER = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
    pa.large_string(): pa.string(),
    pa.large_binary(): pa.binary(),
}
"""Types that Spark lacks, and the next that holds all their values."""


@dataclass(frozen=True, eq=False)
class CellTable:
    """Sources, and the cells they are looked for in.

    ``sources`` has a row for each source: its number ``row``, ``id``, unit vector ``x y z``, ``limit`` (the square of
    the greatest chord), carried columns ``c0 c1 ...`` and, where ``moves``, ``vx vy vz`` (per year) since ``epoch``.
    """

    nside: int
    moves: bool
    sources: pa.Table = field(repr=False)
    cells: DiscCells = field(repr=False)

    @property
    def bytes(self) -> int:
        """Estimate of what every executor must hold when the table is broadcast."""
        sources = max(1, self.sources.num_rows)
        return int(len(self.cells.cell) * (self.sources.nbytes / sources + _ROW_BYTES))

    @cached_property
    def by_cell(self) -> pa.Table:
        """One row a cell: ``key``, and ``sources`` as an array of structs."""
        taken = self.sources.take(pa.array(self.cells.row)).combine_chunks()
        structs = pa.StructArray.from_arrays([_flat(column) for column in taken.columns], taken.column_names)
        key, starts = np.unique(self.cells.cell, return_index=True)
        offsets = pa.array(np.append(starts, len(self.cells.cell)), pa.int32())
        return pa.table({"key": key, "sources": pa.ListArray.from_arrays(offsets, structs)})

    @cached_property
    def by_pair(self) -> pa.Table:
        """One row a cell and source: ``key`` and what the distance takes."""
        needed = [name for name in self.sources.column_names if name not in {"row", "id"} and name[0] != "c"]
        taken = self.sources.select(needed).take(pa.array(self.cells.row))
        return taken.append_column("key", pa.array(self.cells.cell))


def cell_table(catalog: Catalog, radius_arcsec: float | None, years: tuple[float, float] | None) -> CellTable:
    """Arrange a catalogue.

    Parameters
    ----------
    catalog
        The catalogue; its own radii are used where ``radius_arcsec`` is None.
    radius_arcsec
        One radius for all sources.
    years
        First and last Julian year of the alerts, for sources with proper motions.
    """
    radius = catalog.radius_arcsec if radius_arcsec is None else np.full(catalog.rows, float(radius_arcsec))
    assert radius is not None
    radius_rad = radius * _ARCSEC
    vectors = unit_vectors(catalog.ra_deg, catalog.dec_deg)
    columns = {
        "row": pa.array(np.arange(catalog.rows), pa.int32()),
        "id": catalog.ids,
        **_components("xyz", vectors),
        "limit": pa.array(chord_squared(radius_rad)),
        **{f"c{index}": spark_array(column) for index, column in enumerate(catalog.columns.columns)},
    }
    centre, reach = (catalog.ra_deg, catalog.dec_deg), radius_rad
    moving = catalog.pm is not None and catalog.epoch is not None and years is not None
    if moving:
        assert years is not None
        assert catalog.epoch is not None
        velocity = _velocities(catalog)
        columns |= {**_components(("vx", "vy", "vz"), velocity), "epoch": pa.array(catalog.epoch)}
        centre = _moved(vectors, velocity, sum(years) / 2 - catalog.epoch)
        reach = radius_rad + np.linalg.norm(velocity, axis=1) * (years[1] - years[0]) / 2
    nside = choose_nside(reach)
    return CellTable(nside, moving, pa.table(columns), cells_of_discs(*centre, reach, nside))


def _components(names: Sequence[str], vectors: Floats) -> dict[str, pa.Array]:
    return {name: pa.array(np.ascontiguousarray(vectors[:, axis])) for axis, name in enumerate(names)}


def _velocities(catalog: Catalog) -> Floats:
    """Return the motions in radians a year along the sphere, as vectors; pmra holds the cosine already."""
    assert catalog.pm is not None
    ra, dec = np.radians(catalog.ra_deg), np.radians(catalog.dec_deg)
    east = np.stack([-np.sin(ra), np.cos(ra), np.zeros_like(ra)], axis=-1)
    north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)], axis=-1)
    velocity: Floats = (catalog.pm.ra[:, None] * east + catalog.pm.dec[:, None] * north) * (_ARCSEC / 1000)
    return velocity


def _moved(vectors: Floats, velocity: Floats, years: Floats) -> tuple[Floats, Floats]:
    """Return ra and dec in degrees after some years of motion in a straight line in space."""
    x, y, z = (vectors + velocity * years[:, None]).T
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def spark_array(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a carried column in a type that Spark has. Raises `UsageError` for lists and other containers."""
    kind = column.type
    if pa.types.is_nested(kind):
        raise UsageError(f"holds {kind}; only plain values can be included")
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return column.cast(pa.string())
    return column.cast(_WIDER.get(kind, kind))


def field_names(columns: Iterable[str]) -> tuple[str, ...]:
    """Return what carried columns are called in a match: as in the catalogue, with ``_`` for odd ASCII characters.

    Letters of other alphabets stay; packets have the names that Avro allows, as of any column. Raises `UsageError`
    when two would share a name, there or here, or one would hide a field of every match.
    """
    found, taken = list[str](), dict[str, str]()
    for column in columns:
        plain = _ODD.sub("_", column)
        name = plain if plain and not plain[0].isdigit() else f"_{plain}"
        names = {called.lower(): called for called in (name, avro_name(name))}
        for small, called in names.items():
            if small in FIXED:
                raise UsageError(f"{column!r} would hide the {small!r} of the match; rename the column")
            if small in taken:
                raise UsageError(
                    f"{taken[small]!r} and {column!r} would both be called {called!r}; rename or leave out one"
                )
        taken |= dict.fromkeys(names, column)
        found.append(name)
    return tuple(found)

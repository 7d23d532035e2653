"""Which HEALPix cells the discs around catalogue sources touch, for all sources at once.

The answer may hold cells that a disc just misses, never fewer than it touches: the distances decide afterwards.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

MAX_NSIDE = 2**18
"""Cells of 0.8 arcsec; smaller ones would gain nothing."""

_STEEPEST = 1.46
"""Edges crossed per radian and nside: the gradient of the coordinates in `_places` is nowhere steeper."""

_REACH = 0.75
"""Adjacent cells suffice while a disc reaches less than a cell's width beyond its own; else cells are refined."""

_ROUNDING = 1e-6
"""Cell widths allowed for rounding, of these coordinates and of those of the alerts."""

_TYPICAL_ALERTS = 1e7
_COST_OF_DISTANCE = 0.5
"""Time to test one alert against one source, in units of the time to send a source's cell to Spark."""

_FEW_CELLS = 2_000_000


class DiscCells(NamedTuple):
    """Pairs of a RING cell and the row of a source whose disc touches it, sorted by cell, then row; no pair twice."""

    cell: Longs
    row: Longs


class _Discs(NamedTuple):
    """Centres in degrees and radii in radians, one each a source."""

    ra_deg: Floats
    dec_deg: Floats
    radius_rad: Floats

    def at(self, rows: Longs) -> _Discs:
        return _Discs(self.ra_deg[rows], self.dec_deg[rows], self.radius_rad[rows])


def choose_nside(radius_rad: Floats) -> int:
    """Return the resolution at which finding counterparts takes least time.

    Small cells hold few sources to compare an alert with, but a disc touches more of them.
    """
    best, least = 1, np.inf
    limit = max(_FEW_CELLS, 4 * len(radius_rad))
    for order in range(MAX_NSIDE.bit_length()):
        nside = 2**order
        cells = float(_expected_cells(radius_rad, nside).sum())
        cost = cells * (1 + _COST_OF_DISTANCE * _TYPICAL_ALERTS / (12 * nside**2))
        if cost < least and cells <= limit:
            best, least = nside, cost
    return best


def _expected_cells(radius_rad: Floats, nside: int) -> Floats:
    """Return how many cells a disc gets on average."""
    reach = _STEEPEST * nside * radius_rad
    width = np.sqrt(np.pi / 3) / nside
    adjacent, refined = (1 + 2 * reach) ** 2, np.pi * (radius_rad / width + 1) ** 2
    return np.minimum(np.where(reach <= _REACH, adjacent, refined), 12.0 * nside**2)


def cells_of_discs(ra_deg: Floats, dec_deg: Floats, radius_rad: Floats, nside: int) -> DiscCells:
    """Return every cell of resolution ``nside`` that each disc touches.

    Parameters
    ----------
    ra_deg, dec_deg
        Centres in degrees.
    radius_rad
        Radii in radians, one a disc.
    nside
        Resolution; a power of two.
    """
    import healpy

    finest = np.log2(_REACH / (_STEEPEST * np.maximum(radius_rad, 1e-12)))
    start = np.clip(np.floor(finest), 0, nside.bit_length() - 1).astype(np.int64)
    discs = _Discs(ra_deg, dec_deg, radius_rad)
    parts = [
        _refined(_adjacent(discs, np.flatnonzero(start == order), order), discs, order, nside)
        for order in np.unique(start)
    ]
    cell = np.concatenate([part.cell for part in parts] or [np.empty(0, np.int64)])
    row = np.concatenate([part.row for part in parts] or [np.empty(0, np.int64)])
    return _sorted(healpy.nest2ring(nside, cell) if len(cell) else cell, row)


def _sorted(cell: Longs, row: Longs) -> DiscCells:
    order = np.lexsort((row, cell))
    cell, row = cell[order], row[order]
    fresh = np.ones(len(cell), bool)
    fresh[1:] = (cell[1:] != cell[:-1]) | (row[1:] != row[:-1])
    return DiscCells(cell[fresh], row[fresh])


def _adjacent(discs: _Discs, rows: Longs, order: int) -> DiscCells:
    """Return each centre's NESTED cell and those neighbours that lie within the disc's reach."""
    import healpy

    nside = 2 ** int(order)
    if order == 0:
        return DiscCells(np.tile(np.arange(12), len(rows)), np.repeat(rows, 12))
    cell, low_x, high_x, low_y, high_y = _edges(nside, discs.at(rows))
    close = np.flatnonzero(low_x | high_x | low_y | high_y)
    low_x, high_x, low_y, high_y = (edge[close] for edge in (low_x, high_x, low_y, high_y))
    # the order of healpy's neighbours: SW, W, NW, N, NE, E, SE, S
    reached = np.stack(
        [low_x, low_x & high_y, high_y, high_x & high_y, high_x, high_x & low_y, low_y, low_x & low_y],
    )
    neighbours = healpy.get_all_neighbours(nside, cell[close], nest=True).reshape(8, -1)
    direction, which = np.nonzero(reached & (neighbours >= 0))
    return DiscCells(np.r_[cell, neighbours[direction, which]], np.r_[rows, rows[close][which]])


def _edges(nside: int, discs: _Discs) -> tuple[NDArray[Any], ...]:
    """Return the NESTED cells, and which of the edges at low x, high x, low y and high y a disc may cross."""
    import healpy

    face, x, y = _places(nside, discs.ra_deg, discs.dec_deg)
    column, row = (np.clip(np.floor(value), 0, nside - 1) for value in (x, y))
    cell = healpy.xyf2pix(nside, column.astype(np.int64), row.astype(np.int64), face, nest=True)
    reach = _STEEPEST * nside * discs.radius_rad + _ROUNDING
    return cell, x - column < reach, column + 1 - x < reach, y - row < reach, row + 1 - y < reach


def _places(nside: int, ra_deg: Floats, dec_deg: Floats) -> tuple[Longs, Floats, Floats]:
    """Return base cells and real-valued coordinates in them, from 0 to nside (Górski et al. 2005, section 4)."""
    z, turn = np.sin(np.radians(dec_deg)), np.mod(ra_deg, 360.0) / 90.0
    turn = np.where(turn < 4, turn, 0.0)
    quarter = np.floor(turn)
    belt = np.abs(z) <= 2 / 3
    rise, slope = nside * (0.5 + turn), 0.75 * nside * z
    distance = nside * np.sqrt(6.0) * np.sin(np.radians(90.0 - np.abs(dec_deg)) / 2)
    falling = np.where(belt, rise - slope, (turn - quarter) * distance)
    rising = np.where(belt, rise + slope, (1 - turn + quarter) * distance)
    p, m = np.floor(falling / nside), np.floor(rising / nside)
    face = np.where(p == m, p % 4 + 4, np.where(p < m, p, m + 8))
    face = np.where(belt, face, quarter + np.where(z > 0, 0, 8))
    upward = belt | (z > 0)
    x = np.where(belt, rising - m * nside, np.where(z > 0, nside - rising, falling))
    y = np.where(upward, nside - np.where(belt, falling - p * nside, falling), rising)
    return face.astype(np.int64), x, y


def _refined(cells: DiscCells, discs: _Discs, order: int, nside: int) -> DiscCells:
    """Divide NESTED cells by four until they have the resolution wanted, each time leaving out those too far away."""
    import healpy

    cell, row = cells
    for level in range(int(order) + 1, nside.bit_length()):
        cell, row = (4 * cell[:, None] + np.arange(4)).ravel(), np.repeat(row, 4)
        x, y, z = healpy.pix2vec(2**level, cell, nest=True)
        touching = discs.at(row)
        centre = unit_vectors(touching.ra_deg, touching.dec_deg)
        chord2 = (x - centre[:, 0]) ** 2 + (y - centre[:, 1]) ** 2 + (z - centre[:, 2]) ** 2
        near = chord2 <= chord_squared(touching.radius_rad + healpy.max_pixrad(2**level) + 1e-10)
        cell, row = cell[near], row[near]
    return DiscCells(cell, row)


def unit_vectors(ra_deg: Floats, dec_deg: Floats) -> Floats:
    """Return unit vectors, shape (n, 3)."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def chord_squared(angle_rad: Floats) -> Floats:
    """Return the squared chord of angles; half a turn and more is 4."""
    return 4 * np.sin(np.minimum(angle_rad, np.pi) / 2) ** 2

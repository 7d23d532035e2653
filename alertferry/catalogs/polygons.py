"""Polygons on the sphere: edges are arcs of great circles, the inside is the smaller side.

Seen from the centre of the sphere, a polygon within a hemisphere is a polygon on a plane that touches the sphere at
the polygon's middle: its great circles become straight lines (the gnomonic projection).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from alertferry.catalogs.discs import Floats, unit_vectors

MAX_VERTICES = 200
"""More edges would make an expression that the JVM no longer compiles."""

_STEPS = 1000
_LEAST_DEPTH = 1e-4


class FlatPolygon(NamedTuple):
    """A polygon on the plane that touches the sphere at ``axes[0]``; ``axes[1:]`` span the plane.

    ``vertices`` has shape (n, 2), in units of the radius of the sphere.
    """

    axes: Floats
    vertices: Floats


def flat_polygon(corners: Sequence[tuple[float, float]]) -> FlatPolygon:
    """Project a polygon onto its plane.

    Parameters
    ----------
    corners
        Right ascension and declination in degrees, in order; the last may repeat the first.

    Raises
    ------
    ValueError
        Fewer than three corners, more than `MAX_VERTICES`, not within a hemisphere, or edges that cross or touch; the
        message says which.
    """
    points = _distinct(corners)
    if len(points) < 3:
        raise ValueError(f"must have at least 3 different corners, got {len(points)}")
    if len(points) > MAX_VERTICES:
        raise ValueError(f"has {len(points)} corners; at most {MAX_VERTICES} are possible: use a moc instead")
    vectors = unit_vectors(*np.array(points, float).T)
    axes = _axes(_middle(vectors))
    depth = vectors @ axes[0]
    if depth.min() < _LEAST_DEPTH:
        raise ValueError("does not fit into a hemisphere; divide it, or use a moc")
    flat = np.stack([vectors @ axes[1], vectors @ axes[2]], axis=-1) / depth[:, None]
    crossing = _crossing(flat)
    if crossing:
        one, other = crossing
        raise ValueError(f"crosses or touches itself: the edges from corners {one + 1} and {other + 1} meet")
    return FlatPolygon(axes, flat)


def _distinct(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    points = [point for index, point in enumerate(corners) if index == 0 or point != corners[index - 1]]
    return points[:-1] if len(points) > 1 and points[0] == points[-1] else points


def _middle(vectors: Floats) -> Floats:
    """Return the centre of the smallest cap around the vectors (Bădoiu and Clarkson 2003, by the farthest point)."""
    middle: Floats = vectors.mean(axis=0)
    for step in range(_STEPS):
        farthest = vectors[np.argmax(((vectors - middle) ** 2).sum(axis=1))]
        middle = middle + (farthest - middle) / (step + 2)
    length = np.linalg.norm(middle)
    return middle / length if length > 0 else vectors[0]


def _axes(middle: Floats) -> Floats:
    """Return ``middle`` and two unit vectors at right angles to it and each other."""
    helper = np.eye(3)[np.argmin(np.abs(middle))]
    across = np.cross(middle, helper)
    across /= np.linalg.norm(across)
    return np.stack([middle, across, np.cross(middle, across)])


def _crossing(flat: Floats) -> tuple[int, int] | None:
    """Return two edges that meet although they are not neighbours, or fold back onto each other; else None."""
    count = len(flat)
    start, end = flat, np.roll(flat, -1, axis=0)
    sides = _side(start[:, None], end[:, None], start[None]), _side(start[:, None], end[:, None], end[None])
    apart = (sides[0] * sides[1] > 0) | (sides[0] * sides[1] > 0).T
    apart |= ~_boxes_overlap(start, end)
    index = np.arange(count)
    distance = (index[:, None] - index[None]) % count
    meeting = np.argwhere(~apart & (distance > 1) & (distance < count - 1))
    if len(meeting):
        return int(meeting[0][0]), int(meeting[0][1])
    back = np.flatnonzero((_side(start, end, np.roll(end, -1, axis=0)) == 0) & (_turn(start, end) < 0))
    return (int(back[0]), int((back[0] + 1) % count)) if len(back) else None


def _side(start: Floats, end: Floats, point: Floats) -> Any:
    """Return which side of a line a point is on: positive, negative, or 0 on it."""
    along, to = end - start, point - start
    return np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0])


def _turn(start: Floats, end: Floats) -> Any:
    """Return whether each edge goes on (positive) or back (negative) in the direction of the one before."""
    edge = end - start
    return np.sign((edge * np.roll(edge, -1, axis=0)).sum(axis=1))


def _boxes_overlap(start: Floats, end: Floats) -> Any:
    low, high = np.minimum(start, end), np.maximum(start, end)
    return ((low[:, None] <= high[None]) & (low[None] <= high[:, None])).all(axis=2)

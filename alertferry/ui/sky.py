"""What is drawn on the map of the sky: regions as outlines, catalogues and nights as points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from alertferry.core.access import Access
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.local_lake import local_path, night_files
from alertferry.service import file_to_look_at
from alertferry.ui.lakes import location_of, newest_nights, surveys
from alertferry.ui.plots import positions, split_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_POINTS = 8000
FOOTPRINT_NIGHTS = 30
"""Nights whose alerts are drawn before any are chosen."""

_CELL_ORDER = 5


def angle_deg(text: str, hours: bool) -> float:
    """Read an angle: decimal degrees, or sexagesimal (``10:00:24``, ``10h00m24s``), in hours where ``hours``.

    Raises `UsageError`.
    """
    try:
        return float(text)
    except ValueError:
        pass
    from astropy.coordinates import Angle

    try:
        return float(Angle(text.strip(), unit="hourangle" if hours else "deg").deg)
    except Exception:  # astropy's parser raises many kinds
        shape = "150.1 or 10:00:24" if hours else "2.2 or +02:12:00"
        raise UsageError(f"cannot read {text!r} as an angle; write it as {shape}") from None


def outline(step: Mapping[str, Any]) -> tuple[Floats, Floats] | None:
    """Return the edge of a cone, box or polygon as positions in degrees; None for other regions or unfinished ones."""
    try:
        if step.get("cone"):
            cone = step["cone"]
            return circle(float(cone["ra"]), float(cone["dec"]), float(cone["radius_deg"]))
        if step.get("box"):
            return _box(step["box"]["ra"], step["box"]["dec"])
        if step.get("polygon"):
            return _polygon(step["polygon"])
    except (KeyError, TypeError, ValueError):
        return None
    return None


def circle(ra: float, dec: float, radius_deg: float) -> tuple[Floats, Floats]:
    """Return the edge of a cone (spherical trigonometry: the direct problem on the sphere)."""
    bearing = np.linspace(0, 2 * np.pi, 181)
    lat, arc = np.radians(dec), np.radians(radius_deg)
    sin_lat = np.sin(lat) * np.cos(arc) + np.cos(lat) * np.sin(arc) * np.cos(bearing)
    east = np.sin(bearing) * np.sin(arc) * np.cos(lat)
    shift = np.arctan2(east, np.cos(arc) - np.sin(lat) * sin_lat)
    return (ra + np.degrees(shift)) % 360, np.degrees(np.arcsin(np.clip(sin_lat, -1, 1)))


def _box(ra: Sequence[float], dec: Sequence[float]) -> tuple[Floats, Floats]:
    west, east = float(ra[0]), float(ra[1])
    east += 360 if east < west else 0
    side, top = np.linspace(float(dec[0]), float(dec[1]), 60), np.linspace(west, east, 180)
    ras = np.concatenate([top, np.full(60, east), top[::-1], np.full(60, west)])
    decs = np.concatenate([np.full(180, float(dec[0])), side, np.full(180, float(dec[1])), side[::-1]])
    return ras % 360, decs


def _polygon(corners: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
    ra, dec = np.radians(np.asarray(corners, float)).T
    points = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    share = np.linspace(0, 1, max(2, min(60, MAX_POINTS // len(points))))[:, None]
    path = np.concatenate([a * (1 - share) + b * share for a, b in zip(points, np.roll(points, -1, 0), strict=True)])
    path /= np.linalg.norm(path, axis=1)[:, None]
    return np.degrees(np.arctan2(path[:, 1], path[:, 0])) % 360, np.degrees(np.arcsin(path[:, 2]))


def region_lines(step: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the outline of a region as a table of the map."""
    edge = outline(step or {})
    xs, ys = split_line(*edge) if edge else ([], [])
    return {"xs": xs, "ys": ys}


def region_cells(step: Mapping[str, Any] | None, access: Access) -> dict[str, Any]:
    """Return the cells of a coverage map or a probability map as a table of the map. Slow: reads the file."""
    if not step or not (step.get("moc") or step.get("skymap")):
        return {"x": [], "y": []}
    from alertferry.catalogs.coverage import is_moc_text, read_moc, read_skymap

    try:
        if step.get("skymap"):
            coverage = read_skymap(file_to_look_at(str(step["skymap"]), access), float(step.get("credible_level", 0.9)))
        else:
            text = str(step["moc"])
            coverage = read_moc(text if is_moc_text(text) else file_to_look_at(text, access))
    except (AlertferryError, ValueError):
        return {"x": [], "y": []}
    return positions(*_cells(np.asarray(coverage.bounds, dtype=np.int64), coverage.order))


def _cells(bounds: NDArray[np.int64], order: int) -> tuple[Floats, Floats]:
    """Return the centres of the cells of a fixed order that a coverage touches; bounds are nested cells."""
    import healpy

    scale = 4.0 ** (_CELL_ORDER - order)
    first = np.floor(bounds[0::2] * scale).astype(np.int64)
    last = np.ceil(bounds[1::2] * scale).astype(np.int64) - 1
    inside = np.zeros(12 * 4**_CELL_ORDER + 1, dtype=np.int64)
    np.add.at(inside, first, 1)
    np.add.at(inside, last + 1, -1)
    cells = np.flatnonzero(np.cumsum(inside)[:-1] > 0)
    ra, dec = healpy.pix2ang(2**_CELL_ORDER, cells, nest=True, lonlat=True)
    return ra, dec


def alert_positions(kind: str, nights: Sequence[date], lake: str | None = None) -> tuple[Floats, Floats]:
    """Return positions of some alerts of these nights, spread over all of them. Slow: reads from the lake.

    Before nights are chosen they are those of the newest ones, which show where the survey has been looking.
    """
    drawn = nights or newest_nights(kind, lake, FOOTPRINT_NIGHTS)
    return _positions(kind, tuple(drawn), lake)


@lru_cache(maxsize=64)
def _positions(kind: str, nights: tuple[date, ...], lake: str | None) -> tuple[Floats, Floats]:
    import pyarrow.parquet as pq

    survey = surveys()[kind]
    root = local_path(location_of(kind, lake))
    files = [file for night in nights for file in night_files(root, night)] if root else []
    files = files[:: max(1, len(files) // 40)]
    found = []
    for file in files:
        try:
            table = pq.ParquetFile(file).read_row_group(0, columns=[survey.ra, survey.dec]).flatten()
            found.append(np.stack([np.asarray(table.column(name), float) for name in (survey.ra, survey.dec)]))
        except Exception:  # noqa: S112 - the map is an illustration; a damaged file is named elsewhere
            continue
    ra, dec = np.concatenate(found, axis=1) if found else np.empty((2, 0))
    step = max(1, ra.size // MAX_POINTS)
    return ra[::step], dec[::step]


def catalog_positions(options: Mapping[str, Any], access: Access) -> tuple[Floats, Floats]:
    """Return positions of a catalogue's sources, thinned out. Slow: reads the file. Raises `UsageError`."""
    from alertferry.catalogs import PREVIEW_OPTIONS, read_catalog

    named = {key: options[key] for key in PREVIEW_OPTIONS if options.get(key)}
    found = read_catalog(file_to_look_at(str(options["catalog"]), access), **named, on_bad_rows="drop")
    step = max(1, found.rows // MAX_POINTS)
    return found.ra_deg[::step], found.dec_deg[::step]

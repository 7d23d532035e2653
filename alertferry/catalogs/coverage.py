"""Parts of the sky as ranges of NESTED HEALPix cells: multi-order coverage maps, and credible regions of sky maps."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alertferry.catalogs.display import shown
from alertferry.core.errors import UsageError

MAX_FILE_BYTES = 1024**3
"""Largest map that is read, decompressed."""

MAX_RANGES = 2_000_000

_DEEPEST = 29
_TEXT = re.compile(r"\s*\d+/[\d\s,/-]*")
_PART = re.compile(r"(?:(\d+)/)?(?:(\d{1,19})(?:-(\d{1,19}))?)?")
_EQUATORIAL = ("", "C", "Q", "EQ", "ICRS", "EQUATORIAL", "CELESTIAL")
_PROBABILITY = ("PROB", "PROBABILITY", "PROBDENSITY", "T")


@dataclass(frozen=True, eq=False)
class Coverage:
    """A part of the sky.

    ``bounds`` increases: cells of ``order`` from ``bounds[0]`` up to and without ``bounds[1]`` are inside, then from
    ``bounds[2]``, and so on.
    """

    order: int
    bounds: NDArray[np.int64] = field(repr=False)

    @property
    def fraction(self) -> float:
        """Part of the whole sky that is inside."""
        return float((self.bounds[1::2] - self.bounds[::2]).sum() / (12 * 4**self.order))


def is_moc_text(text: str) -> bool:
    """Tell whether a text is a MOC itself (``3/1-4 5/77``) and not the name of a file."""
    return _TEXT.fullmatch(text) is not None


def check_map_file(path: str) -> None:
    """Look whether a map can be there at all. Raises `UsageError` for a missing, empty or enormous file."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise UsageError(f"no such file: {shown(path, 200)}")
    size = file.stat().st_size
    if not 0 < size <= MAX_FILE_BYTES:
        raise UsageError(f"{path} has {size:,} bytes; a map has 1 to {MAX_FILE_BYTES:,}")


def read_moc(text: str) -> Coverage:
    """Read a MOC: its text, or a file with FITS, JSON or text in it.

    Raises `UsageError` for what is no MOC, or covers nothing.
    """
    if is_moc_text(text):
        return _checked(_parse_text(text, "the text"), "the text")
    check_map_file(text)
    content = _content(text)
    if content.startswith(b"SIMPLE"):
        return _checked(_parsed("from_fits", io.BytesIO(content), text), text)
    try:
        written = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise UsageError(f"{text} is no MOC: neither FITS, JSON nor text") from None
    if written.startswith("{"):
        return _checked(_parse_json(written, text), text)
    if not is_moc_text(written):
        raise UsageError(f"{text} is no MOC: neither FITS, JSON nor text as '3/1-4 5/77'")
    return _checked(_parse_text(written, text), text)


def _content(path: str) -> bytes:
    """Return the bytes of a file, decompressed; bombs end at the limit."""
    content = Path(path).expanduser().read_bytes()
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, EOFError) as error:
        raise UsageError(f"{path} cannot be decompressed: {error}") from None
    if len(content) > MAX_FILE_BYTES:
        raise UsageError(f"{path} has more than {MAX_FILE_BYTES:,} bytes when decompressed")
    return content


def check_moc_text(text: str, name: str = "the text") -> None:
    """Look at the orders and cells of a MOC's text. Raises `UsageError` for those that do not exist."""
    order = 0
    for word in text.replace(",", " ").split():
        part = _PART.fullmatch(word)
        if part is None:
            raise UsageError(f"{name} is no MOC: {shown(word)} is neither an order, a cell nor a range of cells")
        if part[1]:
            order = _order(part[1], name)
        if part[2]:
            _check_cells(order, int(part[2]), int(part[3] or part[2]), name)


def _parse_text(text: str, name: str) -> Any:
    check_moc_text(text, name)
    return _parsed("from_string", " ".join(text.replace(",", " ").split()), name)


def _parse_json(text: str, name: str) -> Any:
    try:
        cells = json.loads(text)
        for order, members in cells.items():
            for cell in members:
                if not isinstance(cell, int):
                    raise TypeError
                _check_cells(_order(order, name), cell, cell, name)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"{name} is no MOC: its JSON must map orders to lists of cells, as {{'3': [1, 2]}}") from None
    return _parsed("from_json", cells, name)


def _order(text: str, name: str) -> int:
    order = int(text) if text.isascii() and text.isdecimal() and len(text) <= 2 else _DEEPEST + 1
    if order > _DEEPEST:
        raise UsageError(f"{name} is no MOC: the order {text} is beyond {_DEEPEST}")
    return order


def _check_cells(order: int, first: int, last: int, name: str) -> None:
    if not 0 <= first <= last < 12 * 4**order:
        cells = f"{first}" if first == last else f"{first}-{last}"
        raise UsageError(f"{name} is no MOC: order {order} has cells 0 to {12 * 4**order - 1}, got {cells}")


def _parsed(method: str, content: Any, name: str) -> Any:
    """Call mocpy's reader, which panics for some damaged files: that is no `Exception`."""
    from mocpy import MOC

    try:
        if method == "from_fits":
            return MOC._from_fits_raw_bytes(content.getvalue())
        return getattr(MOC, method)(content)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the Rust side is no Exception
        raise UsageError(f"{name} is no MOC: {shown(str(error) or type(error).__name__, 200)}") from None


def _checked(moc: Any, name: str) -> Coverage:
    ranges = moc.to_depth29_ranges.astype(np.int64).reshape(-1, 2)
    if len(ranges) == 0:
        raise UsageError(f"{name} covers nothing")
    if ranges.min() < 0 or ranges.max() > 12 * 4**_DEEPEST:
        raise UsageError(f"{name} is no MOC: it has cells beyond the sky")
    return _coverage(ranges, int(moc.max_order), name)


def _coverage(ranges: NDArray[np.int64], order: int, name: str) -> Coverage:
    """Return ranges at the deepest order as a coverage at ``order``, those that touch each other joined."""
    ranges = ranges[np.argsort(ranges[:, 0])] >> (2 * (_DEEPEST - order))
    apart = ranges[1:, 0] > ranges[:-1, 1]
    starts, ends = ranges[np.r_[True, apart], 0], ranges[np.r_[apart, True], 1]
    if len(starts) > MAX_RANGES:
        raise UsageError(f"{name} has {len(starts):,} separate parts; at most {MAX_RANGES:,}: degrade it")
    return Coverage(order, np.stack([starts, ends], axis=1).ravel())


# ---- sky maps -----------------------------------------------------------------------------------------------------


def read_skymap(path: str, credible_level: float) -> Coverage:
    """Return the smallest part of the sky that holds the event with a given probability.

    Cells are taken in order of decreasing probability per area until their sum reaches ``credible_level``: the greedy
    credible region of gravitational-wave astronomy. Reads HEALPix maps of one resolution (RING or NESTED, whole or
    partial) and of several (``UNIQ``, ``PROBDENSITY``), also with gzip.

    Raises `UsageError` for what is no such map.
    """
    check_map_file(path)
    order, cell, density = _cells(_content(path), path)
    density = np.where(np.isfinite(density) & (density > 0), density, 0.0)
    probability = density * 4.0 ** (-order)
    if not probability.sum() > 0:
        raise UsageError(f"{path} holds no probability")
    best = np.argsort(-density, kind="stable")
    summed = np.cumsum(probability[best])
    count = int(np.searchsorted(summed, credible_level * summed[-1] * (1 - 1e-12))) + 1
    chosen = best[: min(count, int((density > 0).sum()))]
    shift = 2 * (_DEEPEST - order[chosen])
    ranges = np.stack([cell[chosen] << shift, (cell[chosen] + 1) << shift], axis=1)
    return _coverage(ranges, int(order[chosen].max()), path)


def _cells(content: bytes, path: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return order, NESTED cell and probability per area of each cell of a FITS sky map."""
    from astropy.io import fits

    try:
        with fits.open(io.BytesIO(content), memmap=False) as file:
            table = next((part for part in file if isinstance(part, fits.BinTableHDU)), None)
            if table is None:
                raise UsageError(f"{path} is no sky map: it has no table")
            header, columns = table.header, {name.upper(): table.data[name] for name in table.columns.names}
    except UsageError:
        raise
    except Exception as error:  # astropy raises whatever a damaged file makes it stumble over
        raise UsageError(f"{path} is no sky map in FITS: {shown(str(error) or type(error).__name__, 200)}") from None
    if str(header.get("COORDSYS", "")).strip().upper() not in _EQUATORIAL:
        raise UsageError(f"{path} is in the coordinates {header['COORDSYS']!r}; only equatorial (C) maps can be used")
    read = _multi_order if "UNIQ" in columns else _single_order
    return read(header, columns, lambda problem: UsageError(f"{path} is no sky map: {problem}"))


Refusal = Callable[[str], UsageError]


def _probability(columns: dict[str, Any], refuse: Refusal) -> NDArray[np.float64]:
    name = next((name for name in _PROBABILITY if name in columns), None)
    if name is None:
        raise refuse(f"it has no column {' or '.join(_PROBABILITY[:3])}, only {', '.join(columns)}")
    return np.asarray(columns[name], np.float64).ravel()


def _multi_order(_: Any, columns: dict[str, Any], refuse: Refusal) -> tuple[Any, Any, Any]:
    unique = np.asarray(columns["UNIQ"]).astype(np.int64).ravel()
    if len(unique) == 0 or unique.min() < 4 or unique.max() >= 1 << 62:
        raise refuse("it has cells that are none (UNIQ)")
    order = (np.frexp((unique // 4).astype(np.float64))[1] - 1) // 2
    cell = unique - 4 * 4 ** order.astype(np.int64)
    if (cell >= 12 * 4 ** order.astype(np.int64)).any():
        raise refuse("it has cells that are none (UNIQ)")
    return order.astype(np.int64), cell, _probability(columns, refuse)


def _single_order(header: Any, columns: dict[str, Any], refuse: Refusal) -> tuple[Any, Any, Any]:
    import healpy

    density = _probability(columns, refuse)
    cell = np.asarray(columns["PIXEL"]).astype(np.int64).ravel() if "PIXEL" in columns else np.arange(len(density))
    nside = int(header.get("NSIDE", 0) or np.sqrt(len(density) / 12))
    scheme = str(header.get("ORDERING", "")).strip().upper()
    if nside < 1 or nside & (nside - 1) or scheme not in {"RING", "NESTED", "NEST"}:
        raise refuse(f"NSIDE is {header.get('NSIDE')!r} and ORDERING {header.get('ORDERING')!r}")
    if len(cell) != len(density) or len(cell) == 0 or cell.min() < 0 or cell.max() >= 12 * nside**2:
        raise refuse(f"it has {len(density):,} cells, which does not fit NSIDE {nside}")
    if scheme == "RING":
        cell = healpy.ring2nest(nside, cell)
    return np.full(len(cell), nside.bit_length() - 1, np.int64), cell, density

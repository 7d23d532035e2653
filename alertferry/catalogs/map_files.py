"""Coverage maps and sky maps in files. Runs in the confined process only.

FITS is read here column by column from its headers, which have been held against the file's size: nothing is allocated
for what a header only claims, and of a map with many columns only those that are needed are read.
"""

from __future__ import annotations

import re
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from alertferry.catalogs.coverage import DEEPEST, Coverage, coverage_of_json, coverage_of_ranges, coverage_of_text
from alertferry.catalogs.coverage import is_moc_text as _is_text
from alertferry.catalogs.display import listing, shown
from alertferry.catalogs.fits_headers import Part, read_parts
from alertferry.core.errors import UsageError

Longs = NDArray[np.int64]

_EQUATORIAL = ("", "C", "Q", "EQ", "ICRS", "EQUATORIAL", "CELESTIAL")
_PROBABILITY = ("PROB", "PROBABILITY", "PROBDENSITY", "T")
_TFORM = re.compile(r"(\d{0,9})([LXBIJKAEDCMPQ])")
_BYTES = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}
_NUMBERS = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_BLOCK_BYTES = 8 * 1024 * 1024
_MAX_TEXT_BYTES = 64 * 1024 * 1024
_CHUNK = 1 << 20


def parse_moc(file: BinaryIO) -> Coverage:
    """Read a MOC (IVOA MOC 1.1 and 2.0) in FITS, JSON or text. Raises `UsageError` for what is none."""
    file.seek(0)
    if file.read(6) == b"SIMPLE":
        return _moc_of_fits(file)
    file.seek(0)
    content = file.read(_MAX_TEXT_BYTES + 1)
    if len(content) > _MAX_TEXT_BYTES:
        raise UsageError(f"has more than {_MAX_TEXT_BYTES:,} bytes of text; save the MOC as FITS")
    try:
        written = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise UsageError("is no MOC: neither FITS, JSON nor text") from None
    if written.startswith("{"):
        return coverage_of_json(written)
    if not _is_text(written):
        raise UsageError("is no MOC: neither FITS, JSON nor text as '3/1-4 5/77'")
    return coverage_of_text(written)


def parse_skymap(file: BinaryIO, level: float) -> Coverage:
    """Return the credible region of a HEALPix map of probability. Raises `UsageError` for what is none."""
    file.seek(0)
    if file.read(6) != b"SIMPLE":
        raise UsageError("is no sky map: it is not FITS")
    part = _first_table(file, "sky map")
    names = {name.upper(): index for index, name in reversed(list(enumerate(part.names(), 1)))}
    probability = next((name for name in _PROBABILITY if name in names), None)
    if probability is None:
        wanted = " or ".join(_PROBABILITY[:3])
        raise UsageError(f"is no sky map: it has no column {wanted}, only {listing(names)}")
    density = _read_column(file, part, names[probability])
    if density.dtype.kind != "f":
        density = density.astype(np.float64)
    density[~(np.isfinite(density) & (density > 0))] = 0.0
    if not density.any():
        raise UsageError("holds no probability")
    if "UNIQ" in names:
        return _multi_order(_read_column(file, part, names["UNIQ"]), density, level)
    cell = _read_column(file, part, names["PIXEL"]) if "PIXEL" in names else None
    return _single_order(part, cell, density, level)


def _first_table(file: BinaryIO, what: str) -> Part:
    part = next((part for part in read_parts(file) if part.kind == "BINTABLE"), None)
    if part is None:
        raise UsageError(f"is no {what}: it has no table")
    rows, width = part.integer("NAXIS2"), part.integer("NAXIS1")
    if rows * width > part.there:
        raise UsageError(
            f"is damaged: its header claims {rows:,} rows of {width:,} bytes, but only {max(part.there, 0):,} bytes "
            "follow; it may be cut short"
        )
    frame = part.cards.get("COORDSYS", "").strip()
    if frame.upper() not in _EQUATORIAL:
        raise UsageError(f"is in the coordinates {shown(frame)!r}; only equatorial (C) maps can be used")
    return part


def _read_column(file: BinaryIO, part: Part, index: int) -> NDArray[Any]:
    """Return a numeric column, the cells of all rows in one line."""
    offset = sum(_layout(part, other)[2] for other in range(1, index))
    kind, count, size = _layout(part, index)
    rows, width = part.integer("NAXIS2"), part.integer("NAXIS1")
    if kind not in _NUMBERS or count == 0 or offset + size > width:
        form = shown(part.cards.get(f"TFORM{index}", ""))
        raise UsageError(f"is damaged: its column {index} is declared as {form!r}, which holds no numbers")
    dtype = np.dtype(_NUMBERS[kind])
    values = np.empty(rows * count, dtype.newbyteorder("="))
    step = max(1, _BLOCK_BYTES // max(1, width))
    file.seek(part.start)
    for row in range(0, rows, step):
        many = min(step, rows - row)
        block = np.frombuffer(file.read(many * width), np.uint8).reshape(many, width)
        values[row * count : (row + many) * count] = block[:, offset : offset + size].copy().view(dtype).ravel()
    return _scaled(part, index, values)


def _scaled(part: Part, index: int, values: NDArray[Any]) -> NDArray[Any]:
    scale, zero = (
        part.cards.get(f"{card}{index}", default).strip() for card, default in (("TSCAL", "1"), ("TZERO", "0"))
    )
    try:
        factor, shift = float(scale.replace("D", "E")), float(zero.replace("D", "E"))
    except ValueError:
        raise UsageError(
            f"is damaged: its column {index} has the scale {shown(scale)!r} and zero {shown(zero)!r}"
        ) from None
    if (factor, shift) == (1.0, 0.0):
        return values
    if values.dtype == np.int64 and (factor, shift) == (1.0, 2.0**63):
        raise UsageError(f"is no map: column {index} holds unsigned numbers of 64 bits")
    return values * factor + shift


def _layout(part: Part, index: int) -> tuple[str, int, int]:
    """Return the type of a column, and how many elements and bytes a cell has."""
    form = part.cards.get(f"TFORM{index}", "").strip().upper()
    found = _TFORM.match(form)
    if found is None:
        raise UsageError(f"is damaged: its column {index} is declared as {shown(form)!r}")
    count, kind = int(found[1] or 1), found[2]
    return kind, count, -(-count // 8) if kind == "X" else count * _BYTES[kind]


# ---- coverage maps ------------------------------------------------------------------------------------------------


def _moc_of_fits(file: BinaryIO) -> Coverage:
    part = _first_table(file, "MOC")
    ordering, dimension = (part.cards.get(card, "").strip().upper() for card in ("ORDERING", "MOCDIM"))
    if "TIME" in dimension or ordering not in ("NUNIQ", "RANGE", ""):
        raise UsageError(f"is no MOC of the sky: it is of {shown(dimension or ordering)}")
    if part.integer("TFIELDS") < 1:
        raise UsageError("is no MOC: its table has no column")
    numbers = _read_column(file, part, 1)
    if numbers.dtype.kind not in "iu":
        raise UsageError("is no MOC: its column holds no whole numbers")
    numbers = numbers.astype(np.int64, copy=False)
    return _of_uniq(numbers) if ordering != "RANGE" else _of_ranges(numbers)


def _of_uniq(unique: Longs) -> Coverage:
    if len(unique) == 0:
        raise UsageError("covers nothing")
    order, cell = _split(unique, "is no MOC: it has cells that are none (UNIQ)")
    top = int(order.max())
    shift = 2 * (top - order)
    return coverage_of_ranges(np.stack([cell << shift, (cell + 1) << shift], axis=1), top)


def _of_ranges(bounds: Longs) -> Coverage:
    """Return a coverage from bounds of order 29, at the coarsest order that has them all."""
    if len(bounds) % 2 or (len(bounds) and (bounds.min() < 0 or bounds.max() > 12 * 4**DEEPEST)):
        raise UsageError("is no MOC: it has cells beyond the sky")
    ranges = bounds.reshape(-1, 2)
    if (ranges[:, 1] < ranges[:, 0]).any():
        raise UsageError("is no MOC: it has ranges that end before they begin")
    bits = int(np.bitwise_or.reduce(bounds)) if len(bounds) else 0
    spare = ((bits & -bits).bit_length() - 1) // 2 if bits else DEEPEST
    order = DEEPEST - min(spare, DEEPEST)
    ranges = ranges[ranges[:, 1] > ranges[:, 0]]
    return coverage_of_ranges(ranges >> (2 * (DEEPEST - order)), order)


def _split(unique: Longs, refusal: str) -> tuple[Longs, Longs]:
    """Return order and NESTED cell of numbers that hold both (``4 * 4**order + cell``)."""
    if unique.min() < 4 or unique.max() >= 16 * 4**DEEPEST:
        raise UsageError(refusal)
    # By comparison, since a logarithm would be wrong beyond the 53 bits of a double.
    order = np.searchsorted(4 * 4 ** np.arange(DEEPEST + 1, dtype=np.int64), unique, side="right") - 1
    cell = unique - (4 << (2 * order))
    if (cell >= (12 << (2 * order))).any():
        raise UsageError(refusal)
    return order, cell


# ---- sky maps -----------------------------------------------------------------------------------------------------


def _multi_order(unique: NDArray[Any], density: NDArray[Any], level: float) -> Coverage:
    if len(unique) != len(density) or unique.dtype.kind not in "iu":
        raise UsageError("is no sky map: it has cells that are none (UNIQ)")
    order, cell = _split(unique.astype(np.int64, copy=False), "is no sky map: it has cells that are none (UNIQ)")
    density = density.astype(np.float64, copy=False)
    best = np.argsort(-density, kind="stable")
    summed = np.cumsum((density * 4.0 ** (-order))[best])
    chosen = best[: _how_many(summed, density, level)]
    top = int(order[chosen].max())
    shift = 2 * (top - order[chosen])
    return coverage_of_ranges(np.stack([cell[chosen] << shift, (cell[chosen] + 1) << shift], axis=1), top)


def _single_order(part: Part, cell: NDArray[Any] | None, density: NDArray[Any], level: float) -> Coverage:
    """Return the region of a map of one resolution; with few copies of what may be 50 million cells."""
    nside, nested = _resolution(part, len(density))
    if cell is not None and (
        len(cell) != len(density) or cell.dtype.kind not in "iu" or cell.min() < 0 or cell.max() >= 12 * nside**2
    ):
        raise UsageError(f"is no sky map: it has {len(density):,} cells, which does not fit NSIDE {nside}")
    if cell is None and len(density) != 12 * nside**2:
        raise UsageError(f"is no sky map: it has {len(density):,} cells, which does not fit NSIDE {nside}")
    falling = np.sort(density)[::-1]
    count = _how_many(np.cumsum(falling, dtype=np.float64), density, level)
    least = falling[count - 1]
    del falling
    chosen = density > least
    equal = np.flatnonzero(density == least)[: count - int(chosen.sum())]
    chosen[equal] = True
    order = nside.bit_length() - 1
    if cell is not None:  # a part of the sky, which may be of any resolution
        some = np.unique(_nested(cell[chosen].astype(np.int64), nside, nested))
        return coverage_of_ranges(np.stack([some, some + 1], axis=1), order)
    inside = np.zeros(len(density), bool)
    for start in range(0, len(density), _CHUNK):
        inside[_nested(start + np.flatnonzero(chosen[start : start + _CHUNK]), nside, nested)] = True
    edges = np.flatnonzero(np.diff(inside.view(np.int8), prepend=np.int8(0), append=np.int8(0)))
    return coverage_of_ranges(edges.reshape(-1, 2), order)


def _resolution(part: Part, cells: int) -> tuple[int, bool]:
    """Return NSIDE, and whether cells are numbered NESTED."""
    nside = part.integer("NSIDE") or int(np.sqrt(cells / 12))
    scheme = part.cards.get("ORDERING", "").strip().upper()
    if not 1 <= nside <= 2**DEEPEST or nside & (nside - 1) or scheme not in {"RING", "NESTED", "NEST"}:
        raise UsageError(
            f"is no sky map: NSIDE is {shown(part.cards.get('NSIDE', 'not given'))} and ORDERING {shown(scheme)!r}"
        )
    return nside, scheme != "RING"


def _nested(cells: NDArray[Any], nside: int, nested: bool) -> NDArray[Any]:
    if nested or not len(cells):
        return cells
    import healpy

    found: NDArray[Any] = healpy.ring2nest(nside, cells)
    return found


def _how_many(summed: NDArray[np.float64], density: NDArray[Any], level: float) -> int:
    """Return how many cells, the densest first, hold ``level`` of the whole; those without probability never count."""
    count = int(np.searchsorted(summed, level * summed[-1] * (1 - 1e-12))) + 1
    return min(count, int(np.count_nonzero(density)))

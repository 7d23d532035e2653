"""Parts of the sky as ranges of NESTED HEALPix cells: multi-order coverage maps, and credible regions of sky maps.

Files are read by a confined process (`alertferry.catalogs.map_files`), the text of a MOC in a job here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alertferry.catalogs.display import shown
from alertferry.core.errors import AlertferryError, UsageError

MAX_FILE_BYTES = 2 * 1024**3
"""Largest map that is read, decompressed."""

MAX_RANGES = 2_000_000

DEEPEST = 29
"""The finest order that a cell number of 64 bits can have."""

_TEXT = re.compile(r"\s*\d+/[\d\s,/-]*")
_PART = re.compile(r"(?:(\d+)/)?(?:(\d{1,19})(?:-(\d{1,19}))?)?")


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
    if not os.path.isfile(file):  # Path.is_file raises in a folder that is closed
        raise UsageError(f"no such file: {shown(path, 200)}")
    size = file.stat().st_size
    if not 0 < size <= MAX_FILE_BYTES:
        raise UsageError(f"{path} has {size:,} bytes; a map has 1 to {MAX_FILE_BYTES:,}")


def read_moc(text: str) -> Coverage:
    """Read a MOC: its text, or a file with FITS, JSON or text in it, which a confined process reads.

    Raises `UsageError` for what is no MOC, or covers nothing.
    """
    if not is_moc_text(text):
        return _read(text, {})
    try:
        return coverage_of_text(text)
    except UsageError as error:
        raise UsageError(f"the text {error}") from None


def read_skymap(path: str, credible_level: float) -> Coverage:
    """Return the smallest part of the sky that holds the event with a given probability.

    Cells are taken in order of decreasing probability per area until their sum reaches ``credible_level``: the greedy
    credible region of gravitational-wave astronomy. Reads HEALPix maps of one resolution (RING or NESTED, whole or
    partial) and of several (``UNIQ``, ``PROBDENSITY``), also with gzip, in a confined process.

    Raises `UsageError` for what is no such map.
    """
    return _read(path, {"credible_level": credible_level})


def _read(path: str, order: Mapping[str, Any]) -> Coverage:
    from alertferry.catalogs.sandbox import parse

    check_map_file(path)
    try:
        answer = parse(Path(path).expanduser(), "map", order, MAX_FILE_BYTES)
    except UsageError as error:
        raise UsageError(f"{path} {error}") from None
    if answer.table is None:
        raise AlertferryError(f"{path}: the process that reads maps returned nothing")
    return Coverage(int(answer.report["order"]), answer.table.column("bounds").to_numpy())


def coverage_of_text(text: str) -> Coverage:
    """Return what a MOC's text covers. Raises `UsageError`, whose message goes on after the name of the text."""
    return coverage_of_cells(list(_cells_of_text(text)))


def coverage_of_json(text: str) -> Coverage:
    """Return what a MOC's JSON covers, as `coverage_of_text` does."""
    try:
        cells = [(_order(order), cell) for order, members in json.loads(text).items() for cell in members or [None]]
        if not all(cell is None or type(cell) is int for _, cell in cells):
            raise TypeError
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise UsageError("is no MOC: its JSON must map orders to lists of cells, as {'3': [1, 2]}") from None
    return coverage_of_cells([_checked(order, cell, cell) for order, cell in cells])


def coverage_of_cells(cells: Sequence[tuple[int, int, int]]) -> Coverage:
    """Return what ranges of cells cover, each given as order, first cell and the one after the last."""
    given = np.array(cells, np.int64).reshape(-1, 3)
    order = int(given[:, 0].max(initial=0))
    ranges = given[:, 1:] << (2 * (order - given[:, :1]))
    return coverage_of_ranges(ranges[ranges[:, 1] > ranges[:, 0]], order)


def coverage_of_ranges(ranges: NDArray[np.int64], order: int) -> Coverage:
    """Return ranges of cells of one order as a coverage: in order, with those joined that overlap or touch each other.

    Raises `UsageError` when there is none, or there are too many.
    """
    if len(ranges) == 0:
        raise UsageError("covers nothing")
    ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
    ends = np.maximum.accumulate(ranges[:, 1])
    apart = ranges[1:, 0] > ends[:-1]
    starts, ends = ranges[np.r_[True, apart], 0], ends[np.r_[apart, True]]
    if len(starts) > MAX_RANGES:
        raise UsageError(f"has {len(starts):,} separate parts; at most {MAX_RANGES:,}: degrade it")
    return Coverage(order, np.stack([starts, ends], axis=1).ravel())


def _cells_of_text(text: str) -> Iterator[tuple[int, int, int]]:
    """Give order, first cell and the one after the last of every part; an order without cells gives none."""
    order = 0
    for word in text.replace(",", " ").split():
        part = _PART.fullmatch(word)
        if part is None:
            raise UsageError(f"is no MOC: {shown(word)} is neither an order, a cell nor a range of cells")
        if part[1]:
            order = _order(part[1])
        if part[2]:
            yield _checked(order, int(part[2]), int(part[3] or part[2]))
        elif part[1]:
            yield order, 0, 0


def _order(text: str) -> int:
    order = int(text) if text.isascii() and text.isdecimal() and len(text) <= 2 else DEEPEST + 1
    if order > DEEPEST:
        raise UsageError(f"is no MOC: the order {shown(text, 20)} is beyond {DEEPEST}")
    return order


def _checked(order: int, first: int | None, last: int | None) -> tuple[int, int, int]:
    if first is None or last is None:
        return order, 0, 0
    if not 0 <= first <= last < 12 * 4**order:
        cells = shown(f"{first}" if first == last else f"{first}-{last}")
        raise UsageError(f"is no MOC: order {order} has cells 0 to {12 * 4**order - 1}, got {cells}")
    return order, first, last + 1

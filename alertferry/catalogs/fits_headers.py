"""The headers of a FITS file, read without trusting them: what each part claims is held against the file's size.

Nothing is allocated for what a header claims; a part that would reach beyond the end of the file is told as such.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from alertferry.core.errors import UsageError

BLOCK = 2880
_CARD = re.compile(r"([A-Z0-9_-]{1,8}) *= *(?:'((?:[^']|'')*)'|([^/]*))")
_MAX_HEADER_BLOCKS = 2048
_MAX_PARTS = 1000
_MAX_AXES = 999
_MAX_DIGITS = 20


@dataclass(frozen=True)
class Part:
    """One header and data unit: its number from 0, its kind (``IMAGE``, ``BINTABLE``, ``TABLE``), its cards.

    ``start`` and ``size`` are the place of its data in bytes as the header claims it; ``there`` is how many bytes of
    the file follow the header.
    """

    number: int
    kind: str
    cards: Mapping[str, str]
    start: int
    size: int
    there: int

    @property
    def is_table(self) -> bool:
        """Tell whether it is a table of either kind."""
        return self.kind in ("BINTABLE", "TABLE")

    def integer(self, card: str, default: int = 0) -> int:
        """Return the value of a card. Raises `UsageError` when it is no integer."""
        return _integer(self.cards, card, default)

    def names(self) -> list[str]:
        """Return the names of a table's columns."""
        return [
            self.cards.get(f"TTYPE{index}", f"column_{index}").strip()
            for index in range(1, self.integer("TFIELDS") + 1)
        ]


def read_parts(file: BinaryIO) -> list[Part]:
    """Return all header and data units of a FITS file.

    Raises `UsageError` for a header without an end or with sizes that are no sizes, and for more than 1,000 units.
    """
    end = file.seek(0, 2)
    parts: list[Part] = []
    at = 0
    while at < end and len(parts) <= _MAX_PARTS:
        file.seek(at)
        if parts and file.read(8) != b"XTENSION":
            break  # what follows the last extension is of no kind that could be read
        file.seek(at)
        cards = dict(_cards(file))
        start = file.tell()
        kind = cards.get("XTENSION", "IMAGE").strip().upper()
        part = Part(len(parts), kind, cards, start, _data_bytes(cards), end - start)
        parts.append(part)
        at = start + math.ceil(part.size / BLOCK) * BLOCK
    if len(parts) > _MAX_PARTS:
        raise UsageError(f"holds more than {_MAX_PARTS:,} FITS extensions; save the table in a file of its own")
    return parts


def _cards(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Give keyword and value of every card of the header that begins here; the file then stands after it."""
    for _ in range(_MAX_HEADER_BLOCKS):
        block = file.read(BLOCK)
        if len(block) < BLOCK:
            break
        for at in range(0, BLOCK, 80):
            card = block[at : at + 80].decode("latin-1")
            if card.rstrip() == "END":
                return
            found = _CARD.match(card)
            if found:
                text = found.group(2)
                yield found.group(1), found.group(3).strip() if text is None else text.replace("''", "'")
    raise UsageError("is damaged: its FITS header has no END; it may be cut short")


def _data_bytes(cards: Mapping[str, str]) -> int:
    """Return the size of the data that follow a header (FITS standard 4.0, equation 2)."""
    axes = _integer(cards, "NAXIS", 0)
    if not 0 <= axes <= _MAX_AXES:
        raise UsageError(f"is damaged: its FITS header has NAXIS = {axes}")
    sizes = [_integer(cards, f"NAXIS{axis}", 0) for axis in range(1, axes + 1)]
    groups, heap = _integer(cards, "GCOUNT", 1), _integer(cards, "PCOUNT", 0)
    if min([*sizes, groups, heap]) < 0:
        rows = f"{sizes[1]:,} rows, " if len(sizes) > 1 else ""
        raise UsageError(f"is damaged: its header claims {rows}sizes below 0")
    if axes == 0:
        return 0
    if sizes[0] == 0:
        sizes = sizes[1:]  # random groups
    return abs(_integer(cards, "BITPIX", 8)) // 8 * groups * (heap + math.prod(sizes))


def _integer(cards: Mapping[str, str], card: str, default: int) -> int:
    text = cards.get(card)
    if text is None:
        return default
    try:
        if len(text) > _MAX_DIGITS:
            raise ValueError
        return int(text)
    except ValueError:
        raise UsageError(
            f"is damaged: its FITS header has {card} = {text[:_MAX_DIGITS]!r}, which is no whole number"
        ) from None

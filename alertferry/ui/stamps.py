"""The image stamps of an alert, where its packet has them."""

from __future__ import annotations

import base64
import zlib
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alertferry.ui.flat import read_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.float64]

COLUMNS = {"Science": "cutoutScience", "Template": "cutoutTemplate", "Difference": "cutoutDifference"}

MOST_BYTES = 8 << 20
"""No stamp is larger: those of the surveys have 3 to 140 kB."""

MOST_CARDS = 2_000
MOST_AXES = 8
MOST_PIXELS = 512
"""A picture shows no more of them on a side."""

_GZIP = b"\x1f\x8b"
_BLOCK, _CARD = 2880, 80
_PIXELS = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


def read_stamps(path: Path, row: int) -> tuple[tuple[str, Image], ...]:
    """Return the stamps of one alert of a result, by name; none where there are none, or none that can be read."""
    import pyarrow.parquet as pq

    there = {name: column for name, column in COLUMNS.items() if column in pq.read_schema(path).names}
    if not there:
        return ()
    alert = read_row(path, list(there.values()), row)
    found = ((name, image_of(alert.get(column))) for name, column in there.items())
    return tuple((name, image) for name, image in found if image is not None)


def image_of(value: Any) -> Image | None:
    """Return the image in a stamp: FITS, gzipped or not, by itself or in a struct; None for anything else.

    Whoever published the topic made the bytes. So no more is unpacked than a stamp can be, and nothing is reserved by
    what a header says: the image must be there, whole.
    """
    image = whole_image_of(value.get("stampData") if isinstance(value, dict) else value)
    if image is None:
        return None
    step = -(-max(image.shape) // MOST_PIXELS)
    thinned: Image = image[::step, ::step]
    return thinned


def whole_image_of(content: Any) -> Image | None:
    """Return the image in the bytes of a stamp with every pixel of it; None for anything else."""
    if not isinstance(content, bytes):
        return None
    try:
        plain = _unpacked(content) if content.startswith(_GZIP) else content
        return _first_image(plain) if len(plain) <= MOST_BYTES else None
    except (ValueError, KeyError, zlib.error):
        return None


def _unpacked(content: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    return unpacking.decompress(content, MOST_BYTES + 1)


def _first_image(content: bytes) -> Image | None:
    """Return the first image of two dimensions of a FITS file (standard 4.0, sections 4 and 7.1).

    Raises `ValueError` or `KeyError` for what is not FITS.
    """
    start = 0
    while start < len(content):
        cards, start = _header(content, start)
        sides = [int(cards[f"NAXIS{number + 1}"]) for number in range(min(int(cards["NAXIS"]), MOST_AXES))]
        size = abs(int(cards["BITPIX"])) // 8 * (prod(sides) if sides else 0)
        size = (size + int(cards.get("PCOUNT", 0))) * int(cards.get("GCOUNT", 1))
        if size < 0 or min(sides, default=0) < 0:
            return None
        if len(sides) == 2 and size and cards.get("XTENSION", "'IMAGE").startswith("'IMAGE"):
            return _pixels(content[start : start + size], cards, sides)
        start += -(-size // _BLOCK) * _BLOCK
    return None


def _header(content: bytes, start: int) -> tuple[dict[str, str], int]:
    """Return the cards of a header as texts, and where it ends."""
    cards: dict[str, str] = {}
    for at in range(start, min(len(content), start + MOST_CARDS * _CARD), _CARD):
        card = content[at : at + _CARD].decode("ascii")
        if card.rstrip() == "END":
            return cards, start + -(-(at + _CARD - start) // _BLOCK) * _BLOCK
        if card[8:10] == "= ":
            text = card[10:].strip()
            cards.setdefault(card[:8].rstrip(), text if text.startswith("'") else text.partition("/")[0].strip())
    raise ValueError("the header has no end")


def _pixels(data: bytes, cards: dict[str, str], sides: list[int]) -> Image | None:
    width, height = sides
    stored = np.frombuffer(data, _PIXELS[int(cards["BITPIX"])])
    if len(stored) != width * height:  # it is cut short
        return None
    image = stored.reshape(height, width).astype(float)
    if "BLANK" in cards and stored.dtype.kind in "iu":
        image[stored.reshape(height, width) == int(cards["BLANK"])] = np.nan
    scaled: Image = image * float(cards.get("BSCALE", "1")) + float(cards.get("BZERO", "0"))
    return scaled


def for_page(name: str, image: Image) -> dict[str, Any]:
    """Return an image as the page draws it: 32-bit floats as base64, from the bottom row up, as FITS has them."""
    pixels = base64.b64encode(image.astype("<f4").tobytes()).decode("ascii")
    return {"name": name, "width": image.shape[1], "height": image.shape[0], "pixels": pixels}

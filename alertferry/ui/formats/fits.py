"""FITS (standard 4.0): a binary table of the alerts, and one for each list or map in them.

Written as it is read, so that no result is too large for memory. Image stamps are arrays of pixels.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from alertferry.core.errors import AlertferryError
from alertferry.ui.formats.layout import SIZES, lengths, matrix, numbers
from alertferry.ui.formats.meaning import Meaning, Meanings
from alertferry.ui.formats.measured import Measured, measure, pieces
from alertferry.ui.formats.sheets import Sheet, sheets_of, unique

if TYPE_CHECKING:
    from alertferry.ui.formats.layout import Matrix

_BLOCK = 2880
_LETTERS = {"bool": "L", "int16": "I", "int32": "J", "int64": "K", "float": "E", "double": "D"}
_PADDING = 20_000_000
"""Blanks that make the texts of a column one length; with more of them, they are kept outside of the rows."""
_NARROW_HEAP = 2**31 - 1


@dataclass
class _Column:
    """A column of the table: its cards, the bytes of a row, and what turns values into them."""

    cards: dict[str, Any]
    size: int
    write: Callable[[Any], Matrix]


class _Heap:
    """What rows point at: values of no fixed length."""

    def __init__(self, stream: IO[bytes], wide: bool) -> None:
        self.stream, self.wide, self.size = stream, wide, 0

    def put(self, items: Any, each: int, content: bytes) -> Matrix:
        """Keep values one after the other and return the descriptors of them."""
        import numpy as np

        ends = self.size + np.cumsum(items * each)
        starts = ends - items * each
        self.size += len(content)
        self.stream.write(content)
        return matrix(np.stack([items, starts], axis=1).astype(">i8" if self.wide else ">i4"), len(items))


def write_fits(source: Path, target: Path, known: Meanings) -> None:
    """Write a parquet file of alerts as FITS."""
    from astropy.io.fits import Header

    with target.open("wb") as out:
        first = Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
        out.write(first.tostring().encode("ascii"))
        for sheet in sheets_of(source, known.survey.alert_id if known.survey else ""):
            _write_table(sheet, known, out)


def _write_table(sheet: Sheet, known: Meanings, out: IO[bytes]) -> None:
    with tempfile.TemporaryFile() as stream:
        found = measure(sheet)
        heap = _Heap(stream, sum(_heap_bytes(column) for column in found) > _NARROW_HEAP)
        columns = [part for column in found for part in _columns(column, known.of(_path(sheet, column)), heap)]
        rows, size, start = (found[0].rows if found else 0), sum(column.size for column in columns), out.tell()
        out.write(_header(sheet, known, columns, rows, 0))
        for batch in pieces(sheet, size):
            out.write(_rows(found, columns, batch, size))
        stream.seek(0)
        shutil.copyfileobj(stream, out, 1 << 20)
        out.write(b"\0" * (-(rows * size + heap.size) % _BLOCK))
        out.seek(start)
        out.write(_header(sheet, known, columns, rows, heap.size))
        out.seek(0, 2)


def _rows(found: list[Measured], columns: list[_Column], batch: Any, size: int) -> bytes:
    import numpy as np

    arrays = [array for column, array in zip(found, batch.columns, strict=True) for _ in range(_parts(column))]
    written = [column.write(array) for column, array in zip(columns, arrays, strict=True)]
    return np.hstack(written).tobytes() if size else b""


def _parts(column: Measured) -> int:
    """Return how many columns one becomes: images of several sizes come with their sizes."""
    return 3 if column.images and column.ragged else 1


def _path(sheet: Sheet, column: Measured) -> str:
    return f"{sheet.place}.{column.name}" if sheet.place else column.name


def _heap_bytes(column: Measured) -> int:
    return column.total * (SIZES[str(column.item)] if column.is_list else 4)


def _header(sheet: Sheet, known: Meanings, columns: list[_Column], rows: int, heap: int) -> bytes:
    from astropy.io.fits import Header

    size = sum(column.size for column in columns)

    cards: list[tuple[str, Any]] = [
        ("XTENSION", "BINTABLE"),
        ("BITPIX", 8),
        ("NAXIS", 2),
        ("NAXIS1", size),
        ("NAXIS2", rows),
        ("PCOUNT", heap),
        ("GCOUNT", 1),
        ("TFIELDS", len(columns)),
        ("EXTNAME", _ascii(sheet.name)),
        ("LONGSTRN", "OGIP 1.0"),
    ]
    if not sheet.place and known.survey:
        form, _, scale = str(known.survey.time_scale).partition("-")
        cards += [("RADESYS", "ICRS"), ("TIMESYS", scale.upper()), (f"{form.upper()}REF", 0.0)]
    names = unique([column.cards["TTYPE"] for column in columns])
    for number, (column, name) in enumerate(zip(columns, names, strict=True), 1):
        told = column.cards | {"TTYPE": name}
        cards += [(f"{key}{number}", value) for key, value in told.items() if value not in ("", None)]
    header = Header(cards)
    return bytes(header.tostring().encode("ascii"))


def _ascii(text: str) -> str:
    """Return a text as FITS can have it: other characters as Python writes them."""
    return text if re.fullmatch("[ -~]*", text) else text.encode("unicode_escape").decode("ascii")


def _columns(column: Measured, meaning: Meaning, heap: _Heap) -> list[_Column]:
    found = _column(column, heap)
    plain = re.sub(r"\W", "_", column.name, flags=re.ASCII)
    words = [meaning.words or (column.name if plain != column.name else "")]
    if _is_long(column):
        words.append("bytes of UTF-8")
    elif column.is_text and not column.plain:
        words.append("characters beyond ASCII as Python escapes them")
    if column.is_list and column.null is not None:
        words.append(f"{column.null} is null")
    parts = {"TTYPE": plain, "TUNIT": meaning.unit_as("fits"), "TUCD": meaning.ucd}
    parts["TCOMM"] = _ascii("; ".join(filter(None, words)))
    found.cards = {"TTYPE": plain} | found.cards | parts
    if _parts(column) == 1:
        return [found]
    sides = [
        _Column(
            {"TTYPE": f"{plain}_{side}", "TFORM": "J", "TCOMM": "pixels of the image; the rest of the array is NaN"},
            4,
            partial(column.side_of, at),
        )
        for at, side in enumerate(("height", "width"))
    ]
    return [found, *sides]


def _column(column: Measured, heap: _Heap) -> _Column:
    if column.is_text and not _is_long(column):
        return _text(column)
    letter, descriptor = _LETTERS.get(str(column.item), "B"), 16 if heap.wide else 8
    kind = f"1{'Q' if heap.wide else 'P'}"
    if column.images:
        form = f"{column.height * column.width}{'D' if column.double else 'E'}"
        cards = {"TFORM": form, "TDIM": f"({column.width},{column.height})"}
        size = column.height * column.width * (8 if column.double else 4)
        return _Column(cards, size, lambda array: matrix(column.pixels_of(array), len(array)))
    if column.is_binary or column.is_text:  # astropy takes memory by the square of the length of texts in a heap
        return _Column({"TFORM": f"{kind}B({column.widest})"}, descriptor, lambda array: _outside(array, heap))
    null = column.null
    if column.nulls and null is None and letter in "IJK":
        raise AlertferryError(
            f"{column.name} has null and every whole number; FITS cannot mark its nulls: take Parquet"
        )
    if column.is_list:
        each = SIZES[str(column.item)]

        def lists(array: Any) -> Matrix:
            return heap.put(lengths(array), each, numbers(array.flatten(), null).tobytes())

        # astropy cannot read lists with a TNULL
        return _Column({"TFORM": f"{kind}{letter}({column.widest})"}, descriptor, lists)
    return _Column(
        {"TFORM": letter, "TNULL": null},
        SIZES[str(column.kind)],
        lambda array: matrix(numbers(array, null), len(array)),
    )


def _width(column: Measured) -> int:
    """Return how many characters a text has at most; one beyond ASCII takes up to four for each of its bytes."""
    return max(1, column.widest * (1 if column.plain else 4))


def _is_long(column: Measured) -> bool:
    return column.is_text and _width(column) * column.rows - column.total > _PADDING


def _text(column: Measured) -> _Column:
    import numpy as np

    width = _width(column)
    convert: Callable[[str], bytes] = str.encode if column.plain else (lambda text: text.encode("unicode_escape"))

    def texts(array: Any) -> Matrix:  # null has no character, an empty text a blank
        values = [b"" if text is None else convert(text) or b" " for text in array.to_pylist()]
        return matrix(np.array(values, f"S{width}"), len(values))

    return _Column({"TFORM": f"{width}A"}, width, texts)


def _outside(array: Any, heap: _Heap) -> Matrix:
    import numpy as np
    import pyarrow as pa

    found = [value or b"" for value in array.cast(pa.binary()).to_pylist()]
    return heap.put(np.array([len(value) for value in found], np.int64), 1, b"".join(found))

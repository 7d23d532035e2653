"""VOTable 1.4 (IVOA): a table of the alerts, and one for each list or map in them, in BINARY2.

Every null is told by its flag. Written as it is read, so that no result is too large for memory.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from alertferry.ui.formats.layout import SIZES, lengths, matrix, numbers
from alertferry.ui.formats.meaning import Meaning, Meanings
from alertferry.ui.formats.measured import Measured, measure, pieces
from alertferry.ui.formats.sheets import Sheet, sheets_of

if TYPE_CHECKING:
    from alertferry.ui.formats.layout import Matrix

_TYPES = {
    "bool": "boolean",
    "int16": "short",
    "int32": "int",
    "int64": "long",
    "float": "float",
    "double": "double",
}
_BASE64_BYTES = 48 * 1024
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results">
"""
_TAIL = "</RESOURCE>\n</VOTABLE>\n"


@dataclass
class _Field:
    """A field: its attributes, its bytes of fixed length (else 0), and what turns values into bytes.

    ``write`` returns a matrix of a fixed length, or bytes for each row.
    """

    name: str
    attributes: dict[str, str]
    size: int
    write: Callable[[Any], Matrix | list[bytes]]
    description: str = ""
    null: int | None = None
    source: int = 0
    """Which column it is of."""
    meaning: Meaning = field(default_factory=Meaning)


class _Base64:
    """Writes bytes as lines of base64."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self._rest = out, b""

    def write(self, content: bytes) -> None:
        self._rest += content
        whole = len(self._rest) - len(self._rest) % _BASE64_BYTES
        for start in range(0, whole, _BASE64_BYTES):
            self._out.write(binascii.b2a_base64(self._rest[start : start + _BASE64_BYTES]))
        self._rest = self._rest[whole:]

    def close(self) -> None:
        self._out.write(binascii.b2a_base64(self._rest))


def write_votable(source: Path, target: Path, known: Meanings) -> None:
    """Write a parquet file of alerts as VOTable."""
    with target.open("wb") as out:
        out.write((_HEAD + _systems(known)).encode())
        for sheet in sheets_of(source, known.survey.alert_id if known.survey else ""):
            _write_table(sheet, known, out)
        out.write(_TAIL.encode())


def _systems(known: Meanings) -> str:
    """Return the systems of positions and times that the survey uses."""
    if known.survey is None:
        return ""
    form, _, scale = str(known.survey.time_scale).partition("-")
    return (
        '<COOSYS ID="positions" system="ICRS"/>\n'
        f'<TIMESYS ID="times" timeorigin="{form.upper()}-origin" timescale="{scale.upper()}" refposition="UNKNOWN"/>\n'
    )


def _write_table(sheet: Sheet, known: Meanings, out: IO[bytes]) -> None:
    found = measure(sheet)
    fields = []
    for number, column in enumerate(found):
        path = f"{sheet.place}.{column.name}" if sheet.place else column.name
        fields += _fields(column, known.of(path), number)
    rows = found[0].rows if found else 0
    head = [f'<TABLE name={quoteattr(sheet.name)} nrows="{rows}">\n', *map(_field_text, fields)]
    out.write(("".join(head) + '<DATA><BINARY2><STREAM encoding="base64">\n').encode())
    stream = _Base64(out)
    for batch in pieces(sheet, sum(item.size for item in fields)):
        stream.write(_rows(fields, batch))
    stream.close()
    out.write(b"</STREAM></BINARY2></DATA>\n</TABLE>\n")


def _field_text(item: _Field) -> str:
    attributes = {"name": item.name} | item.attributes
    attributes |= {"unit": item.meaning.unit_as("vounit"), "ucd": item.meaning.ucd}
    if item.meaning.role in ("ra", "dec", "time"):
        attributes["ref"] = "times" if item.meaning.role == "time" else "positions"
    written = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items() if value)
    inside = f"<DESCRIPTION>{escape(item.description)}</DESCRIPTION>" if item.description else ""
    inside += "" if item.null is None else f'<VALUES null="{item.null}"/>'
    return f"<FIELD {written}>{inside}</FIELD>\n" if inside else f"<FIELD {written}/>\n"


def _rows(fields: list[_Field], batch: Any) -> bytes:
    """Return the rows of a batch: the flags of their nulls, then their cells."""
    import numpy as np

    arrays = [batch.column(item.source) for item in fields]
    nulls = np.array([np.asarray(array.is_null()) for array in arrays]).reshape(len(fields), batch.num_rows)
    parts: list[Any] = [[np.packbits(nulls.T, axis=1)]]
    for item, array in zip(fields, arrays, strict=True):
        written = item.write(array)
        if isinstance(written, list):
            parts += [written, []]
        else:
            parts[-1].append(written)
    if len(parts) == 1:
        return np.hstack(parts[0]).tobytes()
    columns = [_row_bytes(part) if number % 2 == 0 else part for number, part in enumerate(parts) if part]
    return b"".join(chain.from_iterable(zip(*columns, strict=True)))


def _row_bytes(parts: Any) -> list[bytes]:
    import numpy as np

    whole = np.ascontiguousarray(np.hstack(parts))
    size, content = whole.shape[1], whole.tobytes()
    return [content[start : start + size] for start in range(0, len(content), size)]


def _fields(column: Measured, meaning: Meaning, source: int) -> list[_Field]:
    found = _field(column)
    found.source, found.meaning, found.description = source, meaning, meaning.words
    if not (column.images and column.ragged):
        return [found]
    sides = [
        _Field(
            f"{column.name}.{side}",
            {"datatype": "int"},
            4,
            partial(column.side_of, at),
            "Pixels of the image; the rest of the array is NaN",
            source=source,
        )
        for at, side in enumerate(("height", "width"))
    ]
    return [found, *sides]


def _field(column: Measured) -> _Field:
    if column.is_text:
        kind, code, each = ("char", "ascii", 1) if column.plain else ("unicodeChar", "utf-16-be", 2)

        def texts(array: Any) -> list[bytes]:
            found = (b"" if text is None else text.encode(code, "replace") for text in array.to_pylist())
            return [struct.pack(">I", len(text) // each) + text for text in found]

        return _Field(column.name, {"datatype": kind, "arraysize": "*"}, 0, texts)
    if column.images:
        attributes = {"datatype": "double" if column.double else "float"}
        attributes["arraysize"] = f"{column.width}x{column.height}"
        size = column.height * column.width * (8 if column.double else 4)
        return _Field(column.name, attributes, size, lambda array: matrix(column.pixels_of(array), len(array)))
    if column.is_binary:
        return _Field(column.name, {"datatype": "unsignedByte", "arraysize": "*"}, 0, _bytes)
    kind, null = _TYPES[str(column.item)], column.null
    if column.is_list:

        def lists(array: Any) -> list[bytes]:
            return _lists(array, SIZES[str(column.item)], numbers(array.flatten(), null, b"?").tobytes())

        return _Field(column.name, {"datatype": kind, "arraysize": "*"}, 0, lists, null=null)
    size = SIZES[str(column.kind)]
    return _Field(column.name, {"datatype": kind}, size, lambda array: matrix(numbers(array, None, b"?"), len(array)))


def _bytes(array: Any) -> list[bytes]:
    return [struct.pack(">I", len(value or b"")) + (value or b"") for value in array.to_pylist()]


def _lists(array: Any, each: int, content: bytes) -> list[bytes]:
    found, start = [], 0
    for count in lengths(array).tolist():
        found.append(struct.pack(">I", count) + content[start : start + count * each])
        start += count * each
    return found

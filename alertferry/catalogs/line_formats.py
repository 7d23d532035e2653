"""How to tell machine-readable tables (CDS, AAS journals), IPAC tables and SIMBAD lists, and what their headers say."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from itertools import islice, takewhile
from typing import Any, BinaryIO

from alertferry.catalogs.display import shown
from alertferry.catalogs.line_table import LineLayout, LineTable, Pipes, Places, columns_of, first_text
from alertferry.catalogs.model import Column
from alertferry.catalogs.text_layout import MAX_LINE_BYTES, Writing
from alertferry.catalogs.text_table import whole_lines
from alertferry.core.errors import UsageError

_HEADER_BYTES = 2 * 1024 * 1024
_BYTE_BY_BYTE = re.compile(r"(?im)^[ \t]*Byte-by-byte Description of file")
_DELIMITER = r"(?:(?<=[\r\n])|\A)(?:-{%d,}|={%d,})[ \t]*(?:\r\n|\n|\r|\Z)"
_SIMBAD = re.compile(r"(?m)^#[ \t]*\|.*\|[ \t]*$")
_IPAC_TYPES = ("integer", "long", "double", "float", "real", "char", "date")
_RULE = re.compile(r"[-+=|: \t]+$")
_RULE_BELOW = rb"(?:[ \t]*(?:\r\n|\n|\r)[+|: \t]*[-=][-+=|: \t]*(?=[\r\n]|\Z))?"
_IPAC_HEADER_LINES = 4
"""Names, types, units and what stands for no value."""

_TIGHT_RULE = re.compile(r"[ \t]*(?=.*(?:--|==))[-+=|:]+[ \t]*$")
"""A rule that no row of missing values (`| -- | -- |`) looks like: nothing blank is in it."""


def open_lines(file: BinaryIO, writing: Writing, wanted: str | None) -> LineTable | None:
    """Return the table when its lines have one of these forms, or when ``wanted`` says which; else None."""
    text = first_text(file, writing, _HEADER_BYTES)
    for name, fits, read in _FORMS:
        # A csv in no box is read elsewhere; the others say themselves what they miss of the format that is wanted.
        if wanted in (None, name) and (fits(text) or wanted not in (None, "csv")):
            return LineTable(file, writing, read(file, writing, text))
    return None


def _is_mrt(text: str) -> bool:
    return _BYTE_BY_BYTE.search(text) is not None


def _is_ipac(text: str) -> bool:
    """Tell whether lines between borders come first, after comments of IPAC's kind or with a row of types."""
    lines = (line.rstrip() for line in text.split("\n") if line.strip() and not line.startswith("\\"))
    header = list(takewhile(lambda line: len(line) > 2 and line[0] == line[-1] == "|", islice(lines, 5)))
    if header and text.startswith("\\"):
        return True
    types = [word.strip(" -").lower() for word in header[1].strip("|").split("|")] if len(header) > 1 else [""]
    return all(word and any(kind.startswith(word) for kind in _IPAC_TYPES) for word in types)


def _is_simbad(text: str) -> bool:
    return "SIMBAD" in text[:2000] and _SIMBAD.search(text) is not None


def _is_boxed(text: str) -> bool:
    """Tell whether all lines stand between borders, as in tables made to be looked at."""
    lines = [line.strip() for line in text.split("\n") if line.strip()][:20]
    if len(lines) > 1 and lines[1].startswith("+-"):
        lines = lines[1:]  # a title, as STILTS writes it
    rows = [line for line in lines if not _RULE.match(line)]
    return len(rows) > 1 and all(line.startswith("|") and line.endswith("|") and len(line) > 1 for line in rows)


def _read_mrt(file: BinaryIO, writing: Writing, text: str) -> LineLayout:
    from astropy.io.ascii import Cds

    found = _BYTE_BY_BYTE.search(text)
    if found is None:
        raise UsageError("is no machine-readable table: it has no line 'Byte-by-byte Description of file'")
    if _BYTE_BY_BYTE.search(text, found.end()):
        raise UsageError(
            "describes more than one table (a ReadMe of CDS?); give one file with one description and its rows, "
            "or get the table as VOTable or FITS"
        )
    reader: Any = Cds()
    lines = [line.strip() for line in text[found.start() :].split("\n")]
    _header(lambda: reader.header.get_cols(lines), "machine-readable table")
    columns = reader.header.cols
    for column in columns:
        if not 0 <= column.start < column.end <= MAX_LINE_BYTES:
            raise UsageError(
                f"describes bytes {column.start + 1} to {column.end} as the column {shown(column.name)!r}, which "
                "no line can have; correct the byte-by-byte description"
            )
    nulls = [
        frozenset(null for null, _, *names in reader.data.fill_values if column.name in names) for column in columns
    ]
    places = Places([(column.start, column.end) for column in columns])
    start = _after_delimiters(file, writing, text[found.end() :])
    return LineLayout("mrt", columns_of(reader.header), places, start, nulls=nulls)


def _after_delimiters(file: BinaryIO, writing: Writing, described: str) -> int:
    """Return where the last line of dashes ends: notes and their lines stand above the rows.

    A line is one when it holds nothing else and is no shorter than those of the description: a row may start with
    dashes, or hold nothing but a few, and taking it for the end of the notes would lose all rows above it.
    """
    first = re.search(_DELIMITER % (6, 6), described)
    width = len(first.group().strip()) if first else 6
    delimiter = re.compile((_DELIMITER % (width, width)).encode())
    at, last = writing.start, 0
    for block in whole_lines(file, writing, writing.start):
        for found in delimiter.finditer(block):
            last = at + found.end()
        at += len(block)
    return last


def _read_ipac(file: BinaryIO, writing: Writing, text: str) -> LineLayout:
    from astropy.io.ascii import Ipac

    lines = text.split("\n")
    first = next((line for line in lines if line.startswith("|")), "")
    top = list(takewhile(lambda line: _borders(line) == _borders(first) or not line.strip() or line[0] == "\\", lines))
    numbers = [index for index, line in enumerate(top) if line.startswith("|")][:_IPAC_HEADER_LINES]
    header = [top[index] for index in numbers]
    if not header:
        raise UsageError("is no IPAC table: it has no header between borders (|)")
    reader: Any = Ipac()
    _header(lambda: reader.header.get_cols(header), "IPAC table")
    columns = reader.header.cols
    known = {name: null for null, _, name in (item for item in reader.data.fill_values if len(item) == 3)}
    nulls = [frozenset({known[item.name]} - {""}) if item.name in known else frozenset() for item in columns]
    # The characters below the borders must be blank: a value that runs across would lose a digit.
    places = Places([(item.start, item.end) for item in columns], [0, *(item.end for item in columns)])
    # What comes after the header is a row unless it is a comment; a second header does not fit the borders.
    file.seek(writing.start)
    above = re.match(rb"(?:[^\r\n]*(?:\r\n|\n|\r|\Z)){%d}" % (numbers[-1] + 1), file.read(_HEADER_BYTES))
    start = writing.start + (above.end() if above else 0)
    return LineLayout("ipac", columns_of(reader.header), places, start, comment="\\", nulls=nulls)


def _borders(line: str) -> list[int]:
    """Return where a line has borders: those of an IPAC header stand above each other."""
    return [index for index, character in enumerate(line) if character == "|"]


def _read_simbad(file: BinaryIO, writing: Writing, text: str) -> LineLayout:
    found = _SIMBAD.search(text)
    if found is None:
        raise UsageError("is no list of SIMBAD: it has no header that starts with #|")
    names = [name.strip() for name in found.group().split("|")]
    columns = tuple(Column(name.lstrip("#") or "number") for name in names[:-1])
    start = _after(file, writing, found.group())
    cut = Pipes(0, len(names))
    nulls = [frozenset({"~"})] * len(columns)
    return LineLayout("simbad", columns, cut, start, rule=_TIGHT_RULE, comment="#", nulls=nulls)


def _after(file: BinaryIO, writing: Writing, line: str, below: bytes = b"") -> int:
    """Return where a line of the header ends, with what matches ``below`` it."""
    file.seek(writing.start)
    found = re.search(re.escape(line.encode(writing.encoding)) + below, file.read(_HEADER_BYTES))
    return writing.start + (found.end() if found else 0)


def _read_boxed(file: BinaryIO, writing: Writing, text: str) -> LineLayout:
    header = next((line.strip() for line in text.split("\n") if line.strip().startswith("|")), "")
    names = [name.strip() for name in header.split("|")]
    if len(names) < 3:
        raise UsageError("has no header between borders (|)")
    columns = tuple(Column(name or f"column_{index}") for index, name in enumerate(names[1:-1], 1))
    start = _after(file, writing, header, _RULE_BELOW)
    return LineLayout("csv", columns, Pipes(1, len(names)), start, rule=_TIGHT_RULE)


def _header(read: Callable[[], object], what: str) -> None:
    """Let astropy read a header; whatever it makes of a damaged one becomes a sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read()
    except MemoryError:
        raise
    except Exception as error:  # astropy raises whatever a damaged header makes it stumble over
        raise UsageError(f"cannot be read as {what}: {shown(error, 200)}") from None


_FORMS: tuple[tuple[str, Callable[[str], bool], Callable[[BinaryIO, Writing, str], LineLayout]], ...] = (
    ("mrt", _is_mrt, _read_mrt),
    ("simbad", _is_simbad, _read_simbad),
    ("ipac", _is_ipac, _read_ipac),
    ("csv", _is_boxed, _read_boxed),
)

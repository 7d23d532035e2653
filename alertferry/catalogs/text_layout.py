"""How a text table is written: encoding, delimiter, header, and the units that some headers give.

Beside plain CSV these are read: VizieR's TSV (a row of units and a row of dashes below the header), ECSV (units and
types in comments), tables whose header is itself a comment (``# ra dec id``), and those with a title above the header,
as the Transient Name Server writes it.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from alertferry.catalogs.display import shown
from alertferry.catalogs.ecsv_header import read_ecsv_header
from alertferry.catalogs.model import Column
from alertferry.catalogs.source import MAX_COLUMNS
from alertferry.core.errors import UsageError

BLOCK_BYTES = 4 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024

BLANKS = " "
_SAMPLE_BYTES = 2 * MAX_LINE_BYTES
_SAMPLE_LINES = 60
_UNDEFINED_IN_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
_DATA = re.compile(r"[+-]?\.?\d[\d.:eE +-]*")


@dataclass(frozen=True)
class Writing:
    """Facts that hold for the whole file; ``newline`` is a carriage return for very old files, else a line feed."""

    encoding: str
    start: int
    newline: bytes
    quotes: bool
    hashes: bool


@dataclass(frozen=True)
class Layout:
    """Delimiter and columns, and what to leave out before the data.

    ``skip`` counts the lines of header, units and dashes, without comments and empty ones; ``comments`` counts the
    comments above them.
    """

    delimiter: str
    columns: tuple[Column, ...]
    skip: int
    comments: int
    ecsv: bool = False


def examine(file: BinaryIO) -> Writing:
    """Read a whole file once; `UsageError` when it holds NUL bytes or lines of more than 1 MiB."""
    file.seek(0)
    start = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0
    file.seek(start)
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8 = cp1252 = True
    seen = {b"\n": False, b'"': False, b"#": False}
    open_line = 0
    while block := file.read(BLOCK_BYTES):
        if b"\0" in block:
            raise UsageError("holds NUL bytes: it is not a text table (csv, tsv), and no other known format")
        open_line = _check_lines(block, open_line)
        utf8 = utf8 and _decodes(decoder, block)
        cp1252 = cp1252 and not any(byte in block for byte in _UNDEFINED_IN_CP1252)
        seen = {byte: found or byte in block for byte, found in seen.items()}
    encoding = "utf-8" if utf8 and not decoder.getstate()[0] else "cp1252" if cp1252 else "latin-1"
    return Writing(encoding, start, b"\n" if seen[b"\n"] else b"\r", seen[b'"'], seen[b"#"])


def read_layout(file: BinaryIO, writing: Writing) -> Layout:
    """Return delimiter and columns from the first lines; `UsageError` when there is no header."""
    comments, lines = _first_lines(file, writing)
    if not lines:
        raise UsageError("has no rows" if comments else "is empty")
    declared = read_ecsv_header(comments)
    title = 0 if declared else _title(lines)
    lines = lines[title:]
    delimiter = _sniff(lines)
    commented = [] if declared else _commented_header(comments, lines[0], delimiter)
    header = commented or split(lines[0], delimiter)
    if not (commented or declared) and any(_DATA.fullmatch(field.strip()) for field in header):
        raise UsageError(f"has no header: its first row is {shown(lines[0])!r}; put the names of the columns there")
    rows = [split(line, delimiter) for line in (lines if commented else lines[1:])[:2]]
    units, extra = ([""] * len(header), 0) if declared else _units_below(rows, len(header))
    names = [field.strip() or f"column_{index}" for index, field in enumerate(header, 1)]
    columns = tuple(
        replace((declared or {}).get(name, Column(name)), **({"unit": unit} if unit else {}))
        for name, unit in zip(names, units, strict=True)
    )
    skip = title + extra + (0 if commented else 1)
    return Layout(delimiter, columns, skip, len(comments), declared is not None)


def split(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line; runs of blanks count as one when they are the delimiter."""
    if delimiter == BLANKS:
        return next(csv.reader([line.replace("\t", " ").strip()], delimiter=" ", skipinitialspace=True), [])
    return next(csv.reader([line], delimiter=delimiter), [])


def _check_lines(block: bytes, open_line: int) -> int:
    """Return the length of the last, open line; refuse lines that are too long."""
    content = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero((content == 10) | (content == 13))
    if len(ends) == 0:
        longest = left = open_line + len(block)
    else:
        left = len(block) - int(ends[-1]) - 1
        longest = max(open_line + int(ends[0]), int(np.diff(ends).max(initial=0)), left)
    if longest > MAX_LINE_BYTES:
        raise UsageError(f"has a line of more than {MAX_LINE_BYTES // 1024} KiB: it is not a text table (csv, tsv)")
    return left


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes) -> bool:
    try:
        decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _first_lines(file: BinaryIO, writing: Writing) -> tuple[list[str], list[str]]:
    """Return the comments before the header, and the first lines with content; fields may not hold line ends here."""
    file.seek(writing.start)
    sample = file.read(_SAMPLE_BYTES)
    whole = len(sample) < _SAMPLE_BYTES
    lines = re.split(r"\r\n|\n|\r", sample.decode(writing.encoding, "replace"))
    comments: list[str] = []
    content: list[str] = []
    for line in lines if whole else lines[:-1]:
        if line.lstrip(" \t").startswith("#"):
            if not content:
                comments.append(line.lstrip(" \t")[1:])
        elif line.strip():
            content.append(line)
        if len(content) == _SAMPLE_LINES:
            break
    return comments, content


def _sniff(lines: Sequence[str]) -> str:
    """Return the delimiter that splits the lines most evenly; blanks only when no other splits the header."""
    best = ("", 0.0, 0)
    for delimiter in ("\t", ",", ";", "|", BLANKS):
        if delimiter == BLANKS and best[0]:
            break
        counts = [len(fields) for fields in _split_all(lines, delimiter)]
        score = (round(counts.count(counts[0]) / len(counts), 1), min(counts[0], MAX_COLUMNS + 1))
        if counts[0] > 1 and score > best[1:]:
            best = (delimiter, *score)
    if not best[0]:
        raise UsageError(
            f"has only one column, {shown(lines[0])!r}: no delimiter (comma, semicolon, tab, | or blanks) was found"
        )
    return best[0]


def _title(lines: Sequence[str]) -> int:
    """Return 1 when the first line is a title: one field, while all others are rows below a header of several."""
    delimiters = ("\t", ",", ";", "|")
    if len(lines) < 3 or any(len(fields) > 1 for item in delimiters for fields in _split_all(lines[:1], item)):
        return 0
    for delimiter in delimiters:
        counts = [len(fields) for fields in _split_all(lines[1:], delimiter)]
        if counts[0] > 1 and len(set(counts)) == 1:
            return int(not any(_DATA.fullmatch(field.strip()) for field in split(lines[1], delimiter)))
    return 0


def _split_all(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    for line in lines:
        try:
            yield split(line, delimiter)
        except csv.Error as error:
            raise UsageError(f"is not a text table: {error}") from None


def _commented_header(comments: Sequence[str], first: str, delimiter: str) -> list[str]:
    """Return the fields of the last comment when it is the header of the data that follows, else nothing."""
    if not comments or not any(_DATA.fullmatch(field.strip()) for field in split(first, delimiter)):
        return []
    fields = split(comments[-1].strip(" "), delimiter)
    fits = len(fields) == len(split(first, delimiter)) and not any(_DATA.fullmatch(field.strip()) for field in fields)
    return fields if fits else []


def _units_below(rows: Sequence[Sequence[str]], width: int) -> tuple[Sequence[str], int]:
    """Return the units and the number of lines that VizieR puts between header and data.

    A row of single dashes, or one below a row of data, is a row of missing values.
    """
    none = [""] * width
    for index, row in enumerate(rows):
        if len(row) == width and "--" in "\t".join(row) and all(set(field.strip()) <= {"-"} for field in row):
            above = rows[0] if index == 1 else none
            if any(_DATA.fullmatch(field.strip()) for field in above):
                break
            return ([field.strip() for field in above] if len(above) == width else none), index + 1
    return none, 0

"""The XML of a VOTable: what it may not contain, its fields, and the cells of TABLEDATA."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NoReturn
from xml.parsers import expat

import pyarrow as pa

from alertferry.catalogs.display import shown
from alertferry.catalogs.source import MAX_COLUMNS, too_many_rows
from alertferry.core.errors import UsageError

_BLOCK_BYTES = 1024 * 1024
_CHUNK_ROWS = 65_536
_MAX_DEPTH = 64
_MAX_TABLES = 1000
_MAX_CELL_CHARACTERS = 1024 * 1024
_SERIALIZATIONS = ("TABLEDATA", "BINARY", "BINARY2", "FITS", "PARQUET")

_Start = Callable[[str, dict[str, str]], object]


@dataclass(frozen=True)
class Field:
    """A FIELD; ``null`` is the text that stands for a missing value."""

    name: str
    datatype: str = "char"
    arraysize: str = ""
    unit: str = ""
    ucd: str = ""
    ref: str = ""
    null: str = ""

    @property
    def is_scalar(self) -> bool:
        """Tell whether a cell holds one element."""
        return self.arraysize in ("", "1")


@dataclass
class Document:
    """One table of a document.

    ``claimed_rows`` is its own count, ``frames`` are the coordinate systems by their ID, ``extension`` is the number of
    the FITS extension in a table that is written as FITS.
    """

    number: int
    name: str = ""
    fields: list[Field] = field(default_factory=list)
    frames: dict[str, str] = field(default_factory=dict)
    serialization: str = ""
    rows: int = 0
    claimed_rows: int | None = None
    extension: int = 1


def examine_document(file: BinaryIO, max_rows: int) -> list[Document]:
    """Read a whole document once and return what its tables declare.

    Raises `UsageError` for a DTD or entities, for anything that refers to another place, for other encodings of the
    data than TABLEDATA and inline base64, for more than ``max_rows`` rows, and when there is no table.
    """
    tables: list[Document] = []
    frames: dict[str, str] = {}
    parser = _safe_parser()
    path: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "TD" and not attributes:  # nearly all elements are these
            path.append(tag)
            return
        name = tag.rpartition(":")[2]
        path.append(name)
        _check_element(name, attributes, len(path))
        if name == "TABLE":
            if len(tables) == _MAX_TABLES:
                raise UsageError(
                    f"holds more than {_MAX_TABLES:,} tables; save the one with the sources in its own file"
                )
            title = attributes.get("name") or attributes.get("ID") or ""
            tables.append(Document(len(tables) + 1, title.strip(), frames=frames))
        if name == "COOSYS":
            frames[attributes.get("ID", "")] = attributes.get("system", "eq_FK5")
        elif "TABLE" in path:
            _note(tables[-1], name, attributes, path, max_rows)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    _feed(parser, file)
    if not tables:
        raise UsageError("is XML without a TABLE: it is not a VOTable with data")
    return tables


def read_stream(file: BinaryIO, table: int) -> str:
    """Return the text of the STREAM of a table, given by its number."""
    parts: list[str] = []
    parser = _safe_parser()

    def start(tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG001
        if tag.rpartition(":")[2] == "STREAM":
            parser.CharacterDataHandler = parts.append

    def end(tag: str) -> None:
        if tag.rpartition(":")[2] in ("STREAM", "TABLE"):
            raise _EnoughError

    _at_table(parser, table, start, end)
    with suppress(_EnoughError):
        _feed(parser, file)
    return "".join(parts)


def read_cells(file: BinaryIO, table: int, wanted: Sequence[int], max_rows: int, stop: bool = False) -> list[pa.Array]:
    """Return columns (by position) of a table's TABLEDATA exactly as they are written; an empty cell is null.

    Above ``max_rows`` rows it stops, or raises `UsageError` unless ``stop``.
    """
    cells = _Cells(wanted, max_rows, stop)
    parser = _safe_parser()

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        parser.CharacterDataHandler = cells.parts.append
        parser.StartElementHandler = cells.start
        cells.start(tag, attributes)

    _at_table(parser, table, start, cells.end)
    with suppress(_EnoughError):
        _feed(parser, file)
    return cells.columns()


def _at_table(parser: expat.XMLParserType, table: int, start: _Start, end: Callable[[str], object]) -> None:
    """Set the handlers of a parser once it has reached a table."""
    seen = 0

    def seek(tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG001
        nonlocal seen
        if tag.rpartition(":")[2] == "TABLE":
            seen += 1
            if seen == table:
                parser.StartElementHandler, parser.EndElementHandler = start, end

    parser.StartElementHandler = seek


class _EnoughError(Exception):
    """Everything wanted has been read."""


class _Cells:
    """Collects the cells of wanted columns, row by row; ``parts`` takes the text."""

    def __init__(self, wanted: Sequence[int], max_rows: int, stop: bool) -> None:
        self._wanted = list(wanted)
        self._max_rows = max_rows
        self._stop = stop
        self._rows = 0
        self._row: list[str] = []
        self.parts: list[str] = []
        self._pending: list[list[str | None]] = [[] for _ in self._wanted]
        self._chunks: list[list[pa.Array]] = [[] for _ in self._wanted]

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002
        """Forget the text before a cell; this and `end` are called for every cell and do as little as they can."""
        self.parts.clear()

    def end(self, tag: str) -> None:
        """Finish a cell, a row or the table."""
        if tag[-2:] == "TD":
            self._row.append("".join(self.parts))
        elif tag[-2:] == "TR":
            self._add_row()
            self._row.clear()
        elif tag.endswith(("TABLEDATA", "TABLE")):
            raise _EnoughError

    def columns(self) -> list[pa.Array]:
        """Return what has been collected."""
        self._flush()
        return [pa.concat_arrays(chunks) for chunks in self._chunks]

    def _add_row(self) -> None:
        if self._rows == self._max_rows:
            if self._stop:
                raise _EnoughError
            raise too_many_rows(f"more than {self._max_rows:,}", self._max_rows)
        self._rows += 1
        width = len(self._row)
        for pending, index in zip(self._pending, self._wanted, strict=True):
            pending.append((self._row[index] or None) if index < width else None)
        if self._rows % _CHUNK_ROWS == 0:
            self._flush()

    def _flush(self) -> None:
        for pending, chunks in zip(self._pending, self._chunks, strict=True):
            chunks.append(pa.array(pending, pa.string()))
            pending.clear()


def _note(document: Document, name: str, attributes: Mapping[str, str], path: Sequence[str], max_rows: int) -> None:
    if name == "TABLE":
        claimed = attributes.get("nrows", "").strip()
        document.claimed_rows = int(claimed[:20]) if claimed.isdecimal() else None
        if (document.claimed_rows or 0) > max_rows:
            raise too_many_rows(shown(claimed), max_rows)
    elif name == "FIELD":
        document.fields.append(_field(attributes))
    elif name == "VALUES" and path[-2] == "FIELD" and attributes.get("null"):
        last = document.fields[-1]
        document.fields[-1] = replace(last, null=attributes["null"].strip())
    elif name == "FITS":
        document.serialization, document.extension = name, _extension(attributes)
    elif name in _SERIALIZATIONS:
        document.serialization = name
    elif name == "TR":
        document.rows += 1
        if document.rows > max_rows:
            raise too_many_rows(f"more than {max_rows:,}", max_rows)


def _extension(attributes: Mapping[str, str]) -> int:
    number = attributes.get("extnum", "1").strip()
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 4 else 1


def _field(attributes: Mapping[str, str]) -> Field:
    known = {
        key: attributes[key].strip() for key in ("datatype", "arraysize", "unit", "ucd", "ref") if key in attributes
    }
    sizes = [int(size) for size in known.get("arraysize", "").rstrip("*").split("x") if size.isdecimal()]
    if any(size > _MAX_CELL_CHARACTERS for size in sizes):
        raise UsageError(f"declares a field of {known['arraysize']} elements; no catalogue needs that")
    return Field(attributes.get("name") or attributes.get("ID", ""), **known)


def _check_element(name: str, attributes: Mapping[str, str], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise UsageError(f"is XML nested deeper than {_MAX_DEPTH} elements")
    if len(attributes) > MAX_COLUMNS:
        raise UsageError(f"has an element with {len(attributes):,} attributes")
    if name == "PARQUET":
        raise UsageError("holds its data as PARQUET; save it as TABLEDATA or BINARY2, or give the PARQUET file itself")
    # LINK only tells a reader where to find more; no parser follows it.
    if name != "LINK":
        for key, value in attributes.items():
            if key.rpartition(":")[2].lower() in ("href", "schemafile"):
                raise UsageError(
                    f"refers to another place ({name} {key}={shown(value)!r}), which is never followed; "
                    "save it with the data inside"
                )
    if name == "STREAM" and attributes.get("encoding", "base64").lower() not in ("base64", "none"):
        raise UsageError(f"has a STREAM with encoding {shown(attributes['encoding'])!r}; only base64 is read")


def _safe_parser() -> expat.XMLParserType:
    """Return a parser that refuses DTDs and entities."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_dtd
    parser.EntityDeclHandler = _refuse_dtd
    return parser


def _refuse_dtd(*_: object) -> NoReturn:
    raise UsageError("has a document type declaration (<!DOCTYPE …>), which is refused; remove that line")


def _feed(parser: expat.XMLParserType, file: BinaryIO) -> None:
    file.seek(0)
    parse: Callable[[bytes, bool], int] = parser.Parse
    try:
        while block := file.read(_BLOCK_BYTES):
            parse(block, False)
        parse(b"", True)
    except (expat.ExpatError, LookupError) as error:  # an unknown encoding is a LookupError
        raise UsageError(f"is not well-formed XML: {shown(error, 200)}; it may be cut short") from None

"""Which format a file has, by its content; its name has no say."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import BinaryIO

from alertferry.catalogs.derived_positions import with_positions
from alertferry.catalogs.request import Request
from alertferry.catalogs.source import TableSource
from alertferry.core.errors import UsageError

_GZIP = b"\x1f\x8b"
_BLOCK_BYTES = 1024 * 1024
_READ = "csv, tsv, ECSV, MRT, IPAC, Parquet, VOTable and FITS are read"

_OTHER_FORMATS = (
    (b"PARE", "is encrypted Parquet; save it without encryption"),
    (b"PK\x03\x04", f"is a zip archive or a spreadsheet (xlsx, ods, npz); save it as csv: {_READ}"),
    (b"BZh", f"is compressed with bzip2; decompress it first: {_READ}, also with gzip"),
    (b"\xfd7zXZ", f"is compressed with xz; decompress it first: {_READ}, also with gzip"),
    (b"\x28\xb5\x2f\xfd", f"is compressed with zstd; decompress it first: {_READ}, also with gzip"),
    (b"\x89HDF", f"is HDF5; save it in another format: {_READ}"),
    (b"ARROW1", f"is an Arrow (Feather) file; save it as Parquet: {_READ}"),
    (b"Obj\x01", f"is an Avro file; save it as Parquet: {_READ}"),
    (b"ORC", f"is an ORC file; save it as Parquet: {_READ}"),
    (b"SQLite format 3", f"is an SQLite database; export the table as csv: {_READ}"),
    (b"\xd0\xcf\x11\xe0", f"is an old spreadsheet (xls); save it as csv: {_READ}"),
    (b"%PDF", f"is a PDF document, not a table: {_READ}"),
    (b"\xff\xfe", f"is UTF-16 text; save it as UTF-8: {_READ}"),
    (b"\xfe\xff", f"is UTF-16 text; save it as UTF-8: {_READ}"),
)


def open_source(file: BinaryIO, request: Request) -> TableSource:
    """Return the table in an uncompressed file; `UsageError` when it is none that can be read."""
    # A preview adds +gzip to the name of a format, which then may be given so.
    wanted = request.format.removesuffix("+gzip") if request.format else None
    source = _open(file, replace(request, format=wanted))
    if wanted and wanted != source.format:
        raise UsageError(f"format: is {source.format}, not {wanted}; leave format: out")
    if request.table is not None and source.format not in ("votable", "fits"):
        raise UsageError(f"table: is {source.format}, which holds one table only; leave table: out")
    return with_positions(source)


def _open(file: BinaryIO, request: Request) -> TableSource:
    file.seek(0)
    start = file.read(1024)
    for magic, message in _OTHER_FORMATS:
        if start.startswith(magic):
            raise UsageError(message)
    if start.startswith(_GZIP):
        raise UsageError("is compressed twice; decompress it once")
    if start.startswith(b"PAR1"):
        from alertferry.catalogs.parquet_table import ParquetTable

        return ParquetTable(file, request.max_rows, request.max_bytes)
    if start.startswith(b"SIMPLE  ="):
        from alertferry.catalogs.fits_table import FitsTable

        return FitsTable(file, request)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<"):
        return _open_xml(file, text, request)
    if text.startswith((b"{", b"[{")):
        raise UsageError(f"is JSON, not a table; save it as csv: {_READ}")
    return _open_text(file, request)


def _open_text(file: BinaryIO, request: Request) -> TableSource:
    from alertferry.catalogs.line_formats import open_lines
    from alertferry.catalogs.text_layout import examine
    from alertferry.catalogs.text_table import TextTable

    writing = examine(file)
    return open_lines(file, writing, request.format) or TextTable(file, writing)


def is_gzip(start: bytes) -> bool:
    """Tell whether a file that begins with these bytes is compressed with gzip."""
    return start.startswith(_GZIP)


def expand(file: BinaryIO, into: BinaryIO, max_bytes: int) -> None:
    """Decompress gzip, all its members; `UsageError` when it is damaged or expands to more than ``max_bytes``."""
    file.seek(0)
    size = 0
    inflate = zlib.decompressobj(wbits=31)
    try:
        while block := inflate.unconsumed_tail or inflate.unused_data or file.read(_BLOCK_BYTES):
            if inflate.eof:
                if not block.startswith(_GZIP[: len(block)]):
                    break  # what follows the last member is padding
                inflate = zlib.decompressobj(wbits=31)
            part = inflate.decompress(block, _BLOCK_BYTES)
            size += len(part)
            if size > max_bytes:
                raise UsageError(f"expands to more than {max_bytes:,} bytes, the limit; it may be a decompression bomb")
            into.write(part)
    except zlib.error as error:
        raise UsageError(f"is damaged: {error}") from None
    if not inflate.eof:
        raise UsageError("is damaged: the compressed data end too early; it may be cut short")
    into.flush()


def _open_xml(file: BinaryIO, text: bytes, request: Request) -> TableSource:
    if text.startswith((b"<!doctype html", b"<html")):
        raise UsageError(f"is a web page, perhaps one that asks to log in, not a table: {_READ}")
    from alertferry.catalogs.votable_table import VOTable

    return VOTable(file, request)

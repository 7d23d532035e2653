"""What is refused, and what the user is told; the parser itself is confined in test_catalog_confinement."""

from __future__ import annotations

import gzip
import io
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from alertferry.core.errors import UsageError
from tests.unit.catalogs.in_process import Reader

ROWS = Table({"id": ["a", "b"], "ra": [1.0, 2.0], "dec": [3.0, 4.0]})


def written(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    ROWS.write(out, format=kind, **options)
    return out.getvalue()


def parquet(rows: int = 1000, **columns: Any) -> bytes:
    out = io.BytesIO()
    content = {"id": list(range(rows)), "ra": [1.0] * rows, "dec": [2.0] * rows, **columns}
    pq.write_table(pa.table(content), out)
    return out.getvalue()


VOTABLE = written("votable", tabledata_format="tabledata").decode()
BINARY = written("votable", tabledata_format="binary").decode()
FITS = written("fits")
GZIPPED = gzip.compress(b"id,ra,dec\na,1,2\n" * 1000, mtime=0)


def with_stream(attributes: str) -> str:
    return BINARY.replace('<STREAM encoding="base64">', f"<STREAM {attributes}>")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04....", "is a zip archive or a spreadsheet (xlsx, ods, npz); save it as csv"),
        (
            b"\x89HDF\r\n",
            "is HDF5; save it in another format: csv, tsv, ECSV, MRT, IPAC, Parquet, VOTable and FITS are read",
        ),
        (b"BZh91AY", "is compressed with bzip2; decompress it first"),
        (b"\xfd7zXZ\0", "is compressed with xz; decompress it first"),
        (b"\x28\xb5\x2f\xfd", "is compressed with zstd; decompress it first"),
        (b"ARROW1\0\0", "is an Arrow (Feather) file; save it as Parquet"),
        (b"%PDF-1.4", "is a PDF document, not a table"),
        ("id,ra,dec\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ('{"ra": 1}', "is JSON, not a table; save it as csv"),
        ("<!DOCTYPE html><html>", "is a web page, perhaps one that asks to log in, not a table"),
        ("\n <html><body>", "is a web page"),
        ("id,ra,dec\na,1\0,2\n", "holds NUL bytes: it is not a text table (csv, tsv), and no other known format"),
        (b"\xca\xfe\xba\xbe\0\0", "holds NUL bytes"),
        ("id,ra,dec\n" + "x" * 1_100_000 + ",1,2\n", "has a line of more than 1024 KiB: it is not a text table"),
        ("id,ra,dec\n" + "x" * 5_000_000, "has a line of more than 1024 KiB"),
        ("\n\n", "is empty"),
        ("# nothing\n", "has no rows"),
        ("id,ra,dec\n", "has no rows"),
        ("id,ra,dec", "has no rows"),
        ("id,ra,dec\n# a,1,2\n", "has no rows"),
        ("x\n1\n2\n", "has only one column, 'x': no delimiter (comma, semicolon, tab, | or blanks) was found"),
        ("a,1,2\nb,3,4\n", "has no header: its first row is 'a,1,2'; put the names of the columns there"),
        ("12:34:56\t-01:02:03\tx\n", r"has no header: its first row is '12:34:56\\t-01:02:03\\tx'"),
        ("id,ra,ra,dec\na,1,2,3\n", "has more than one column called 'ra'; rename them so that each name is unique"),
        (",".join(f"c{index}" for index in range(5000)) + "\n", "has 5,000 columns; at most 4,096 can be read"),
        (
            'id,ra,dec\n"a,1,2\nb,3,4\nc,5,6\n',
            'row 1 runs over several lines and does not fit the header: a quotation mark (") may not be closed',
        ),
        (
            'ra,dec,id\n1,2,x\n3,4,"abc\n5,6,d\n',
            'after row 1 a quotation mark (") is not closed: unexpected end of data',
        ),
        ('ra,dec,id\n1,2,"abc\n3,4,d\n5,6,"e\n', "after row 0 a quotation mark (\") is not closed: ',' expected after"),
        ('id,ra,dec\na,1,"2\nb,3,4\nc,5,6\n', 'after row 0 a quotation mark (") is not closed'),
        ('id ra dec\na 1 2\n"b 3 4\nc 5 6\n', "row 2: "),
        ("id,dec,x\na,1,2\n", "no column looks like right ascension; name one with ra:. Columns: 'id', 'dec', 'x'"),
        ("id,ra,dec\na,x,y\nb,,1\n", "none of its 2 rows can be used:\n  row 1: 'ra': 'x': is not a number"),
    ],
)
def test_text_that_is_no_catalogue(read: Reader, content: str | bytes, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read(content)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ra": "RA", "dec": "dec"}, "ra: no column 'RA'; did you mean 'ra'? Columns: 'id', 'ra', 'dec'"),
        ({"columns": ("mag",)}, "columns: no column 'mag'"),
        ({"radius": "r"}, "radius: no column 'r'"),
        ({"id": "name"}, "id: no column 'name'"),
        ({"ra": "ra"}, "ra: and dec: go together: name both columns or neither"),
        ({"ra": "ra", "dec": "ra"}, "ra: and dec: name the same column 'ra'; each must be a column of its own"),
        ({"pmra": "a", "epoch": 2000}, "pmra: and pmdec: go together: name both columns or neither"),
        ({"pmra": "a", "pmdec": "b"}, "pmra:, pmdec: and epoch: go together"),
        ({"epoch": 2000}, "pmra:, pmdec: and epoch: go together"),
        ({"pmra": "a", "pmdec": "b", "epoch": 57000}, "epoch: must be a column or a Julian year from 1800 to 2200"),
        ({"on_bad_rows": "ignore"}, "on_bad_rows: must be 'fail' or 'drop', got 'ignore'"),
        ({"max_rows": 0}, "max_rows: and max_bytes: must be at least 1"),
    ],
)
def test_requests_that_do_not_fit(read: Reader, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read("id,ra,dec\na,1,2\n", **options)


def test_bad_rows_are_listed_with_their_numbers(read: Reader) -> None:
    content = "id,ra,dec\n" + "".join(f"{index},{index},91\n" for index in range(7)) + "7,1,2\n"
    with pytest.raises(UsageError) as error:
        read(content)
    lines = [f"\n  row {row}: 'dec': '91': declination outside -90 to 90 degrees" for row in range(1, 6)]
    assert str(error.value) == (
        f"7 of 8 rows cannot be used:{''.join(lines)}\n  and 2 more\n"
        "Correct them, or leave them out with on_bad_rows: drop"
    )


def test_only_a_thousand_bad_rows_are_kept(read: Reader) -> None:
    found = read("id,ra,dec\n" + "x,1,99\n" * 3000 + "x,1,1\n", on_bad_rows="drop")
    assert (len(found.report.bad_rows), found.report.bad_row_count, found.report.rows) == (1000, 3000, 3001)


def test_values_are_shown_without_control_characters(read: Reader) -> None:
    found = read("id,ra,dec\nx,\x1b[31m\u202e<b>" + "y" * 100 + ",1\nz,1,2\n", on_bad_rows="drop")
    assert found.report.bad_rows[0].value == "\\x1b[31m\\u202e<b>" + "y" * 30 + "…"


def test_too_many_rows_in_a_text_table(read: Reader) -> None:
    content = "id,ra,dec\n" + "a,1,2\n" * 100
    assert len(read(content, max_rows=100).ids) == 100
    with pytest.raises(UsageError, match="has more than 99 rows; at most 99 are allowed: split it, or keep fewer"):
        read(content, max_rows=99)


def test_too_many_misfits(read: Reader) -> None:
    with pytest.raises(
        UsageError, match="has more than 100,000 rows whose number of fields differs from the header's 3"
    ):
        read("id,ra,dec\n" + "a,1,2\n" * 100 + "a,1\n" * 100_001, on_bad_rows="drop")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (VOTABLE.replace("<VOTABLE", '<!DOCTYPE x [<!ENTITY a "b">]><VOTABLE'), "has a document type declaration"),
        (VOTABLE.replace("<VOTABLE", '<!DOCTYPE VOTABLE SYSTEM "http://x/y.dtd"><VOTABLE'), "has a document type decl"),
        (with_stream('href="file:///etc/passwd"'), "refers to another place (STREAM href='file:///etc/passwd')"),
        (with_stream('href="http://example.org/x"'), "refers to another place (STREAM href='http://example.org/x')"),
        (with_stream('xlink:href="ftp://x"'), "refers to another place"),
        (with_stream('encoding="gzip"'), "has a STREAM with encoding 'gzip'; only base64 is read"),
        (
            VOTABLE.replace(
                "<TABLE", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/><TABLE', 1
            ),
            "refers to another place (include href='/etc/passwd')",
        ),
        (
            BINARY.replace("<BINARY>", '<PARQUET type="x">'),
            "holds its data as PARQUET; save it as TABLEDATA or BINARY2",
        ),
        (BINARY.replace("BINARY>", "FITS>"), "is damaged: its FITS header has no END"),
        (VOTABLE[:-200], "is not well-formed XML"),
        (
            VOTABLE.replace("<TABLE", '<TABLE nrows="20000000"', 1).replace(' nrows="2"', ""),
            "has 20000000 rows; at most",
        ),
        ("<VOTABLE>" + "<RESOURCE>" * 100, "is XML nested deeper than 64 elements"),
        ("<kml></kml>", "is XML without a TABLE: it is not a VOTable with data"),
        ("<VOTABLE><RESOURCE><TABLE></TABLE></RESOURCE></VOTABLE>", "has no columns"),
        (VOTABLE.replace('name="dec"', 'name="ra"'), "has more than one column called 'ra'"),
        (re.sub("<TR>.*</TR>", "", VOTABLE, flags=re.DOTALL), "has no rows"),
        (
            "<VOTABLE><RESOURCE><TABLE>"
            + "".join(f'<FIELD name="c{i}"/>' for i in range(5000))
            + "<DATA><TABLEDATA/></DATA></TABLE></RESOURCE></VOTABLE>",
            "has 5,000 columns",
        ),
        (VOTABLE.replace('arraysize="1"', 'arraysize="2000000000"'), "declares a field of 2000000000 elements"),
        (re.sub(r"(?s)(<STREAM[^>]*>\s*)\S+", r"\1AAAA", BINARY), "is damaged: its binary data end within a row"),
        (
            VOTABLE.replace("<TABLE", '<TABLE nrows="3"', 1).replace(' nrows="2"', ""),
            "is damaged: it claims 3 rows and holds 2",
        ),
        (re.sub(r"(?s)(<STREAM[^>]*>\s*)\S+", r"\1!!!!", BINARY), "is damaged: its data are no base64"),
    ],
)
def test_votables_that_are_refused(read: Reader, content: str, message: str) -> None:
    assert content not in (VOTABLE, BINARY)
    with pytest.raises(UsageError, match=re.escape(message)):
        read(content)


def test_rows_of_a_votable_are_counted(read: Reader) -> None:
    content = VOTABLE.replace(' nrows="2"', "")
    with pytest.raises(UsageError, match="has more than 1 rows; at most 1 are allowed"):
        read(content, max_rows=1)
    with pytest.raises(UsageError, match="has more than 1 rows; at most 1 are allowed"):
        read(BINARY.replace(' nrows="2"', ""), max_rows=1)


def footer(content: bytes, old: bytes, new: bytes, count: int) -> bytes:
    """Change a Thrift integer in the footer of a Parquet file, its first ``count`` occurrences."""
    length = int.from_bytes(content[-8:-4], "little")
    start = len(content) - 8 - length
    assert old in content[start:]
    return content[:start] + content[start:].replace(old, new, count)


THOUSAND, FEWER = b"\x16\xd0\x0f", b"\x16\x88\x0e"  # 1000 and 900 as zig-zag integers


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (parquet()[:-100], "begins as Parquet and does not end as Parquet; it may be cut short"),
        (b"PAR1PAR1", "begins as Parquet and does not end as Parquet"),
        (parquet()[:500] + parquet()[-200:], "cannot be read as Parquet"),
        (b"PAR1" + b"\0" * 50 + (2**31 - 1).to_bytes(4, "little") + b"PAR1", "cannot be read as Parquet"),
        (b"PARE" + parquet()[4:], "is encrypted Parquet; save it without encryption"),
        (parquet()[:-4] + b"PARE", "is encrypted; save it without encryption"),
        (footer(parquet(), THOUSAND, FEWER, 1), "its footer claims 900 rows, its row groups 1,000"),
        (parquet(0), "has no rows"),
        (parquet(ra=[[1.0]] * 1000), "column 'ra' holds list<element: double>, not numbers; choose another column"),
        (parquet(ra=[{"x": 1.0}] * 1000), "column 'ra' holds struct<x: double>, not numbers"),
        (parquet(ra=pa.nulls(1000)), "column 'ra' holds null, not numbers"),
    ],
)
def test_parquet_that_is_refused(read: Reader, content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read(content)


def test_a_parquet_file_whose_footer_lies_throughout_gives_no_more_rows_than_it_says(read: Reader) -> None:
    assert len(read(footer(parquet(), THOUSAND, FEWER, -1)).ids) == 900


def test_columns_of_one_name_in_parquet(read: Reader) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table([[1.0], [2.0], [3.0], ["x"]], names=["ra", "ra", "dec", "id"]), out)
    with pytest.raises(UsageError, match="has more than one column called 'ra'"):
        read(out.getvalue())


def test_rows_of_a_parquet_file_are_counted_in_its_footer(read: Reader) -> None:
    with pytest.raises(UsageError, match="has 1,000 rows; at most 999 are allowed"):
        read(parquet(), max_rows=999)


def test_parquet_that_expands_too_far_is_refused(read: Reader) -> None:
    with pytest.raises(UsageError, match=r"expands to .* bytes; at most 2,000 are allowed: carry fewer columns"):
        read(parquet(), max_bytes=2000)


def with_card(card: str, value: str) -> bytes:
    at = FITS.index(card.ljust(8).encode() + b"=", 2880)
    return FITS[:at] + f"{card:8}= {value:>20}".encode() + FITS[at + 30 :]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (FITS[:5780], "is damaged: its header claims 2 rows"),
        (FITS[:2000], "is damaged: its FITS header has no END; it may be cut short"),
        (FITS[:300], "is damaged: its FITS header has no END; it may be cut short"),
        (FITS[:1000].replace(b"END", b"AND") + b" " * 6_000_000, "is damaged: its FITS header has no END"),
        (with_card("NAXIS2", "9000000"), "its header claims 9,000,000 rows of 17 bytes, but only 2,880 bytes follow"),
        (with_card("NAXIS2", "20000000"), "has 20,000,000 rows; at most 10,000,000 are allowed"),
        (with_card("NAXIS2", "-1"), "is damaged: its header claims -1 rows"),
        (with_card("PCOUNT", "999999"), "is damaged: its header claims 2 rows"),
        (with_card("NAXIS2", "0"), "has no rows"),
        (FITS[:2880], "has no table (it holds: image)"),
    ],
)
def test_fits_files_that_are_refused(read: Reader, content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read(content)


def test_compressed_fits_images_are_refused(read: Reader) -> None:
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((50, 50)))]).writeto(out)
    with pytest.raises(UsageError, match="is an image compressed by fpack, not a table"):
        read(out.getvalue())


def test_complex_numbers_are_refused(read: Reader) -> None:
    out = io.BytesIO()
    Table({"id": ["a"], "ra": [1.0], "dec": [2.0], "c": [1j]}).write(out, format="fits")
    with pytest.raises(UsageError, match="column 'c' holds complex numbers, which cannot be used"):
        read(out.getvalue(), columns=("c",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GZIPPED[:-20], "is damaged: the compressed data end too early; it may be cut short"),
        (GZIPPED[:30] + b"\xff" * 8 + GZIPPED[38:], "is damaged: Error -3 while decompressing data"),
        (gzip.compress(GZIPPED, mtime=0), "is compressed twice; decompress it once"),
        (
            gzip.compress(b"a" * 5_000_000, mtime=0),
            "expands to more than 1,000,000 bytes, the limit; it may be a decompression bomb",
        ),
        (gzip.compress(b"", mtime=0), "is empty"),
    ],
)
def test_gzip_that_is_refused(read: Reader, content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read(content, max_bytes=1_000_000)

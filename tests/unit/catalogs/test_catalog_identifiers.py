"""Identifiers come out as they went in, whatever the format."""

from __future__ import annotations

import csv
import io
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.core.errors import UsageError
from tests.unit.catalogs.in_process import Reader, read_content

NASTY = [
    "00123",
    "1e5",
    " x",
    "x ",
    "1234567890123456789",
    "NaN",
    "null",
    "Unknown",
    "=cmd()",
    "1.0",
    "-0",
    "été",
    "a,b",
]
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
XML_TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))


def written(ids: list[str], quoting: int = csv.QUOTE_MINIMAL, delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.writer(out, quoting=quoting, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["ra", "dec", "id"])
    writer.writerows([["1.5", "-2.5", text] for text in ids])
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_texts_stay_what_they_are(read: Reader, delimiter: str) -> None:
    assert read(written(NASTY, delimiter=delimiter)).ids == NASTY


@settings(deadline=None, max_examples=50)
@given(st.lists(TEXT, min_size=1, max_size=8))
def test_any_quoted_text_survives_csv(ids: list[str]) -> None:
    assert read_content(written(ids, csv.QUOTE_ALL)).ids == [text or None for text in ids]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.none() | INT64, min_size=1))
def test_integers_with_missing_values_keep_every_digit(ids: list[int | None]) -> None:
    table = pa.table({"ra": [1.0] * len(ids), "dec": [2.0] * len(ids), "id": pa.array(ids, pa.int64())})
    assert read_content(table).ids == [None if value is None else str(value) for value in ids]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_unsigned_integers_keep_every_digit(ids: list[int]) -> None:
    table = pa.table({"ra": [1.0] * len(ids), "dec": [2.0] * len(ids), "id": pa.array(ids, pa.uint64())})
    assert read_content(table).ids == [str(value) for value in ids]


@settings(deadline=None, max_examples=50)
@given(st.lists(XML_TEXT, min_size=1, max_size=8))
def test_cells_of_a_votable_are_not_trimmed(ids: list[str]) -> None:
    rows = "".join(f"<TR><TD>1</TD><TD>2</TD><TD>{escape(text)}</TD></TR>" for text in ids)
    content = (
        '<VOTABLE><RESOURCE><TABLE><FIELD name="ra" datatype="double"/><FIELD name="dec" datatype="double"/>'
        '<FIELD name="id" datatype="unicodeChar" arraysize="*"/>'
        f"<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    assert read_content(content).ids == [text or None for text in ids]


@settings(deadline=None, max_examples=50)
@given(st.lists(INT64, min_size=1, max_size=8))
def test_fits_integers_keep_every_digit(ids: list[int]) -> None:
    columns = [
        fits.Column("ra", "D", array=np.ones(len(ids))),
        fits.Column("dec", "D", array=np.ones(len(ids))),
        fits.Column("id", "K", array=np.array(ids, dtype=np.int64)),
    ]
    out = io.BytesIO()
    fits.BinTableHDU.from_columns(columns).writeto(out)
    assert read_content(out.getvalue()).ids == [str(value) for value in ids]


def test_integers_that_became_floats_for_a_missing_value_have_no_decimal_point(read: Reader) -> None:
    table = pa.table({"ra": [1.0] * 3, "dec": [2.0] * 3, "id": [17.0, None, 18.5]})
    assert read(table).ids == ["17", None, "18.5"]


def test_identifiers_that_have_lost_digits_are_refused(read: Reader) -> None:
    table = pa.table({"ra": [1.0], "dec": [2.0], "id": [1234567890123456789.0]})
    with pytest.raises(UsageError, match="has cost them their last digits already; save them as integers or as text"):
        read(table)


def test_other_types_are_their_text(read: Reader) -> None:
    for values, expected in (
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array([b"a", b"b"]), ["a", "b"]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", "b"], pa.string_view()), ["a", "b"]),
        (pa.array([12, 3], pa.decimal128(38, 0)), ["12", "3"]),
    ):
        assert read(pa.table({"ra": [1.0, 1.0], "dec": [2.0, 2.0], "id": values})).ids == expected


@pytest.mark.parametrize("values", [[[1]], [{"a": 1}]])
def test_nested_identifiers_are_refused(read: Reader, values: list[object]) -> None:
    with pytest.raises(UsageError, match="which is no identifier; choose another column"):
        read(pa.table({"ra": [1.0], "dec": [2.0], "id": values}))


def test_bytes_that_are_not_text_are_refused(read: Reader) -> None:
    with pytest.raises(UsageError, match="column 'id' holds bytes that are not UTF-8 text"):
        read(pa.table({"ra": [1.0], "dec": [2.0], "id": [b"\xff"]}))


def test_a_novel_is_no_identifier(read: Reader) -> None:
    found = read(f"ra,dec,id\n1,2,{'x' * 1001}\n1,2,{'x' * 1000}\n", on_bad_rows="drop")
    assert found.ids == ["x" * 1000]
    assert found.bad == [(1, "id", "an identifier longer than 1,000 characters")]


def test_row_numbers_can_be_the_identifier(read: Reader) -> None:
    found = read("ra,dec\n1,2\n1,\n1,2,3\n5,6\n", id="#", on_bad_rows="drop")
    assert found.ids == ["1", "4"]


def test_a_column_called_hash_goes_before_the_row_number(read: Reader) -> None:
    assert read("ra,dec,#\n1,2,x\n", id="#").ids == ["x"]

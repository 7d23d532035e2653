"""Files with several tables: the one that is meant is named, the only one that fits is told, else the user is asked."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import VOTableFile
from astropy.table import Table

from alertferry.core.errors import UsageError
from tests.unit.catalogs.in_process import Reader

POINTING = Table({"NAME": ["obs1"], "RA": [100.0], "DEC": [10.0]})
SOURCES = Table({"SRCNAME": ["a", "b"], "RA": [186.5, 10.5], "DEC": [-0.25, 41.25]})
CARDS = Table({"Field Header Card": ["SIMPLE = T"]})
EMPTY = SOURCES[:0]


def fits_file(**tables: Table) -> bytes:
    parts = [fits.PrimaryHDU(np.zeros((4, 4))), fits.ImageHDU(np.zeros(3), name="SCI")]
    parts += [fits.BinTableHDU(table, name=name) for name, table in tables.items()]
    out = io.BytesIO()
    fits.HDUList(parts).writeto(out)
    return out.getvalue()


def votable_file(**tables: Table) -> bytes:
    file = VOTableFile()
    for name, table in tables.items():
        resource = from_table(table).resources[0]
        resource.tables[0].name, resource.tables[0].ID = name, None
        file.resources.append(resource)
    out = io.BytesIO()
    file.to_xml(out)
    return out.getvalue()


@pytest.fixture(params=[fits_file, votable_file], ids=["fits", "votable"])
def write(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_two_tables_with_positions_are_asked_about(read: Reader, write: Any) -> None:
    with pytest.raises(UsageError) as error:
        read(write(POINTING=POINTING, SOURCES=SOURCES))
    assert re.fullmatch(
        r"holds 2 tables, and several of them have positions; choose one with table: NAME or NUMBER:\n"
        r"  \d 'POINTING': 1 row; columns NAME, RA, DEC\n  \d 'SOURCES': 2 rows; columns SRCNAME, RA, DEC",
        str(error.value),
    )


@pytest.mark.parametrize("table", ["SOURCES", "sources", " Sources "])
def test_the_job_names_the_table(read: Reader, write: Any, table: str) -> None:
    found = read(write(POINTING=POINTING, SOURCES=SOURCES), table=table)
    assert (found.ids, found.ra) == (["a", "b"], [186.5, 10.5])
    assert not found.report.warnings


@pytest.mark.parametrize("number", [3, "3"])
def test_the_job_numbers_the_table(read: Reader, number: int | str) -> None:
    # In FITS the primary header counts as 0, and images count, as in TOPCAT and astropy.
    assert read(fits_file(POINTING=POINTING, SOURCES=SOURCES), table=number).ids == ["a", "b"]
    assert read(votable_file(A=POINTING, B=POINTING, C=SOURCES), table=number).ids == ["a", "b"]


def test_a_table_that_is_not_there(read: Reader, write: Any) -> None:
    with pytest.raises(UsageError, match=r"table: no table is called 'stars'; the file holds these:\n.*'POINTING'"):
        read(write(POINTING=POINTING, SOURCES=SOURCES), table="stars")
    with pytest.raises(UsageError, match=r"table: several tables are called 'X'; the file holds these:\n"):
        read(write(X=POINTING, x=SOURCES), table="X")


@pytest.mark.parametrize("others", [{"LDAC_IMHEAD": CARDS}, {"EMPTY": EMPTY}, {"A": CARDS, "B": EMPTY}])
def test_the_only_table_with_positions_is_told(read: Reader, write: Any, others: dict[str, Table]) -> None:
    found = read(write(**others, SOURCES=SOURCES))
    assert (found.ids, found.dec) == (["a", "b"], [-0.25, 41.25])
    (warning,) = found.report.warnings
    assert "'SOURCES' was read, as it alone has rows with positions; name another one with table:" in warning


def test_named_columns_choose_the_table(read: Reader, write: Any) -> None:
    other = Table({"n": [1], "x": [5.0], "y": [6.0]})
    assert read(write(OTHER=other, SOURCES=SOURCES), ra="x", dec="y", id="n").ra == [5.0]


def test_no_table_with_positions(read: Reader, write: Any) -> None:
    with pytest.raises(UsageError, match="holds 2 tables, and none of them looks like a catalogue with positions"):
        read(write(A=CARDS, B=CARDS))


def test_formats_with_one_table_only(read: Reader) -> None:
    with pytest.raises(UsageError, match="table: is csv, which holds one table only; leave table: out"):
        read("id,ra,dec\na,1,2\n", table="x")
    with pytest.raises(UsageError, match="format: is csv, not votable; leave format: out"):
        read("id,ra,dec\na,1,2\n", format="votable")


def test_ascii_tables_of_fits(read: Reader) -> None:
    columns = [fits.Column("ID", "A5", array=["007", "b"]), fits.Column("RA", "D20.10", "deg", array=[10.5, 350.25])]
    columns += [fits.Column("DEC", "D20.10", "deg", array=[-20.5, 0.25]), fits.Column("N", "I10", array=[7, 8])]
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.TableHDU.from_columns(columns)]).writeto(out)
    found = read(out.getvalue(), columns=("N",))
    assert (found.ids, found.ra, found.dec) == (["007", "b"], [10.5, 350.25], [-20.5, 0.25])
    assert found.carried().to_pylist() == [7, 8]


def test_unsigned_64_bit_identifiers_of_fits_are_exact(read: Reader) -> None:
    ids = np.array([2**64 - 1, 2**63, 1], dtype=np.uint64)
    content = Table({"id": ids, "ra": [1.0, 2.0, 3.0], "dec": [1.0, 2.0, 3.0]})
    out = io.BytesIO()
    content.write(out, format="fits")
    assert read(out.getvalue()).ids == [str(2**64 - 1), str(2**63), "1"]


def test_a_header_that_lies_about_its_size_is_told(read: Reader) -> None:
    content = fits_file(SOURCES=SOURCES)
    at = content.index(b"NAXIS2  =", content.index(b"BINTABLE"))
    for claim, said in (
        ("9000000000000", "has 9,000,000,000,000 rows; at most"),
        ("-5", "sizes below 0"),
        ("x", "no whole number"),
    ):
        broken = content[: at + 10] + f"{claim:>20}".encode() + content[at + 30 :]
        with pytest.raises(UsageError, match=re.escape(said)):
            read(broken)

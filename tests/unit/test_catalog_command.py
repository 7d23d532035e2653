"""`alertferry catalog`: what it shows of a file, and what it says of a bad one."""

import io
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def sources(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("Name,RA,DEC,[b]mag[/b]\n000123,10.5,-20.25,19\n000123,10.5,-20.25,20\nz,350.0,95.0,\n")
    return path


@pytest.fixture
def lake(tmp_path):
    folder = tmp_path / "lake/year=2026/month=03/day=01"
    folder.mkdir(parents=True)
    position = pa.StructArray.from_arrays([pa.array([10.6, np.nan, 200]), pa.array([-20.2, 1, 95])], ["ra", "dec"])
    pq.write_table(pa.table({"diaSourceId": [1, 2, 3], "diaSource": position}), folder / "part.parquet")
    return tmp_path / "lake"


def test_a_catalogue_that_cannot_be_used_is_one_document(alertferry, tmp_path):
    (tmp_path / "c.csv").write_text("name,a,b\nx,1,2\n")
    called = alertferry("catalog", tmp_path / "c.csv", "--json")
    assert called.code == 2
    assert called.json["problem"]
    assert "cannot be used as it stands" in called.err


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (
            "Name,RAh,DE-,DEd\na,1.5,+,2.5\n",
            (),
            "the file has no 'RAm', 'DEm', only 'RAh', 'DE-', 'DEd'; add the others, or name one column for each "
            "coordinate with --ra and --dec, and with --ra-unit hour if it holds hours",
        ),
        ("Name,a,ra: b\nx,1,2\n", (), "name one with --ra. Columns: 'Name', 'a', 'ra: b'"),
        ("Name,a,b\nx,1,2\n", ("--ra", "q", "--dec", "b"), "--ra: no column 'q'"),
        ("Name,a,b\nx,1,2\n", ("--ra", "a"), "--ra and --dec go together"),
        ("Name,ra,dec\nx,1,2\n", ("--table", "3"), "leave --table out"),
    ],
)
def test_its_options_are_named_as_it_has_them(alertferry, tmp_path, content, options, said):
    (tmp_path / "c.csv").write_text(content)
    assert said in alertferry("catalog", tmp_path / "c.csv", *options).err


def test_it_previews_a_catalogue(alertferry, sources):
    called = alertferry("catalog", str(sources))
    assert called.code == 0
    assert "mine.csv: csv, 3 rows, 2 usable" in called.out
    assert "000123" in called.out
    assert "[b]mag[/b]" in called.out
    assert "1 row has the identifier of an earlier row" in called.err
    assert "cannot be used: row 3: 'DEC': '95.0'" in called.err
    assert "on_bad_rows: drop" in called.err


def test_it_reads_standard_input(alertferry, sources, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sources.read_bytes())))
    called = alertferry("catalog", "-", "--json")
    assert (called.code, called.json["name"], called.json["rows"]) == (0, "standard input", 3), called.err


def test_it_answers_in_json(alertferry, sources, lake):
    called = alertferry("catalog", str(sources), "--survey", "lsst", "--lake", str(lake), "--json")
    found = called.json
    assert called.code == 0
    assert found["used"] == {"ra": "RA", "dec": "DEC", "id": "Name"}
    assert found["first_rows"][0] == {"Name": "000123", "RA": "10.5", "DEC": "-20.25", "[b]mag[/b]": "19"}
    assert (found["rows"], found["usable_rows"], found["bad_row_count"]) == (3, 2, 1)
    assert (found["duplicate_ids"], found["duplicate_positions"]) == (1, 1)
    assert found["overlap_percent"] == {"lsst": 100.0}


def test_lakes_of_names_of_their_own_are_no_surveys(alertferry, sources, lake, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_LAKE_ARCHIVE", str(lake.parent))
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(lake))
    called = alertferry("catalog", str(sources), "--json")
    assert called.code == 0, called.err
    assert called.json["overlap_percent"] == {"lsst": 100.0}


def test_it_warns_when_nothing_overlaps(alertferry, tmp_path, lake):
    (tmp_path / "far.csv").write_text("id,ra,dec\na,100.0,70.0\n")
    called = alertferry("catalog", str(tmp_path / "far.csv"), "--survey", "lsst", "--lake", str(lake))
    assert called.code == 0
    assert "overlap 0 % of the catalogue's sky" in called.out
    assert "a crossmatch with these nights will be empty" in called.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "no column looks like right ascension"),
        ("id,ra,dec\n", "no rows"),
    ],
)
def test_a_catalogue_that_cannot_be_used_says_why(alertferry, tmp_path, content, said):
    (tmp_path / "bad.csv").write_text(content)
    called = alertferry("catalog", str(tmp_path / "bad.csv"))
    assert called.code == 2
    assert said in called.err


def test_other_mistakes(alertferry, sources, tmp_path):
    for arguments, said in [
        ([str(tmp_path / "absent.csv")], "no such file"),
        ([str(sources), "--ra", "Name2", "--dec", "DEC"], "Name2"),
        ([str(sources), "--lake", str(tmp_path)], "--lake needs --survey"),
        ([str(sources), "--survey", "ztff"], "did you mean 'ztf'"),
    ]:
        called = alertferry("catalog", *arguments)
        assert called.code == 2, arguments
        assert said in called.err

"""Machine-readable tables, IPAC tables, lists of SIMBAD and of the Transient Name Server, as they are published."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pyarrow as pa
import pytest
from astropy.io import ascii as astropy_ascii
from astropy.table import MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.catalogs import line_formats, text_table
from alertferry.core.errors import UsageError
from tests.unit.catalogs.in_process import Reader, read_content

MRT = """Title: A table
Authors: N.N.
Table: Sources
================================================================================
Byte-by-byte Description of file: datafile3.txt
--------------------------------------------------------------------------------
   Bytes Format Units  Label  Explanations
--------------------------------------------------------------------------------
   1-  5 A5     ---    ID     Identifier
   7-  8 I2     h      RAh    Hour of Right Ascension (J2000)
  10- 11 I2     min    RAm    Minute of Right Ascension (J2000)
  13- 18 F6.3   s      RAs    Second of Right Ascension (J2000)
      20 A1     ---    DE-    Sign of the Declination (J2000)
  21- 22 I2     deg    DEd    Degree of Declination (J2000)
  24- 25 I2     arcmin DEm    Arcminute of Declination (J2000)
  27- 31 F5.2   arcsec DEs    ?="" Arcsecond of Declination (J2000)
  33- 37 F5.2   mag    Vmag   ?=99.99 Magnitude
--------------------------------------------------------------------------------
Note (1): A note.
--------------------------------------------------------------------------------
00007 12 30 00.000 -00 30 00.00 19.50
b     00 00 01.500  89 59 59.99 99.99
c     23 59 59.999 +00 00 00.01
"""

IPAC_ROWS = (
    ("designation", "RA", "DE", "n"),
    ("char", "double", "double", "long"),
    ("", "deg", "deg", ""),
    ("null", "null", "null", "-9999"),
    ("00001", "186.4537999999999", "-0.2043", "7"),
    ("NGC2", "10.6847083", "41.26875", "-9999"),
)
IPAC = "\\ a comment\n\\catalog = 'x'\n" + "".join(
    ("|{:>13}|{:>18}|{:>9}|{:>6}|\n" if index < 4 else " {:>13} {:>18} {:>9} {:>6} \n").format(*row)
    for index, row in enumerate(IPAC_ROWS)
)

SIMBAD = """C.D.S.  -  SIMBAD4 rel 1.8  - 2026.03.01CET12:00:00

otype = 'SN*'
------------------

Number of objects: 2

#|  identifier     |typ|   coord1 (ICRS,J2000/2000)    |Mag U |Mag B |
-|-----------------|---|-------------------------------|------|------|
1|SN 1987A         |SN*|05 35 27.9875 -69 16 11.107    |  ~   | 11.5 |
2|SN 2011fe        |SN*|14 03 05.7110 +54 16 25.220    |  ~   |  ~   |
================================================================================
"""


def test_a_machine_readable_table_with_split_coordinates(read: Reader) -> None:
    found = read(MRT, columns=("Vmag",))
    assert found.report.format == "mrt"
    assert found.ids == ["00007", "b", "c"]
    assert found.ra == pytest.approx([187.5, 1.5 / 240, 360 - 0.001 / 240])
    assert found.dec == pytest.approx([-0.5, 90 - 0.01 / 3600, 0.01 / 3600])
    assert found.carried().to_pylist() == [19.5, None, None]
    assert found.report.used["ra"] == "RAh RAm RAs"
    units = {column.name: column.unit for column in found.report.columns}
    assert (units["RAh"], units["Vmag"]) == ("h", "mag")


def test_a_part_that_is_missing_makes_a_bad_row(read: Reader) -> None:
    found = read(MRT.replace("00007 12 30 00.000", "00007 12    00.000"), on_bad_rows="drop")
    assert found.ids == ["b", "c"]
    assert found.bad[0][0] == 1


def test_a_row_that_starts_with_dashes_is_a_row(read: Reader) -> None:
    """The line that ends the notes holds nothing else; a missing identifier may be dashes."""
    out = io.StringIO()
    content = Table({"id": ["a" * 8, "b", "c", "d"], "ra": [1.5, 2.5, 3.5, 4.5], "dec": [1.25, 2.25, 3.25, 4.25]})
    content.write(out, format="ascii.mrt")
    for dashed in ("--------", "------  ", "========"):
        found = read(out.getvalue().replace("\nc       ", "\n" + dashed))
        assert (found.ids, found.ra) == (["a" * 8, "b", dashed.strip(), "d"], [1.5, 2.5, 3.5, 4.5])
    empty = out.getvalue().replace("\nc        3.5 3.25", "\n--------")
    assert empty != out.getvalue()
    found = read(empty, on_bad_rows="drop")
    assert (found.ids, [number for number, _, _ in found.bad]) == (["a" * 8, "b", "d"], [3])


def test_a_row_cut_by_the_end_of_a_block_ends_no_notes(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    content = MRT.replace("b     00", "------00").replace("A5     ---    ID", "A6     ---    ID")
    content = content.replace("   1-  5 A", "   1-  6 A").replace("-" * 80, "------")
    monkeypatch.setattr(text_table, "BLOCK_BYTES", content.index("------00") + 6)
    monkeypatch.setattr(line_formats, "BLOCK_BYTES", content.index("------00") + 6, raising=False)
    assert len(read(content).ids) == 3


ODD_NAMES = st.text(st.sampled_from("-=#|\\+~:a1 "), min_size=1, max_size=12)


def _as_mrt(names: list[str]) -> str:
    width = 80
    rules = ("=" * width, "-" * width)
    fields = "   1- 12 A12    ---    name   Name\n  14- 17 F4.1   deg    ra     RA\n  19- 22 F4.1   deg    dec    Dec\n"
    head = f"{rules[0]}\nByte-by-byte Description of file: x\n{rules[1]}\n   Bytes Format Units  Label  Explanations\n{rules[1]}\n"
    return head + fields + rules[1] + "\n" + "".join(f"{name:12} 10.5 20.5\n" for name in names)


def _as_ipac(names: list[str]) -> str:
    head = "\\ c\n|name         |ra  |dec |\n|char         |real|real|\n|             |deg |deg |\n|             |    |    |\n"
    return head + "".join(f"{name:14} 10.5 20.5 \n" for name in names)


def _as_simbad(names: list[str]) -> str:
    head = "SIMBAD\n\n#|identifier   | coord1 (ICRS,J2000/2000) |\n-|-------------|--------------------------|\n"
    return head + "".join(f"{i}|{name:13}|00 00 01.0 +01 00 00.0|\n" for i, name in enumerate(names, 1)) + "=====\n"


def _as_box(names: list[str]) -> str:
    rule = "+--------------+------+------+\n"
    return (
        rule + "| name         | ra   | dec  |\n" + rule + "".join(f"| {n:12} | 10.5 | 20.5 |\n" for n in names) + rule
    )


def _as_markdown(names: list[str]) -> str:
    return "| name | ra | dec |\n|------|----|----|\n| a | 1 | 2 |\n" + "".join(
        f"| {n} | -- | -- |\n" for n in names[1:]
    )


def _as_csv(names: list[str]) -> str:
    return "name,ra,dec\n" + "".join(f"{name},10.5,20.5\n" for name in names)


FORMS = [_as_mrt, _as_ipac, _as_simbad, _as_box, _as_markdown, _as_csv]


@pytest.mark.parametrize("written", FORMS)
@given(names=st.lists(ODD_NAMES, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_no_line_below_the_header_is_lost_unseen(written: Callable[[list[str]], str], names: list[str]) -> None:
    """Every line is a row, a bad row, or counted as a comment."""
    names = [" a", *(name.rstrip() or "b" for name in names)]
    report = read_content(written(names), on_bad_rows="drop", id="#").report
    told = re.search(r"(\d+) lines below the header start with", " ".join(report.warnings))
    assert report.rows + int(told[1] if told else 0) == len(names)


@pytest.mark.parametrize("row", ["-,-,-", "--,--,--"])
def test_rows_around_one_of_dashes_are_rows(read: Reader, row: str) -> None:
    """VizieR's line of dashes has units above it, not data."""
    found = read(
        f"id,mag,RAJ2000,DEJ2000\na,7,10:00:00,+02:00:00\n{row},-\nb,8,11:00:00,+02:00:00\n", on_bad_rows="drop"
    )
    assert (found.ids, found.report.rows) == (["a", "b"], 3)


def test_a_second_ipac_header_is_no_comment(read: Reader) -> None:
    """Two tables in one file: the places of the second are not those of the first."""
    found = read(IPAC + IPAC.replace("\\ a comment\n", ""), on_bad_rows="drop")
    assert (len(found.ids), found.report.bad_row_count) == (4, 4)
    assert found.report.warnings == ["1 lines below the header start with '\\\\' and were taken as comments"]


def test_coordinates_without_seconds(read: Reader) -> None:
    """The sign is known by its name: `DE-` blank is north, with as many parts as there are."""
    content = re.sub(r".*(?:DEs|Vmag) .*\n", "", MRT).replace("00007 12 30 00.000 -00", "00007 12 30 00.000  00")
    assert "DEs" not in content
    found = read(content)
    assert found.ids == ["00007", "b", "c"]
    assert found.dec == pytest.approx([0.5, 90 - 1 / 60, 0.0])
    assert read(content.replace(" 89 59", "-89 59")).dec[1] == pytest.approx(-90 + 1 / 60)


def test_the_machine_readable_table_of_astropy(read: Reader) -> None:
    content = Table({"id": ["a", "b"], "ra": [10.5, 350.25], "dec": [-20.5, 0.25]}, units={"ra": "deg", "dec": "deg"})
    out = io.StringIO()
    content.write(out, format="ascii.mrt")
    found = read(out.getvalue())
    assert (found.report.format, found.ids, found.ra, found.dec) == ("mrt", ["a", "b"], [10.5, 350.25], [-20.5, 0.25])
    assert found.report.units["ra"] == ("deg", "the file says")


def test_mrt_rows_are_those_of_astropy(read: Reader) -> None:
    theirs = astropy_ascii.read(MRT, format="mrt")
    found = read(MRT, columns=tuple(theirs.colnames))
    for index, name in enumerate(theirs.colnames):
        ours = found.carried(index).to_pylist()
        for one, other in zip(ours, theirs[name].tolist(), strict=True):
            assert str(one if one is not None else "").lstrip("0+") == str("" if other is None else other).lstrip(
                "0+"
            ) or (one is not None and other is not None and float(one) == float(other)), name


def test_an_ipac_table(read: Reader) -> None:
    found = read(IPAC, columns=("n",))
    assert found.report.format == "ipac"
    assert (found.ids, found.dec) == (["00001", "NGC2"], [-0.2043, 41.26875])
    assert found.ra == [186.4537999999999, 10.6847083]
    assert found.carried().to_pylist() == [7, None]
    assert found.report.units["ra"] == ("deg", "the file says")


def test_a_value_across_a_border_is_a_bad_row_not_a_shorter_number(read: Reader) -> None:
    content = IPAC.replace("  186.4537999999999 ", " 1186.45379999999991")
    assert content != IPAC
    found = read(content, on_bad_rows="drop")
    assert found.ids == ["NGC2"]
    assert found.bad == [(1, "", "has a value that crosses a border between columns (|) of the header")]


def test_a_first_row_that_begins_with_a_border_is_no_header(read: Reader) -> None:
    content = "|id |ra   |dec  |\n|int|real |real |\n|01  10.5 -20.5 \n   2 350.2  +0.2 \n"
    found = read(content, on_bad_rows="drop")
    assert (found.ids, found.report.rows) == (["2"], 2)
    assert found.bad == [(1, "", "has a value that crosses a border between columns (|) of the header")]


def test_ipac_without_units_and_nulls(read: Reader) -> None:
    content = "|id |ra   |dec  |\n|int|real |real |\n  01  10.5 -20.5 \n   2 350.2  +0.2 \n"
    assert read(content).ids == ["01", "2"]


def test_a_list_of_simbad(read: Reader) -> None:
    found = read(SIMBAD, columns=("Mag B", "typ"))
    assert found.report.format == "simbad"
    assert found.ids == ["SN 1987A", "SN 2011fe"]
    assert found.ra == pytest.approx([83.86661458333333, 210.77379583333334])
    assert found.dec == pytest.approx([-69.26975194444444, 54.27367222222222])
    assert found.carried(0).to_pylist() == [11.5, None]


def test_a_list_of_the_transient_name_server(read: Reader) -> None:
    content = (
        '"2026-03-01 00:00:00 - 23:59:59"\n"objid","name_prefix","name","ra","declination","type"\n'
        '"160001","SN","2026abc","186.4538","-0.2043","SN Ia"\n"160002","AT","2026abd","10.6847083","41.26875",""\n'
    )
    found = read(content, columns=("type",))
    assert (found.ids, found.ra, found.dec) == (["160001", "160002"], [186.4538, 10.6847083], [-0.2043, 41.26875])
    assert found.carried().to_pylist() == ["SN Ia", None]
    search = '"ID","Name","RA","DEC","Obj. Type"\n"160001","SN 2026abc","12:25:48.912","-00:12:15.48","SN Ia"\n'
    assert read(search, id="Name").ra == pytest.approx([186.4538])


def test_tables_in_boxes(read: Reader) -> None:
    content = "+----+-------+-------+\n| id | ra    | dec   |\n+----+-------+-------+\n| 07 | 10.5  | -20.5 |\n+----+-------+-------+\n"
    assert (read(content).ids, read(content).ra) == (["07"], [10.5])
    assert read(content, format="csv").report.format == "csv"
    markdown = "| id | ra | dec |\n|----|----|----|\n| a b | 10.5 | -20.5 |\n"
    assert (read(markdown).ids, read(markdown).dec) == (["a b"], [-20.5])
    fixed = io.StringIO()
    Table({"id": ["a", "bb"], "ra": [1.5, 20.25], "dec": [3, 4]}).write(fixed, format="ascii.fixed_width")
    assert read(fixed.getvalue()).ids == ["a", "bb"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_kind(read: Reader, newline: str) -> None:
    for content in (MRT, IPAC, SIMBAD):
        assert read(content.replace("\n", newline)).ra == read(content).ra


def test_many_rows_come_in_blocks(read: Reader) -> None:
    rows = "".join(f"{index:05d} 12 30 00.000 -00 30 00.00 19.50\n" for index in range(100_000))
    found = read(MRT[: MRT.index("00007")] + rows)
    assert found.ids[:2] + found.ids[-1:] == ["00000", "00001", "99999"]
    assert len(found.ids) == 100_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (MRT.replace("   1-  5 A5     ---    ID", "x"), "cannot be read as machine-readable table: "),
        (MRT[: MRT.index("00007")], "has no rows"),
        (MRT.replace("   1-  5", "99999999999999999991- 5"), "describes bytes 99999999999999999991 to 5 as the column"),
        (MRT.replace("   1-  5", "   0-  5"), "describes bytes 0 to 5 as the column 'ID'"),
        (MRT + MRT, "describes more than one table"),
        (IPAC.replace(" double|   double", "strange|   double"), "cannot be read as IPAC table: "),
        (SIMBAD[: SIMBAD.index("1|SN")], "has no rows"),
        ("\n".join(IPAC.splitlines()[:6]), "has no rows"),
    ],
)
def test_what_cannot_be_read_is_said(read: Reader, content: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read(content)


def test_a_position_in_one_column_of_any_format(read: Reader) -> None:
    found = read(pa.table({"name": ["x"], "coord1 (ICRS,J2000/2000)": ["05 35 27.9875 -69 16 11.107"]}))
    assert found.ra == pytest.approx([83.86661458333333])
    split = pa.table({"RAh": [12], "RAm": [30], "RAs": [1.5], "DE-": ["-"], "DEd": [0], "DEm": [30], "DEs": [0.0]})
    assert read(split).dec == [-0.5]


def test_ecsv_keeps_declared_types(read: Reader) -> None:
    content = Table(
        {
            "id": ["007", "b"],
            "ra": [1.0, 2.0],
            "dec": [1.0, 2.0],
            "text": ["1", "2"],
            "big": [2**63 - 1, -1],
            "f": [1, 2],
            "flag": MaskedColumn([True, False], mask=[False, True]),
        }
    )
    content["f"] = content["f"].astype("f4")
    out = io.StringIO()
    content.write(out, format="ascii.ecsv")
    found = read(out.getvalue(), columns=("text", "big", "f", "flag"))
    assert found.ids == ["007", "b"]
    assert [str(found.carried(index).type) for index in range(4)] == ["string", "int64", "float", "bool"]
    assert [found.carried(index).to_pylist() for index in (0, 1, 3)] == [["1", "2"], [2**63 - 1, -1], [True, None]]

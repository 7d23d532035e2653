"""Machine-readable tables, IPAC tables, lists of SIMBAD and of the Transient Name Server, as they are published."""

from __future__ import annotations

import io
import re

import pyarrow as pa
import pytest
from astropy.io import ascii as astropy_ascii
from astropy.table import MaskedColumn, Table

from alertferry.core.errors import UsageError
from tests.unit.catalogs.in_process import Reader

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

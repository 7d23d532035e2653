"""In which unit coordinates are read, what says so, and when the user is asked."""

from __future__ import annotations

import io
import math
import re
from typing import Any

import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.units import UnitScaleError

from alertferry.core.errors import UsageError
from tests.unit.catalogs.in_process import Reader

SKY = [(186.4538, -0.2043), (10.6847, 41.26875), (266.4168, -29.0078), (83.8666, -69.2698)]


def rows(ra: float = 1.0, dec: float = 1.0) -> str:
    return "".join(f"s{index},{a / ra!r},{d / dec!r}\n" for index, (a, d) in enumerate(SKY))


def agrees(found: Any) -> bool:
    return found.ra == pytest.approx([a for a, _ in SKY]) and found.dec == pytest.approx([d for _, d in SKY])


RADIAN = math.degrees(1.0)


@pytest.mark.parametrize(
    ("ra", "dec", "names"),
    [
        (15, 1, "RA_h DEC_d"),
        (15, 1, "ra_hours dec_deg"),
        (15, 1, "raHours decDeg"),
        (15, 1, "RAJ2000 (h),DEJ2000 (deg)"),
        (15, 1, "ra_hourangle dec"),
        (RADIAN, RADIAN, "ra_rad dec_rad"),
        (RADIAN, RADIAN, "RA [rad],DEC [rad]"),
        (RADIAN, 1, "ra_radians dec_degrees"),
        (1 / 3.6e6, 1 / 3.6e6, "ra_mas dec_mas"),
        (1, 1, "ra_deg dec_deg"),
        (1, 1, "RAdeg DEdeg"),
    ],
)
def test_a_unit_in_the_name_is_read(read: Reader, ra: float, dec: float, names: str) -> None:
    first, second = names.split("," if "," in names else " ")
    found = read(f"id,{first},{second}\n" + rows(ra, dec))
    assert agrees(found)
    unit, why = found.report.units["ra"]
    assert why == ("the name of the column says")
    assert bool(found.report.warnings) == (unit != "deg")


def ecsv(unit: str) -> str:
    lines = ["%ECSV 1.0", "---", "datatype:", "-", "  name: id", "  datatype: string"]
    for name in ("ra", "dec"):
        lines += ["-", f"  name: {name}", "  datatype: float64", f"  unit: {unit}"]
    return "".join(f"# {line}\n" for line in lines) + "id ra dec\n" + rows(RADIAN, RADIAN).replace(",", " ")


def as_table(kind: str, **options: Any) -> bytes:
    ids, ras, decs = zip(*(line.split(",") for line in rows(RADIAN, RADIAN).splitlines()), strict=True)
    columns = {"id": ids, "ra": [float(x) for x in ras], "dec": [float(x) for x in decs]}
    out = io.BytesIO()
    Table(columns, units={"ra": "rad", "dec": "rad"}).write(out, format=kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        ecsv("rad"),
        ecsv("rad").replace("# -\n#   name: ra\n#   datatype: float64\n#   unit: rad", "# - {unit: rad, name: ra}"),
        as_table("votable", tabledata_format="tabledata"),
        as_table("votable", tabledata_format="binary2"),
        as_table("fits"),
        "\n".join(
            ["|id |ra                |dec                 |", "|c  |double            |double              |"]
            + ["|   |rad               |rad                 |"]
            + [f" {i:3} {a / RADIAN:18.15f} {d / RADIAN:19.15f} " for i, (a, d) in enumerate(SKY)]
        ),
    ],
    ids=["ecsv", "ecsv in one line", "votable", "binary2", "fits", "ipac"],
)
def test_a_unit_in_the_header_is_read(read: Reader, content: str | bytes) -> None:
    found = read(content)
    assert agrees(found)
    assert found.report.units["ra"] == ("rad", "the file says")


def test_the_job_has_the_last_word(read: Reader) -> None:
    assert agrees(read("id,ra,dec\n" + rows(15), ra_unit="hour"))
    assert agrees(read("id,ra,dec\n" + rows(15), unit="hour"))
    assert agrees(read("id,ra,dec\n" + rows(RADIAN, RADIAN), unit="radians"))
    assert agrees(read(ecsv("deg"), unit="rad"))
    assert read(ecsv("deg"), unit="rad").report.units["dec"] == ("rad", "the job says")
    assert read("id,ra_h,dec\n" + rows(15), unit="deg").ra == pytest.approx([a / 15 for a, _ in SKY])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "id,ra,dec\n" + rows(15),
            "right ascensions in 'ra' end at 24, as in hours, and nothing tells their unit; say "
            "ra_unit: hour, or unit: deg if they are degrees",
        ),
        (
            "id,ra,dec\n" + rows(RADIAN, RADIAN),
            "end at 2 pi, as in radians, and nothing tells their unit; say unit: rad",
        ),
        ("id,ra,dec\n" + rows(RADIAN), "end at 2 pi, as in radians, and nothing tells their unit; say ra_unit: rad"),
        (
            "id,ra_rad,dec\n" + rows(RADIAN, RADIAN),
            "'ra_rad' is in radians, as the name of the column says, and nothing "
            "tells the unit of 'dec'; say dec_unit: rad or dec_unit: deg",
        ),
        (
            ecsv("rad").replace(" name: ra", " name: ra_h").replace("id ra ", "id ra_h "),
            "column 'ra_h' is in hours by its name, and in radians by the header of the file; say which is right with "
            "ra_unit: hour or ra_unit: rad",
        ),
        (
            "id,ra_h,dec\n" + rows(),
            "'ra_h' is in hours by its name, but most of its values are beyond 24; say which is "
            "right with ra_unit: deg or ra_unit: hour",
        ),
        (
            ecsv("pix"),
            "column 'ra' has the unit 'pix', which is not an angle (deg, hourangle, rad, arcmin, arcsec); if the "
            "file is wrong, say which is right with ra_unit: deg, ra_unit: hour or ra_unit: rad",
        ),
    ],
)
def test_what_speaks_against_degrees_is_asked_about(read: Reader, content: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        "id,ra,dec\n" + rows(),
        "id,ra,dec\n" + "".join(f"s{i},{i * 36},{i / 10 - 1}\n" for i in range(11)),  # an equatorial stripe
        "id,ra,dec\n" + "".join(f"s{i},{10 + i / 10},{i}\n" for i in range(20)),  # a small field
        "id,ra,dec\n" + "".join(f"s{i},{i / 10},{i / 10}\n" for i in range(20)),
        "id,ra,dec\n" + "".join(f"s{i},{1 + i / 4},{10 + i}\n" for i in range(20)),  # a field near ra 0
    ],
)
def test_degrees_are_not_suspected(read: Reader, content: str) -> None:
    found = read(content)
    assert found.report.units["ra"] == ("deg", "nothing says otherwise")
    assert not found.report.warnings


def test_a_stripe_as_long_as_a_day_is_read_with_a_warning(read: Reader) -> None:
    found = read("id,ra,dec\n" + "".join(f"s{i},{i},0\n" for i in range(24)))
    assert found.ra == [float(i) for i in range(24)]
    assert found.report.warnings == [
        "every right ascension in 'ra' is between 0 and 24 and was taken as degrees; if they are hours, say ra_unit: hour"
    ]


HOURS_BY_FORM = (
    "written as hours, minutes and seconds are, and all are below 24; say which is right with ra_unit: hour or "
)


@pytest.mark.parametrize("ra", ["10:00:24", "10 00 24"])
@pytest.mark.parametrize(
    ("first", "second", "more"),
    [("RA (deg)", "Dec (deg)", ""), ("ra_deg", "dec_deg", ""), ("RAJ2000", "DEJ2000", "\tdeg\tdeg\n--\t--\t--\n")],
)
def test_hours_in_a_column_of_degrees_are_asked_about(
    read: Reader, ra: str, first: str, second: str, more: str
) -> None:
    content = f"id\t{first}\t{second}\n{more}a\t{ra}\t+02:12:00\nb\t23:59:59\t-02:12:00\n"
    with pytest.raises(UsageError, match=f"right ascensions in .* are in degrees, as .*, but {HOURS_BY_FORM}"):
        read(content)
    assert read(content, ra_unit="hour").ra == pytest.approx([150.1, 359.99583333])
    assert read(content, ra_unit="deg").ra == pytest.approx([10.00666667, 23.99972222])


@pytest.mark.parametrize(
    ("name", "ra"),
    [("RA (deg)", "24:00:01"), ("RA (deg)", "10d00m24s"), ("RA (d:m:s)", "10:00:24"), ("RA (deg)", "10h00m24s")],
)
def test_degrees_minutes_and_seconds_are_read(read: Reader, name: str, ra: str) -> None:
    expected = {"24:00:01": 24 + 1 / 3600, "10h00m24s": 150.1}.get(ra, 10 + 24 / 3600)
    assert read(f"id,{name},Dec\na,{ra},+02:12:00\n").ra == pytest.approx([expected])


@pytest.mark.parametrize("name", ["Dec (h:m:s)", "DEC_h"])
def test_a_declination_in_hours_is_asked_about(read: Reader, name: str) -> None:
    content = f"id,RA_h,{name}\na,10:00:24,+02:12:00\n"
    with pytest.raises(UsageError, match=r"declinations in .* are in hours, as the name of the column says, in which"):
        read(content)
    assert read(content, dec_unit="deg").dec == pytest.approx([2.2])
    assert read(content, dec_unit="hour").dec == pytest.approx([33.0])


def test_sexagesimal_values_tell_their_unit(read: Reader) -> None:
    found = read("id,ra,dec\na,12:30:00,-01:30:00\n")
    assert found.report.units == {
        "ra": ("hourangle", "its values are written"),
        "dec": ("deg", "its values are written"),
    }


@pytest.mark.parametrize(
    ("name", "arcsec"),
    [
        ("r", 0.5),
        ("radius_arcmin", 30),
        ("radiusDeg", 1800),
        ("err_rad", 0.5),
        ("rad", 0.5),
        ("r_d", 0.5),
        ("r ['']", 0.5),
    ],
)
def test_units_in_the_names_of_radii(read: Reader, name: str, arcsec: float) -> None:
    found = read(f"id,ra,dec,{name}\na,100,2,0.5\n", radius=name)
    assert found.table.column("radius_arcsec").to_pylist() == [arcsec]


@pytest.mark.parametrize(
    ("names", "mas"),
    [("pmra pmdec", 1), ("pmra_mas_yr pmdec_masyr", 1), ("pmra_arcsec_per_yr pmdec (arcsec/yr)", 1000)],
)
def test_units_in_the_names_of_proper_motions(read: Reader, names: str, mas: float) -> None:
    pmra, pmdec = names.split(" ", 1)
    found = read(f"id,ra,dec,{pmra},{pmdec}\na,100,2,1.5,-2\n", pmra=pmra, pmdec=pmdec, epoch=2016)
    assert found.table.column("pmra").to_pylist() == [1.5 * mas]
    assert found.table.column("pmdec").to_pylist() == [-2 * mas]


def test_galactic_coordinates_are_pointed_out(read: Reader) -> None:
    found = read(pa.table({"id": ["a"], "glon": [100.0], "glat": [2.0]}), ra="glon", dec="glat")
    assert found.report.warnings == [
        "'glon' and 'glat' look like galactic coordinates and were taken as ICRS (equatorial) ones; convert them if they "
        "are not"
    ]


def test_without_an_identifier_the_row_serves(read: Reader) -> None:
    found = read("SRC_RA,SRC_DEC,mag\n1,2,3\n4,5,6\n", ra="SRC_RA", dec="SRC_DEC")
    assert found.ids == ["1", "2"]
    assert found.report.warnings == [
        "no column looks like an identifier: the number of the row serves; name another column with id:"
    ]
    assert read("SRCID,ra,dec\nx7,1,2\n").ids == ["x7"]


def test_fits_units_and_names_must_agree(read: Reader) -> None:
    columns = [fits.Column("RA_h", "D", "deg", array=[1.0]), fits.Column("DEC", "D", "deg", array=[1.0])]
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(out)
    with pytest.raises(UsageError, match=r"ra_unit: hour or ra_unit: deg"):
        read(out.getvalue())


@pytest.mark.parametrize("kind", ["votable", "fits", "ascii.ecsv"])
@pytest.mark.parametrize("unit", ["deg", "hourangle", "rad", "arcmin", "arcsec", "mas"])
def test_units_are_read_as_astropy_writes_them(read: Reader, kind: str, unit: str) -> None:
    found = Table({"id": ["a", "b", "c", "d"], "ra": [a for a, _ in SKY], "dec": [d for _, d in SKY]})
    found["ra"].unit = found["dec"].unit = "deg"
    found = QTable(found)
    found["ra"] = found["ra"].to(unit)
    content = io.BytesIO()
    text = io.StringIO()
    if (kind, unit) == ("fits", "hourangle"):
        with pytest.raises(UnitScaleError):  # FITS cannot say it, and astropy refuses to
            Table(found).write(content, format=kind)
        return
    Table(found).write(text if kind == "ascii.ecsv" else content, format=kind)
    assert agrees(read(content.getvalue() or text.getvalue().encode()))


def test_degrees_that_the_job_says_are_doubted_where_all_are_hours(read: Reader) -> None:
    many = [(15.0 * hour, 3.0 * hour - 30) for hour in range(24)]
    content = "id,ra,dec\n" + "".join(f"s{index},{a / 15},{d}\n" for index, (a, d) in enumerate(many))
    found = read(content, ra_unit="deg")
    assert any("is between 0 and 24 and was taken as degrees" in line for line in found.report.warnings)

"""Positions against astropy, and every way in which one can be wrong."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from astropy.coordinates import Angle
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.catalogs.angle_units import mas_in, motion_unit
from alertferry.catalogs.angles import measure_coordinate, measure_radius
from alertferry.catalogs.model import Column
from alertferry.catalogs.sexagesimal import Axis
from alertferry.core.errors import UsageError
from tests.unit.catalogs.in_process import Reader

COLONS = "{sign}{whole:02d}:{minutes:02d}:{seconds:06.3f}"
STYLES = [
    COLONS,
    "{sign}{whole:02d} {minutes:02d} {seconds:06.3f}",
    " {sign}{whole} : {minutes} : {seconds:.3f} ",
    "{sign}{whole}{mark}{minutes}m{seconds:.3f}s",
    "{sign}{whole:02d}{mark} {minutes:02d}m {seconds:06.3f}s",
    "{sign} {whole:02d}  {minutes:02d}  {seconds:06.3f}",
    "{sign}{whole}{MARK}{minutes}M{seconds:.3f}S",
    "{sign}{whole}{mark}{minutes}′{seconds:.3f}″",
    "{sign}{whole}{mark}{minutes}'{seconds:.3f}\"",
    "{sign}{whole:02d}{mark}{minutes:02d}m{seconds:06.3f}",
]


def degrees(texts: list[str], axis: Axis = "ra", unit: str = "") -> list[float]:
    measured = measure_coordinate(Column(axis, unit=unit), pa.array(texts), axis)
    assert not measured.faults, measured.faults
    return measured.values.tolist()


def reason(text: object, axis: Axis = "ra", among: object = "12:34:56") -> str:
    measured = measure_coordinate(Column(axis), pa.array([among, among, text]), axis)
    (fault,) = measured.faults
    assert fault.mask.tolist() == [False, False, True]
    return fault.reason


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(STYLES),
    st.sampled_from(["", "+"]),
    st.lists(
        st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59_999).map(lambda value: value / 1000)),
        min_size=1,
    ),
)
def test_hours_agree_with_astropy(style: str, sign: str, parts: list[tuple[int, int, float]]) -> None:
    texts = [style.format(sign=sign, whole=h, minutes=m, seconds=s, mark="h", MARK="H") for h, m, s in parts]
    plain = [COLONS.format(sign="", whole=h, minutes=m, seconds=s) for h, m, s in parts]
    assert degrees(texts) == pytest.approx([Angle(text, unit="hourangle").deg for text in plain], abs=1e-10)


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(STYLES),
    st.lists(
        st.tuples(
            st.sampled_from(["", "+", "-", "−", "–"]),
            st.integers(0, 89),
            st.integers(0, 59),
            st.integers(0, 59_999).map(lambda value: value / 1000),
            st.sampled_from(["d", "°"]),
        ),
        min_size=1,
    ),
)
def test_degrees_agree_with_astropy(style: str, parts: list[tuple[str, int, int, float, str]]) -> None:
    texts = [
        style.format(sign=sign, whole=d, minutes=m, seconds=s, mark=mark, MARK=mark) for sign, d, m, s, mark in parts
    ]
    signs = ["" if sign in ("", "+") else "-" for sign, *_ in parts]
    plain = [
        COLONS.format(sign=sign, whole=d, minutes=m, seconds=s)
        for sign, (_, d, m, s, _) in zip(signs, parts, strict=True)
    ]
    assert degrees(texts, "dec") == pytest.approx([Angle(text, unit="deg").deg for text in plain], abs=1e-10)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-180, 360), min_size=1))
def test_decimal_degrees_are_the_nearest_floats(values: list[float]) -> None:
    assert degrees([f" {value!r}" for value in values]) == [value % 360.0 % 360.0 for value in values]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12h 34m 56s", 188.0 + 44 / 60),
        ("12:34", 188.5),
        ("12 34", 188.5),
        ("12h34m", 188.5),
        ("12:34.5", 188.625),
        ("12h", 180.0),
        ("12.5h", 187.5),
        ("12hours 30min", 187.5),
        ("12ʰ34ᵐ56ˢ", 188.0 + 44 / 60),
        ("187d30m", 187.5),
        ("187.5d", 187.5),
        ("187°30′", 187.5),
        ("\u00a012\u200934\u200956 ", 188.0 + 44 / 60),
        ("23:59:60", 0.0),
        ("24:00:00", 0.0),
        ("-00:00:01", 360 - 15 / 3600),
        ("-12:00:00", 180.0),
    ],
)
def test_spellings_of_right_ascension(text: str, expected: float) -> None:
    assert degrees([text]) == pytest.approx([expected], abs=1e-10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-00 30 00", -0.5),
        ("−00:30", -0.5),
        ("- 12 30", -12.5),
        ("+12d30m", 12.5),
        ("12°30′N", 12.5),
        ("-90:00:00", -90.0),
        ("89:59:60", 90.0),
        ("-0d0m36s", -0.01),
    ],
)
def test_spellings_of_declination(text: str, expected: float) -> None:
    assert degrees([text], "dec") == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is missing"),
        (None, "is missing"),
        ("n/a", "is missing"),
        ("--", "is missing"),
        ("nan", "is not a finite number"),
        ("-Infinity", "is not a finite number"),
        ("12:60:61", "minutes and seconds must be below 60"),
        ("12:61:00", "minutes and seconds must be below 60"),
        ("24:00:01", "right ascension outside -180 to 360 degrees"),
        ("-12:00:01", "right ascension outside -180 to 360 degrees"),
        ("187.5", "is a plain number in a column of sexagesimal values"),
        ("12:34:56:78", "is not an angle"),
        ("12h3456", "is not an angle"),
        ("12m", "is not an angle"),
        ("12;34;56", "is not an angle"),
        ("12 34 56 -01 02 03", "is not an angle"),
        ("1e1h", "is not an angle"),
        ("12:34:56" + " " * 60 + "7", "is not an angle"),
        ("__import__('os')", "is not an angle"),
    ],
)
def test_bad_values_among_sexagesimal_ones(text: str | None, expected: str) -> None:
    assert reason(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is missing"),
        ("nan", "is not a finite number"),
        ("1e400", "is not a finite number"),
        ("360.0001", "right ascension outside -180 to 360 degrees"),
        ("-180.0001", "right ascension outside -180 to 360 degrees"),
        ("12:34:56", "is not a number, but most of the column is decimal degrees"),
        ("12,5", "has a decimal comma; write a point"),
        ("0x10", "is not a number, but most of the column is decimal degrees"),
        ("1_0", "is not a number, but most of the column is decimal degrees"),
        ("٣", "is not a number, but most of the column is decimal degrees"),
    ],
)
def test_bad_values_among_decimal_ones(text: str, expected: str) -> None:
    assert reason(text, among="12.5") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90.0001", "declination outside -90 to 90 degrees"),
        ("-90:00:01", "declination outside -90 to 90 degrees"),
        ("01h02m03s", "a declination in hours; write degrees"),
        ("1.5h", "a declination in hours; write degrees"),
    ],
)
def test_bad_declinations(text: str, expected: str) -> None:
    assert reason(text, "dec", among="1.5" if ":" not in text and "h" not in text else "12:34:56") == expected


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("deg", 187.5, 187.5),
        ("degree", 187.5, 187.5),
        ("rad", math.pi, 180.0),
        ("hourangle", 12.5, 187.5),
        ("h", 12.5, 187.5),
        ("arcmin", 60.0, 1.0),
        ("arcsec", 3600.0, 1.0),
        ('"', 3600.0, 1.0),
        ("mas", 3.6e6, 1.0),
        ("", 187.5, 187.5),
    ],
)
def test_units_of_the_file(unit: str, value: float, expected: float) -> None:
    for values in (pa.array([value]), pa.array([str(value)])):
        measured = measure_coordinate(Column("ra", unit=unit), values, "ra")
        assert measured.values.tolist() == pytest.approx([expected], abs=1e-12)


def test_sexagesimal_text_follows_the_unit_of_the_file() -> None:
    assert degrees(["12:30:00"], unit='"h:m:s"') == [187.5]
    assert degrees(["187:30:00"], unit="deg") == [187.5]
    with pytest.raises(
        UsageError, match="column 'ra' is sexagesimal text with the unit 'rad', as the file says; only deg"
    ):
        degrees(["12:30:00"], unit="rad")


def test_a_unit_that_is_no_angle_is_refused() -> None:
    with pytest.raises(UsageError, match="column 'ra' has the unit 'pix', which is not an angle"):
        degrees(["12.5"], unit="pix")


@pytest.mark.parametrize("frame", ["pos.galactic.lon", "FK4", "ecl_FK5", "B1950"])
def test_other_frames_are_refused(frame: str) -> None:
    with pytest.raises(UsageError, match=f"holds '{frame}' coordinates; convert them to ICRS"):
        measure_coordinate(Column("ra", ucd=frame), pa.array([1.0]), "ra")


def test_too_many_odd_spellings_are_refused() -> None:
    texts = [f"{index / 1000:.3f}h" for index in range(20_001)]
    with pytest.raises(UsageError, match=r"more than 20,000 coordinates are in an unusual spelling, such as '0\.000h'"):
        degrees(texts)


def test_booleans_and_lists_are_no_coordinates() -> None:
    for values, kind in ((pa.array([True]), "bool"), (pa.array([[1.0]]), "list<item: double>")):
        with pytest.raises(UsageError, match=f"column 'ra' holds {kind}, not numbers; choose another column"):
            measure_coordinate(Column("ra"), values, "ra")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0.0, "a radius must be > 0"),
        (-1.0, "a radius must be > 0"),
        (3600.1, "a radius must be <= 3600 arcsec"),
        (math.inf, "is not a finite number"),
        (math.nan, "is not a finite number"),
        (None, "is missing"),
    ],
)
def test_bad_radii(value: float | None, reason: str) -> None:
    (fault,) = measure_radius(Column("r"), pa.array([1.0, value])).faults
    assert (fault.mask.tolist(), fault.reason) == ([False, True], reason)


@pytest.mark.parametrize(("unit", "expected"), [("", 0.5), ("arcsec", 0.5), ("arcmin", 30.0), ("deg", 1800.0)])
def test_units_of_radii(unit: str, expected: float) -> None:
    assert measure_radius(Column("r", unit=unit), pa.array([0.5])).values.tolist() == pytest.approx([expected])


def test_a_small_field_is_not_suspected(read: Reader) -> None:
    assert not read("ra,dec,id\n" + "".join(f"{10 + index / 10},0,x\n" for index in range(24))).report.warnings


def test_single_precision_is_warned_of(read: Reader) -> None:
    table = pa.table({"ra": pa.array([1.0], pa.float32()), "dec": [2.0], "id": ["a"]})
    assert read(table).report.warnings == [
        "'ra' is stored in single precision: positions are good to about 0.1 arcsec only"
    ]


def test_proper_motions_and_epochs(read: Reader) -> None:
    table = pa.table(
        {
            "ra": [1.0] * 5,
            "dec": [2.0] * 5,
            "id": list("abcde"),
            "pmra": [1.5, None, math.nan, math.inf, 2e5],
            "pmdec": [0.5] * 5,
            "ref_epoch": [2016.0, 2015.5, 2016.0, 2016.0, 2016.0],
        }
    )
    found = read(table, pmra="pmra", pmdec="pmdec", epoch="ref_epoch", on_bad_rows="drop")
    assert found.table.column("pmra").to_pylist() == [1.5, 0.0, 0.0]
    assert found.table.column("epoch").to_pylist() == [2016.0, 2015.5, 2016.0]
    assert found.bad == [
        (4, "pmra", "is not a finite number"),
        (5, "pmra", "a proper motion above 100 arcsec/yr; look at its unit"),
    ]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("", 1.0), ("mas/yr", 1.0), ("mas.yr-1", 1.0), ("mas yr**-1", 1.0), ("arcsec / a", 1000.0), ("deg/year", 3.6e6)],
)
def test_units_of_proper_motions(unit: str, expected: float) -> None:
    assert mas_in(motion_unit(Column("pmra", unit=unit), "pmra").unit) == expected


@pytest.mark.parametrize("unit", ["km/s", "mas", "h/yr", "mas/cy"])
def test_units_that_are_no_proper_motion(unit: str) -> None:
    with pytest.raises(UsageError, match=f"column 'pmra' has the unit '{unit}', which is not a proper motion"):
        motion_unit(Column("pmra", unit=unit), "pmra")


def test_one_epoch_for_all(read: Reader) -> None:
    found = read("ra,dec,id,a,b\n1,2,x,,nan\n", pmra="a", pmdec="b", epoch=2015.5)
    assert found.table.select(["pmra", "pmdec", "epoch"]).to_pylist() == [{"pmra": 0.0, "pmdec": 0.0, "epoch": 2015.5}]


def test_an_epoch_that_is_no_year_is_bad(read: Reader) -> None:
    found = read(
        "ra,dec,id,a,b,e\n1,2,x,0,0,57388\n1,2,y,0,0,2016\n", pmra="a", pmdec="b", epoch="e", on_bad_rows="drop"
    )
    assert found.bad == [(1, "e", "an epoch must be a Julian year from 1800 to 2200")]
    with pytest.raises(UsageError, match="column 'e' has the unit 'd', which is not an epoch in Julian years"):
        read(
            "# %ECSV 1.0\n# - {name: e, unit: d, datatype: float64}\nra,dec,id,a,b,e\n1,2,x,0,0,1\n",
            pmra="a",
            pmdec="b",
            epoch="e",
        )

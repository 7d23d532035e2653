"""Which columns are taken for position and identifier, and when the user is asked."""

from __future__ import annotations

import pytest

from alertferry.catalogs import Guess, guess_columns
from alertferry.catalogs.guess import require
from alertferry.core.errors import UsageError


def guess(names: str | list[str], **ucds: str) -> Guess:
    words = names.split() if isinstance(names, str) else names
    return guess_columns(words, [""] * len(words), [ucds.get(name, "") for name in words])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("id ra dec", ("ra", "dec", "id")),
        ("Name RA DEC mag", ("RA", "DEC", "Name")),
        ("objectId Ra Decl", ("Ra", "Decl", "objectId")),
        ("recno _RAJ2000 _DEJ2000 RAJ2000 DEJ2000 Name", ("_RAJ2000", "_DEJ2000", "Name")),
        ("source_id RA_ICRS DE_ICRS e_RA_ICRS e_DE_ICRS", ("RA_ICRS", "DE_ICRS", "source_id")),
        ("MAIN_ID ra_deg dec_deg", ("ra_deg", "dec_deg", "MAIN_ID")),
        ("main_id alpha delta", ("alpha", "delta", "main_id")),
        ("designation ALPHA_J2000 DELTA_J2000", ("ALPHA_J2000", "DELTA_J2000", "designation")),
        ("diaObjectId coord_ra coord_dec", ("coord_ra", "coord_dec", "diaObjectId")),
        ("objID raMean decMean raMeanErr decMeanErr", ("raMean", "decMean", "objID")),
        ("target_name s_ra s_dec", ("s_ra", "s_dec", "target_name")),
        ("Name RAdeg DEdeg", ("RAdeg", "DEdeg", "Name")),
        ("ra dec ra_error dec_error pmra pmdec source_id", ("ra", "dec", "source_id")),
        ("gaia_ra gaia_dec ztf_name", ("gaia_ra", "gaia_dec", "ztf_name")),
        ("ra dec id name", ("ra", "dec", "id")),
        ("right_ascension declination identifier", ("right_ascension", "declination", "identifier")),
        (["RA (deg)", "Dec [deg]", "Source Name"], ("RA (deg)", "Dec [deg]", "Source Name")),
    ],
)
def test_usual_names(names: str | list[str], expected: tuple[str, str, str]) -> None:
    found = guess(names)
    assert (found.ra, found.dec, found.id) == expected


def test_the_main_ucd_goes_before_names() -> None:
    found = guess(
        "ra dec id x y z",
        x="pos.eq.ra;meta.main",
        y="POS_EQ_DEC_MAIN",
        z="meta.id;meta.main",
        ra="pos.eq.ra",
    )
    assert (found.ra, found.dec, found.id) == ("x", "y", "z")


def test_ucds_serve_when_names_say_nothing() -> None:
    found = guess("a b c d", a="pos.eq.ra", b="pos.eq.dec", c="meta.id", d="stat.error;pos.eq.ra")
    assert (found.ra, found.dec, found.id) == ("a", "b", "c")


@pytest.mark.parametrize("names", ["ra_1 dec_1 ra_2 dec_2 id", "RA ra dec id", "gaia_ra gaia_dec sdss_ra sdss_dec id"])
def test_equally_good_positions_are_not_chosen_from(names: str) -> None:
    found = guess(names)
    assert (found.ra, found.dec, found.id) == (None, None, "id")
    assert len(found.unclear["ra"]) == 2


def test_a_pair_is_found_among_odd_ones() -> None:
    found = guess("obj_ra obj_dec near_ra id")
    assert (found.ra, found.dec) == ("obj_ra", "obj_dec")


@pytest.mark.parametrize(
    "names", ["a b c", "RAB1950 DEB1950 id", "pmra pmdec id", "ra id", "era decade id", "glon glat id", "e_ra e_dec id"]
)
def test_what_is_no_position_is_not_taken_for_one(names: str) -> None:
    found = guess(names)
    assert (found.ra, found.dec) == (None, None)


def test_a_column_with_a_unit_is_no_identifier() -> None:
    assert guess_columns(["ra", "dec", "id"], ["", "", "mag"], ["", "", ""]).id is None


def test_what_a_user_is_told() -> None:
    names = ["3FGL Name", "ZTF Name", "z"]
    with pytest.raises(UsageError) as error:
        require(guess(names), "ra", names)
    assert str(error.value) == (
        "no column looks like right ascension; name one with ra:. Columns: '3FGL Name', 'ZTF Name', 'z'"
    )
    with pytest.raises(UsageError) as error:
        require(guess(names), "id", names)
    assert str(error.value) == (
        "several columns look like an identifier ('3FGL Name', 'ZTF Name'); choose one with id:, "
        "or id: '#' for the row number. Columns: '3FGL Name', 'ZTF Name', 'z'"
    )


def test_split_coordinates_are_recognised() -> None:
    names = ["RAh", "RAm", "RAs", "DE-", "DEd", "DEm", "DEs", "Name"]
    with pytest.raises(UsageError, match="the coordinates are split into hours, minutes and seconds; join each"):
        require(guess(names), "ra", names)


def test_a_thousand_columns_are_not_all_listed() -> None:
    names = [f"c{index}" for index in range(1000)]
    with pytest.raises(UsageError, match=r"'c39' and 960 more$"):
        require(guess(names), "dec", names)

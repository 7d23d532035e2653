"""What carried columns are called in a match."""

import pytest

from alertferry.catalogs.cell_table import field_names
from alertferry.core.errors import UsageError
from alertferry.core.naming import avro_name


def test_plain_names_and_odd_ascii_ones_are_what_they_always_were():
    columns = ("mag", "B-V", "1st", "mag (AB)", "a.b", "_x", "Kind")
    assert field_names(columns) == ("mag", "B_V", "_1st", "mag__AB_", "a_b", "_x", "Kind")


def test_letters_of_other_alphabets_stay_and_are_told_apart():
    assert field_names(("α", "β", "δ-2", "größe")) == ("α", "β", "δ_2", "größe")
    assert [avro_name(name) for name in field_names(("α", "β"))] == ["u03b1", "u03b2"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (("B-V", "b_v"), "'B-V' and 'b_v' would both be called 'b_v'"),
        (("mag", "mag"), "'mag' and 'mag' would both be called 'mag'"),
        (("δ", "Δ"), "'δ' and 'Δ' would both be called 'Δ'"),
        (("α", "U03B1"), "'α' and 'U03B1' would both be called 'U03B1'"),
        (("ID",), "'ID' would hide the 'id' of the match"),
    ],
)
def test_names_that_clash_are_refused(columns, said):
    with pytest.raises(UsageError, match=said):
        field_names(columns)

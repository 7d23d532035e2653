"""One schema for files that differ: the lattice of types, letter case, what is refused and how it is named."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.errors import UsageError
from alertferry.core.parquet_schema import NANOSECONDS, VOID
from alertferry.core.schema import Array, Field, Map, Primitive, Struct, find
from alertferry.core.uniting import Part, differences, parts_of, unite, unite_files

HELD = {
    "byte": range(-(2**7), 2**7),
    "short": range(-(2**15), 2**15),
    "int": range(-(2**31), 2**31),
    "long": range(-(2**63), 2**63),
}
"""Whole numbers that each type holds, as the reference for what widens into what."""
EXACT_BELOW = {"float": 2**24, "double": 2**53}


def of(**types):
    return Struct(
        tuple(Field(name, Primitive(kind) if isinstance(kind, str) else kind) for name, kind in types.items())
    )


def holds(wide: str, narrow: str) -> bool:
    """Whether every value of a type is one of another, from their definitions."""
    if wide == narrow:
        return True
    if narrow in EXACT_BELOW:
        return (narrow, wide) == ("float", "double")
    least, most = HELD[narrow][0], HELD[narrow][-1]
    if wide in EXACT_BELOW:
        return max(abs(least), abs(most)) <= EXACT_BELOW[wide]
    return HELD[wide][0] <= least and most <= HELD[wide][-1]


@given(st.lists(st.sampled_from([*HELD, *EXACT_BELOW]), min_size=1, max_size=5))
def test_numbers_become_the_smallest_type_that_holds_them_all(kinds):
    candidates = [kind for kind in (*HELD, *EXACT_BELOW) if all(holds(kind, one) for one in kinds)]
    schemas = [of(x=kind) for kind in kinds]
    if not candidates:
        with pytest.raises(UsageError, match=r"x is \w+ in \d and \w+ in \d, and neither type holds all values"):
            unite_files([(str(number), schema) for number, schema in enumerate(schemas)], None)
    else:
        found = unite(schemas).get("x").type.name
        assert found in candidates
        assert all(holds(kind, found) for kind in candidates if kind not in EXACT_BELOW or found in EXACT_BELOW)


@pytest.mark.parametrize("order", list(permutations(["double", "long", "float", "decimal(20,0)", "byte"], 3)))
def test_what_is_documented_as_long_is_one_wherever_nights_differ(order):
    assert unite([of(x=kind) for kind in order], of(x="long")).get("x").type == Primitive("long")


def test_without_a_difference_the_stored_type_stays_whatever_is_documented():
    assert unite([of(x="double"), of(x="double")], of(x="long")).get("x").type == Primitive("double")


def test_what_holds_nothing_takes_the_others_type_or_the_documented_one_or_text():
    nothing = of(x=VOID)
    assert unite([nothing, of(x="double")]).get("x").type == Primitive("double")
    assert unite([nothing], of(x="double")).get("x").type == Primitive("double")
    assert unite([nothing]).get("x").type == Primitive("string")


def test_nanoseconds_are_times_and_decimals_keep_every_digit():
    assert unite([of(x=NANOSECONDS)]).get("x").type == Primitive("timestamp")
    assert unite([of(x=NANOSECONDS), of(x="timestamp")]).get("x").type == Primitive("timestamp")
    assert unite([of(x="decimal(5,2)"), of(x="decimal(7,4)")]).get("x").type == Primitive("decimal(7,4)")
    with pytest.raises(ValueError, match="neither type holds"):
        unite([of(x="decimal(38,0)"), of(x="decimal(38,20)")])


def test_fields_inside_are_united_in_order_of_appearance():
    left = of(id="long", s=of(a="float"), h=Array(of(a="int")), m=Map(Primitive("string"), Primitive("int")))
    right = of(new="long", s=of(b="int", a="double"), h=Array(of(b="int")), m=Map(Primitive("string"), VOID))
    union = unite([left, right])
    assert union.names == ("id", "s", "h", "m", "new")
    assert find(union, "s.a").type == Primitive("double")
    assert find(union, "h").type.element.names == ("a", "b")
    assert find(union, "m").type.value == Primitive("int")


def test_names_in_another_letter_case_are_the_same_column():
    union = unite([of(publisher="string", s=of(RA="double")), of(PUBLISHER="string", S=of(ra="double"))])
    assert union == of(publisher="string", s=of(RA="double"))
    assert unite([of(PUBLISHER="string")], of(publisher="string")).names == ("publisher",)


@pytest.mark.parametrize("inside", [lambda kind: kind, Array, lambda kind: Map(Primitive("string"), kind)])
def test_two_columns_that_differ_by_case_only_are_refused_with_the_file(inside):
    with pytest.raises(UsageError, match=r"two\.parquet has two columns .* s\.ra and s\.RA, which Spark"):
        unite_files(
            [("one.parquet", of(s=inside(of(ra="int")))), ("two.parquet", of(s=inside(of(ra="int", RA="int"))))], None
        )


@pytest.mark.parametrize("kind", ["time", "float16", "uuid"])
def test_types_that_spark_has_not_are_refused_with_file_and_column(kind):
    with pytest.raises(
        UsageError, match=r"the column s\.t of one\.parquet is .*, which Spark cannot read; ask whoever"
    ):
        unite_files([("one.parquet", of(s=of(t=kind)))], None)


def test_the_two_files_that_do_not_go_together_are_named():
    files = [("a", of(x="int")), ("b", of(x="int")), ("c", of(x="string")), ("d", of(x="double"))]
    with pytest.raises(UsageError, match="x is int in a and string in c, and neither"):
        unite_files(files, None)
    with pytest.raises(UsageError, match="x is struct of 1 fields in a and array of int in b"):
        unite_files([("a", of(x=of(y="int"))), ("b", of(x=Array(Primitive("int"))))], None)


def test_only_what_spark_cannot_read_as_wanted_is_changed():
    wanted = of(a="long", b="double", t="timestamp", s=of(x="double"))
    assert parts_of(of(a="int", B="float", s=of(x="int")), wanted) == Part()
    part = parts_of(of(a="double", T=NANOSECONDS, s=of(x=VOID)), wanted)
    assert [name for name, _ in part.changed] == ["a", "s", "t"]
    assert part.read(wanted) == of(a="double", b="double", t="long", s=of(x="int"))
    assert list(differences(of(a="double", T=NANOSECONDS, s=of(X="int")), wanted)) == [
        ("a", "double", "long"),
        ("t", "timestamp_ns", "timestamp"),
        ("s.x", "int", "double"),
    ]

"""Arguments of tags and the columns they stand for."""

import pytest

from alertferry.core.schema import Array, Field, Map, Primitive, Struct
from alertferry.tags.binding import Argument, UnboundError, bind

DOUBLE = Primitive("double")


def struct(**fields):
    return Struct(tuple(Field(name, value) for name, value in fields.items()))


SCHEMA = struct(
    objectId=Primitive("string"),
    id=Primitive("long"),
    candidate=struct(jd=DOUBLE, ra=DOUBLE, id=Primitive("long"), flag=Primitive("boolean")),
    other=struct(flag=Primitive("boolean"), inner=struct(deep=DOUBLE)),
    prv_candidates=Array(struct(jd=DOUBLE, only_before=DOUBLE)),
    scores=Map(Primitive("string"), struct(hidden=DOUBLE)),
    anomaly_score_varvara=DOUBLE,
    cutoutScience=struct(stampData=Primitive("binary")),
)
HISTORY = ("prv_candidates", "candidate")


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("objectId", ("objectId",)),
        ("candidate", ("candidate",)),
        ("jd", ("candidate.jd",)),
        ("deep", ("other.inner.deep",)),
        ("ra", ("candidate.ra",)),
        ("id", ("id",)),
        ("prv_candidates", ("prv_candidates",)),
        ("cjdc", ("prv_candidates.jd", "candidate.jd")),
        ("renamed", ("cutoutScience.stampData",)),
    ],
)
def test_an_argument_is_the_one_column_of_its_name(name, columns):
    assert bind(name, SCHEMA, {"renamed": "cutoutScience.stampData"}, HISTORY) == Argument(name, columns)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flag", "its argument 'flag' may be candidate.flag or other.flag"),
        ("tns_fullname", "no column 'tns_fullname' on these nights"),
        ("only_before", "no column 'only_before' on these nights"),
        ("hidden", "no column 'hidden' on these nights"),
        ("varvara", "no column 'varvara' on these nights"),
        ("JD", "no column 'JD' on these nights"),
        ("cfluxc", "no column 'prv_candidates.flux' on these nights"),
        ("conly_beforec", "no column 'candidate.only_before' on these nights"),
        ("gone", "no column 'candidate.gone' on these nights"),
    ],
)
def test_what_cannot_be_bound_says_why(name, message):
    with pytest.raises(UnboundError) as caught:
        bind(name, SCHEMA, {"gone": "candidate.gone"}, HISTORY)
    assert str(caught.value) == message


def test_without_a_history_there_are_no_joined_arguments():
    with pytest.raises(UnboundError, match="no column 'cjdc'"):
        bind("cjdc", SCHEMA, {})

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.columns import Content, name_columns, role_column


def names(*paths):
    return [content.name for content in name_columns(paths)]


def test_a_leaf_is_called_by_its_last_part():
    assert names("diaSourceId", "diaSource.ra", "prvDiaSources") == ["diaSourceId", "ra", "prvDiaSources"]


def test_leaves_of_one_name_are_called_by_their_path():
    assert names("diaSource.ra", "diaObject.ra", "diaSource.dec") == ["diaSource_ra", "diaObject_ra", "dec"]


def test_a_root_column_keeps_its_name():
    assert names("diaSource.diaSourceId", "diaSourceId") == ["diaSource_diaSourceId", "diaSourceId"]
    assert names("a_b", "a.b", "c.b") == ["a_b", "a_b_", "c_b"]


def test_names_differ_without_regard_to_case():
    assert names("a.Ra", "b.ra") == ["a_Ra", "b_ra"]


@given(st.lists(st.lists(st.sampled_from(["a", "b", "A", "a_b", "ab"]), min_size=1, max_size=3), unique_by=tuple))
def test_no_two_columns_share_a_name(parts):
    paths = {".".join(part) for part in parts}
    if len({path.lower() for path in paths}) < len(paths):
        return  # Spark itself would not tell them apart
    found = [name.lower() for name in names(*paths)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("path", "found"), [("diaSource.ra", "ra"), ("candidate.jd", "candidate.jd"), ("candid", None)]
)
def test_where_a_role_stands_in_the_packet(path, found):
    contents = (Content("diaSource.ra", "ra"), Content("candidate", "candidate"))
    assert role_column(contents, path) == found

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.errors import JobError
from alertferry.core.safe_yaml import dump_mapping, load_mapping

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=10), PLAIN, max_size=5))
def test_whatever_is_written_is_read_back(data):
    assert load_mapping(dump_mapping(data)) == data


def test_scalars_are_not_guessed():
    read = load_mapping("{a: NO, b: 2026-01-01, c: 12:30:00, d: 010, e: 0x1F, f: 1_000, g: on, h: 1e3, i: .5}")
    assert read == {
        "a": "NO",
        "b": "2026-01-01",
        "c": "12:30:00",
        "d": "010",
        "e": "0x1F",
        "f": "1_000",
        "g": "on",
        "h": 1000.0,
        "i": 0.5,
    }


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "line 1: anchors (&) and aliases (*) are not allowed"),
        ("a: " + "9" * 5000, "line 1: a number of more than 256 bits"),
        (
            "a: !!python/object/apply:os.system [ls]",
            "line 1: the tag 'tag:yaml.org,2002:python/object/apply:os.system'",
        ),
        ("a: !x 1", "the tag '!x' is not allowed"),
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' stands here a second time"),
        ("a: {b: 1, b: 2}", "line 1: key 'b' stands here a second time"),
        ("a: [1, 2", "the job file is not valid YAML"),
        ("- a\n- b", "must be a mapping of keys to values, got a list"),
        ("", "must be a mapping of keys to values, got nothing"),
        ("1: a", "keys must be text, got 1"),
        ("a: " + "[" * 60 + "]" * 60, "nested more than 48 levels deep"),
        ("a: b\n---\nc: d", "not valid YAML"),
        ("a: " + "x" * 70_000, "is too long: at most 65,536 bytes are read"),
        (b"\xff\xfe", "is not UTF-8 text"),
        ("a: \x00", "not valid YAML"),
    ],
)
def test_what_is_unsafe_is_refused_with_its_place(text, message):
    with pytest.raises(JobError) as caught:
        load_mapping(text)
    assert message in str(caught.value)

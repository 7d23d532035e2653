"""The editor's text and the conditions of the job; faults at their place in the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.ui.conditions import Mark, marks, pieces, sql_text, with_sql
from alertferry.ui.draft import first_of, new_draft, with_filter

TYPES = {"a": "int", "b": "int", "d.flux": "double", "d": "struct"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 1\nb < 2", ["a > 1", "b < 2"]),
        ("a > 1 and\n b < 2\nb = 3", ["a > 1 and\n b < 2", "b = 3"]),
        ("a > 1\n\n  OR b < 2", ["a > 1\n\n  OR b < 2"]),
        ("(a > 1\n or b < 2)\na = 3", ["(a > 1\n or b < 2)", "a = 3"]),
        ("a IN (\n 1,\n 2)\nb", ["a IN (\n 1,\n 2)", "b"]),
        ("a = 'x; y\n--'\nb = 2; a = 3;", ["a = 'x; y\n--'", "b = 2", "a = 3"]),
        ("a > 1 -- and; more\nb", ["a > 1 -- and; more", "b"]),
        ("case when a then b\n else 2 end > 2\nb", ["case when a then b\n else 2 end > 2", "b"]),
        ("exists(a, x ->\n x > 1)\nb", ["exists(a, x ->\n x > 1)", "b"]),
        ("d.flux\n  > 3\nb", ["d.flux\n  > 3", "b"]),
        (" ;; a\n;b;", ["a", "b"]),
        ("\n \n", []),
    ],
)
def test_a_line_is_a_condition_unless_it_goes_on(text, expected):
    assert [piece.text for piece in pieces(text)] == expected


@given(st.text(alphabet="ab '\"`()[]\n;-><.andorcsewhn1", max_size=60))
def test_every_piece_stands_where_it_says(text):
    for piece in pieces(text):
        assert text[piece.start : piece.start + len(piece.text)] == piece.text


def test_faults_are_marked_at_their_place_in_the_whole_text():
    text = "a > 1\nd.fluxx > 2\nb >"
    found = marks(text, TYPES)
    assert [text[mark.start : mark.start + mark.length] for mark in found] == ["d", ">"]
    assert "did you mean 'd.flux'" in found[0].message
    assert found[1].message == "the condition is not finished: a value is missing after '>'"


def test_hints_of_the_gate_reach_the_editor():
    assert marks("a ** 2 > 4", TYPES) == (Mark(2, 2, "Spark has no ** operator; write power(x, y)"),)


def test_text_becomes_conditions_and_back():
    draft = with_sql(new_draft("lsst", "full"), "a > 1\nb < 2")
    assert first_of(draft, "sql") == {"kind": "sql", "where": ["a > 1", "b < 2"]}
    assert sql_text(draft) == "a > 1\nb < 2"
    assert with_sql(draft, " ").filters == ()


def test_looking_at_a_job_does_not_rewrite_it():
    draft = with_filter(new_draft("lsst", "full"), "sql", {"where": ["a > 1; b < 2", "a\n\n= 3"]})
    assert with_sql(draft, sql_text(draft)) is draft

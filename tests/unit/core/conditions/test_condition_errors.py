import pytest

from alertferry.core.conditions import ConditionError
from alertferry.core.conditions.errors import problem_at, refuse
from alertferry.core.errors import UsageError


def test_a_problem_counts_lines_and_columns_from_one():
    text = "a > 1\nand b > 2"
    problem = problem_at(text, text.index("b"), 1, "wrong")
    assert (problem.position, problem.line, problem.column, problem.length) == (10, 2, 5, 1)
    assert str(problem) == "wrong (line 2, column 5)"


@pytest.mark.parametrize(("position", "length"), [(-5, 3), (99, 3), (3, 99), (0, 0)])
def test_places_outside_of_the_text_are_moved_into_it(position, length):
    problem = problem_at("abcdef", position, length, "wrong")
    assert 0 <= problem.position <= 6
    assert problem.length >= 1


def test_the_error_shows_the_line_and_a_caret():
    error = refuse("a > 1\nand bb > 2", 10, 2, "wrong")
    assert isinstance(error, UsageError)
    assert error.exit_code == 2
    assert str(error) == "wrong (line 2, column 5)\n  and bb > 2\n      ^^"


def test_a_long_line_is_cut_around_the_fault():
    text = "a" * 900 + "FAULT" + "b" * 900
    shown, carets = str(refuse(text, 900, 5, "wrong")).split("\n")[1:]
    assert len(shown) <= 102
    assert shown[carets.index("^") : carets.index("^") + 5] == "FAULT"
    assert carets.count("^") == 5


def test_a_fault_longer_than_the_line_is_marked_to_its_end():
    shown, carets = str(refuse("abc\ndef", 1, 6, "wrong")).split("\n")[1:]
    assert (shown, carets) == ("  abc", "   ^^")


def test_control_characters_do_not_reach_the_terminal():
    assert "\x1b" not in str(refuse("a\x1b[31mb\tc", 0, 1, "wrong"))


def test_an_error_without_text_is_one_line():
    assert "\n" not in str(refuse("", 0, 1, "the condition is empty"))
    assert isinstance(refuse("", 0, 1, "x"), ConditionError)

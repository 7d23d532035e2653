import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.conditions import ConditionError, scan, split_lines
from alertferry.core.conditions.scan import MAX_CHARACTERS, MAX_DEPTH, MAX_TOKENS, tokenize


def words(text):
    return [token.text for token in tokenize(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b >= -1.5e-3", ["a", ".", "b", ">=", "-", "1.5e-3"]),
        ("a<=>b and c==d", ["a", "<=>", "b", "and", "c", "==", "d"]),
        ("x -> x.y::int", ["x", "->", "x", ".", "y", "::", "int"]),
        (r"'it\'s' 'two' ''", [r"'it\'s'", "'two'", "''"]),
        (r"""r'a\' = "q"';'""", [r"r'a\'", "=", '"q"', "';'"]),
        ("`a``b`.`c;d`", ["`a``b`", ".", "`c;d`"]),
        ("a -- b; c\n+ d", ["a", "+", "d"]),
        ("a -- b\\\nstill the comment\n+ d", ["a", "+", "d"]),
        ("a /* b /* c */ d */ + e", ["a", "+", "e"]),
        (".5 5. 1e5 1L 1.0BD 12abc 1.e", [".5", "5.", "1e5", "1L", "1.0BD", "12abc", "1", ".", "e"]),
        ("a>>>1>>2<<3||b!=c<>d", ["a", ">>>", "1", ">>", "2", "<<", "3", "||", "b", "!=", "c", "<>", "d"]),
        ("'é😀'\u00a0= étoile", ["'é😀'", "=", "étoile"]),
    ],
)
def test_words_are_those_of_spark(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a > 1; b > 2", ["a > 1", "b > 2"]),
        ("a = ';'; b = \";\"; `c;d` = 1", ["a = ';'", 'b = ";"', "`c;d` = 1"]),
        ("a > 1; -- the end", ["a > 1"]),
        ("-- nothing\n; /* ; */ ;;  ; a > 1", ["a > 1"]),
        ("a > 1 -- why; not\n; b > 2", ["a > 1 -- why; not", "b > 2"]),
        ("a > 1 /* x; /* y; */ z; */ and c; b", ["a > 1 /* x; /* y; */ z; */ and c", "b"]),
        (r"a = 'it\'s; so'; b", [r"a = 'it\'s; so'", "b"]),
        (r"a = r'\'; b", [r"a = r'\'", "b"]),
        ("", []),
        (" \n", []),
        ("; ;", []),
        ("a > 1; b = 'open; c", ["a > 1", "b = 'open; c"]),
        ("a > 1; /* open", ["a > 1", "/* open"]),
    ],
)
def test_a_text_is_cut_at_semicolons_outside_of_strings_and_comments(text, parts):
    assert split_lines(text) == parts


PIECES = ["a > 1", "s = ';'", 's = "\\";"', "`x;y` = 1", "b -- ;\n", "/* ; */ c", "r'\\' = s"]


@given(parts=st.lists(st.sampled_from(PIECES), max_size=6))
def test_what_is_joined_by_semicolons_is_cut_into_the_same_parts(parts):
    assert split_lines(";".join(parts)) == [part.strip() for part in parts]


@given(text=st.text(max_size=80))
def test_cutting_never_fails_and_loses_no_words(text):
    parts = split_lines(text)
    assert all(part and part in text for part in parts)
    try:
        kept = [word for word in words(text) if word != ";"]
    except ConditionError:
        return
    assert [word for part in parts for word in words(part)] == kept


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("", "empty", 0),
        (" \n ", "empty", 0),
        ("-- a", "only a comment", 0),
        ("a > 'b", "string that starts here is not closed", 4),
        ("a > `b", "back-quoted name that starts here", 4),
        ("a > 1 /* b", "comment that starts here", 6),
        ("a ** 2 > 1", "write power(x, y)", 2),
        ("a && b", "write AND", 2),
        ("a > :b", "parameters", 4),
        ("a > ?", "parameters", 4),
        ("f(a => 1)", "named arguments", 4),
        ("/*+ x */ a", "hints", 0),
        ("a; b", "as a list", 1),
        ("a > ${b}", "'${'", 4),
        ("a = '${env:HOME}'", "'${'", 5),
        ("exists(select 1)", "queries", 7),
        ("identifier('a') > 1", "identifier(...)", 0),
        ("étoile > 1", "back-quoted", 0),
        ("(a > 1", "this ( is never closed", 0),
        ("a > 1)", "this ) closes nothing", 5),
        ("a[1) > 1", "this ) closes nothing", 3),
        ("a > 1\x00", "U+0000", 5),
        ("a > 1\u202e", "U+202E", 5),
        ("a > 1e99999", "too long", 4),
        ("a > " + "1" * 61, "too long", 4),
    ],
)
def test_what_no_parser_should_see_is_refused_with_its_place(text, message, position):
    with pytest.raises(ConditionError) as caught:
        scan(text)
    assert message in caught.value.problem.message
    assert caught.value.problem.position == position


@pytest.mark.parametrize(
    "text",
    [
        "a > 1",
        "a == 1",
        "a::int > 1",
        "m['a:b'] = '?'",
        "s = '${'.x" if False else "s = '$x {y}'",
        "case when a then b end = 1",
        "`select` > 1 and `étoile` > 1",
        "identifier > 1",
        "a > 1 -- : ? ** $ é select",
        "(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH,
        " and ".join(["a"] * (MAX_TOKENS // 2)),
        "a = '" + "x" * (MAX_CHARACTERS - 6) + "'",
        "a\u3000>\u00a01",
    ],
)
def test_what_is_within_the_rules_passes(text):
    assert scan(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1),
        "case when " * (MAX_DEPTH + 1) + "a" + " then 1 end" * (MAX_DEPTH + 1),
        "not " * (MAX_DEPTH + 1) + "a",
        "-" + " -" * MAX_DEPTH + " a",
        " and ".join(["a"] * (MAX_TOKENS // 2 + 1)),
        "a = '" + "x" * MAX_CHARACTERS + "'",
    ],
)
def test_the_caps_hold(text):
    with pytest.raises(ConditionError, match="split it into several"):
        scan(text)


def test_a_hostile_text_costs_little_time():
    texts = ["/*" * 1000, "'" * 1999, "\\" * 2000, "1" * 2000, "(" * 2000, "a." * 999, "`" * 1999, "-" * 2000]
    started = time.process_time()
    for text in texts:
        with pytest.raises(ConditionError):
            scan(text)
    assert time.process_time() - started < 1

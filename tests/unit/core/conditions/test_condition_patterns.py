import pytest

from alertferry.core.conditions.patterns import PatternError, like_backtracking, regex_backtracking


@pytest.mark.parametrize(
    ("pattern", "loops", "choices"),
    [
        ("", 0, 1),
        ("SN Ia", 0, 1),
        ("^ZTF[0-9]{2}[a-z]{7}$", 0, 1),
        ("^ZTF[0-9]+", 1, 1),
        (".*SN.*", 2, 1),
        ("a?b?", 0, 4),
        ("SN|AGN|KN", 0, 3),
        ("(SN|AGN) (I|II|III)", 0, 6),
        ("(?:Ia)?", 0, 2),
        ("(a+)?b", 1, 2),
        ("(ab)+c", 1, 1),
        (r"\d+\.\d{1,3}", 2, 1),
        (r"[\]\[a-z]*", 1, 1),
        ("(?i)sn", 0, 1),
        ("(?<kind>Ia)", 0, 1),
        (r"\(x\)", 0, 1),
        ("a{3}b{0,1}", 0, 2),
    ],
)
def test_how_a_pattern_can_branch(pattern, loops, choices):
    found = regex_backtracking(pattern)
    assert (found.loops, found.choices) == (loops, choices)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*b",
        "(a|aa)+",
        "((a|b))*",
        "((a+)b)*",
        "(.*a){12}",
        "(a?){20}",
        "(?=a)b",
        "(?!a)b",
        "(?<=a)b",
        "(?>a)",
        "(?x)a b",
        r"(a)\1",
        r"(?<n>a)\k<n>",
        r"\Qa\E",
        r"a\x41",
        "(",
        ")",
        "a)",
        "[a",
        "[a&&b]",
        "[a[b]]",
        "*a",
        "a**",
        "a{101}",
        "a{1,999}",
        "a\\",
        "x" * 201,
    ],
)
def test_patterns_without_a_bound_are_refused(pattern):
    with pytest.raises(PatternError):
        regex_backtracking(pattern)


def test_the_bound_grows_with_the_text_and_the_loops():
    assert regex_backtracking("a").steps(32) == 32
    assert regex_backtracking(".*a.*").steps(32) == 32**3
    assert regex_backtracking("a?" * 30).steps(32) > 1e9


def test_like_branches_at_every_percent_sign_that_is_not_escaped():
    assert like_backtracking("SN%").loops == 1
    assert like_backtracking(r"%5\% of %").loops == 2
    assert like_backtracking("50!%%", "!").loops == 1


@pytest.mark.parametrize(("pattern", "escape"), [("a\\b", "\\"), ("a\\", "\\"), ("a!b", "!"), ("%" * 201, "\\")])
def test_like_patterns_that_fail_when_the_job_runs_are_refused(pattern, escape):
    with pytest.raises(PatternError):
        like_backtracking(pattern, escape)

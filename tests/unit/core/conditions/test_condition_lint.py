import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.core.conditions import FORBIDDEN, FUNCTIONS, lint
from alertferry.core.conditions.scan import MAX_CHARACTERS
from tests.condition_cases import calls
from tests.three_valued import FIELDS as RANDOM_FIELDS
from tests.three_valued import conditions

FIELDS = {
    "diaSource.psfFlux": "float",
    "diaSource.band": "string",
    "diaSource.ra": "double",
    "prvDiaSources": "array<struct>",
    "prvDiaSources.psfFlux": "float",
    "prvDiaSources.band": "string",
    "lc_features": "map<string,struct>",
    "lc_features.mean": "double",
    "mangrove": "map<string,string>",
    "pred.is_sso": "boolean",
    "timestamp": "timestamp",
    "year": "int",
    "user": "string",
    "odd name.x": "int",
    "opaque": "struct",
}


def messages(text, fields=None):
    return [problem.message for problem in lint(text, FIELDS if fields is None else fields)]


@pytest.mark.parametrize(
    "text",
    [
        "diaSource.psfFlux > 13500",
        "DIASOURCE.psfflux > 13500 and `diaSource`.`BAND` = 'g'",
        "exists(prvDiaSources, x -> x.psfFlux > 10 and x.BAND = 'g')",
        "exists(prvDiaSources, `x` -> x.psfFlux > 10)",
        "aggregate(prvDiaSources, 0D, (acc, x) -> acc + x.psfFlux, acc -> acc / 2) > 1",
        "aggregate(prvDiaSources, struct(0D as s, 0 as n), (a, x) -> struct(a.s as s, a.n + 1 as n)).s > 1",
        "prvDiaSources[0].psfFlux > 1 and prvDiaSources.psfFlux[0] > 1",
        "lc_features['g'].mean > 1 and lc_features['g'].mean is not null",
        "mangrove['lum_dist'] > 0 and mangrove.lum_dist > 0",
        "cast(diaSource.ra as decimal(10, 2)) > 1 and try_cast(diaSource.band as int) is null",
        "diaSource.ra::decimal(10,2) > 1 and diaSource.ra::int = 1",
        "timestamp > TIMESTAMP '2026-01-01' and timestamp > date'2026-01-01' and timestamp < '2027-01-01'",
        "timestamp + INTERVAL 1 day > timestamp - interval '1-2' year to month",
        "extract(year FROM timestamp) = 2026 and extract(dow from timestamp) = 1 and year = 2026",
        "dateadd(day, 1, timestamp) > timestamp and timestampdiff(HOUR, timestamp, timestamp) = 0",
        "trim(both 'x' from diaSource.band) = 'g' and position('g' IN diaSource.band) = 1",
        "substring(diaSource.band FROM 1 FOR 2) = 'g' and overlay(diaSource.band placing 'x' from 1) = 'x'",
        "case diaSource.band when 'g' then true when 'r' then pred.is_sso else false end",
        "diaSource.band in ('g', 'r') and diaSource.band not in (\"u\")",
        "diaSource.band like any ('g%', 'r%') and diaSource.band not like all ('u') and diaSource.band ilike 'G'",
        "diaSource.band rlike '^g' and diaSource.ra div 2 = 1 and diaSource.ra is distinct from 3",
        "x'1F' is not null and 1e5 < 2 and 5.e1 > .5 and 1L = 1",
        "element_at(prvDiaSources, -1).psfFlux > 1 and (pred).is_sso",
        "filter(prvDiaSources, (x, i) -> i > 1)[0].band = 'g'",
        "pred.is_sso is not true and pred.is_sso is unknown",
        "user = 'x'",
        "opaque.anything > 1",
        "`odd name`.x > 1 and `a.b` > 1",
        "coalesce(diaSource.ra, 0) between -1 and +1",
        "left(diaSource.band, 1) = 'g' and if(pred.is_sso, true, false)",
        "diaSource.psfFlux > 1 -- nonsense(here) zzz",
    ],
)
def test_good_conditions_are_left_alone(text):
    assert messages(text) == []


@pytest.mark.parametrize(
    ("text", "message", "marked"),
    [
        ("psfFlux > 1", "no field 'psfFlux'; did you mean 'diaSource.psfFlux'", "psfFlux"),
        ("diaSource.psfflx > 1", "did you mean 'diaSource.psfFlux'", "diaSource"),
        ("diaSource.ra.x > 1", "no field 'diaSource.ra.x'", "diaSource"),
        ("prvDiaSources[0].bend = 'g'", "did you mean 'prvDiaSources.band'", "prvDiaSources"),
        ("zzz > 1", "no field 'zzz'", "zzz"),
        ("mangrove[zzz] > 1", "no field 'zzz'", "zzz"),
        ("abs(zzz) > 1", "no field 'zzz'", "zzz"),
        ("exists(prvDiaSources, x -> y.psfFlux > 1)", "no field 'y'", "y"),
        ("exists(prvDiaSources, x -> x.bend = 'g')", "no field 'prvDiaSources.bend'; did you mean", "x"),
        ("sqr(diaSource.ra) > 1", "no function 'sqr' for conditions; did you mean 'sqrt'", "sqr"),
        ("`sqr`(1) > 1", "no function 'sqr'", "`sqr`"),
        ("reflect('a', 'b') = 'c'", "reflect() is not allowed in a condition: it runs Java code", "reflect"),
        ("MAX(diaSource.ra) > 1", "array_max(history.field)", "MAX"),
        ("now() > timestamp", "depends on when the job runs", "now"),
        ("current_date > timestamp", "depends on when the job runs", "current_date"),
        ("system.builtin.abs(1) > 1", "has no dots", "abs"),
        ("abs(1) over (order by year) > 1", "windows", "over"),
        ("abs(year) filter (where pred.is_sso) > 1", "windows and aggregates", "filter"),
        ("any(pred.is_sso)", "exists(history, x -> ...)", "any"),
        ("year ** 2 > 1", "write power(x, y)", "**"),
        ("(year > 1", "never closed", "("),
        ("exists(select 1)", "queries", "select"),
    ],
)
def test_mistakes_are_named_with_their_place(text, message, marked):
    problem = lint(text, FIELDS)[0]
    assert message in problem.message
    assert text[problem.position : problem.position + problem.length] == marked
    assert (problem.line, problem.column) == (1, problem.position + 1)


def test_all_mistakes_are_reported_at_once():
    assert len(messages("zzz > 1 and sqr(yyy) > 2\nor xxx = 1")) == 4
    assert lint("year > 1\nor xxx = 1", FIELDS)[0].line == 2


def test_without_a_schema_only_grammar_and_functions_are_judged():
    assert lint("anything.at_all > 1") == []
    assert messages("sqr(anything) > 1", {}) != []


def test_a_site_may_know_other_functions():
    assert lint("sqr(1) > 1", {}, {"sqr"}) == []
    assert "no function 'abs'" in lint("abs(1) > 1", {}, {"sqr"})[0].message


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_every_forbidden_function_says_why(name):
    assert f"{name}() is not allowed in a condition: {FORBIDDEN[name]}" in lint(f"`{name}`(1)")[0].message


def test_no_function_is_both_allowed_and_forbidden():
    assert not FUNCTIONS & set(FORBIDDEN)
    assert len(FUNCTIONS) > 120


@settings(deadline=None, max_examples=300)
@given(drawn=conditions())
def test_random_good_conditions_are_left_alone(drawn):
    text, _ = drawn
    if len(text) <= MAX_CHARACTERS:
        assert all("split it" in problem.message for problem in lint(text, RANDOM_FIELDS))


FRAGMENTS = ["a", ".", "(", ")", "[", "]", "->", ",", "::", "as", "cast", "interval", "'1'", "day"]


@settings(deadline=None, max_examples=300)
@given(text=st.text(max_size=120) | st.lists(st.sampled_from(FRAGMENTS)).map(" ".join))
def test_lint_never_fails_and_points_into_the_text(text):
    for problem in lint(text, FIELDS):
        assert 0 <= problem.position <= len(text)
        assert problem.message


def test_lint_is_fast_enough_for_every_keystroke():
    text = " and ".join(f"exists(prvDiaSources, x -> x.psfFlux > {index})" for index in range(40))
    assert len(text) < MAX_CHARACTERS
    assert lint(text, FIELDS) == []
    assert calls(lint, text, FIELDS) < 60_000  # some milliseconds


def test_lint_needs_no_spark():
    code = "import sys; from alertferry.core.conditions import lint; lint('a > 1'); print('pyspark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

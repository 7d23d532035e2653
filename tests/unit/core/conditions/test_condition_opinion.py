"""What `check` says of a condition without Spark: half a condition is refused, what it did not understand is named."""

import random

import pytest

from alertferry.core.conditions.fields import Fields
from alertferry.core.conditions.lint import opinion
from alertferry.core.conditions.scan import MAX_CONDITIONS, MAX_TEXT, lex
from alertferry.core.survey import with_partitions
from alertferry.plugins.filters.combine import NoneOf
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.sources.lsst import Lsst
from alertferry.plugins.sources.ztf import Ztf
from alertferry.ui.conditions import pieces
from tests.condition_cases import calls, lines, mutated

SURVEYS = {kind: source.survey for kind, source in (("lsst", Lsst), ("ztf", Ztf))}
SCHEMAS = {kind: with_partitions(survey.documented) for kind, survey in SURVEYS.items()}
ASTRONOMERS = [line.split("\t") for line in lines("astronomer_conditions.txt")]


def said(*where, kind="lsst"):
    """Return problems and warnings of a step."""
    step = Sql(where=where)
    arguments = SURVEYS[kind], SCHEMAS[kind]
    warnings = [*step.warnings(*arguments), *step.unchecked(*arguments)]
    return [item.message for item in step.problems(*arguments)], [item.message for item in warnings]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("diaSource.psfFlux > 100 AND", "column 25: the condition is not finished: a value is missing after 'AND'"),
        ("diaSource.snr >", "the condition is not finished: a value is missing after '>'"),
        ("diaSource.snr > 1 or", "a value is missing after 'or'"),
        ("not", "a value is missing after 'not'"),
        ("WHERE diaSource.psfFlux > 100", "column 1: WHERE does not belong here; write the condition alone"),
        ("diaSource.psfFlux ≥ 100", "column 19: write >= instead of ≥"),
        ("diaSource.psfFlux ≤ 100", "write <= instead of ≤"),
        ("diaSource.psfFlux ≠ 100", "write != instead of ≠"),
        ("diaSource.psfFlux > −5", "write the minus of the keyboard"),
        ("diaSource.band = ‘g’", "write the straight ' of the keyboard"),
        ("diaSource.band = “g”", "write the straight ' of the keyboard"),
        ("diaSource.band in ['g','r']", "column 19: IN needs its values in round brackets, as in IN ('g', 'r')"),
        ("diaSource.band in 'g'", "IN needs its values in round brackets"),
        ("diaSource.snr > 1, diaSource.band = 'g'", "a condition ends before this comma; join two conditions with AND"),
        ("diaSource.snr >> ", "a value is missing after '>>'"),
        ("diaSource.snr = = 1", "a value is missing before '='"),
        ("diaSource.snr => 1", "named arguments"),
        ("diaSource.snr > 1 diaSource.ra > 5", "AND, OR or an operator is missing before 'diaSource'"),
        ("diaSource.snr > 1 && diaSource.ra > 5", "Spark has no && operator; write AND"),
        ("diaSource.snr between 1", "BETWEEN needs two values: BETWEEN 1 AND ..."),
        ("diaSource.snr is nul", "NULL, TRUE, FALSE or DISTINCT FROM is missing before 'nul'"),
        ("case when diaSource.snr > 1 then true", "END is missing after 'true'"),
        ("(diaSource.snr > 1", "this ( is never closed"),
        ("diaSource.snr > 1)", "this ) closes nothing"),
        ("diaSource.band = 'g", "the string that starts here is not closed"),
        ("diaSource.snr > 1 /* bright", "the comment that starts here is not closed; end it with */"),
        ("diaSource.snr > 1 as bright", "a condition has no name; remove 'AS name'"),
        ("diaSource.snr > 1 order by diaSource.snr", "a query is not allowed here"),
        ("diaSource.psfFlux", "a condition must be true or false, this is a number"),
        ("diaSource.band", "a condition must be true or false, this is a text"),
        ("diaSource.snr + 1", "a condition must be true or false, this is a number"),
        ("prvDiaSources", "a condition must be true or false, this is a list"),
        ("diaSource.band = 'g' or 'r'", "OR joins conditions, but 'r' is a text; compare it with something"),
        ("diaSource.snr and diaSource.ra > 5", "AND joins conditions, but diaSource.snr is a number"),
        ("prvDiaSources.psfFlux > 10", "a list and a number cannot be compared; for a history write exists"),
        ("diaSource.psfFlux > 1e400", "column 21: the number 1e400 is too large"),
        ("diaSource.psfFlux < -1e39f", "column 22: the number 1e39f is too large"),
        ("diaSource.psfFlux in (1, 1e400)", "column 26: the number 1e400 is too large"),
        ("diaSource.psfFlux between 0 and 1.8e308D", "the number 1.8e308D is too large"),
        ("diaSource.psfFlux > 300Y", "the number 300Y is too large for its type"),
        ("diaSource.psfFlux > 9223372036854775809L", "is too large for its type"),
        (f"diaSource.psfFlux > {'9' * 39}", "has more than 38 digits"),
        (f"diaSource.psfFlux > 0.{'0' * 38}1", "has more than 38 digits"),
        ("diaSource.psfFlux > 1e38BD", "has more than 38 digits"),
        ("abs(diaSource.snr", "this ( is never closed"),
        ("abs(diaSource.snr,) > 1", "a value is missing before ')'"),
        ("exists(prvDiaSources, x -> x.nothing > 1)", "no field 'prvDiaSources.nothing'"),
    ],
)
def test_what_no_condition_is_is_refused_with_its_place_and_what_to_write(text, message):
    problems, _ = said(text)
    assert len(problems) == 1
    assert message in problems[0]
    assert problems[0].startswith("line 1, column ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("diaObject != null", "!= NULL is never true; write diaObject IS NOT NULL"),
        ("NULL = diaSource.band", "write diaSource.band IS NULL"),
        ("diaSource.snr <> double('NaN')", "a comparison with NaN is never true; write NOT isnan(diaSource.snr)"),
        ("diaSource.snr = cast('nan' as float)", "write isnan(diaSource.snr)"),
        ("prvDiaSources[-1].psfFlux > 1", "[-1] is always null; for the last one write element_at(prvDiaSources, -1)"),
        ("diaSource.snr > 5 || diaSource.band = 'g'", "|| joins texts"),
        ("diaSource.band = 'w'", "diaSource.band is never 'w', only 'u', 'g', 'r', 'i', 'z', 'y'"),
        ("diaSource.band = 'G'", "texts are compared by case: write 'g'"),
        ("diaSource.band in ('g', 'R')", "write 'r'"),
        ("exists(prvDiaSources, x -> x.band = 'B')", "prvDiaSources.band is never 'B'"),
        ("diaSource.snr > 'high'", "compared with the text 'high', which is no number"),
        ("diaSource.snr > 5 AND diaSource.snr < 3", "diaSource.snr < 3 and diaSource.snr > 5 are never both true"),
        ("diaSource.snr > 5 AND diaSource.band = 'g' AND 5 > diaSource.snr", "are never both true"),
        ("diaSource.snr between 5 and 3", "nothing is between these: write the smaller value first"),
        ("diaSource.psfFlux > 1e-400", "1e-400 is too small for Spark, which takes it for 0"),
        ("diaSource.band IN (NULL)", "IN (NULL) is never true; write IS NULL"),
        ("diaSource.band NOT IN ('g', NULL)", "NOT IN with a NULL in the list is never true"),
    ],
)
def test_what_no_alert_fulfils_is_a_warning(text, message):
    problems, warnings = said(text)
    assert problems == []
    assert any(message in warning for warning in warnings), warnings


def test_conditions_of_one_step_that_exclude_each_other():
    _, warnings = said("diaSource.snr > 5", "diaSource.band = 'g'", "diaSource.snr <= 5")
    assert warnings == ["line 1, column 1: diaSource.snr <= 5 and diaSource.snr > 5 are never both true"]
    assert said("diaSource.snr >= 5; diaSource.snr <= 5") == ([], [])


@pytest.mark.parametrize(
    "text",
    [
        "h[0] > 5 AND h[1] < 3",
        "s[0].x > 5 AND s[1].x < 3",
        "m['a'] > 5 AND m['b'] < 3",
        "m.a > 5 AND m.b < 3",
        "n['a'].x > 5 AND n['b'].x < 3",
        "5 < h[0] AND 3 > h[1]",
    ],
)
def test_elements_of_arrays_and_maps_are_several_values(text):
    types = {"h": "array<int>", "s": "array<struct<x:int>>", "s.x": "int", "m": "map<string,int>", "x": "int"}
    fields = Fields(types | {"n": "map<string,struct<x:int>>", "n.x": "int"})
    assert opinion(text, fields).bounds == ()
    assert opinion(text, fields).warnings == ()
    assert opinion("x > 5 AND x < 3", fields).warnings


@pytest.mark.parametrize("text", ["t in ('x', 'x')", "'x' in (t, t)", "DATE '2026-01-31' not in ('x', t)"])
def test_times_are_not_compared_with_texts_in_a_list(text):
    assert "IN takes all of these as texts" in opinion(text, Fields({"t": "timestamp"})).problems[0].message


def test_no_map_is_compared_with_null():
    assert opinion("m between null and null", Fields({"m": "map<string,string>"})).unchecked


def test_bands_of_ztf_are_numbers():
    assert "candidate.fid is never 4, only 1, 2, 3" in said("candidate.fid = 4", kind="ztf")[1][0]
    assert said("candidate.fid IN (1, 2)", kind="ztf") == ([], [])


def test_warnings_stand_at_their_place_in_combinations():
    step = NoneOf(of=(Sql(where=("diaSource.snr > 1", "diaObject != null")),))
    assert [item.path for item in step.warnings(SURVEYS["lsst"], SCHEMAS["lsst"])] == ["of[0].where[1]"]


def test_most_of_what_astronomers_write_is_understood_and_nothing_of_it_is_refused():
    found = [said(text, kind=kind) for kind, _, text in ASTRONOMERS]
    assert [problems for problems, _ in found if problems] == []
    assert all("is not checked without Spark" in warning for _, warnings in found for warning in warnings)
    assert sum(not warnings for _, warnings in found) > 0.8 * len(found)


@pytest.mark.parametrize("where", [["a > 1; " * (MAX_CONDITIONS + 1)], ["a > 1"] * (MAX_CONDITIONS + 1)])
def test_conditions_have_a_number(where):
    with pytest.raises(ValueError, match=f"holds {MAX_CONDITIONS + 1} conditions, more than {MAX_CONDITIONS}"):
        Sql(where=where)


def test_a_text_of_conditions_has_a_size():
    with pytest.raises(ValueError, match=r"\[1\] has 300,000 characters, more than 10,000"):
        Sql(where=["a > 1", "'" * 300_000])
    assert len(pieces("'\n" * MAX_TEXT)) == 1


HOSTILE = ["'", '"', "'\"", "`", "'\\", "\\'", "a > 1\n", ";", "-- ", "/*", "(", "a ", "'\n", "''", "/* */", "r'", "1e"]


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_work_of_reading_grows_as_the_text_does(unit):
    def read(count):
        tokens = list(lex(unit * count))
        ends = [token.end for token in tokens]
        assert ends == sorted(ends)
        assert sum(token.end - token.start for token in tokens) <= len(unit) * count  # nothing is read twice
        assert sum(token.kind == "unclosed" for token in tokens) <= 1  # nor looked at twice in vain

    once, twice = calls(read, 2_000), calls(read, 4_000)
    assert twice <= 2.2 * once + 100


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_text_of_a_condition_keeps_check_busy(unit):
    fields = Fields({"a": "int"})

    def judged(text):
        opinion(text, fields)

    assert calls(judged, unit * (MAX_TEXT // len(unit))) < 200_000


def mutations(count, seed):
    chance = random.Random(seed)
    texts = [(kind, text) for kind, _, text in ASTRONOMERS]
    for _ in range(count):
        kind, text = chance.choice(texts)
        yield kind, mutated(chance, text)


def answered(count, seed):
    """Say whatever can be said of many broken conditions: sentences, and no error of Python."""
    found = 0
    for kind, text in mutations(count, seed):
        try:
            step = Sql(where=(text,))
        except ValueError:
            continue
        messages = [item.message for item in step.problems(SURVEYS[kind], SCHEMAS[kind])]
        messages += [item.message for item in step.warnings(SURVEYS[kind], SCHEMAS[kind])]
        messages += [item.message for item in step.unchecked(SURVEYS[kind], SCHEMAS[kind])]
        assert all(message.startswith("line ") and len(message) < 600 for message in messages), text
        found += bool(messages)
    return found


def test_broken_conditions_are_answered_in_sentences():
    assert answered(200, seed=19) > 100


@pytest.mark.soak
def test_ten_thousand_broken_conditions_are_answered_in_sentences():
    assert answered(10_000, seed=20) > 5_000

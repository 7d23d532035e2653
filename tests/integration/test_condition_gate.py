"""The gate for SQL conditions on real Spark: what attackers write, what astronomers write, and everything between."""

import os
import threading

import pytest

from alertferry.core.conditions import (
    FUNCTIONS,
    ConditionError,
    compile_condition,
    lint,
)
from alertferry.core.conditions.classes import PARSED, REPLACED, RESOLVED
from alertferry.core.errors import UsageError
from tests.condition_cases import lines, simple_schema

pytestmark = pytest.mark.spark

SECRET = "canary-7f3a91c2"
os.environ["GATE_CANARY"] = SECRET  # before the JVM starts: it keeps the environment of its start

ROW = """
    SELECT -2 AS a, 2.5D AS d, 'ZTF18abcdefg' AS s, TIMESTAMP '2026-01-31 12:30:15' AS ts, DATE '2026-01-31' AS dt,
    array(named_struct('jd', 1D, 'band', 'g'), named_struct('jd', 3D, 'band', 'r')) AS hist,
    array(1D, 2D, 3D) AS nums, array('g', 'r') AS strs, map('lum_dist', 'None') AS m, X'0102' AS bin,
    named_struct('x', 1) AS st, true AS flag
"""

ATTACKS = [tuple(line.split("\t", 1)) for line in lines("attacks.txt")]
EXAMPLES = [tuple(line.split("\t")) for line in lines("functions_allowed.txt")]


@pytest.fixture(scope="module")
def alert(spark):
    return spark.sql(ROW)


@pytest.fixture(scope="module")
def canary(spark, tmp_path_factory):
    """Return a file that holds a secret, which is also in the JVM's environment, properties and configuration."""
    spark._jvm.java.lang.System.setProperty("gate.canary", SECRET)
    spark.conf.set("spark.gate.canary", SECRET)
    file = tmp_path_factory.mktemp("canary") / "secret.txt"
    file.write_text(f"{SECRET}\n")
    assert spark._jvm.java.lang.System.getenv("GATE_CANARY") == SECRET
    yield file
    spark.conf.unset("spark.gate.canary")
    spark._jvm.java.lang.System.clearProperty("gate.canary")


def refused(frame, text):
    """Return the error for a condition that must not pass, after looking at what every error must have."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(frame, text)
    problem = caught.value.problem
    assert 0 <= problem.position <= len(text)
    assert (problem.line, problem.column, problem.length) >= (1, 1, 1)
    shown = str(caught.value)
    for noise in ("Exception", "\tat ", "SQLSTATE", "py4j", "org.apache"):
        assert noise not in shown.replace(text, "")
    return caught.value


# ---- attacks ------------------------------------------------------------------------------------------------------


@pytest.fixture
def substitution(spark):
    """Spark's own default, which jobs switch off."""
    spark.conf.set("spark.sql.variable.substitute", "true")
    yield
    spark.conf.set("spark.sql.variable.substitute", "false")


def test_the_attacks_work_where_there_is_no_gate(alert, canary, substitution):
    for text in (
        f"reflect('java.lang.System', 'getenv', 'GATE_CANARY') = '{SECRET}'",
        f"'${{env:GATE_CANARY}}' = '{SECRET}'",
        f"'${{system:gate.canary}}' = '{SECRET}'",
    ):
        assert alert.filter(text).count() == 1


@pytest.mark.parametrize(("reason", "text"), ATTACKS, ids=[text[:60] for _, text in ATTACKS])
def test_an_attack_is_refused(alert, canary, reason, text):
    text = text.replace("{file}", str(canary)).replace("{secret}", SECRET)
    error = refused(alert, text)
    assert reason in error.problem.message
    assert SECRET not in str(error).replace(text, "").replace(f"'{SECRET}'", "")


def nested(count, template, start):
    for _ in range(count):
        start = template.replace("@", start)
    return start


@pytest.mark.parametrize(
    "text",
    [
        *(nested(count, "(@)", "d > 1") for count in (100, 500, 3000)),
        *(nested(count, "not @", "flag") for count in (100, 390)),
        nested(100, "abs(@)", "d") + " > 1",
        nested(90, "case when flag then @ end", "1") + " > 1",
        nested(400, "-@", "d") + " > 1",
        nested(400, "~@", "a") + " > 1",
        "d" + " + d" * 250 + " > 1",
        "a" + "::int" * 250 + " > 1",
        "d" + ".x" * 250 + " > 1",
        "exists(nums, " + nested(100, "x -> @", "true") + ")",
        "d > 1" + " and d > 1" * 1000,
        "d in (" + ",".join(["1"] * 700) + ")",
        "s = '" + "x" * 1500 + "'",
        "s = '" + "x" * 5000 + "'",
        "d > " + "1" * 1000,
        nested(10, "(case @ when 1 then 1 when 2 then 2 end)", "a") + " > 1",
        nested(40, "(case @ when 1 then 1 when 2 then 2 end)", "a") + " > 1",
        nested(30, "transform(array(@), x -> struct(x, x))[0]", "a") + " is null",
        nested(20, "transform(array(@), x -> concat(x, x))[0]", "s") + " = 'x'",
        nested(20, "transform(array(@), x -> array(x, x))[0]", "s") + " is null",
        nested(20, "nullifzero(@)", "a") + " = 1",
        "exists(nums, x -> " + nested(30, "nullif(@, 1)", "x") + " = 1)",
        nested(12, "(@ like 'a%b')::string", "s") + " = 'x'",
        nested(12, "(@::bigint in (1, 99999999999))::int", "a") + " = 1",
        nested(12, "right(@, 3)", "s") + " = 'x'",
        nested(4, "repeat(@, 1000)", "s") + " = 'x'",
        nested(12, "hex(hex(hex(@)))", "s") + " = 'x'",
        nested(8, "replace(@, 'a', '" + "a" * 100 + "')", "s") + " = 'x'",
    ],
    ids=lambda text: text[:40],
)
def test_what_would_grow_without_bound_is_refused_quickly(alert, text):
    refused(alert, text)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\ud800", "\u202e", "\u200b", "\ufeff"])
def test_characters_that_hide_text_are_refused_with_their_place(alert, character):
    error = refused(alert, f"d > 1 and s = 'a{character}'")
    assert error.problem.position == len("d > 1 and s = 'a")
    assert character not in str(error)


def test_a_user_function_that_took_a_built_in_name_is_refused(spark):
    session = spark.newSession()
    session.udf.register("abs", lambda value: 1.0, "double")
    frame = session.sql("SELECT -2.5D AS d")
    assert "user functions" in refused(frame, "abs(d) > 1").problem.message
    compile_condition(frame, "sqrt(d) > 1")


def test_a_session_in_ansi_mode_is_refused(spark):
    session = spark.newSession()
    session.conf.set("spark.sql.ansi.enabled", "true")
    with pytest.raises(UsageError, match=r"spark.sql.ansi.enabled=false"):
        compile_condition(session.sql("SELECT 2.5D AS d"), "d > 1")


def test_another_thread_without_a_session_reads_the_same_condition(spark, alert):
    found = []
    thread = threading.Thread(target=lambda: found.append(compile_condition(alert, "cast(s as int) > 1")))
    thread.start()
    thread.join()
    assert alert.select(found[0]).collect()[0][0] is None


def test_a_refusal_prints_nothing(alert, capfd):
    refused(alert, "hist.jd > 1")
    refused(alert, "d > > 1")
    assert capfd.readouterr() == ("", "")


def test_sparks_own_errors_are_reported_as_before(spark, alert):
    from pyspark.errors import AnalysisException

    refused(alert, "hist.jd > 1")
    with pytest.raises(AnalysisException, match="UNRESOLVED_COLUMN"):
        alert.select("nothing")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("d > 1 and\n  reflect('a', 'b') = 'c'", "reflect('a', 'b')"),
        ("s = '😀' and zz > 1", "zz"),
        ("d > 1 and sqrt(d, 1) > 2", "sqrt(d, 1)"),
        ("d > 1 and exists(hist, x -> x.nothing > 1)", "nothing"),
        ("s rlike '(a+)+'", "'(a+)+'"),
        ("ts > 'now'", "'now'"),
    ],
)
def test_the_caret_stands_under_the_fault(alert, text, marked):
    error = refused(alert, text)
    start = error.problem.position
    assert text[start : start + error.problem.length] == marked
    shown, carets = str(error).split("\n")[-2:]
    assert shown[carets.index("^") :].startswith(marked[: carets.count("^")])


def test_nearest_names_are_suggested(alert):
    assert "did you mean 'hist.jd'" in refused(alert, "jd > 1").problem.message
    assert "did you mean 'flag'?" in refused(alert, "flagg").problem.message
    assert "did you mean 'band'?" in refused(alert, "exists(hist, x -> x.bands = 'g')").problem.message
    assert "did you mean 'sqrt'" in refused(alert, "sqr(d) > 1").problem.message


# ---- what is allowed ----------------------------------------------------------------------------------------------


def registered(spark):
    names = spark._jsparkSession.sessionState().functionRegistry().listFunction()
    return sorted(names.apply(index).funcName() for index in range(names.size()))


def test_the_list_of_allowed_functions_is_the_golden_one(spark):
    assert [name for name, _, _ in EXAMPLES] == sorted(FUNCTIONS)
    assert set(registered(spark)) >= FUNCTIONS


def test_every_other_registered_function_is_refused(spark, alert):
    passed = []
    for name in set(registered(spark)) - FUNCTIONS:
        quoted = f"`{name}`"
        for text in (
            f"{quoted}() is null",
            f"{quoted}(d) is null",
            f"{quoted}(d, 1) is null",
            f"{quoted}(s, s, s) = s",
        ):
            try:
                compile_condition(alert, text)
                passed.append(text)
            except ConditionError:
                pass
    assert passed == []


def test_every_allowed_function_computes_what_its_example_says(alert):
    columns = {name: compile_condition(alert, text) for name, text, _ in EXAMPLES}
    row = alert.select([column.alias(name) for name, column in columns.items()]).collect()[0]
    wrong = {name: row[name] for name, _, expected in EXAMPLES if str(row[name]).lower() != expected}
    assert wrong == {}


def test_lint_accepts_every_allowed_function(alert):
    schema = simple_schema(alert)
    assert {text: lint(text, schema) for _, text, _ in EXAMPLES if lint(text, schema)} == {}


def test_the_lists_of_classes_name_what_they_should(spark):
    jvm = spark._jvm
    load, kind = jvm.java.lang.Class.forName, "org.apache.spark.sql.catalyst.expressions."
    replaceable = load(kind + "RuntimeReplaceable")
    never = [
        load(name)
        for name in (
            "org.apache.spark.sql.catalyst.expressions.PlanExpression",
            "org.apache.spark.sql.catalyst.expressions.UserDefinedExpression",
            "org.apache.spark.sql.catalyst.expressions.Nondeterministic",
            "org.apache.spark.sql.catalyst.expressions.Generator",
            "org.apache.spark.sql.catalyst.expressions.aggregate.AggregateFunction",
            "org.apache.spark.sql.catalyst.expressions.objects.InvokeLike",
        )
    ]
    plan = load("org.apache.spark.sql.catalyst.plans.logical.LogicalPlan")
    for name in PARSED | RESOLVED | REPLACED:
        found = load(name)
        assert not any(bad.isAssignableFrom(found) for bad in never), name
        assert not any(plan.isAssignableFrom(field.getType()) for field in found.getDeclaredFields()), name
        assert replaceable.isAssignableFrom(found) == (name in REPLACED or name.endswith(".ILike")), name


@pytest.mark.parametrize(
    "text", ["ts in ('2026-01-31')", "'5' in (d, d)", "d not in ('5', 'x')", "dt in ('2026-1-31')"]
)
def test_numbers_and_times_are_not_compared_as_texts_in_a_list(spark, text):
    """Spark would: TIMESTAMP '2026-01-31' = '2026-01-31' is true, and IN ('2026-01-31') was false."""
    assert "IN takes all of these as texts" in str(refused(spark.sql(ROW), text))


@pytest.mark.parametrize(
    "text", ["string(ts) in ('x')", "a in ('5')", "s in ('g', null)", "ts in (TIMESTAMP '2026-01-31')"]
)
def test_lists_of_one_kind_are_taken(spark, text):
    compile_condition(spark.sql(ROW), text)

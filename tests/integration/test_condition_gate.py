"""The gate for SQL conditions on real Spark: what attackers write, what astronomers write, and everything between."""

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertferry.core.conditions import (
    FUNCTIONS,
    ConditionError,
    check_condition,
    compile_condition,
    lint,
    parse_condition,
    split_lines,
)
from alertferry.core.conditions.classes import PARSED, REPLACED, RESOLVED
from alertferry.core.conditions.gate import field_paths
from alertferry.core.conditions.scan import tokenize
from alertferry.core.errors import UsageError
from tests.jobs import DATA
from tests.three_valued import ROWS, SCHEMA, conditions, order

pytestmark = pytest.mark.spark

HERE = Path(__file__).parent
LAKE = DATA / "lake"
SECRET = "canary-7f3a91c2"
os.environ["GATE_CANARY"] = SECRET  # before the JVM starts: it keeps the environment of its start

ROW = """
    SELECT -2 AS a, 2.5D AS d, 'ZTF18abcdefg' AS s, TIMESTAMP '2026-01-31 12:30:15' AS ts, DATE '2026-01-31' AS dt,
    array(named_struct('jd', 1D, 'band', 'g'), named_struct('jd', 3D, 'band', 'r')) AS hist,
    array(1D, 2D, 3D) AS nums, array('g', 'r') AS strs, map('lum_dist', 'None') AS m, X'0102' AS bin,
    named_struct('x', 1) AS st, true AS flag
"""
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def lines(name):
    return [line for line in (HERE / name).read_text().split("\n") if line and not line.startswith("#")]


ATTACKS = [tuple(line.split("\t", 1)) for line in lines("attacks.txt")]
EXAMPLES = [tuple(line.split("\t")) for line in lines("functions_allowed.txt")]
ASTRONOMERS = [tuple(line.split("\t")) for line in lines("astronomer_conditions.txt")]


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
    return file


@pytest.fixture
def interpreted(spark):
    """Evaluate without generated code: compiling it would take far longer than these few rows."""
    changed = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
    before = {name: spark.conf.get(name) for name in changed}
    for name, value in changed.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


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


def simple_schema(frame):
    """Return the schema as `lint` takes it."""
    types = {}
    for path in field_paths(frame):
        kind = frame.schema
        for name in path.split("."):
            kind = getattr(kind, "elementType", kind)
            kind = getattr(kind, "valueType", kind)
            kind = kind[name].dataType
        types[path] = kind.simpleString()
    return types


# ---- attacks ------------------------------------------------------------------------------------------------------


def test_the_attacks_work_where_there_is_no_gate(alert, canary):
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
    started = time.monotonic()
    refused(alert, text)
    assert time.monotonic() - started < 10


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
        parse_condition(session, "d > 1")


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
                parse_condition(spark, text)
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


HAND_MADE = {
    "lsst": """
        SELECT 'science field' AS observation_reason,
        named_struct('diaSourceId', 170055002004914266L, 'psfFlux', 14000F, 'psfFluxErr', 100F, 'band', 'g',
            'snr', 14F, 'reliability', 0.9F, 'scienceFlux', 20000F, 'scienceFluxErr', 100F, 'templateFlux', 6000F,
            'isNegative', false, 'midpointMjdTai', 61041.3D, 'ra', 150.2D, 'dec', 2.3D, 'detector', 42) AS diaSource,
        array(
            named_struct('psfFlux', 13000F, 'psfFluxErr', 90F, 'band', 'g', 'snr', 12F, 'midpointMjdTai', 61030D),
            named_struct('psfFlux', 4000F, 'psfFluxErr', 90F, 'band', 'r', 'snr', 8F, 'midpointMjdTai', 61030.1D),
            named_struct('psfFlux', 500F, 'psfFluxErr', 90F, 'band', 'i', 'snr', 3F, 'midpointMjdTai', 61035D)
        ) AS prvDiaSources,
        named_struct('is_sso', false, 'is_first', false) AS pred,
        named_struct('tns_type', 'SN Ia', 'vsx_Type', CAST(null AS STRING), 'legacydr8_zphot', CAST(null AS FLOAT),
            'mangrove_lum_dist', CAST('NaN' AS FLOAT)) AS xm,
        map('g', named_struct('mean', 2.5D)) AS lc_features,
        named_struct('snnSnVsOthers_score', 0.7F, 'earlySNIa_score', -1D, 'cats_class', 11, 'cats_score', 0.5F) AS clf,
        CAST(null AS STRUCT<ssObjectId: BIGINT>) AS ssSource, named_struct('nDiaSources', 4) AS diaObject
    """,
    "ztf": """
        SELECT 'ZTF18abcdefg' AS objectId, 3000000000000000001L AS candid, TIMESTAMP '2025-06-14 09:12:00' AS timestamp,
        named_struct('magpsf', 18.2F, 'magnr', 14F, 'distnr', 0.3F, 'drb', 0.99F, 'fid', 1, 'isdiffpos', 't',
            'jd', 2460840.8D, 'jdstarthist', 2460800.7D, 'ndethist', 12, 'classtar', 0.9F, 'ssnamenr', 'null'
        ) AS candidate,
        array(named_struct('magpsf', 19F), named_struct('magpsf', CAST(null AS FLOAT))) AS prv_candidates,
        'Unknown' AS cdsxmatch, 'Unknown' AS tns, '' AS tracklet, 0.9D AS snn_snia_vs_nonia, 0.2D AS snn_sn_vs_all,
        2 AS roid, 0.8D AS rf_snia_vs_nonia, map('lum_dist', 'None') AS mangrove,
        named_struct('mean', 18D, 'amplitude', 1D) AS lc_features_g, named_struct('mean', 18D) AS lc_features_r,
        -0.4D AS mag_rate, named_struct('stampData', X'1F8B') AS cutoutScience, map('m0', 0.5F) AS blazar_stats,
        'Gaia DR3 1' AS DR3Name, 1.2F AS Plx, 0.4F AS e_Plx
    """,
}


@pytest.mark.parametrize("survey", HAND_MADE)
def test_astronomers_conditions_hold_on_a_hand_made_alert(spark, survey):
    frame = spark.sql(HAND_MADE[survey])
    cases = [(text, expected) for kind, expected, text in ASTRONOMERS if kind == survey]
    schema = simple_schema(frame)
    assert {text: lint(text, schema) for text, _ in cases if lint(text, schema)} == {}
    columns = [compile_condition(frame, text).alias(str(index)) for index, (text, _) in enumerate(cases)]
    values = frame.select(columns).collect()[0]
    words = {None: "null", True: "true", False: "false"}
    assert [(text, words[value]) for (text, _), value in zip(cases, values, strict=True)] == cases


@pytest.mark.skipif(not LAKE.is_dir(), reason="the real alerts of ../shared/data are not here")
@pytest.mark.parametrize(("survey", "night"), [("lsst", "year=2026/month=01"), ("ztf", "year=2025/month=06")])
def test_astronomers_conditions_run_on_real_alerts(spark, interpreted, survey, night):
    frame = spark.read.parquet(str(LAKE / survey / night))
    texts = [text for kind, _, text in ASTRONOMERS if kind == survey]
    columns = [compile_condition(frame, text).alias(str(index)) for index, text in enumerate(texts)]
    found = frame.select(columns).toPandas()
    assert len(found) > 5
    assert set(found.stack().unique()) <= {True, False, None}
    by_text = dict(zip(texts, found.columns, strict=True))
    if survey == "lsst":
        fluxes = frame.select("diaSource.psfFlux").toPandas()["psfFlux"]
        assert list(found[by_text["diaSource.psfFlux > 13500"]]) == [bool(flux > 13500) for flux in fluxes]
        histories = frame.select("prvDiaSources").collect()
        longer = [len(history or ()) >= 3 for (history,) in histories]
        assert list(found[by_text["size(prvDiaSources) >= 3"]]) == longer
    else:
        magnitudes = frame.select("candidate.magpsf").toPandas()["magpsf"]
        assert list(found[by_text["candidate.magpsf < 19.5"]]) == [bool(value < 19.5) for value in magnitudes]


# ---- random conditions --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table(spark):
    names = [name.split()[0] for name in SCHEMA.split(", ")]
    return spark.createDataFrame([tuple(row[name] for name in names) for row in ROWS], SCHEMA).coalesce(1).cache()


@settings(SLOW, max_examples=10)
@given(batch=st.lists(conditions(), min_size=25, max_size=25))
def test_a_random_condition_means_what_three_valued_logic_says(table, interpreted, batch):
    schema = simple_schema(table)
    accepted = []
    for text, meaning in batch:
        result = compiled(table, text)
        if isinstance(result, ConditionError):
            assert any(word in result.problem.message for word in ("too large", "more than"))
        else:
            assert lint(text, schema) == []
            accepted.append((text, result, [meaning(row) for row in ROWS]))
    rows = table.select([column.alias(str(index)) for index, (_, column, _) in enumerate(accepted)]).collect()
    for index, (text, _, wanted) in enumerate(accepted):
        assert [row[index] for row in rows] == wanted, text


_PIECES = """
    d e s nums hist flag ( ) [ ] , . + - * / % = == <> < > <= >= <=> and or not is null in between like rlike case
    when then else end exists forall filter transform x -> abs sqrt coalesce if cast as int string double 1 2.5 0D
    'g' "g" '%' '(' `d` date '2026-01-01' timestamp interval day -- /* */ ; :: || & | ^ ~ ! select from identifier
    reflect 'now' ? : ** repeat sequence 100000000 struct map array aggregate over distinct true extract trim both
"""


def compiled(frame, text):
    """Return the column of a condition, or the error; anything else that is raised fails the test."""
    try:
        return compile_condition(frame, text)
    except ConditionError as error:
        return error


@settings(SLOW, max_examples=150)
@given(
    pieces=st.lists(st.sampled_from(_PIECES.split()), min_size=1, max_size=14),
    glue=st.sampled_from([" ", " ", "", "\n"]),
)
def test_any_text_is_a_condition_or_refused_with_a_place(table, pieces, glue):
    text = glue.join(pieces)
    result = compiled(table, text)
    if isinstance(result, ConditionError):
        assert 0 <= result.problem.position <= len(text)
        assert "Exception" not in result.problem.message
    else:
        assert lint(text, simple_schema(table)) == []
        assert table.select(result.alias("c")).schema["c"].dataType.simpleString() == "boolean"


@settings(SLOW, max_examples=60)
@given(
    text=st.lists(
        st.sampled_from(
            ["/*", "*/", "/*+", "--", "\n", "\\", "'", '"', "`", ";", "r'", 'R"', "a", " ", "1", ".5", "''", "/", "*"]
        ),
        max_size=14,
    ).map("".join)
)
def test_texts_are_cut_where_sparks_own_lexer_sees_a_semicolon(spark, text):
    from py4j.java_gateway import get_field

    jvm = spark._jvm
    stream = jvm.org.apache.spark.sql.catalyst.parser.UpperCaseCharStream(
        jvm.org.antlr.v4.runtime.CharStreams.fromString(text)
    )
    lexer = jvm.org.apache.spark.sql.catalyst.parser.SqlBaseLexer(stream)
    lexer.removeErrorListeners()
    tokens = [token for token in lexer.getAllTokens() if token.getChannel() == 0]
    unclosed = get_field(lexer, "has_unclosed_bracketed_comment") or any(token.getText() in "'\"`" for token in tokens)
    try:
        mine = [token.start for token in tokenize(text) if token.text == ";"]
    except ConditionError:
        assert unclosed
        return
    assert not unclosed
    assert mine == [token.getStartIndex() for token in tokens if token.getText() == ";"]
    assert len(split_lines(text)) <= len(mine) + 1


def test_the_second_opinion_knows_sparks_order_of_numbers():
    nan = float("nan")
    assert [order(nan, 1.0), order(nan, nan), order(-0.0, 0.0), order("a", "b")] == [1, 0, 0, -1]


def test_check_condition_alone_refuses_what_is_not_boolean(spark, alert):
    column = parse_condition(spark, "d + 1")
    with pytest.raises(ConditionError, match="true or false"):
        check_condition(alert, column)

"""Conditions that pass the gate mean what they say: astronomers' own, and random ones against a second opinion."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alertferry.core.conditions import ConditionError, compile_condition, lint, split_lines
from alertferry.core.conditions.scan import tokenize
from tests.condition_cases import lines, simple_schema
from tests.jobs import DATA
from tests.three_valued import ROWS, SCHEMA, conditions, order

pytestmark = pytest.mark.spark

LAKE = DATA / "lake"
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
ASTRONOMERS = [tuple(line.split("\t")) for line in lines("astronomer_conditions.txt")]


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
    return spark.createDataFrame(ROWS, SCHEMA).coalesce(1).cache()


# all that is wrong at once: conditions of this size take too long to shrink
@settings(SLOW, max_examples=3, phases=(Phase.generate,))
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
    found = {text: [row[index] for row in rows] for index, (text, _, _) in enumerate(accepted)}
    assert found == {text: wanted for text, _, wanted in accepted}


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


@settings(SLOW, max_examples=80)
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

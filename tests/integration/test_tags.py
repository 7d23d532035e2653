"""Tags, blocks and classes on real Spark: native twins against the originals, complements, confinement."""

import os
import socket

import pandas as pd
import pytest
from fink_utils.spark import utils
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings
from alertferry.core.spark_errors import from_spark_error
from alertferry.plugins.filters.blocks import Blocks
from alertferry.plugins.filters.tags import Tags
from alertferry.tags.binding import UnboundError, bind
from alertferry.tags.fink import python_verdict
from alertferry.tags.provider import describe, verdict
from alertferry.tags.twins import TWINS
from alertferry.tags.worker import Call, judge
from tests.jobs import DATA
from tests.random_alerts import write_alerts

pytestmark = pytest.mark.spark

FILTERS = {"tag": Tags, "block": Blocks}
REAL = {"ztf": ["2021-11-22", "2025-01-14..2025-06-14"], "lsst": ["2026-01-01"]}
LSST = default_registry().get("source", "lsst").survey

LOUD = """
import os, socket, subprocess, urllib.request
import pandas as pd

def everything_true(ids):
    print('{"event": "forged"}')
    return pd.Series([True] * len(ids))

def sees_secrets(ids):
    return pd.Series([any(word in name for word in ("TOKEN", "WEBHOOK")) for name in os.environ]).any() | (ids < 0)

def connects(ids):
    socket.create_connection(("127.0.0.1", PORT), timeout=5).sendall(b"hello")
    return ids > 0

def swallows(ids):
    try:
        urllib.request.urlopen("http://127.0.0.1:PORT/", timeout=5)
    except BaseException:
        pass
    return ids > 0

def calls_another_program(ids):
    subprocess.run(["true"])
    return ids > 0

def answers_for_one(ids):
    return [True]
"""


def real(survey):
    if not DATA.is_dir():
        pytest.skip("real alerts (../shared/data) are not on this machine")
    source = default_registry().get("source", survey)(nights=REAL[survey], lake=str(DATA / "lake" / survey))
    return lambda spark: source.load(spark, Settings())


@pytest.fixture(params=["simulated ztf", "simulated lsst", "real ztf", "real lsst"])
def some(request, spark):
    kind, survey = request.param.split()
    if kind == "real":
        return real(survey)(spark)
    return next(found for found in request.getfixturevalue("alerts") if found.survey.name == survey)


def available(alerts):
    tags = [tag for kind in FILTERS for tag in describe(alerts.survey.name, kind, alerts.schema)]
    return [tag for tag in tags if tag.available]


def test_every_tag_and_its_negation_part_the_alerts_and_twins_say_what_the_originals_say(some):
    """One query a lake: ``all_of: [x]`` and ``none_of: [x]`` share no alert and leave none; twins equal originals."""
    judged, wrong = [], {}
    for tag in available(some):
        chosen, rest, original = (f"{tag.name} {word}" for word in ("chosen", "rest", "original"))
        judged.append(FILTERS[tag.kind](all_of=(tag.name,)).bound(some).alias(chosen))
        judged.append(FILTERS[tag.kind](none_of=(tag.name,)).bound(some).alias(rest))
        wrong[rest] = F.coalesce(F.col(f"`{chosen}`") == F.col(f"`{rest}`"), F.lit(True))
        if tag.native:
            judged.append(python_verdict(tag, some.schema).alias(original))
            wrong[original] = F.col(f"`{chosen}`") != F.col(f"`{original}`")
    assert len(wrong) >= 15
    counts = some.frame.select(*judged).agg(*[F.count_if(column).alias(name) for name, column in wrong.items()]).first()
    assert {name: count for name, count in counts.asDict().items() if count} == {}


def test_names_mean_the_columns_that_fink_means(some):
    """Whatever `fink_utils` resolves on these alerts is bound to the same column, and what it refuses is refused."""
    flat = utils.return_flatten_names(some.frame, flatten_schema=[])
    for name in {path.rpartition(".")[2] for path in flat}:
        try:
            theirs = utils.get_cols_from_args(name, flat)
        except AssertionError:
            with pytest.raises(UnboundError, match="may be"):
                bind(name, some.schema, {})
        else:
            assert str(theirs) == f"Column<'{bind(name, some.schema, {}).columns[0]}'>"


@pytest.mark.parametrize("seed", [1])
def test_twins_equal_their_originals_on_spoilt_alerts(spark, tmp_path, seed):
    """Nulls, NaN, zeros of both signs, infinities, limits in single precision, unknown labels, missing structs."""
    known = {tag.name: tag for kind in FILTERS for tag in describe("lsst", kind, LSST.documented)}
    assert {name for name, tag in known.items() if tag.native} == set(TWINS), "fink-filters changed: look at the twins"
    file = tmp_path / "alerts.parquet"
    paths = {path for twin in TWINS.values() for path in twin.columns(LSST.documented)} - {"diaSourceId"}
    write_alerts(file, LSST.documented, paths, alerts=3000, seed=seed)
    frame = spark.read.parquet(str(file))
    judged = frame.select(
        *[verdict(known[name], LSST.documented).alias(name) for name in TWINS],
        *[python_verdict(known[name], LSST.documented).alias(f"{name} original") for name in TWINS],
    )
    pairs = [
        F.struct(
            F.count_if(F.col(name)).alias("true"), F.count_if(F.col(name) != F.col(f"`{name} original`")).alias("wrong")
        ).alias(name)
        for name in TWINS
    ]
    found = judged.agg(*pairs).first().asDict()
    assert {name: row.wrong for name, row in found.items() if row.wrong} == {}
    assert [name for name, row in found.items() if not 0 < row.true < 3000] == [], "the alerts try nothing"


@pytest.fixture(scope="module")
def loud(spark, tmp_path_factory):
    """A module of tags that misbehave, and the server that some call: it must stay alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        file = tmp_path_factory.mktemp("loud") / "loud_tags.py"
        file.write_text(LOUD.replace("PORT", str(server.getsockname()[1])))
        spark.sparkContext.addPyFile(str(file))
        yield server


def ask(spark, name):
    """Let Spark's workers judge ten alerts by one of the loud tags, with variables set that make tags post."""
    call = Call(f"the tag {name!r}", "loud_tags", name)

    def judged(ids: pd.Series) -> pd.Series:
        os.environ.update(FINK_TG_TOKEN="secret", KNWEBHOOK_FINK="http://127.0.0.1")
        return judge(call)(ids)

    return spark.range(10).select(pandas_udf(judged, "boolean")("id").alias("kept"))


@pytest.mark.parametrize("name", ["connects", "swallows", "calls_another_program"])
def test_the_network_and_other_programs_are_refused_by_name(spark, loud, name):
    with pytest.raises(Exception, match="alertferry") as caught:
        ask(spark, name).collect()
    said = str(from_spark_error(caught.value))
    assert said.startswith(f"the tag {name!r} wants to reach the network or another program (")
    assert "\n" not in said
    with pytest.raises(BlockingIOError):
        loud.accept()
    assert ask(spark, "everything_true").where("kept").count() == 10


def test_a_tag_that_fails_is_named(spark, loud):
    with pytest.raises(Exception, match="alertferry") as caught:
        ask(spark, "answers_for_one").collect()
    assert str(from_spark_error(caught.value)).startswith(
        "the tag 'answers_for_one' failed: ValueError: it judged 1 of"
    )


def test_tags_see_no_variables_that_make_them_post(spark, loud):
    assert ask(spark, "sees_secrets").where("kept").count() == 0


def test_what_tags_print_does_not_reach_standard_output(spark, loud, capfd):
    assert ask(spark, "everything_true").where("kept").count() == 10
    assert "forged" not in capfd.readouterr().out

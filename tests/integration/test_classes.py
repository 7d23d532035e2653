"""Classes of ZTF alerts: equal to Fink's own function, chosen in either spelling, carried to the output."""

import math

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings
from alertferry.plugins.filters.classes import Class
from alertferry.tags.finkclass import FINK_CLASSES, finkclass
from alertferry.tags.simbad import labels
from alertferry.tags.worker import Call, load_function
from tests.jobs import DATA, run_job

pytestmark = pytest.mark.spark

ZTF = default_registry().get("source", "ztf").survey
NEEDS = ZTF.derived[0].needs
ARGUMENTS = (
    *("cdsxmatch", "roid", "mulens", "snn_snia_vs_nonia", "snn_sn_vs_all", "rf_snia_vs_nonia", "candidate.ndethist"),
    *("candidate.drb", "candidate.classtar", "candidate.jd", "candidate.jdstarthist", "rf_kn_vs_nonkn", "tracklet"),
)
ORIGINAL = Call(
    "Fink's class", "fink_filters.ztf.classification", "extract_fink_classification", ("fink_utils.tg_bot.utils",)
)


def original():
    """Return what Fink's own function says, as a column."""

    def classify(*columns: pd.Series) -> pd.Series:
        return load_function(ORIGINAL)(*columns)

    return pandas_udf(classify, "string")(*ARGUMENTS)


def compare(frame):
    """Return the classes found, and the rows where ours is another than the original's."""
    rows = (
        frame.select(finkclass().alias("ours"), original().alias("theirs")).groupBy("ours", "theirs").count().collect()
    )
    return {row.ours for row in rows}, [row for row in rows if row.ours != row.theirs]


@pytest.fixture
def real_lake():
    if not DATA.is_dir():
        pytest.skip("real alerts (../shared/data) are not on this machine")
    return DATA / "lake" / "ztf"


def read(spark, lake, nights):
    return default_registry().get("source", "ztf")(nights=nights, lake=str(lake)).load(spark, Settings())


def test_the_class_equals_the_original_on_real_alerts(spark, real_lake):
    found, wrong = compare(read(spark, real_lake, ["2021-11-22", "2025-01-14..2025-06-14"]).frame)
    assert wrong == []
    assert {"Unknown", "Solar System MPC", "Solar System candidate"} <= found


def test_the_class_equals_the_original_on_simulated_alerts(alerts):
    some = next(found for found in alerts if found.survey is ZTF)
    found, wrong = compare(some.frame)
    assert wrong == []
    assert len(found) > 5


def test_the_class_equals_the_original_on_every_limit(spark, tmp_path):
    random = np.random.default_rng(5)
    size = 6000

    def pick(*values, likely=None, share=0.5):
        drawn = [values[index] for index in random.integers(0, len(values), size)]
        return [likely if random.random() < share else value for value in drawn]

    start = np.array(pick(2459000.5, likely=2459000.0))
    candidate = {
        "ndethist": pd.array(pick(1, 2, 19, 20, 21, likely=5), "Int32"),
        "drb": np.array(pick(0.5, np.nan, 0.51, None, likely=0.9), dtype="float32"),
        "classtar": np.array(pick(0.4, 0.41, np.nan, None, likely=0.9), dtype="float32"),
        "jd": start + np.array(pick(0.0, 4.999, 5.0, 90.0, 90.001, math.nan, likely=3.0)),
        "jdstarthist": start,
    }
    pdf = pd.DataFrame(
        {
            "cdsxmatch": pick(*("Fail 504", "Galaxy_x", "Star", "QSO", "SN", "Transient", "GinPair"), likely="Unknown"),
            "roid": pd.array(pick(1, 2, 3, likely=0, share=0.7), "Int32"),
            "mulens": pick(0.1, None, math.nan, likely=0.0, share=0.8),
            "tracklet": pick(None, "TRCK_20260101", "other", likely="", share=0.8),
            **{
                name: pick(0.5, 0.51, 1.0, math.nan, None, likely=0.0, share=0.6)
                for name in ("snn_snia_vs_nonia", "snn_sn_vs_all", "rf_snia_vs_nonia", "rf_kn_vs_nonkn")
            },
        }
    )
    pdf["candidate"] = (
        pd.DataFrame(candidate).astype(object).where(lambda table: table.notna(), None).to_dict("records")
    )
    (tmp_path / "alerts").mkdir()
    pdf.to_parquet(tmp_path / "alerts" / "part.parquet")
    found, wrong = compare(spark.read.parquet(str(tmp_path / "alerts")))
    assert wrong == []
    assert found >= {*FINK_CLASSES, "QSO", "Star", "SN", "GinPair"}


def test_a_missing_input_fulfils_no_condition(spark):
    columns = [F.lit(None).cast("double").alias(name) for name in NEEDS if "." not in name and name != "cdsxmatch"]
    fields = [F.lit(None).cast("double").alias(name.partition(".")[2]) for name in NEEDS if "." in name]
    frame = spark.range(1).select(
        *columns, F.struct(*fields).alias("candidate"), F.lit(None).cast("string").alias("cdsxmatch")
    )
    assert frame.select(finkclass()).first()[0] == "Unknown"


@pytest.mark.parametrize("chosen", ["QSO", "(SIMBAD) QSO"])
def test_classes_part_the_alerts(spark, real_lake, chosen):
    some = read(spark, real_lake, ["2021-11-22"])
    counts = some.frame.agg(
        F.count_if(Class(any_of=(chosen,)).bound(some)), F.count_if(Class(none_of=(chosen,)).bound(some))
    ).first()
    assert counts[0] > 0
    assert sum(counts) == some.count


def test_both_spellings_are_found_by_either(spark, real_lake):
    some = read(spark, real_lake, ["2021-11-22"])
    counts = [Class(any_of=(name,)).apply(some).frame.count() for name in ("RRLyr", "RRLyrae", "(SIMBAD) RRLyrae")]
    assert counts[0] > 0
    assert len(set(counts)) == 1
    assert len(labels()) == 315


def job(lake, folder, filters, nights=("2021-11-22",), **output):
    return Job.from_dict(
        {
            "source": {"kind": "ztf", "nights": list(nights), "lake": str(lake)},
            "filters": filters,
            "output": {"kind": "files", "path": str(folder), **output},
        }
    )


def carried(folder):
    return ds.dataset(folder).to_table().to_pylist()


def test_the_class_is_in_the_packet_when_a_filter_uses_it(spark, real_lake, tmp_path):
    filters = [{"kind": "sql", "where": ["candidate.drb > 0"]}, {"kind": "class", "any_of": ["Unknown", "QSO"]}]
    report = run_job(spark, job(real_lake, tmp_path / "out", filters, packet="light"))
    rows = carried(tmp_path / "out")
    assert rows
    assert {row["finkclass"] for row in rows} <= {"Unknown", "QSO"}
    steps = {step.name: step.alerts for step in report.receipt.steps}
    assert steps["ztf"] >= steps["sql"] >= steps["class"] == len(rows)


def test_the_class_is_in_named_packets_and_among_fields_when_asked_for(spark, real_lake, tmp_path):
    run_job(spark, job(real_lake, tmp_path / "asked", [], fields=["candid", "finkclass"]))
    assert set(carried(tmp_path / "asked")[0]) == {"candid", "finkclass"}
    run_job(spark, job(real_lake, tmp_path / "plain", [], fields=["candid"]))
    assert set(carried(tmp_path / "plain")[0]) == {"candid"}
    run_job(spark, job(real_lake, tmp_path / "light", [], packet="light"))
    assert "finkclass" in carried(tmp_path / "light")[0]


def test_conditions_may_name_the_class_and_combinations_hold_it(spark, real_lake, tmp_path):
    nested = {"kind": "not", "of": [{"kind": "class", "any_of": ["QSO"]}]}
    filters = [{"kind": "sql", "where": ["finkclass LIKE 'Q%'"]}, nested]
    run_job(spark, job(real_lake, tmp_path / "out", filters, fields=["finkclass"]))
    assert {row["finkclass"] for row in carried(tmp_path / "out")} == {"QSO_Candidate"}

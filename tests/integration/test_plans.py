"""What Spark does with a job: conditions reach the parquet reader, needless columns are not read, no Python runs."""

import re

import pytest

from alertferry.catalogs.healpix import with_cell
from alertferry.core.catalyst import java
from alertferry.core.run import Run
from alertferry.core.settings import load_settings
from alertferry.plugins.filters.combine import NoneOf
from alertferry.plugins.filters.region import Region
from alertferry.plugins.filters.sql import Sql
from alertferry.plugins.outputs import packing
from alertferry.plugins.outputs.kafka import Kafka
from alertferry.plugins.outputs.records import records
from alertferry.plugins.sources.lsst import Lsst

pytestmark = pytest.mark.spark


@pytest.fixture
def plan(spark, lakes):
    def plan(*filters, columns=("diaSourceId",)) -> str:
        # how much of a plan is told is a setting of the active session, and estimates leave theirs behind
        java(spark, "org.apache.spark.sql.classic.SparkSession").setActiveSession(spark._jsparkSession)
        found = Lsst(nights=["2026-03-01"], lake=str(lakes["lsst"])).load(spark, load_settings())
        for step in filters:
            found = step.apply(found)
        return found.frame.select(*columns)._jdf.queryExecution().executedPlan().toString()

    return plan


def pushed(text):
    return re.search(r"PushedFilters: \[(.*?)\]", text)[1]


def test_conditions_reach_the_parquet_reader(plan):
    text = plan(Sql(where=["diaSource.snr > 5", "diaSource.band IN ('g', 'r')"]))
    assert "GreaterThan(diaSource.snr,5.0)" in pushed(text)
    assert "In(diaSource.band, [g,r])" in text.partition("PushedFilters")[2]


def test_conditions_on_folders_prune_folders(plan):
    text = plan(Sql(where=["day = 1"]))
    assert re.search(r"PartitionFilters: \[.*day.* = 1", text)


def test_only_what_is_needed_is_read(plan):
    text = plan(Sql(where=["diaSource.snr > 5"]), NoneOf(of=[Sql(where=["pred.is_sso"])]))
    read = re.search(r"ReadSchema: (.*)", text)[1]
    assert read == "struct<diaSourceId:bigint,diaSource:struct<snr:float>,pred:struct<is_sso:boolean>>"


def test_everything_is_native(plan):
    text = plan(Sql(where=["exists(prvDiaSources, x -> x.psfFlux > 10)"]), NoneOf(of=[Sql(where=["pred.is_sso"])]))
    assert not re.search(r"Python|Arrow|Pandas", text)


@pytest.mark.parametrize(
    ("step", "most"),
    [(Region(polygon=((120, -10), (180, -20), (230, 40))), 4), (Region(moc="1/30-40 2/3 3/77"), 6)],
    ids=["polygon", "map"],
)
def test_few_projections_of_whole_alerts(plan, step, most):
    """For every one of them Spark compiles code that copies all fields, whether it is called or not."""
    assert len(re.findall(r"\bProject ", plan(step, columns=["*"]))) <= most


def test_few_projections_to_find_cells(spark, lakes):
    alerts = Lsst(nights=["2026-03-01"], lake=str(lakes["lsst"])).load(spark, load_settings())
    celled = with_cell(alerts.frame, "diaSource.ra", "diaSource.dec", 1024)
    assert len(re.findall(r"\bProject ", celled._jdf.queryExecution().executedPlan().toString())) <= 3


@pytest.mark.parametrize("oversize", ["fail", "drop-cutouts"])
def test_what_is_measured_of_packets_does_not_copy_them(spark, lakes, oversize):
    """A projection above the measures would write every packet once more, a quarter of the time of publishing."""
    run = Run(spark)
    alerts = run.read(Lsst(nights=["2026-03-01"], lake=str(lakes["lsst"])))
    rows, _ = records(alerts, packing.pack(Kafka(packet="full"), alerts, run), oversize, 1 << 20)
    text = rows._jdf.queryExecution().executedPlan().toString()
    assert text.startswith("CollectMetrics")

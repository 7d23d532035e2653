"""Lakes that hold alerts twice: every packet is delivered once, and receipt, `verify` and files say the same."""

import os
from collections import Counter

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.consumer import batches, consume, verify
from alertferry.core.job import Job
from alertferry.core.lake_ids import LakeIds
from alertferry.core.run import Run
from alertferry.core.settings import load_settings
from alertferry.core.steps import Filter
from alertferry.plugins.outputs import packing, repeats
from tests.jobs import run_job
from tests.repeating_lakes import CUT, FIELDS, NIGHTS, arrived, expected, make_lake, simulated, write

pytestmark = [pytest.mark.spark, pytest.mark.kafka]

DELIVERIES = ("at-least-once", "transactional")
FILTER = {"kind": "sql", "where": [f"diaSource.psfFlux > {CUT}"]}


@pytest.fixture(autouse=True)
def here(broker, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)


def job(lake, output, filters=()):
    source = {"kind": "lsst", "nights": NIGHTS, "lake": str(lake)}
    content = {} if "packet" in output else {"fields": FIELDS}
    return Job.from_dict({"source": source, "filters": filters, "output": content | output})


def rows_of(folder):
    if (folder / "_receipt.json").exists() or list(folder.glob("*.parquet")):
        return pq.read_table(folder).to_pylist()
    found = []
    for file in folder.glob("*.avro"):
        with file.open("rb") as stream:
            found += list(fastavro.reader(stream))
    return found


def assert_proved(report, folder, truth):
    """Compare receipt, `verify` and files with the truth."""
    receipt, alerts = report.receipt, sum(truth.packets.values())
    said = (receipt.alerts, receipt.distinct, receipt.repeats, receipt.null_ids)
    assert said == (alerts, truth.distinct, truth.repeats, truth.null_ids)
    assert receipt.steps[-1].alerts == alerts
    found = verify(folder)
    assert found.ok, found.problems
    assert (found.alerts, found.distinct, found.repeats) == (alerts, truth.distinct, truth.repeats)
    assert (found.missing, found.duplicates, found.digest_ok) == (0, 0, True)
    assert arrived(rows_of(folder)) == truth.packets


def check(spark, folder, seed):
    """Run jobs over a random lake, to files and to a topic, with and without a filter."""
    rows = make_lake(folder / "lake", seed)
    filters = [FILTER] if seed % 3 == 2 else []
    truth = expected(rows, filtered=bool(filters))
    report = run_job(spark, job(folder / "lake", {"kind": "files", "path": str(folder / "files")}, filters))
    assert_proved(report, folder / "files", truth)
    output = {"kind": "kafka", "delivery": DELIVERIES[seed % 2], "partitions": 3}
    report = run_job(spark, job(folder / "lake", output, filters))
    assert report.receipt.records == report.receipt.alerts
    form = ("parquet", "avro")[seed // 2 % 2]
    delivery = consume(report.topic, folder / "consumed", settings=load_settings(), format=form)
    assert (delivery.state, delivery.duplicates_dropped) == ("complete", 0), delivery.message
    assert_proved(report, folder / "consumed", truth)


@pytest.mark.parametrize("seed", [3, 5, 10, 20])
def test_a_random_lake(spark, tmp_path, seed):
    check(spark, tmp_path, seed)


@pytest.mark.parametrize("limit", ["IDS_AT_ONCE", "MOST_REPEATED"])
def test_more_ids_than_are_looked_at_together(spark, tmp_path, monkeypatch, limit):
    """Ids come in several passes; and where too many repeat, all alerts go the way of those that do."""
    monkeypatch.setattr(repeats, limit, 3)
    rows = make_lake(tmp_path / "lake", 1)
    report = run_job(spark, job(tmp_path / "lake", {"kind": "files", "path": str(tmp_path / "files")}))
    assert_proved(report, tmp_path / "files", expected(rows))


def test_a_consumer_that_is_stopped_goes_on(spark, tmp_path):
    rows = make_lake(tmp_path / "lake", 5)
    truth = expected(rows)
    assert truth.repeats
    assert sum(truth.packets.values()) > truth.distinct
    report = run_job(spark, job(tmp_path / "lake", {"kind": "kafka", "partitions": 2}))
    folder = tmp_path / "consumed"
    for limit in (3, 7, None):
        delivery = consume(report.topic, folder, settings=load_settings(), limit=limit)
    assert delivery.state == "complete", delivery.message
    assert_proved(report, folder, truth)
    streamed = Counter(dict.fromkeys(truth.packets, 0))
    for batch in batches(report.topic, settings=load_settings()):
        streamed += arrived(batch.to_pylist())
    assert streamed == truth.packets


def test_alerts_of_which_none_has_an_id(spark, tmp_path):
    table = simulated(6)
    table = table.set_column(0, table.schema.field("diaSourceId"), pa.nulls(len(table), pa.int64()))
    for number in range(2):
        write(tmp_path / "lake", table, number=number)
    truth = expected(table.to_pylist() * 2)
    assert truth.distinct == 0
    report = run_job(spark, job(tmp_path / "lake", {"kind": "kafka", "delivery": "transactional"}))
    consume(report.topic, tmp_path / "consumed", settings=load_settings(), format="avro")
    assert_proved(report, tmp_path / "consumed", truth)


def test_a_lake_that_was_looked_at_is_not_looked_at_again(spark, tmp_path, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path / "home"))
    write(tmp_path / "lake", simulated(6))
    for file in (tmp_path / "lake").rglob("*.parquet"):
        os.utime(file, (1e9, 1e9))
    output = {"kind": "files", "path": str(tmp_path / "first")}
    assert run_job(spark, job(tmp_path / "lake", output)).receipt.distinct == 6
    monkeypatch.setattr(LakeIds, "_read", lambda _: pytest.fail("read again"))
    monkeypatch.setattr(packing, "repeated", lambda _: pytest.fail("read again"))
    output = {"kind": "files", "path": str(tmp_path / "second")}
    assert run_job(spark, job(tmp_path / "lake", output)).receipt.distinct == 6


class Twice(Filter):
    """A step that makes two rows of each alert: equal ones, or those of another `half`."""

    kind = "twice"
    differ: bool

    def apply(self, alerts):
        from dataclasses import replace

        from pyspark.sql import functions as F

        half = F.explode(F.array(F.lit(0), F.lit(1 if self.differ else 0)))
        return replace(alerts, frame=alerts.frame.withColumn("half", half), count=None)


@pytest.mark.parametrize("differ", [True, False])
def test_a_step_that_makes_several_rows_of_an_alert(spark, tmp_path, differ):
    write(tmp_path / "lake", simulated(6))
    asked = job(tmp_path / "lake", {"kind": "files", "path": str(tmp_path / "files"), "fields": [*FIELDS, "half"]})
    run = Run(spark)
    alerts = run.filter(run.read(asked.source), Twice(differ=differ))
    receipt = run.write(alerts, asked.output).receipt
    assert (receipt.alerts, receipt.distinct, receipt.repeats) == ((12, 6, 0) if differ else (6, 6, 6))
    assert verify(tmp_path / "files").ok


@pytest.mark.parametrize("action", ["skip", "drop-cutouts"])
def test_packets_that_are_too_large_and_equal(spark, tmp_path, monkeypatch, action):
    """Equal once they are as they are sent: without cutouts two are one, and of two skipped ones one is counted."""
    table = simulated(6)
    stamps = [b"a" * 50_000, b"b" * 50_000, b"c", None, None, None]
    at = table.schema.get_field_index("cutoutScience")
    table = table.set_column(at, pa.field("cutoutScience", pa.binary()), pa.array(stamps, pa.binary()))
    ids = table["diaSourceId"].to_pylist()
    other = table.slice(0, 2).set_column(at, table.schema.field(at), pa.array([b"z" * 50_000, b"b" * 50_000]))
    write(tmp_path / "lake", table)
    write(tmp_path / "lake", other, number=1)
    monkeypatch.setenv("ALERTFERRY_MAX_MESSAGE_BYTES", "40000")
    output = {"kind": "kafka", "fields": ["diaSourceId", "cutoutScience"], "oversize": action}
    receipt = run_job(spark, job(tmp_path / "lake", output)).receipt
    if action == "skip":
        # the first alert makes two packets that differ, the second two that do not
        assert (receipt.alerts, receipt.distinct, receipt.repeats) == (4, 4, 1)
        assert receipt.oversize.alerts == 3
    else:
        assert (receipt.alerts, receipt.distinct, receipt.repeats) == (6, 6, 2)
        assert receipt.oversize.alerts == 2
        assert set(receipt.oversize.ids) == set(map(str, ids[:2]))
    steps = {step.name: step.alerts for step in receipt.steps}
    assert steps["lsst"] == 8
    assert steps["repeats"] == 8 - receipt.repeats


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_200_random_lakes(spark, tmp_path):
    for seed in range(100, 300):
        check(spark, tmp_path / str(seed), seed)

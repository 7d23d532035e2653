"""Lakes that hold alerts twice: every packet is delivered once, and receipt, `verify` and files say the same."""

import fastavro
import pyarrow.parquet as pq
import pytest

from alertferry.consumer import consume, verify
from alertferry.core.job import Job
from alertferry.core.settings import load_settings
from tests.jobs import run_job
from tests.repeating_lakes import CUT, FIELDS, NIGHTS, arrived, expected, make_lake

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


@pytest.mark.parametrize("seed", range(4))
def test_a_random_lake(spark, tmp_path, seed):
    check(spark, tmp_path, seed)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_200_random_lakes(spark, tmp_path):
    for seed in range(4, 204):
        check(spark, tmp_path / str(seed), seed)

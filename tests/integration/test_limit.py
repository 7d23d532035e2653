"""A job with a limit: the same alerts whichever task reads what, counted to the last step of the receipt."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from alertferry.core.job import Job
from tests.jobs import run_job
from tests.repeating_lakes import CUT, NIGHTS, simulated, write

pytestmark = pytest.mark.spark

MOST = 25
WHERE = {"kind": "sql", "where": [f"diaSource.psfFlux > {CUT}"]}
BAND = {"kind": "sql", "where": ["diaSource.band IN ('g', 'r', 'i')"]}


def job(lake, folder, *filters, limit=MOST):
    source = {"kind": "lsst", "nights": NIGHTS, "lake": str(lake)}
    output = {"kind": "files", "path": str(folder), "fields": ["diaSourceId", "diaSource.psfFlux"]}
    return Job.from_dict({"source": source, "filters": filters, "limit": limit, "output": output})


def ids_in(folder):
    return sorted(pq.read_table(folder)["diaSourceId"].to_pylist(), key=str)


def first(ids, most=MOST):
    """Return what the documentation says: the first by signed XXH64 (seed 42) of the id as text, then by the text."""

    def order(text):
        code = xxhash.xxh64_intdigest(text.encode(), 42)
        return code - (code >> 63 << 64), text

    return sorted(map(int, sorted({str(found) for found in ids}, key=order)[:most]), key=str)


@pytest.fixture(scope="module")
def rows():
    return simulated(200).to_pylist()


def lake_of(rows, folder, seed):
    """Write rows in another order, into another number of files."""
    rows = list(rows)
    random.Random(seed).shuffle(rows)
    for number in range(seed):
        for night in range(2):
            part = rows[2 * number + night :: 2 * seed]
            write(folder, pa.Table.from_pylist(part, simulated(200).schema), night, number)
    return folder


def counts_of(report):
    return [(step.name, step.alerts) for step in report.receipt.steps]


def test_the_same_alerts_whatever_the_files_and_tasks(spark, tmp_path, rows):
    bright = [row for row in rows if row["diaSource"]["psfFlux"] > CUT]
    passing = [row for row in bright if row["diaSource"]["band"] in "gri"]
    truth = first(row["diaSourceId"] for row in passing)
    assert len(truth) == MOST < len(passing) < len(bright) < len(rows)
    for seed, task_bytes in ((1, "128m"), (2, "20k")):
        spark.conf.set("spark.sql.files.maxPartitionBytes", task_bytes)
        report = run_job(
            spark, job(lake_of(rows, tmp_path / f"lake{seed}", seed), tmp_path / f"out{seed}", WHERE, BAND)
        )
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
        assert ids_in(tmp_path / f"out{seed}") == truth
        counts = [("lsst", len(rows)), ("sql", len(bright)), ("sql-2", len(passing)), ("limit", MOST)]
        assert counts_of(report) == counts


def test_a_job_without_filters_can_have_a_limit(spark, tmp_path, rows):
    report = run_job(spark, job(lake_of(rows, tmp_path / "lake", 1), tmp_path / "out"))
    assert ids_in(tmp_path / "out") == first(row["diaSourceId"] for row in rows)
    assert counts_of(report) == [("lsst", len(rows)), ("limit", MOST)]


def test_an_id_counts_once_and_comes_with_all_its_packets(spark, tmp_path, rows):
    rows = rows[: 2 * MOST]
    altered = [{**row, "diaSource": {**row["diaSource"], "psfFlux": 1.0}} for row in rows]
    nameless = [{**row, "diaSourceId": None} for row in rows[:3]]
    lake = lake_of([*rows, *altered, *rows, *nameless], tmp_path / "lake", 3)
    receipt = run_job(spark, job(lake, tmp_path / "few")).receipt
    assert ids_in(tmp_path / "few") == sorted(2 * first(row["diaSourceId"] for row in rows), key=str)
    assert (receipt.alerts, receipt.distinct, receipt.null_ids) == (2 * MOST, MOST, 0)
    receipt = run_job(spark, job(lake, tmp_path / "all", limit=len(rows) + 3)).receipt
    assert (receipt.distinct, receipt.null_ids) == (len(rows), 3)
    receipt = run_job(spark, job(lake, tmp_path / "named", limit=len(rows) + 2)).receipt
    assert (receipt.distinct, receipt.null_ids) == (len(rows), 0)

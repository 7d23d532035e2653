"""Jobs that fail: the cause is named, and nothing looks complete."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer, TopicPartition

from alertferry.core.errors import AlertferryError, DamagedError, JobError, UsageError
from alertferry.core.job import Job
from alertferry.core.lake_files import FileChangedError
from alertferry.core.receipt import Manifest
from alertferry.core.spark_errors import from_spark_error
from alertferry.plugins.outputs.topic import TopicPair
from alertferry.testing.simulator import simulate
from tests.jobs import run_job
from tests.proxy import proxied
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.spark, pytest.mark.kafka]

NIGHT = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def here(broker, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)


@pytest.fixture
def lake(lakes, tmp_path):
    """A copy of the simulated LSST lake that a test may damage."""
    return shutil.copytree(lakes["lsst"], tmp_path / "lake")


def job(lake, output=None, filters=(), nights="2026-03-01..2026-03-02"):
    return Job.from_dict(
        {
            "source": {"kind": "lsst", "nights": nights, "lake": str(lake)},
            "filters": list(filters),
            "output": output or {"kind": "kafka", "packet": "full"},
        }
    )


def last_manifest(broker, topic) -> Manifest:
    """The last record of a companion topic."""
    options = {"bootstrap.servers": broker.bootstrap_servers, "group.id": "t", "enable.auto.commit": False}
    consumer = Consumer(options | {"log_level": 0})
    _, end = consumer.get_watermark_offsets(TopicPartition(f"{topic}_schema", 0), timeout=10)
    consumer.assign([TopicPartition(f"{topic}_schema", 0, end - 1)])
    record = consumer.consume(1, timeout=10)[0]
    consumer.close()
    found = Manifest.from_json(record.value())
    assert found is not None
    return found


def topics(broker) -> set[str]:
    from confluent_kafka.admin import AdminClient

    return set(AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=10).topics)


def fails(spark, request, error):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Spark raises its own; what users see is checked
        run_job(spark, request)
    known = from_spark_error(caught.value)
    assert isinstance(known, error), repr(caught.value)
    return known


def test_a_truncated_file_is_named_and_nothing_is_published(spark, broker, lake):
    victim = sorted(lake.rglob("*.parquet"))[-1]
    victim.write_bytes(victim.read_bytes()[:-100])
    before = topics(broker)
    known = fails(spark, job(lake), DamagedError)
    assert victim.name in str(known)
    assert "is not a whole parquet file" in str(known)
    assert known.exit_code == 4
    assert topics(broker) == before


def test_a_file_damaged_inside_is_named_and_the_topic_says_that_it_failed(spark, broker, lake):
    victim = sorted(lake.rglob("*.parquet"))[-1]
    group = pq.ParquetFile(victim).metadata.row_group(0)
    # not the ids, which are read before there is a topic
    columns = [group.column(number) for number in range(group.num_columns)]
    column = next(item for item in columns if item.path_in_schema == "diaSource.psfFlux")
    raw = bytearray(victim.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    raw[start : start + 40] = b"\xff" * 40
    victim.write_bytes(raw)
    before = topics(broker)
    known = fails(spark, job(lake), DamagedError)
    assert victim.name in str(known)
    topic = next(name for name in topics(broker) - before if not name.endswith("_schema"))
    manifest = last_manifest(broker, topic)
    assert (manifest.state, manifest.receipt) == ("failed", None)
    assert victim.name in (manifest.reason or "")


def test_the_topic_and_the_job_give_one_reason_where_the_lake_changed(spark, broker, lake, monkeypatch):
    victim = sorted(lake.rglob("*.parquet"))[-1]
    ready = TopicPair.await_leaders

    def vanish(pair):
        victim.unlink()
        ready(pair)

    monkeypatch.setattr(TopicPair, "await_leaders", vanish)
    before = topics(broker)
    known = fails(spark, job(lake), FileChangedError)
    assert f"vanished: {victim}" in str(known)
    (topic,) = (name for name in topics(broker) - before if not name.endswith("_schema"))
    assert last_manifest(broker, topic).reason == str(known)


def test_a_packet_over_the_limit_names_its_alert(spark, broker, lake, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_MAX_MESSAGE_BYTES", "50000")
    known = fails(spark, job(lake), AlertferryError)
    ids = {str(row["diaSourceId"]) for file in lake.rglob("*.parquet") for row in pq.read_table(file).to_pylist()}
    assert any(f"alert {alert} makes a packet of" in str(known) for alert in ids), str(known)
    assert "the topic takes at most 49488" in str(known)
    assert "choose a smaller packet" in str(known)


def test_an_unknown_field_is_refused_before_spark_starts_a_job(spark, lake):
    tracker = spark.sparkContext.statusTracker()
    known = fails(spark, job(lake, {"kind": "kafka", "fields": ["diaSource.rra", "xm.tns_typ"]}), JobError)
    assert [problem.path for problem in known.problems] == ["output.fields[0]", "output.fields[1]"]
    assert "did you mean 'diaSource.ra'" in known.problems[0].message
    assert not tracker.getActiveJobsIds()


def test_a_condition_that_is_no_condition(spark, lake):
    filters = [{"kind": "sql", "where": ["diaSource.snr > 1", "diaSource.snr + 1"]}]
    known = fails(spark, job(lake, filters=filters), JobError)
    assert known.problems[0].path == "filters[0].where[1]"


def test_nights_that_are_absent_are_named_and_not_fatal(spark, lake, tmp_path):
    output = {"kind": "files", "path": str(tmp_path / "out"), "packet": "light-static"}
    report = run_job(spark, job(lake, output, nights=["2026-02-27..2026-03-01", "2026-05-01"]))
    assert report.receipt.nights.found == ("2026-03-01",)
    assert report.receipt.nights.absent == ("2026-02-27", "2026-02-28", "2026-05-01")


def test_a_night_folder_without_files_counts_as_absent(spark, lake, tmp_path):
    (lake / "year=2026/month=03/day=03").mkdir(parents=True)
    output = {"kind": "files", "path": str(tmp_path / "out"), "packet": "light-static"}
    report = run_job(spark, job(lake, output, nights="2026-03-01..2026-03-03"))
    assert report.receipt.nights.absent == ("2026-03-03",)


def test_files_never_appear_half(spark, lake, tmp_path):
    victim = sorted(lake.rglob("*.parquet"))[-1]
    column = pq.ParquetFile(victim).metadata.row_group(0).column(0)
    raw = bytearray(victim.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    raw[start : start + 40] = b"\xff" * 40
    victim.write_bytes(raw)
    out = tmp_path / "results"
    out.mkdir()
    fails(spark, job(lake, {"kind": "files", "path": str(out / "a"), "packet": "full"}), DamagedError)
    assert list(out.iterdir()) == []
    (out / "b").mkdir()
    known = fails(spark, job(lake, {"kind": "files", "path": str(out / "b"), "packet": "full"}), UsageError)
    assert "exists already; choose another folder or remove it" in str(known)


@pytest.fixture
def slow_job(tmp_path, jars_home):
    """A job of many small tasks on one core, and the environment to run it."""
    simulate("ztf", tmp_path / "lake", [NIGHT], 3000)
    path = tmp_path / "job.yml"
    request = Job.from_dict(
        {
            "source": {"kind": "ztf", "nights": str(NIGHT), "lake": str(tmp_path / "lake")},
            "output": {"kind": "kafka", "packet": "full"},
        }
    )
    path.write_text(request.to_yaml())
    home = tmp_path / "home"
    home.mkdir()
    (home / "jars").symlink_to(jars_home / "jars")
    conf = "spark.master=local[1];spark.sql.files.maxPartitionBytes=2m;spark.driver.memory=1g"
    return path, os.environ | {"ALERTFERRY_HOME": str(home), "ALERTFERRY_SPARK_CONF": conf}


def start(path, environment):
    command = [sys.executable, "-m", "alertferry.cli", "run", str(path), "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def events(environment) -> tuple[Path, list[dict]]:
    """The events of the one job of a home so far."""
    for path in (Path(environment["ALERTFERRY_HOME"]) / "jobs").glob("*/events.jsonl"):
        lines = path.read_text().splitlines()
        return path.parent, [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return Path(), []


def wait_until_publishing(process, environment) -> tuple[Path, str]:
    """Wait until some alerts, but not all, are in the topic."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        folder, seen = events(environment)
        if any(0 < (event.get("alerts_published") or 0) < 3000 for event in seen):
            return folder, next(event["topic"] for event in seen if event["event"] == "topic")
        time.sleep(0.05)
    raise AssertionError(f"it never published: {process.communicate()}")


def test_a_killed_driver_leaves_a_topic_that_nobody_takes_for_complete(broker, slow_job, tmp_path, alertferry):
    path, environment = slow_job
    process = start(path, environment)
    folder, topic = wait_until_publishing(process, environment)
    details = json.loads((folder / "handle.json").read_text())
    os.killpg(details["pid"], signal.SIGKILL)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "Spark ended without a result" in json.loads(out)["error"]
    assert "Traceback" not in err
    manifest = last_manifest(broker, topic)
    assert (manifest.state, manifest.receipt) == ("failed", None)
    assert "Spark ended without a result" in (manifest.reason or "")
    called = alertferry("consume", topic, "--outdir", tmp_path / "files", "--timeout", 2, "--json")
    assert (called.code, called.json["state"]) == (3, "failed")
    assert called.json["alerts"] < 3000


def test_ctrl_c_cancels_and_the_topic_says_so(broker, slow_job, tmp_path, alertferry):
    path, environment = slow_job
    process = start(path, environment)
    folder, topic = wait_until_publishing(process, environment)
    details = json.loads((folder / "handle.json").read_text())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert json.loads(out)["state"] == "cancelled"
    assert "Traceback" not in err
    assert not psutil.pid_exists(details["pid"])
    manifest = last_manifest(broker, topic)
    assert (manifest.state, manifest.receipt) == ("cancelled", None)
    called = alertferry("consume", topic, "--outdir", tmp_path / "files", "--timeout", 2)
    assert called.code == 3
    assert "cancelled" in called.out + called.err


def test_ctrl_c_ends_a_job_whose_broker_does_not_answer(broker, slow_job):
    path, environment = slow_job
    with proxied(int(broker.bootstrap_servers.rpartition(":")[2])) as proxy:
        process = start(path, environment | {"ALERTFERRY_BOOTSTRAP_SERVERS": proxy.servers})
        folder, _ = wait_until_publishing(process, environment)
        details = json.loads((folder / "handle.json").read_text())
        proxy.holed = True
        until(lambda: any("does not answer" in event.get("message", "") for event in events(environment)[1]))
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert time.monotonic() - asked < 20, "it waited for the broker"
    assert process.returncode == 1
    assert json.loads(out)["state"] == "cancelled"
    assert "Its broker does not answer: the topic has no receipt" in json.loads(out)["error"]
    assert not psutil.pid_exists(details["pid"])

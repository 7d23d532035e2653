"""Stored jobs with real Spark and the real broker: stopped, killed, and found again; their topics say what happened."""

import os
import signal
import time
import uuid
from datetime import date

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition

from alertferry import service
from alertferry.core.job import Job
from alertferry.core.jobs.entry import handle_text
from alertferry.core.jobs.processes import this_process
from alertferry.core.receipt import Manifest
from alertferry.core.steps import Handle
from alertferry.current import current_settings
from alertferry.testing.simulator import simulate
from tests.jobs import run_job
from tests.publishing import FIRST_ID, Publisher, keyed, light_alerts
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.kafka

NIGHT = date(2026, 3, 1)
ALERTS = 1500


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A lake that takes some seconds to publish."""
    folder = tmp_path_factory.mktemp("slow-lake")
    simulate("ztf", folder, [NIGHT], ALERTS)
    return folder


@pytest.fixture(autouse=True)
def here(broker, monkeypatch, tmp_path, jars_home):
    home = tmp_path / "home"
    home.mkdir()
    (home / "jars").symlink_to(jars_home / "jars")
    monkeypatch.setenv("ALERTFERRY_HOME", str(home))
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    conf = "spark.master=local[1];spark.sql.files.maxPartitionBytes=1m;spark.driver.memory=1g"
    monkeypatch.setenv("ALERTFERRY_SPARK_CONF", conf)


def job(lake):
    source = {"kind": "ztf", "nights": str(NIGHT), "lake": str(lake)}
    return Job.from_dict({"source": source, "output": {"kind": "kafka", "packet": "full"}})


def last_manifest(broker, topic) -> tuple[Manifest, int]:
    """The last record of a companion topic, and how many there are."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "t", "enable.auto.commit": False})
    _, end = consumer.get_watermark_offsets(TopicPartition(f"{topic}_schema", 0), timeout=10)
    consumer.assign([TopicPartition(f"{topic}_schema", 0, end - 1)])
    record = consumer.consume(1, timeout=10)[0]
    consumer.close()
    return Manifest.from_json(record.value()), end


def queue():
    return service._queue()


def publishing(record):
    """Wait until some alerts of a job but not all are in its topic, and return the processes that belong to it."""
    end, position = time.monotonic() + PATIENCE_SECONDS, 0
    while time.monotonic() < end:
        events, position = service.job_events(record.id, after=position)
        assert not service.show_job(record.id).over, service.job_log(record.id)
        if any(0 < (event.get("alerts_published") or 0) < ALERTS for event in events):
            leader = psutil.Process(queue().store.get(record.id).handle.details["pid"])
            return [leader, *leader.children(recursive=True)]
        time.sleep(0.05)
    raise AssertionError("it never published")


def runs(process) -> bool:
    """Whether a process does anything; one that ended may wait a while for its parent to notice."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.spark
def test_cancel_stops_what_another_process_has_started_and_the_topic_says_so(broker, lake, alertferry, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text(job(lake).to_yaml())
    record = service.show_job(alertferry("run", file, "--detach", "--json").json["id"])
    processes = publishing(record)
    shown = service.show_job(record.id)
    assert (shown.state, shown.steps) == ("running", ({"name": "ztf", "alerts": ALERTS},))
    called = alertferry("jobs", "cancel", record.id[:8], "--json")
    assert (called.code, called.json["state"], called.json["topic"]) == (0, "cancelled", shown.topic)
    assert not [process for process in processes if runs(process)]
    manifest, _ = last_manifest(broker, shown.topic)
    assert (manifest.state, manifest.receipt) == ("cancelled", None)


@pytest.mark.spark
def test_a_job_killed_while_nobody_looks_is_found_failed_and_its_topic_says_so(broker, lake, alertferry):
    record = service.submit(job(lake))
    service.run_queue()
    processes = publishing(record)
    topic = service.show_job(record.id).topic
    os.killpg(processes[0].pid, signal.SIGKILL)
    until(lambda: not any(map(runs, processes)))
    assert last_manifest(broker, topic)[0].state == "publishing"
    found = alertferry("jobs", "list", "--json").json["jobs"][0]
    assert (found["state"], found["topic"]) == ("failed", topic)
    assert "Spark ended without a result" in found["reason"]
    manifest, records = last_manifest(broker, topic)
    assert (manifest.state, manifest.receipt) == ("failed", None)
    assert "Spark ended without a result" in manifest.reason
    service.run_queue()
    assert last_manifest(broker, topic)[1] == records
    assert service.job_log(record.id)


@pytest.fixture
def dead(broker, lakes):
    """Return a function that stores a job whose process is gone, after it had written so far to its topic."""

    def make(word):
        record = service.submit(job(lakes["ztf"]))
        topic = f"ftransfer_ztf_2026-11-21_{uuid.uuid4().hex[:12]}"
        if word != "nothing":
            publisher = Publisher.create(broker.bootstrap_servers, topic, partitions=2)
            publisher.begin(2)
            publisher.send(keyed(light_alerts(4)))
            if word == "receipt":
                publisher.finish([str(FIRST_ID + number).encode() for number in range(4)])
        folder = current_settings().home / "jobs" / record.id
        folder.mkdir(parents=True)
        details = this_process().model_copy(update={"birth": "before:1"}).model_dump()
        handle = handle_text(Handle(record.id, "local", folder, details))
        queue().store.change(record.id, ["queued"], state="running", handle=handle, planned_topic=topic)
        return record.id, topic

    return make


def test_a_job_that_died_behind_its_receipt_is_complete(dead):
    job_id, topic = dead("receipt")
    service.run_queue()
    record = service.show_job(job_id)
    assert (record.state, record.topic, record.alerts, record.reason) == ("complete", topic, 4, None)
    assert record.expires > record.ended


@pytest.mark.spark
def test_relative_results_go_where_the_job_was_submitted_and_not_into_its_folder(spark, lakes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = {"kind": "files", "path": "result", "packet": "light"}
    source = {"kind": "ztf", "nights": str(NIGHT), "lake": str(lakes["ztf"])}
    report = run_job(spark, Job.from_dict({"source": source, "output": output}))
    assert report.destination == f"file:{tmp_path / 'result'}"
    assert list((tmp_path / "result").glob("*.parquet"))


def test_a_job_that_died_before_its_topic_existed_leaves_none(broker, dead):
    from confluent_kafka.admin import AdminClient

    job_id, topic = dead("nothing")
    service.run_queue()
    assert service.show_job(job_id).state == "failed"
    assert topic not in AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=10).topics


def test_a_topic_that_could_not_be_told_is_told_later(broker, dead):
    job_id, topic = dead("data")
    queue().store.change(job_id, ["running"], state="failed", reason="it died", tell_after=time.time() + 50)
    service.run_queue()
    assert last_manifest(broker, topic)[0].state == "publishing"
    queue().store.change(job_id, ["failed"], tell_after=time.time() - 1)
    service.run_queue()
    manifest, _ = last_manifest(broker, topic)
    assert (manifest.state, manifest.reason) == ("failed", "it died")
    assert queue().store.get(job_id).tell_after is None

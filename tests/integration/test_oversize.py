"""Packets larger than a topic takes: refused by name, sent without their cutouts, or left out."""

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from alertferry.consumer import consume, verify
from alertferry.core.errors import AlertferryError
from alertferry.core.job import Job
from alertferry.core.receipt import NAMED_ALERTS
from alertferry.core.settings import Settings, load_settings
from alertferry.core.spark_errors import from_spark_error
from alertferry.plugins.outputs.records import RECORD_OVERHEAD_BYTES
from alertferry.plugins.outputs.topic import TopicPair
from tests.jobs import by, lake_rows, plain, run_job
from tests.waiting import until

pytestmark = [pytest.mark.spark, pytest.mark.kafka]

CUTOUTS = {"cutoutScience", "cutoutTemplate", "cutoutDifference"}


@pytest.fixture(autouse=True)
def here(broker, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)


def job(lakes, **output):
    source = {"kind": "ztf", "nights": "2026-03-01..2026-03-02", "lake": str(lakes["ztf"])}
    return Job.from_dict({"source": source, "output": {"kind": "kafka", "packet": "full", **output}})


def sizes_of(broker, topic) -> dict[int, int]:
    """Bytes of each alert's packet, as the topic holds it."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "sizes", "log_level": 0})
    parts = consumer.list_topics(topic).topics[topic].partitions
    ends = {number: consumer.get_watermark_offsets(TopicPartition(topic, number))[1] for number in parts}
    consumer.assign([TopicPartition(topic, number, 0) for number in parts])
    found = consumer.consume(sum(ends.values()), timeout=20)
    consumer.close()
    return {int(message.key()): len(message.value()) for message in found}


@pytest.fixture(scope="module")
def sizes(spark, broker, lakes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        return sizes_of(broker, run_job(spark, job(lakes)).topic)


@pytest.fixture
def limit(sizes, monkeypatch):
    """A limit that half of the packets exceed."""
    found = sorted(sizes.values())[len(sizes) // 2]
    monkeypatch.setenv("ALERTFERRY_MAX_MESSAGE_BYTES", str(found + RECORD_OVERHEAD_BYTES))
    return found


def delivered(report, folder):
    """The rows that a consumer wrote, and what it said."""
    delivery = consume(report.topic, folder, settings=load_settings())
    assert delivery.state == "complete", delivery.message
    assert verify(folder).ok
    return by("candid", [plain(row) for row in pq.read_table(folder).to_pylist()]), delivery.message


@pytest.mark.parametrize("delivery", ["at-least-once", pytest.param("transactional", marks=pytest.mark.soak)])
def test_skipped_alerts_are_counted_and_named(spark, lakes, sizes, limit, tmp_path, delivery):
    report = run_job(spark, job(lakes, oversize="skip", delivery=delivery))
    large = {str(alert) for alert, size in sizes.items() if size > limit}
    found = report.receipt.oversize
    assert (found.action, found.alerts, found.limit_bytes) == ("skip", len(large), limit)
    assert set(found.ids) == large
    assert len(found.ids) <= NAMED_ALERTS
    steps = {step.name: step.alerts for step in report.receipt.steps}
    assert steps == {"ztf": len(sizes), "oversize": len(sizes) - len(large)}
    assert report.receipt.alerts == report.receipt.records == len(sizes) - len(large)
    assert report.receipt.bytes == sum(size for size in sizes.values() if size <= limit)
    arrived, said = delivered(report, tmp_path)
    assert {str(alert) for alert in arrived} == {str(alert) for alert in sizes} - large
    assert f"{len(large)} alerts left out, larger than {limit:,} bytes" in said


def test_large_alerts_travel_without_cutouts_and_with_everything_else(spark, lakes, sizes, limit, tmp_path):
    report = run_job(spark, job(lakes, oversize="drop-cutouts"))
    large = {alert for alert, size in sizes.items() if size > limit}
    found = report.receipt.oversize
    assert (found.action, found.alerts, set(found.ids)) == ("drop-cutouts", len(large), {str(alert) for alert in large})
    assert report.receipt.alerts == report.receipt.records == len(sizes)
    arrived, said = delivered(report, tmp_path)
    assert f"{len(large)} alerts without cutouts" in said
    source = by("candid", lake_rows(lakes["ztf"]))
    assert arrived.keys() == source.keys()
    for alert, row in arrived.items():
        without = CUTOUTS if alert in large else set()
        assert {name for name in CUTOUTS if row[name] is None} == without
        assert all(value == source[alert][name] for name, value in row.items() if name not in {*without, "finkclass"})


def test_what_is_too_large_without_cutouts_too_fails_by_name(spark, lakes, sizes, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_MAX_MESSAGE_BYTES", "2048")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Spark raises its own; what users see is checked
        run_job(spark, job(lakes, oversize="drop-cutouts"))
    known = from_spark_error(caught.value)
    assert isinstance(known, AlertferryError)
    assert any(f"alert {alert} makes a packet of" in str(known) for alert in sizes), str(known)
    assert "`oversize: skip`" in str(known)


def test_nothing_is_said_where_every_packet_fits(spark, lakes):
    assert run_job(spark, job(lakes, packet="light", oversize="drop-cutouts")).receipt.oversize is None


def test_the_limit_of_the_topic_holds_where_it_is_lower(broker, case):
    settings = Settings(bootstrap_servers=broker.bootstrap_servers)
    pair = TopicPair(case.topic, settings)
    pair.create(1)
    assert pair.largest_record_bytes() == settings.max_message_bytes
    entry = ConfigEntry("max.message.bytes", "4096", incremental_operation=AlterConfigOpType.SET)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    asked = admin.incremental_alter_configs([ConfigResource("TOPIC", case.topic, incremental_configs=[entry])])
    for future in asked.values():
        future.result()
    # a broker acts on it a moment after it has been agreed
    until(lambda: TopicPair(case.topic, settings).largest_record_bytes() == 4096)

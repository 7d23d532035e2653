"""The consumer on a real broker: what arrives, and when it ends."""

import json
import threading
import time

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from alertferry.consumer import consume, verify
from alertferry.consumer.records import records_folder
from alertferry.core.errors import IncompleteError, UsageError
from tests.consuming import contents, expected, ids
from tests.publishing import (
    FIRST_ID,
    LIGHT,
    Publisher,
    delete_topics,
    keyed,
    light_alerts,
    publish,
    publish_as_peer,
)

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_a_topic_arrives_whole(case, kind, workers):
    alerts = light_alerts(6_000)
    publish(case.servers, case.topic, alerts)
    seen = []
    found = case.consume(
        format=kind,
        workers=workers,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert (found.state, found.exit_code, found.alerts) == ("complete", 0, 6_000)
    assert (found.bad, found.duplicates_dropped) == (0, 0)
    assert ids(case.folder) == expected(6_000)
    assert sorted(case.folder.glob(f"*.{kind}")) == list(found.files)
    assert seen[-1] == (6_000, 6_000)
    assert seen == sorted(seen)
    proof = verify(case.folder)
    assert proof.ok, proof.problems
    assert (proof.alerts, proof.digest_ok) == (6_000, True)


def test_values_are_those_of_the_publisher(case):
    alerts = light_alerts(500)
    publish(case.servers, case.topic, alerts)
    case.consume()
    table = ds.dataset(case.folder).to_table().sort_by("diaSourceId")
    rows = [row | {"features": None if row["features"] is None else dict(row["features"])} for row in table.to_pylist()]
    assert rows == alerts
    assert len(pd.read_parquet(case.folder)) == 500
    schema = pq.read_schema(next(case.folder.glob("*.parquet")))
    assert schema.field("features").type == pa.map_(pa.string(), pa.float64())
    assert not schema.field("diaSourceId").nullable


def test_the_end_is_the_receipt_not_a_timeout(case):
    publish(case.servers, case.topic, light_alerts(5_000))
    consume(case.topic, case.folder / "warm", settings=case.settings)
    found = consume(case.topic, case.folder / "timed", settings=case.settings, timeout=100_000)
    assert (found.state, len(found.files)) == ("complete", 10)


def test_running_again_changes_nothing(case):
    publish(case.servers, case.topic, light_alerts(2_000))
    case.consume()
    before = contents(case.folder)
    for workers in (1, 2):
        found = case.consume(workers=workers, timeout=100_000)
        assert (found.state, found.alerts, found.exit_code) == ("complete", 2_000, 0)
        assert contents(case.folder) == before


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("limit", [1, 7, 1_234])
def test_a_limit_is_exact_and_can_be_raised(case, limit, workers):
    publish(case.servers, case.topic, light_alerts(3_000))
    found = case.consume(limit=limit, workers=workers)
    assert (found.state, found.exit_code, found.alerts) == ("limit", 0, limit)
    assert len(ids(case.folder)) == limit
    assert case.consume(limit=limit).alerts == limit
    found = case.consume(limit=2_000, workers=workers)
    assert (found.state, found.alerts) == ("limit", 2_000)
    assert not verify(case.folder).ok
    assert verify(case.folder).missing == 1_000
    found = case.consume()
    assert (found.state, found.alerts) == ("complete", 3_000)
    assert ids(case.folder) == expected(3_000)


def test_a_limit_beyond_the_topic_is_complete(case):
    publish(case.servers, case.topic, light_alerts(50))
    assert case.consume(limit=50).state == "complete"
    assert case.consume(limit=51).state == "complete"


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_a_topic_without_alerts_is_complete(case, kind):
    publish(case.servers, case.topic, [])
    found = case.consume(format=kind)
    assert (found.state, found.alerts, len(found.files)) == ("complete", 0, 1)
    if kind == "parquet":
        assert list(pd.read_parquet(case.folder).columns) == [field["name"] for field in LIGHT["fields"]]
    before = contents(case.folder)
    assert case.consume(format=kind).state == "complete"
    assert contents(case.folder) == before
    assert verify(case.folder).ok


def test_without_receipt_the_job_is_incomplete_and_continues(case):
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    messages = keyed(light_alerts(1_000))
    job.send(messages[:400])
    found = case.consume(timeout=1)
    assert (found.state, found.exit_code, found.alerts) == ("incomplete", 3, 400)
    assert "has not finished" in found.message
    assert "400 alerts" in found.message
    job.send(messages[400:])
    job.finish([key for key, _ in messages])
    found = case.consume(timeout=1)
    assert (found.state, found.alerts) == ("complete", 1_000)
    assert ids(case.folder) == expected(1_000)


def test_a_receipt_that_came_later_is_read_from_the_broker(case):
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    messages = keyed(light_alerts(100))
    job.send(messages)
    assert case.consume(limit=40, timeout=5).state == "limit"
    job.finish([key for key, _ in messages])
    assert verify(case.folder).digest_ok is None
    found = verify(case.folder, settings=case.settings)
    assert (found.ok, found.alerts, found.missing) == (False, 40, 60)


def test_a_consumer_that_starts_first_follows_the_job(case):
    job = Publisher.create(case.servers, case.topic)
    messages = keyed(light_alerts(2_000))

    def work():
        time.sleep(0.5)
        job.begin()
        for start in range(0, 2_000, 200):
            job.send(messages[start : start + 200])
            time.sleep(0.1)
        job.finish([key for key, _ in messages])

    publisher = threading.Thread(target=work)
    publisher.start()
    found = case.consume(timeout=30)
    publisher.join()
    assert (found.state, found.alerts) == ("complete", 2_000)
    assert ids(case.folder) == expected(2_000)
    assert len(found.files) <= 30


def test_a_topic_of_the_peer(case):
    publish_as_peer(case.servers, case.topic, light_alerts(700))
    found = case.consume(timeout=2)
    assert (found.state, found.exit_code, found.alerts) == ("unconfirmed", 0, 700)
    assert "no receipt" in found.message
    assert ids(case.folder) == expected(700)
    assert verify(case.folder).ok
    again = case.consume(timeout=0.5)
    assert (again.state, again.alerts) == ("unconfirmed", 700)


def test_from_beginning_fetches_all_again(case):
    publish(case.servers, case.topic, light_alerts(300))
    case.consume()
    (case.folder / "notes.txt").write_text("mine")
    found = case.consume(from_beginning=True, format="avro")
    assert (found.state, found.alerts) == ("complete", 300)
    assert ids(case.folder) == expected(300)
    assert list(case.folder.glob("*.parquet")) == []
    assert (case.folder / "notes.txt").read_text() == "mine"


def test_a_folder_of_another_topic_is_refused(case):
    publish(case.servers, case.topic, light_alerts(10))
    publish(case.servers, f"{case.topic}x", light_alerts(10))
    case.consume()
    with pytest.raises(UsageError, match=f"holds alerts of the topic {case.topic}"):
        consume(f"{case.topic}x", case.folder, settings=case.settings)


def test_topics_that_are_none(case):
    publish(case.servers, case.topic, [])
    with pytest.raises(UsageError, match="no topic 'nonsense'") as caught:
        consume("nonsense", case.folder / "a", settings=case.settings)
    assert case.topic not in str(caught.value)
    with pytest.raises(UsageError, match=f"name {case.topic} instead"):
        consume(f"{case.topic}_schema", case.folder / "a", settings=case.settings)
    delete_topics(case.servers, f"{case.topic}_schema")
    time.sleep(1)
    with pytest.raises(UsageError, match="no companion topic"):
        consume(case.topic, case.folder / "a", settings=case.settings)
    assert not (case.folder / "a").exists()


def test_a_job_that_has_not_begun(case):
    Publisher.create(case.servers, case.topic)
    with pytest.raises(IncompleteError, match="holds no schema yet"):
        case.consume(timeout=0.5)


def test_another_survey_is_refused(case):
    publish(case.servers, case.topic, [])
    with pytest.raises(UsageError, match="alerts of lsst, not ztf"):
        case.consume(survey="ztf")
    assert case.consume(survey="lsst").state == "complete"


def test_schemas_are_dumped_beside_the_data(case):
    publish(case.servers, case.topic, light_alerts(10))
    case.consume(dump_schemas=True)
    assert json.loads((records_folder(case.folder) / f"_schemas/avro_schema_{case.topic}.json").read_text()) == LIGHT
    schema = pq.read_schema(records_folder(case.folder) / f"_schemas/arrow_schema_{case.topic}.metadata")
    assert schema.remove_metadata() == pq.read_schema(next(case.folder.glob("*.parquet"))).remove_metadata()
    assert len(pd.read_parquet(case.folder)) == 10


def test_unions_of_several_types_need_avro(case):
    schema = LIGHT | {"fields": [*LIGHT["fields"][:1], {"name": "mixed", "type": ["null", "long", "string"]}]}
    alerts = [{"diaSourceId": FIRST_ID + number, "mixed": [None, 7, "x"][number % 3]} for number in range(30)]
    publish(case.servers, case.topic, alerts, schema=schema)
    with pytest.raises(UsageError, match=r"'mixed'.*--format avro"):
        case.consume()
    assert case.consume(format="avro").state == "complete"
    assert ids(case.folder) == expected(30)
    assert verify(case.folder).ok


def test_large_and_small_batches_hold_the_same_alerts(case):
    publish(case.servers, case.topic, light_alerts(2_000), partitions=3)
    found = consume(case.topic, case.folder / "count", settings=case.settings, batch_alerts=100)
    assert all(pq.read_metadata(path).num_rows <= 100 for path in found.files)
    assert ids(case.folder / "count") == expected(2_000)
    found = consume(case.topic, case.folder / "bytes", settings=case.settings, batch_bytes=2_000)
    assert len(found.files) > 10
    assert ids(case.folder / "bytes") == expected(2_000)


def test_kafka_is_told_how_far_we_are(case):
    from confluent_kafka import Consumer, TopicPartition

    from alertferry.consumer.fetch import Order
    from alertferry.consumer.intake import Limits

    publish(case.servers, case.topic, light_alerts(100))
    case.consume()
    order = Order(case.topic, case.folder, case.settings, "parquet", None, 1, False, False, Limits(), None)
    reader = Consumer({"bootstrap.servers": case.servers, "group.id": order.group})
    committed = reader.committed([TopicPartition(case.topic, number) for number in range(10)], timeout=20)
    reader.close()
    assert [part.offset for part in committed] == [10] * 10

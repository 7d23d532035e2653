"""Exactly once, on both ways to publish: tasks that are tried again, workers that are killed, zombies."""

import json
import os
import subprocess
import sys
import uuid
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from confluent_kafka import KafkaException, Producer

from alertferry.consumer import consume, verify
from alertferry.core.receipt import Receipt, format_digest, ids_digest
from alertferry.core.settings import Settings
from alertferry.core.spark_errors import REORDERED
from alertferry.plugins.outputs.topic import TopicPair
from alertferry.plugins.outputs.transactions import Full, Sender, TaskProducer
from alertferry.testing.simulator import simulate
from tests.publishing import Publisher, keyed, light_alerts

pytestmark = pytest.mark.kafka

ALERTS = 1500
PARTITIONS = 3


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retried") / "lake"
    nights = [date(2026, 3, 1), date(2026, 3, 2)]
    simulate("ztf", folder, nights, ALERTS, cutouts=False, history=False, files_per_night=1)
    return folder


def run_retried(lake, broker, fault, *deliveries, master="local[2,4]"):
    """Publish with faults in a process of its own; return topics and receipts."""
    root = Path(__file__).parent.parent.parent
    environment = os.environ | {
        "ALERTFERRY_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "RETRIED_JOB_MASTER": master,
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "tests.retried_job", str(lake), fault, *deliveries]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return [(item["topic"], Receipt.model_validate(item["receipt"])) for item in found]


def ids_of(folder) -> list[int]:
    return sorted(pq.read_table(folder)["candid"].to_pylist())


def assert_each_once(broker, lake, folder, topic, receipt):
    """Consume, and compare ids with the lake's."""
    delivery = consume(topic, folder, settings=Settings(bootstrap_servers=broker.bootstrap_servers))
    assert (delivery.state, delivery.alerts) == ("complete", 2 * ALERTS), delivery.message
    assert ids_of(folder) == ids_of(lake)
    assert receipt.alerts == 2 * ALERTS
    assert delivery.duplicates_dropped == receipt.records - receipt.alerts
    assert verify(folder).ok


@pytest.mark.spark
def test_tasks_tried_again_repeat_nothing_for_readers(broker, lake, tmp_path):
    plain, transactional = run_retried(lake, broker, "raise", "at-least-once", "transactional")
    topic, receipt = plain
    assert receipt.records > receipt.alerts, "no task was tried again after it had sent"
    assert_each_once(broker, lake, tmp_path / "plain", topic, receipt)
    topic, receipt = transactional
    assert receipt.records == sum(receipt.acknowledged.values()) == receipt.alerts
    assert sum(receipt.partitions.values()) > receipt.records, "transactions leave marks, which take offsets"
    assert_each_once(broker, lake, tmp_path / "transactional", topic, receipt)


@pytest.mark.spark
@pytest.mark.soak
@pytest.mark.parametrize("master", ["local[2,4]", "local-cluster[2,1,1024]"])
@pytest.mark.parametrize("fault", ["kill", "raise", "none"])
def test_killed_workers_and_speculation_repeat_nothing(broker, lake, tmp_path, fault, master):
    """On the small cluster Spark also starts second copies of slow tasks, which fence the first."""
    deliveries = ["at-least-once", "transactional"] * 3
    for number, (topic, receipt) in enumerate(run_retried(lake, broker, fault, *deliveries, master=master)):
        if deliveries[number] == "transactional":
            assert receipt.records == receipt.alerts
        assert_each_once(broker, lake, tmp_path / str(number), topic, receipt)


@pytest.fixture
def job(broker):
    """A topic without a receipt yet."""
    found = Publisher.create(
        broker.bootstrap_servers, f"ftransfer_lsst_2026-11-21_{uuid.uuid4().hex[:8]}", partitions=PARTITIONS
    )
    found.begin(1)
    return found


@pytest.fixture
def sender(job):
    return Sender(job.topic, PARTITIONS, {"bootstrap.servers": job.servers, "log_level": 0}, Full(alerts=100))


def batches(messages, rows=40):
    """Rows as Spark hands them to a worker."""
    for start in range(0, len(messages), rows):
        part = messages[start : start + rows]
        columns = {"key": [key for key, _ in part], "value": [value for _, value in part]}
        numbers = [int(key) % PARTITIONS for key in columns["key"]]
        yield pa.record_batch(columns | {"partition": pa.array(numbers, pa.int32())})


def finish(job, sender, ids, counts):
    """Write the receipt as a job does, with the offsets that marks of transactions take."""
    ends = TopicPair(job.topic, Settings(bootstrap_servers=job.servers)).settled_offsets()
    receipt = Receipt(
        alerts=len(ids),
        bytes=0,
        digest=format_digest(ids_digest(ids)),
        schema_fingerprint=job.manifest.schema_fingerprint,
        job_hash=job.manifest.job_hash,
        partitions=ends,
        acknowledged=dict(enumerate(counts)),
    )
    job.conclude(job.manifest.model_copy(update={"state": "complete", "receipt": receipt}))


def test_a_new_attempt_fences_the_old_and_goes_on_behind_it(broker, job, sender, tmp_path):
    messages = keyed(light_alerts(300))
    rows = list(batches(messages))
    zombie = TaskProducer(sender, 0)
    zombie.send(rows[:2])
    stuck = Producer(sender.options | {"transactional.id": f"{job.topic}-0"})
    stuck.init_transactions(20)
    stuck.begin_transaction()
    for key, value in messages[80:150]:
        stuck.produce(job.topic, value, key, int(key) % PARTITIONS)
    stuck.flush(20)
    heir = TaskProducer(sender, 0)
    for fenced in (zombie, stuck):
        with pytest.raises(KafkaException, match=r"fenced|newer instance|Fenced"):
            zombie.send(rows[2:4]) if fenced is zombie else stuck.commit_transaction(20)
    for batch in rows:
        heir.send([batch])
    heir.finish()
    finish(job, sender, [key for key, _ in messages], [100, 100, 100])
    delivery = consume(job.topic, tmp_path, settings=Settings(bootstrap_servers=broker.bootstrap_servers))
    assert (delivery.state, delivery.alerts, delivery.duplicates_dropped) == ("complete", 300, 0), delivery.message
    arrived = pq.read_table(tmp_path)["diaSourceId"].to_pylist()
    assert sorted(arrived) == sorted(int(key) for key, _ in messages)


def test_an_attempt_that_is_done_sends_nothing_again(job, sender):
    messages = keyed(light_alerts(250))
    first = sender.send(4, batches(messages))
    ends = TopicPair(job.topic, Settings(bootstrap_servers=job.servers)).settled_offsets()
    assert sender.send(4, batches(messages, rows=33)) == first
    assert sum(first) == 250
    assert TopicPair(job.topic, Settings(bootstrap_servers=job.servers)).settled_offsets() == ends


@pytest.mark.parametrize("later", [slice(None, None, -1), slice(0, 50)], ids=["reversed", "fewer"])
def test_rows_in_another_order_end_the_task(job, sender, later):
    messages = keyed(light_alerts(250))
    sender.send(2, batches(messages[:120]))
    with pytest.raises(RuntimeError, match=REORDERED):
        sender.send(2, batches(messages[later]))

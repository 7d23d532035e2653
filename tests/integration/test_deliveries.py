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
AGAIN = 120
ALTERED = 30
PARTITIONS = 3


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Two nights; some alerts of each are there again, as they are or altered."""
    folder = tmp_path_factory.mktemp("retried") / "lake"
    nights = [date(2026, 3, 1), date(2026, 3, 2)]
    simulate("ztf", folder, nights, ALERTS, cutouts=False, history=False, files_per_night=1)
    for file in folder.rglob("*.parquet"):
        table = pq.ParquetFile(file).read()
        rows = table.slice(200, AGAIN).to_pylist()
        for row in rows[:ALTERED]:
            row["candidate"]["magpsf"] = 12.5
        again = pa.Table.from_pylist(rows, table.schema)
        pq.write_table(pa.concat_tables([table, again]), file, use_deprecated_int96_timestamps=True)
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
    """Consume, and compare ids with the lake's: an altered alert is there twice, all others once."""
    delivery = consume(topic, folder, settings=Settings(bootstrap_servers=broker.bootstrap_servers))
    assert (delivery.state, delivery.alerts) == ("complete", 2 * (ALERTS + ALTERED)), delivery.message
    magnitudes = pq.read_table(folder)["magpsf"].to_pylist()
    altered = [
        alert
        for alert, found in zip(pq.read_table(folder)["candid"].to_pylist(), magnitudes, strict=True)
        if found == 12.5
    ]
    assert len(altered) == len(set(altered)) == 2 * ALTERED
    assert ids_of(folder) == sorted([*set(ids_of(lake)), *altered])
    assert (receipt.alerts, receipt.distinct, receipt.repeats) == (
        2 * (ALERTS + ALTERED),
        2 * ALERTS,
        2 * (AGAIN - ALTERED),
    )
    assert delivery.duplicates_dropped == receipt.records - receipt.alerts
    found = verify(folder)
    assert (found.ok, found.distinct, found.duplicates) == (True, 2 * ALERTS, 0), found.problems


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

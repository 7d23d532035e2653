"""The consumer on a real broker: each alert exactly once, whatever happens on the way."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alertferry.consumer import batches, consume, verify
from alertferry.consumer.connection import Broker
from alertferry.consumer.records import records_folder
from alertferry.core.errors import AlertferryError, DamagedError, UsageError
from alertferry.core.settings import Settings
from tests.consuming import consuming, contents, expected, ids, order_line, wait_for_files
from tests.publishing import (
    FIRST_ID,
    LIGHT,
    Publisher,
    delete_records,
    delete_topics,
    encode,
    keyed,
    light_alerts,
    publish,
    publish_as_peer,
)
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(("kind", "workers", "kills"), [("avro", 1, 6), ("parquet", 2, 4)])
def test_killed_at_any_moment_every_alert_arrives_once(case, nursery, kind, workers, kills):
    """Kill a consumer again and again, mostly between two files; readers always find whole files, the end is whole."""
    count = 16_000
    publish(case.servers, case.topic, light_alerts(count))
    options = {"format": kind, "workers": workers, "batch_alerts": 40}
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    held = []
    for _ in range(kills):
        child = nursery.start(order_line(case.settings, case.topic, case.folder, options))
        before = len(list(case.folder.glob("p*")))
        wait_for_files(case.folder, before + chance.randrange(0, 30))
        time.sleep(chance.random() * 0.01)
        nursery.kill(child)
        found = ids(case.folder) if any(case.folder.glob("p*")) else []
        assert len(set(found)) == len(found)
        held.append(len(found))
    print("alerts after each kill", held)
    assert held[-1] > 0
    delivery = case.consume(**options)
    assert (delivery.state, delivery.alerts) == ("complete", count)
    assert ids(case.folder) == expected(count)
    assert verify(case.folder).ok


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_ends_in_order_and_the_next_run_continues(case, number, workers):
    publish(case.servers, case.topic, light_alerts(8_000))
    process = consuming(case.settings, case.topic, case.folder, batch_alerts=20, workers=workers)
    until(lambda: list(case.folder.glob("p*.parquet")), pause=0.01)
    process.send_signal(number)
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 3
    assert f"stopped by {number.name}" in said
    assert "run the same command again" in said
    assert list(case.folder.rglob(".*.tmp")) == []
    before = contents(case.folder)
    found = case.consume()
    assert (found.state, found.alerts) == ("complete", 8_000)
    assert ids(case.folder) == expected(8_000)
    assert {path: state for path, state in contents(case.folder).items() if path in before and "_job" not in path} == {
        path: state for path, state in before.items() if "_job" not in path
    }


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_failed_job_says_why(case, state):
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    job.send(keyed(light_alerts(100)))
    assert case.consume(timeout=1).alerts == 100
    job.fail("no memory left", state)
    found = case.consume()
    assert (found.state, found.exit_code, found.alerts) == (state, 3, 100)
    assert "no memory left" in found.message
    assert ids(case.folder) == expected(100)


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_bad_messages_are_set_aside(case, kind):
    messages = keyed(light_alerts(300))
    damaged = list(messages)
    damaged[37] = (messages[37][0], b"junk")
    damaged[203] = (messages[203][0], messages[203][1] + b"\0")
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    job.send(damaged)
    job.finish([key for key, _ in messages])
    found = case.consume(format=kind)
    assert (found.state, found.exit_code, found.alerts, found.bad) == ("damaged", 4, 298, 2)
    assert len(ids(case.folder)) == 298
    assert (records_folder(case.folder) / "_bad/p07-000000000003.bin").read_bytes() == b"junk"
    story = json.loads((records_folder(case.folder) / "_bad/p03-000000000020.json").read_text())
    assert story["key"] == str(FIRST_ID + 203)
    assert "left over" in story["error"]
    again = case.consume(format=kind)
    assert (again.state, again.exit_code, again.bad) == ("damaged", 4, 2)
    assert not verify(case.folder).ok


def test_a_topic_made_again_is_not_mixed_with_the_old(case):
    publish(case.servers, case.topic, light_alerts(100))
    case.consume()
    delete_topics(case.servers, case.topic, f"{case.topic}_schema")
    time.sleep(1)
    publish(case.servers, case.topic, light_alerts(50), created="2026-12-01T00:00:00+00:00")
    before = contents(case.folder)
    with pytest.raises(UsageError, match="deleted and made again"):
        case.consume()
    assert contents(case.folder) == before
    found = case.consume(from_beginning=True)
    assert (found.state, found.alerts) == ("complete", 50)
    assert ids(case.folder) == expected(50)


def test_a_topic_of_the_peer_made_again(case):
    publish_as_peer(case.servers, case.topic, light_alerts(20), copies=10)
    case.consume(timeout=2)
    delete_topics(case.servers, case.topic, f"{case.topic}_schema")
    time.sleep(1)
    publish_as_peer(case.servers, case.topic, light_alerts(20), copies=10)
    with pytest.raises(UsageError, match="deleted and made again"):
        case.consume(timeout=0.5)


def test_a_complete_folder_outlives_its_topic(case):
    publish(case.servers, case.topic, light_alerts(100))
    case.consume()
    delete_topics(case.servers, case.topic, f"{case.topic}_schema")
    time.sleep(1)
    found = case.consume()
    assert (found.state, found.alerts) == ("complete", 100)
    assert "no topic" in found.message


def test_a_silent_broker_is_named_within_seconds(tmp_path):
    with pytest.raises(AlertferryError, match=r"127\.0\.0\.1:9") as caught:
        consume("t", tmp_path / "a", settings=Settings(bootstrap_servers="127.0.0.1:9"))
    assert "ALERTFERRY_BOOTSTRAP_SERVERS" in str(caught.value)
    assert caught.value.exit_code == 1


def test_expired_alerts_are_counted_and_the_rest_is_fetched(case):
    publish(case.servers, case.topic, light_alerts(1_000))
    case.consume(limit=30)
    delete_records(case.servers, case.topic, {0: 60, 4: 25})
    found = case.consume()
    assert (found.state, found.exit_code, found.expired) == ("expired", 4, 55)
    assert "55 alerts" in found.message
    assert found.alerts == 945
    assert len(set(ids(case.folder))) == 945
    with pytest.raises(DamagedError, match="85 alerts"):
        list(batches(case.topic, settings=case.settings))


@pytest.mark.parametrize("known_first", [True, False])
def test_repeated_records_are_dropped(case, known_first):
    messages = keyed(light_alerts(1_000))
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    job.send(messages)
    for number in (3, 4, 503):
        job.send([messages[number]], partition=number % 10)
    job.send([messages[3]], partition=3)
    if not known_first:
        found = case.consume(timeout=3, batch_alerts=30)
        assert (found.state, found.alerts) == ("incomplete", 1_004)
    untouched = {path: state for path, state in contents(case.folder).items() if "/p00-" in path}
    job.finish([key for key, _ in messages])
    found = case.consume(batch_alerts=30)
    assert (found.state, found.alerts, found.duplicates_dropped) == ("complete", 1_000, 4)
    assert ids(case.folder) == expected(1_000)
    assert untouched.items() <= contents(case.folder).items()
    assert verify(case.folder).ok
    before = contents(case.folder)
    assert case.consume().duplicates_dropped == 4
    assert contents(case.folder) == before
    assert sum(batch.num_rows for batch in batches(case.topic, settings=case.settings)) == 1_000


def test_several_rows_of_one_alert_are_not_repeated_records(case):
    alerts = light_alerts(100)
    rows = alerts + [alert | {"band": "match"} for alert in alerts[:20]]
    values = encode(LIGHT, rows)
    messages = [(str(row["diaSourceId"]).encode(), value) for row, value in zip(rows, values, strict=True)]
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    job.send(messages)
    job.send([messages[5]], partition=5)
    job.finish([key for key, _ in messages])
    found = case.consume()
    assert (found.state, found.alerts, found.duplicates_dropped) == ("complete", 120, 1)


def test_alerts_without_an_id_are_counted_alike(case):
    """Their records have no key, so a task that is tried again may send them to another partition."""
    messages = keyed(light_alerts(40))
    without = [(None, value) for _, value in messages[:3]]
    job = Publisher.create(case.servers, case.topic, alert_id=None)
    job.begin(1)
    job.send(messages)
    job.send(without, partition=2)
    job.send(without[:2], partition=7)
    job.finish([key for key, _ in messages + without])
    found = case.consume()
    assert (found.state, found.alerts, found.duplicates_dropped) == ("complete", 43, 2), found.message
    assert verify(case.folder).ok


def test_a_full_disk_leaves_nothing_half_visible(case):
    publish(case.servers, case.topic, light_alerts(40_000), partitions=1)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    code = (
        "import sys\nfrom alertferry.consumer import consume\nfrom alertferry.core.errors import AlertferryError\n"
        "from alertferry.core.settings import Settings\n"
        "try:\n    consume(sys.argv[1], sys.argv[2], settings=Settings(bootstrap_servers=sys.argv[3]), limit=1_000)\n"
        "    consume(sys.argv[1], sys.argv[2], settings=Settings(bootstrap_servers=sys.argv[3]))\n"
        "except AlertferryError as error:\n    print(error)\n    sys.exit(error.exit_code)\n"
    )
    command = [sys.executable, "-c", code, case.topic, str(case.folder), case.servers]
    ended = subprocess.run(command, preexec_fn=small_files, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    assert f"cannot write to {case.folder}" in ended.stdout
    assert "run the same command again" in ended.stdout
    assert ended.stderr == ""
    assert ids(case.folder) == expected(1_000)
    assert list(case.folder.rglob(".*.tmp")) == []
    assert case.consume().state == "complete"
    assert ids(case.folder) == expected(40_000)


def test_a_dead_worker_is_reported_and_the_next_run_continues(case):
    publish(case.servers, case.topic, light_alerts(20_000))
    process = consuming(case.settings, case.topic, case.folder, batch_alerts=20, workers=2)
    until(lambda: list(case.folder.glob("p*.parquet")), pause=0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert "signal 9" in said
    assert "run the same command again" in said
    assert case.consume(workers=2).state == "complete"
    assert ids(case.folder) == expected(20_000)


def test_workers_do_not_outlive_their_parent(case):
    publish(case.servers, case.topic, light_alerts(20_000))
    process = consuming(case.settings, case.topic, case.folder, batch_alerts=20, workers=2)
    until(lambda: list(case.folder.glob("p*.parquet")), pause=0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    until(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in children))


def test_records_of_a_rolled_back_transaction_are_not_alerts(case):
    from confluent_kafka import Producer

    job = Publisher.create(case.servers, case.topic, partitions=2)
    job.begin()
    messages = keyed(light_alerts(40))
    producer = Producer({"bootstrap.servers": case.servers, "transactional.id": case.topic})
    producer.init_transactions(20)
    for keep, part in ((True, messages[:20]), (False, messages[:10]), (True, messages[20:])):
        producer.begin_transaction()
        for number, (key, value) in enumerate(part):
            producer.produce(case.topic, key=key, value=value, partition=number % 2)
        (producer.commit_transaction if keep else producer.abort_transaction)(20)
    found = case.consume(timeout=1)
    assert (found.state, found.alerts) == ("incomplete", 40)
    assert ids(case.folder) == expected(40)


def test_a_broker_that_stops_answering_does_not_hold_the_consumer(case, broker):
    publish(case.servers, case.topic, light_alerts(20_000))
    earlier = Broker(case.settings)
    partitions = earlier.topics()[case.topic]
    ends = earlier.offsets(case.topic, partitions)
    stopped = []

    def stop_once(done, _):
        if done > 1_000 and not stopped:
            stopped.append(done)
            os.kill(broker.pid, signal.SIGSTOP)

    started = time.monotonic()
    try:
        found = case.consume(timeout=2, batch_alerts=100, progress=stop_once)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert stopped
    assert (found.state, found.exit_code) == ("incomplete", 3)
    assert "run the same command again" in found.message
    time.sleep(3)  # the controller gives the partitions a new leader epoch, which a client from before must learn
    assert earlier.offsets(case.topic, partitions) == ends
    assert case.consume().state == "complete"
    assert ids(case.folder) == expected(20_000)

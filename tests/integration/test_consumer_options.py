"""Shards, following, selections and many workers on a real broker."""

import random
import shutil
import threading
import time

import pyarrow.dataset as ds
import pytest

from alertferry.consumer import consume, verify
from alertferry.core.errors import UsageError
from tests.consuming import Case, contents, expected, ids
from tests.publishing import Publisher, keyed, light_alerts, publish, publish_as_peer

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(("partitions", "count", "kind"), [(10, 3, "parquet"), (1, 4, "avro"), (2, 2, "parquet")])
def test_shards_copied_into_one_folder_are_the_topic(case, partitions, count, kind):
    publish(case.servers, case.topic, light_alerts(3_000), partitions=partitions)
    whole = case.folder / "whole"
    shards = [f"{number}/{count}" for number in range(1, count + 1)]
    random.shuffle(shards)
    for number, shard in enumerate(shards):
        folder = case.folder / str(number)
        done = consume(case.topic, folder, settings=case.settings, format=kind, shard=shard)
        assert (done.state, done.exit_code) == ("complete", 0)
        assert f"all of the shard {shard}" in done.message
        assert verify(folder).ok
        if number == count - 1 > 1:
            found = verify(whole)
            assert (found.ok, found.missing) == (False, done.alerts)
            assert f"shard {shard} is not here" in found.problems[0]
        shutil.copytree(folder, whole, dirs_exist_ok=True)
    shutil.copytree(case.folder / "0", whole, dirs_exist_ok=True)
    found = verify(whole)
    assert (found.ok, found.digest_ok, found.shard) == (True, True, None), found.problems
    assert ids(whole) == expected(3_000)
    before = contents(case.folder / "0")
    again = consume(case.topic, case.folder / "0", settings=case.settings, format=kind, shard=shards[0])
    assert again.state == "complete"
    assert contents(case.folder / "0") == before


def test_a_shard_by_offsets_waits_for_the_receipt(case):
    job = Publisher.create(case.servers, case.topic, partitions=2)
    job.begin()
    messages = keyed(light_alerts(400))
    job.send(messages)
    found = case.consume(shard="2/4", timeout=0.5)
    assert (found.state, found.alerts) == ("incomplete", 0)
    assert "divided into so many shards by its receipt" in found.message
    job.finish([key for key, _ in messages])
    found = case.consume(shard="2/4", timeout=0.5)
    assert (found.state, found.alerts) == ("complete", 100)


def test_a_topic_of_the_peer_is_divided_by_partition_only(case):
    publish_as_peer(case.servers, case.topic, light_alerts(100), copies=5)
    with pytest.raises(UsageError, match="use at most 10 shards"):
        case.consume(shard="2/11")
    found = case.consume(shard="2/5", timeout=0.5)
    assert (found.state, found.alerts) == ("unconfirmed", 20)


def test_repeated_records_are_dropped_in_every_shard(case):
    messages = keyed(light_alerts(600))
    job = Publisher.create(case.servers, case.topic, partitions=4)
    job.begin()
    job.send(messages)
    for number in (1, 2, 3, 7):
        job.send([messages[number]], partition=number % 4)
    job.finish([key for key, _ in messages])
    for number in (1, 2):
        folder = case.folder / str(number)
        found = consume(case.topic, folder, settings=case.settings, shard=f"{number}/2")
        assert (found.state, found.alerts, found.duplicates_dropped) == ("complete", 300, [1, 3][number - 1])
        assert verify(folder).ok
        shutil.copytree(folder, case.folder / "whole", dirs_exist_ok=True)
    assert verify(case.folder / "whole").ok


def test_following_waits_longer_than_the_timeout(case):
    job = Publisher.create(case.servers, case.topic)
    messages = keyed(light_alerts(200))

    def work():
        time.sleep(1.5)
        job.begin()
        job.send(messages[:100])
        time.sleep(2)
        job.send(messages[100:])
        job.finish([key for key, _ in messages])

    publisher = threading.Thread(target=work)
    publisher.start()
    found = case.consume(follow=True, timeout=1.5)
    publisher.join()
    assert (found.state, found.alerts) == ("complete", 200)
    assert ids(case.folder) == expected(200)


def test_following_ends_with_the_job_that_dies(case):
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    job.send(keyed(light_alerts(50)))

    def end():
        time.sleep(1.5)
        job.fail("executor lost")

    publisher = threading.Thread(target=end)
    publisher.start()
    found = case.consume(follow=True, timeout=1)
    publisher.join()
    assert (found.state, found.exit_code, found.alerts) == ("failed", 3, 50)
    assert "executor lost" in found.message


def test_selected_columns_only(case):
    alerts = light_alerts(400)
    publish(case.servers, case.topic, alerts)
    with pytest.raises(UsageError, match="no field 'psfFluxx'; did you mean 'psfFlux'"):
        case.consume(select=["psfFluxx"])
    assert list(case.folder.iterdir()) == []
    assert case.consume(select=["features", "psfFlux"], limit=100).state == "limit"
    with pytest.raises(UsageError, match="with --select diaSourceId,psfFlux,features"):
        case.consume(select=["psfFlux"])
    found = case.consume(select=["psfFlux", "features"])
    assert (found.state, found.alerts) == ("complete", 400)
    table = ds.dataset(case.folder).to_table().sort_by("diaSourceId")
    assert table.schema.names == ["diaSourceId", "psfFlux", "features"]
    assert table["psfFlux"].to_pylist() == [alert["psfFlux"] for alert in alerts]
    assert verify(case.folder).digest_ok is True


def test_workers_divide_files_into_folders(case):
    publish(case.servers, case.topic, light_alerts(500), partitions=2)
    found = case.consume(workers=2, partition_by="band")
    assert (found.state, found.alerts) == ("complete", 500)
    assert ids(case.folder) == expected(500)
    assert (case.folder / "by_band=g").is_dir()


def uneven(case: Case, count: int) -> None:
    """A topic with nearly all alerts in one partition."""
    job = Publisher.create(case.servers, case.topic, partitions=4)
    job.begin()
    messages = keyed(light_alerts(count))
    job.send(messages[:100], partition=0)
    job.send(messages[100:], partition=2)
    job.finish([key for key, _ in messages])


@pytest.mark.parametrize("kind", ["parquet", pytest.param("avro", marks=pytest.mark.soak)])
def test_three_workers_on_one_large_partition(case, kind):
    uneven(case, 30_000)
    found = case.consume(workers=3, batch_alerts=1_000, format=kind)
    assert (found.state, found.alerts) == ("complete", 30_000)
    assert ids(case.folder) == expected(30_000)
    assert verify(case.folder).ok

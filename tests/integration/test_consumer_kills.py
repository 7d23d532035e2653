"""Killed fifty times in a row at random moments, read all the while: nothing lost, repeated or half there."""

import random
import signal
import time

import pytest

from alertferry.consumer import verify
from tests.consuming import Case, Nursery, Reader, expected, ids, order_line, wait_for_files
from tests.publishing import light_alerts, publish

pytestmark = [pytest.mark.kafka, pytest.mark.soak]

COUNT = 60_000
KILLS = 50


def wait_for_a_moment(case: Case, chance: random.Random, complete: bool) -> None:
    """Wait a random time: half of the kills come soon after the start, half soon after a file, however slow that is."""
    if complete or chance.random() < 0.5:
        time.sleep(chance.uniform(0.05, 0.6))
    else:
        wait_for_files(case.folder, len(list(case.folder.rglob("p*.*"))) + 1)
        time.sleep(chance.uniform(0, 0.1))


def kill_often(case: Case, nursery: Nursery, options: dict, numbers: list[int], seed: int) -> None:
    publish(case.servers, case.topic, light_alerts(COUNT), partitions=random.Random(seed).randrange(4, 13))
    print("seed", seed)
    chance = random.Random(seed)
    codes, found = [], []
    with Reader(case.folder) as reader:
        for _ in range(KILLS):
            child = nursery.start(order_line(case.settings, case.topic, case.folder, options))
            wait_for_a_moment(case, chance, len(found) == COUNT)
            codes.append(nursery.kill(child, chance.choice(numbers)))
            found = ids(case.folder) if any(case.folder.rglob("p*.*")) else []
            assert len(set(found)) == len(found)
    print("codes", codes, "alerts", len(found), "reads", reader.reads)
    assert reader.failures == []
    assert reader.reads > 0
    delivery = case.consume(**options)
    assert (delivery.state, delivery.alerts) == ("complete", COUNT)
    assert ids(case.folder) == expected(COUNT)
    assert verify(case.folder).ok
    assert not list(case.folder.rglob(".*.tmp"))


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("layout", [{"format": "parquet"}, {"format": "avro"}, {"partition_by": "band"}], ids=str)
def test_fifty_kills(case, nursery, layout, workers):
    options = layout | {"workers": workers, "batch_alerts": 400}
    kill_often(case, nursery, options, [signal.SIGKILL], random.randrange(10**6))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_fifty_signals(case, nursery, number):
    kill_often(case, nursery, {"batch_alerts": 400}, [number], random.randrange(10**6))


def test_a_shard_killed_often(case, nursery):
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    publish(case.servers, case.topic, light_alerts(COUNT), partitions=2)
    whole = case.folder / "whole"
    import shutil

    for number in (1, 2, 3):
        folder = case.folder / str(number)
        for _ in range(10):
            line = order_line(case.settings, case.topic, folder, {"shard": f"{number}/3", "batch_alerts": 400})
            child = nursery.start(line)
            time.sleep(chance.uniform(0.05, 0.4))
            nursery.kill(child)
        nursery.start(line)
        assert nursery.wait() == 0
        assert verify(folder).ok
        shutil.copytree(folder, whole, dirs_exist_ok=True)
    assert verify(whole).ok
    assert ids(whole) == expected(COUNT)

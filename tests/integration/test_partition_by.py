"""Files divided into folders: each alert once, resumable, killed at any moment, read by every reader."""

import random
import time

import pandas as pd
import pyarrow.dataset as ds
import pytest

from alertferry.consumer import verify
from alertferry.core.errors import UsageError
from tests.consuming import contents, expected, ids, order_line, wait_for_files
from tests.publishing import FIRST_ID, Publisher, keyed, light_alerts, publish

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_each_value_has_its_folder(case, kind):
    alerts = light_alerts(500)
    publish(case.servers, case.topic, alerts)
    found = case.consume(format=kind, partition_by="band", batch_alerts=20)
    assert (found.state, found.alerts) == ("complete", 500)
    assert ids(case.folder) == expected(500)
    assert {path.name for path in case.folder.iterdir() if path.is_dir() and path.name[0] != "_"} == {
        f"by_band={name}" for name in (*"ugrizy", "__null__")
    }
    assert verify(case.folder).ok
    before = contents(case.folder)
    assert case.consume(format=kind, partition_by="band").state == "complete"
    assert contents(case.folder) == before


def test_usual_readers_take_the_folder(case):
    alerts = light_alerts(70)
    publish(case.servers, case.topic, alerts)
    case.consume(partition_by="band")
    frame = pd.read_parquet(case.folder)
    assert len(frame) == 70
    green = ds.dataset(case.folder, partitioning="hive").to_table(filter=ds.field("by_band") == "g")
    wanted = {alert["diaSourceId"] for alert in alerts if alert["band"] == "g"}
    assert set(green.column("diaSourceId").to_pylist()) == wanted
    assert set(green.column("band").to_pylist()) == {"g"}


@pytest.mark.parametrize("kind", ["parquet", pytest.param("avro", marks=pytest.mark.soak)])
def test_killed_at_any_moment(case, nursery, kind):
    publish(case.servers, case.topic, light_alerts(4_000))
    options = {"format": kind, "batch_alerts": 40, "partition_by": "band"}
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(4):
        child = nursery.start(order_line(case.settings, case.topic, case.folder, options))
        before = len(list(case.folder.rglob("p*")))
        wait_for_files(case.folder, before + chance.randrange(1, 40))
        time.sleep(chance.random() * 0.01)
        nursery.kill(child)
        found = ids(case.folder) if any(case.folder.rglob("p*.*")) else []
        assert len(set(found)) == len(found)
    found = case.consume(**options)
    assert (found.state, found.alerts) == ("complete", 4_000)
    assert ids(case.folder) == expected(4_000)
    assert verify(case.folder).ok
    assert not list(case.folder.rglob(".*.tmp"))


def test_bad_messages_are_set_aside_and_the_rest_divided(case):
    messages = keyed(light_alerts(100))
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    job.send([*messages[:50], (messages[50][0], b"junk"), *messages[51:]])
    job.finish([key for key, _ in messages])
    found = case.consume(format="avro", partition_by="band")
    assert (found.state, found.alerts, found.bad) == ("damaged", 99, 1)
    assert set(ids(case.folder)) == set(expected(100)) - {FIRST_ID + 50}


def test_a_folder_keeps_its_division(case):
    publish(case.servers, case.topic, light_alerts(50))
    case.consume(partition_by="band")
    with pytest.raises(UsageError, match="made with --partition-by band; use the same"):
        case.consume()
    with pytest.raises(UsageError, match="no column 'bnd'; did you mean 'band'"):
        case.consume(partition_by="bnd", from_beginning=True)
    found = case.consume(from_beginning=True)
    assert (found.state, ids(case.folder)) == ("complete", expected(50))
    assert not list(case.folder.glob("by_band=*"))


def test_an_empty_topic_has_its_columns(case):
    publish(case.servers, case.topic, [])
    assert case.consume(partition_by="band").state == "complete"
    assert ds.dataset(case.folder, format="parquet").schema.names[0] == "diaSourceId"

"""Alerts as Arrow record batches, without files."""

import pyarrow as pa
import pytest

from alertferry.consumer import batches
from alertferry.core.errors import DamagedError, IncompleteError
from tests.consuming import expected
from tests.publishing import (
    Publisher,
    keyed,
    light_alerts,
    publish,
)

pytestmark = pytest.mark.kafka


def test_batches_yield_every_alert_once(case):
    publish(case.servers, case.topic, light_alerts(3_000))
    table = pa.Table.from_batches(batches(case.topic, settings=case.settings))
    assert sorted(table["diaSourceId"].to_pylist()) == expected(3_000)


def test_batches_of_an_empty_topic_have_columns(case):
    publish(case.servers, case.topic, [])
    table = pa.Table.from_batches(batches(case.topic, settings=case.settings))
    assert (table.num_rows, table.num_columns) == (0, 5)


def test_batches_of_an_unfinished_job_raise_after_what_there_is(case):
    job = Publisher.create(case.servers, case.topic)
    job.begin()
    job.send(keyed(light_alerts(100)))
    found = batches(case.topic, settings=case.settings, timeout=3)  # a busy broker keeps silent for a second
    rows: list[int] = []
    with pytest.raises(IncompleteError, match="has not finished"):
        rows.extend(batch.num_rows for batch in found)
    assert sum(rows) == 100
    job.fail("stopped by its owner", "cancelled")
    with pytest.raises(IncompleteError, match="stopped by its owner"):
        list(batches(case.topic, settings=case.settings))


def test_batches_say_what_cannot_be_read(case):
    job = Publisher.create(case.servers, case.topic, partitions=1)
    job.begin()
    messages = keyed(light_alerts(10))
    job.send([*messages[:9], (messages[9][0], b"junk")])
    job.finish([key for key, _ in messages])
    rows: list[int] = []
    with pytest.raises(DamagedError, match="partition 0, offset 9"):
        rows.extend(batch.num_rows for batch in batches(case.topic, settings=case.settings))
    assert sum(rows) == 9

"""The consumer as a state machine: whatever happens in whatever order, what is on disk is what was published."""

from __future__ import annotations

import itertools
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from alertferry.consumer import consume, verify
from alertferry.consumer.commits import Commit, read_commits
from alertferry.consumer.records import records_folder
from alertferry.core.settings import Settings
from tests.consuming import Nursery, ids, order_line
from tests.faults import POINTS
from tests.publishing import FIRST_ID, Publisher, delete_records, keyed, light_alerts

pytestmark = pytest.mark.kafka

PARTITIONS = 3
LAYOUTS = ({"format": "parquet"}, {"format": "avro"}, {"partition_by": "band"}, {"select": ["psfFlux"]})
partitions = st.integers(0, PARTITIONS - 1)
workers = st.sampled_from([1, 1, 1, 2])


class Delivery(RuleBasedStateMachine):
    """One topic and one folder; ``published`` holds the ids of each partition by offset."""

    servers = ""
    nursery: Nursery

    @initialize(layout=st.sampled_from(LAYOUTS))
    def begin(self, layout):
        self.layout = layout
        self.topic = f"ftransfer_lsst_2026-11-21_{uuid.uuid4().hex[:12]}"
        self.settings = Settings(bootstrap_servers=self.servers)
        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name) / "alerts"
        self.job = Publisher.create(self.servers, self.topic, partitions=PARTITIONS)
        self.job.begin(copies=3)
        self.published: list[list[int]] = [[] for _ in range(PARTITIONS)]
        self.numbers = itertools.count()
        self.lost: set[int] = set()
        self.low = [0] * PARTITIONS
        self.finished = False

    @precondition(lambda self: not self.finished)
    @rule(partition=partitions, count=st.integers(1, 150))
    def publish(self, partition, count):
        first = FIRST_ID + sum(map(len, self.published))
        self.job.send(keyed(light_alerts(count, first)), partition=partition)
        self.published[partition] += range(first, first + count)

    @precondition(lambda self: not self.finished)
    @rule()
    def finish(self):
        self.job.finish([str(number).encode() for part in self.published for number in part])
        self.finished = True

    @rule(workers=workers, limit=st.none() | st.integers(1, 200), batch=st.integers(5, 80))
    def fetch(self, workers, limit, batch):
        found = self.consume(workers=workers, limit=limit, batch_alerts=batch)
        note(f"{found.state}: {found.message}")
        assert found.state in ("complete", "incomplete", "limit", "expired")
        assert found.alerts == len(ids(self.folder)) if found.files and found.alerts else True

    @rule(point=st.sampled_from(POINTS), kind=st.sampled_from(["KILL", "ENOSPC"]), nth=st.integers(1, 4))
    def crash(self, point, kind, nth):
        options = self.layout | {"batch_alerts": 30, "timeout": 0.3, "fault": [point, kind, nth]}
        self.nursery.start(order_line(self.settings, self.topic, self.folder, options))
        assert self.nursery.wait() in (-9, 0, 1, 3, 4)

    @rule(partition=partitions, share=st.floats(0, 1))
    def expire(self, partition, share):
        ids_there = self.published[partition]
        end = max(self.low[partition], int(share * len(ids_there)))
        held = self.committed(partition)
        self.lost |= {ids_there[offset] for offset in range(self.low[partition], end) if offset not in held}
        if end > self.low[partition]:
            delete_records(self.servers, self.topic, {partition: end})
            self.low[partition] = end

    @invariant()
    def nothing_comes_twice(self):
        if hasattr(self, "folder") and any(self.folder.rglob("p*.*")):
            found = ids(self.folder)
            assert len(found) == len(set(found))
            assert set(found) <= {number for part in self.published for number in part}

    def teardown(self):
        if not hasattr(self, "folder"):
            return
        if not self.finished:
            self.finish()
        found = self.consume()
        everything = {number for part in self.published for number in part}
        assert (found.state, found.expired) == ("expired" if self.lost else "complete", len(self.lost)), found.message
        on_disk = ids(self.folder) if found.alerts else []
        assert sorted(everything - self.lost) == on_disk
        assert verify(self.folder).ok is (not self.lost)
        self.place.cleanup()

    def consume(self, **options):
        return consume(self.topic, self.folder, settings=self.settings, **{"timeout": 0.3} | self.layout | options)

    def committed(self, partition: int) -> set[int]:
        items = read_commits(records_folder(self.folder)) if self.folder.is_dir() else []
        spans = [item.span for item in items if isinstance(item, Commit) and item.span is not None]
        return {offset for span in spans if span.partition == partition for offset in range(span.start, span.end)}


def run(broker, nursery, runs, steps):
    machine = type("Delivery", (Delivery,), {"servers": broker.bootstrap_servers, "nursery": nursery})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=runs, stateful_step_count=steps, deadline=None, suppress_health_check=checks, print_blob=True
        ),
    )


def test_any_order_of_events(broker, nursery):
    run(broker, nursery, 3, 8)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_any_order_of_many_events(broker, nursery):
    run(broker, nursery, 150, 40)

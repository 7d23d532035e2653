"""Failing at every step between the first byte of a file and its commit: nothing is lost, nothing comes twice."""

import itertools
import uuid

import pytest

from alertferry.consumer import verify
from alertferry.core.settings import Settings
from tests.consuming import Case, Nursery, expected, ids, order_line
from tests.faults import KINDS, POINTS
from tests.publishing import light_alerts, publish

pytestmark = pytest.mark.kafka

COUNT = 1_200
LAYOUTS = ({"format": "parquet"}, {"format": "avro"}, {"format": "parquet", "partition_by": "band"})
EVERY = [
    pytest.param(point, kind, layout, id=f"{point.replace(' ', '-')}-{kind}-{'-'.join(layout.values())}")
    for point, kind, layout in itertools.product(POINTS, KINDS, LAYOUTS)
]
# each point, kind and layout at least once: 7 has no factor in common with the numbers of kinds and layouts
SOME = EVERY[::7]
CODES = {"KILL": -9, "ENOSPC": 1, "EIO": 1, "EPERM": 1}


@pytest.fixture(scope="module")
def topic(broker):
    """A topic for all: what differs is the folder."""
    name = f"ftransfer_lsst_2026-11-21_{uuid.uuid4().hex[:12]}"
    publish(broker.bootstrap_servers, name, light_alerts(COUNT), partitions=2)
    return name


@pytest.fixture
def case(broker, topic, tmp_path):
    return Case(Settings(bootstrap_servers=broker.bootstrap_servers), broker.bootstrap_servers, topic, tmp_path)


def fail_and_continue(case: Case, nursery: Nursery, fault: tuple[str, str], layout: dict[str, str], times: int) -> None:
    point, kind = fault
    options = layout | {"batch_alerts": 100}
    for occurrence in (2, 1, 4)[:times]:
        nursery.start(
            order_line(case.settings, case.topic, case.folder, options | {"fault": [point, kind, occurrence]})
        )
        assert nursery.wait() == CODES[kind]
        found = ids(case.folder) if any(case.folder.rglob("p*.*")) else []
        assert len(set(found)) == len(found) < COUNT
        assert len(verify(case.folder).problems) > 0
        if kind != "KILL":
            assert not list(case.folder.rglob(".*.tmp"))
    found = case.consume(**options)
    assert (found.state, found.alerts) == ("complete", COUNT)
    assert ids(case.folder) == expected(COUNT)
    assert verify(case.folder).ok
    assert not list(case.folder.rglob(".*.tmp"))


@pytest.mark.parametrize(("point", "kind", "layout"), SOME)
def test_some_steps(case, nursery, point, kind, layout):
    fail_and_continue(case, nursery, (point, kind), layout, 1)


@pytest.mark.soak
@pytest.mark.parametrize(("point", "kind", "layout"), EVERY)
def test_every_step(case, nursery, point, kind, layout):
    fail_and_continue(case, nursery, (point, kind), layout, 3)

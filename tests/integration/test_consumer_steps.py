"""Failing at every step between the first byte of a file and its commit: nothing is lost, nothing comes twice."""

import itertools

import pytest

from alertferry.consumer import verify
from tests.consuming import Case, Nursery, expected, ids, order_line
from tests.faults import KINDS, POINTS
from tests.publishing import light_alerts, publish

pytestmark = pytest.mark.kafka

COUNT = 600
LAYOUTS = ({"format": "parquet"}, {"format": "avro"}, {"format": "parquet", "partition_by": "band"})
EVERY = [
    pytest.param(point, kind, layout, id=f"{point.replace(' ', '-')}-{kind}-{'-'.join(layout.values())}")
    for point, kind, layout in itertools.product(POINTS, KINDS, LAYOUTS)
]
# each point, kind and layout at least once: 7 has no factor in common with the numbers of kinds and layouts
SOME = EVERY[::7][: len(POINTS) + 4]
CODES = {"KILL": -9, "ENOSPC": 1, "EIO": 1, "EPERM": 1}


def fail_and_continue(case: Case, nursery: Nursery, point: str, kind: str, layout: dict[str, str]) -> None:
    publish(case.servers, case.topic, light_alerts(COUNT), partitions=2)
    options = layout | {"batch_alerts": 100}
    for occurrence in (1, 3):
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
    fail_and_continue(case, nursery, point, kind, layout)


@pytest.mark.soak
@pytest.mark.parametrize(("point", "kind", "layout"), EVERY)
def test_every_step(case, nursery, point, kind, layout):
    fail_and_continue(case, nursery, point, kind, layout)

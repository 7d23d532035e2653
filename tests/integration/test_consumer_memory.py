"""A consumer's memory does not grow with the topic."""

import json
import random
import time

import pytest

from tests.consuming import Case, consuming
from tests.publishing import FIRST_ID, Publisher, encode

pytestmark = [pytest.mark.kafka, pytest.mark.soak]

SCHEMA = {
    "type": "record",
    "name": "topLevelRecord",
    "fields": [
        {"name": "diaSourceId", "type": "long"},
        {"name": "band", "type": "string"},
        {"name": "cutout", "type": ["bytes", "null"]},
    ],
}
PACKET_BYTES = 150_000
PACKETS = 6_000
GIB = 1 << 20  # in kB, as the kernel counts


def publish_wide(case: Case) -> None:
    job = Publisher.create(case.servers, case.topic, schema=SCHEMA, partitions=3)
    job.begin()
    chance = random.Random(1)
    keys = []
    for first in range(FIRST_ID, FIRST_ID + PACKETS, 500):
        rows = [
            {"diaSourceId": first + n, "band": "ugrizy"[n % 6], "cutout": chance.randbytes(PACKET_BYTES)}
            for n in range(500)
        ]
        part = [str(row["diaSourceId"]).encode() for row in rows]
        job.send(list(zip(part, encode(SCHEMA, rows), strict=True)))
        keys += part
    job.finish(keys)


def peak_kb(case: Case, folder: str, **options) -> int:
    """Return the largest resident memory of a run of its own."""
    process = consuming(case.settings, case.topic, case.folder / folder, **options)
    peak = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status") as status:
                peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith("VmHWM"))])
        except OSError:
            break
        time.sleep(0.02)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return peak


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "layout", [{"format": "parquet"}, {"format": "avro"}, {"partition_by": "diaSourceId"}], ids=str
)
def test_memory_is_flat_and_below_a_gibibyte(case, layout):
    publish_wide(case)
    some = peak_kb(case, "some", limit=PACKETS // 2, **layout)
    every = peak_kb(case, "every", **layout)
    print(json.dumps({"layout": layout, "half_kb": some, "all_kb": every}))
    assert every < GIB
    assert every < 1.25 * some

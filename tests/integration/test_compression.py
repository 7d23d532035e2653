"""Packets of compressed images are sent as they are, others compressed: seen in the broker's own files."""

import pytest

from alertferry.core.job import Job
from tests.jobs import run_job

pytestmark = [pytest.mark.spark, pytest.mark.kafka]

ATTRIBUTES_AT = 22
"""Of the two bytes of a record batch's attributes, the one that holds the codec in its last three bits."""

NAMES = {0: "none", 3: "lz4"}


def codecs(broker, topic: str) -> set[str]:
    """How the first batch of each partition that has any is compressed."""
    files = [file for file in broker.folder.glob(f"data/{topic}-*/*.log") if file.stat().st_size]
    assert files
    return {NAMES[file.read_bytes()[ATTRIBUTES_AT] & 7] for file in files}


@pytest.mark.parametrize(
    ("survey", "packet", "delivery", "codec"),
    [
        ("ztf", "full", "at-least-once", "none"),
        ("ztf", "light", "at-least-once", "lz4"),
        ("lsst", "full", "at-least-once", "lz4"),
        ("ztf", "full", "transactional", "none"),
        ("ztf", "light", "transactional", "lz4"),
    ],
)
def test_only_packets_that_gain_are_compressed(spark, lakes, broker, monkeypatch, survey, packet, delivery, codec):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    source = {"kind": survey, "nights": "2026-03-01..2026-03-02", "lake": str(lakes[survey])}
    output = {"kind": "kafka", "packet": packet, "delivery": delivery}
    report = run_job(spark, Job.from_dict({"source": source, "output": output}))
    assert report.receipt.alerts > 0
    assert codecs(broker, report.topic) == {codec}

"""The peer's client, unmodified and in a virtual environment of its own, reads what we publish."""

import pyarrow.parquet as pq
import pytest

from alertferry.consumer import consume
from alertferry.core.job import Job
from alertferry.core.settings import load_settings
from tests.jobs import DATA, by, plain, run_job
from tests.peer_client import PeerClient, installed, warm

pytestmark = [pytest.mark.spark, pytest.mark.kafka]

NIGHTS = {"ztf": ["2021-11-22", "2025-01-14..2025-06-14"], "lsst": ["2026-01-01"]}
KEYS = {"ztf": "candid", "lsst": "diaSourceId"}


@pytest.fixture(scope="session")
def finkctl(jars_home):
    """The path of `finkctl`, installed once for this user."""
    program, reason = installed(jars_home)
    if program is None:
        pytest.skip(f"fink-client cannot be installed: {reason}")
    return program


def rows_of(client, topic, outdir, *words) -> list[dict]:
    """The rows of one run, read as files of their own."""
    client.call(*client.transfer_command(topic, outdir, *words)[1:])
    return [plain(row) for file in sorted(outdir.rglob("*.parquet")) for row in pq.ParquetFile(file).read().to_pylist()]


@pytest.mark.skipif(not DATA.is_dir(), reason="real alerts (../shared/data) are not on this machine")
@pytest.mark.parametrize(
    ("survey", "limits"),
    [
        ("ztf", [40, None]),
        ("lsst", [10, None]),
    ],
)
def test_resumed_runs_give_our_rows(spark, broker, finkctl, tmp_path, monkeypatch, survey, limits):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    warm(broker.bootstrap_servers)
    source = {"kind": survey, "nights": NIGHTS[survey], "lake": str(DATA / "lake" / survey)}
    output = {"kind": "kafka", "packet": "full", "partitions": 2}
    topic = run_job(spark, Job.from_dict({"source": source, "output": output})).topic
    client = PeerClient(finkctl, tmp_path, survey)
    client.register(broker.bootstrap_servers)
    theirs = []
    for number, limit in enumerate(limits):
        words = ("-limit", str(limit)) if limit else ()
        theirs += rows_of(client, topic, tmp_path / f"run{number}", *words)
    consume(topic, tmp_path / "ours", settings=load_settings())
    ours = [plain(row) for row in pq.read_table(tmp_path / "ours").to_pylist()]
    assert by(KEYS[survey], theirs) == by(KEYS[survey], ours)

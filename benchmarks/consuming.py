"""Consuming: from a topic to files, beside the peer's client and beside polling alone."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from lakes import Published
from measuring import Bar, Cost, Row, median, middle, run_program

from alertferry.consumer import consume
from alertferry.core.settings import load_settings
from tests.peer_client import PeerClient, warm

AVRO_BAR = Bar(at_most=2.5)
"""At least 0.4 of the rate of polling."""

PEER_BARS = {"ztf full": Bar(at_least=15), "lsst full": Bar(at_least=10), "light": Bar(at_least=30)}
PEER_TIMEOUT_SECONDS = 5
PEER_BATCH = 1000


def poll_only(topic: str, servers: str, count: int) -> None:
    """Receive every message and drop it: what consuming cannot be faster than."""
    from confluent_kafka import Consumer, TopicPartition

    options = {"bootstrap.servers": servers, "group.id": "bench", "auto.offset.reset": "earliest"}
    consumer = Consumer(options | {"enable.auto.commit": False, "fetch.queue.backoff.ms": 20, "log_level": 0})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    seen = 0
    while seen < count:
        seen += len(consumer.consume(min(10_000, count - seen), timeout=5))
    consumer.close()


def command_line(published: Published, folder: Path, workers: int) -> Cost:
    """Fetch a topic as users do, `alertferry consume`, and return what it cost."""
    outdir = folder / "fetched"
    shutil.rmtree(outdir, ignore_errors=True)
    command = [sys.executable, "-m", "alertferry.cli", "consume", published.topic, "--outdir", str(outdir)]
    cost = run_program([*command, "--workers", str(workers)], os.environ, folder)
    _check(outdir, published.case.alerts)
    shutil.rmtree(outdir)
    return cost


def peer(program: Path, published: Published, folder: Path) -> Cost:
    """Fetch a topic with the peer's client, and return what it cost."""
    warm(published.servers)
    home = folder / uuid.uuid4().hex
    home.mkdir()
    client = PeerClient(program, home, published.case.survey)
    client.register(published.servers, PEER_TIMEOUT_SECONDS)
    command = client.transfer_command(published.topic, home / "fetched", batch=PEER_BATCH)
    cost = run_program(command, client.environment, home)
    _check(home / "fetched", published.case.alerts)
    shutil.rmtree(home)
    return cost


def _check(folder: Path, count: int) -> None:
    import pyarrow.parquet as pq

    found = sum(pq.ParquetFile(file).metadata.num_rows for file in folder.rglob("*.parquet"))
    assert found == count, f"{folder} holds {found} alerts, not {count}"


def against_polling(published: Published, folder: Path, runs: int) -> Iterator[Row]:
    """Compare both file formats with bare polling, called from Python, with as many workers as `consume` chooses."""
    case, topic = published.case, published.topic
    polling = median(lambda: poll_only(topic, published.servers, case.alerts), runs)
    for kind, bar in (("parquet", None), ("avro", AVRO_BAR)):

        def fetch(kind: str = kind) -> None:
            shutil.rmtree(folder / kind, ignore_errors=True)
            found = consume(topic, folder / kind, settings=load_settings(), format=kind)
            assert found.alerts == case.alerts

        cost, what = median(fetch, runs), f"consume {case.name} to {kind}"
        shutil.rmtree(folder / kind)
        yield Row(what, case.alerts, published.megabytes, cost, "bare polling", polling, bar=bar)


def against_peer(published: Published, folder: Path, theirs: Sequence[Cost], runs: int) -> Iterator[Row]:
    """Compare the command line, with one and two workers, with the peer's client; the bar is for the better of both."""
    case, other = published.case, middle(theirs) if theirs else None
    costs = {
        workers: middle([command_line(published, folder, workers) for _ in range(runs + 1)][1:]) for workers in (1, 2)
    }
    best = min(costs, key=lambda workers: costs[workers].seconds)
    for workers, cost in costs.items():
        bar = (PEER_BARS.get(case.name) or PEER_BARS["light"]) if workers == best else None
        what = f"`alertferry consume` {case.name}, {workers} worker{'s' * (workers > 1)}"
        yield Row(what, case.alerts, published.megabytes, cost, "`finkctl transfer`", other, faster=True, bar=bar)

"""Delivery folders made without a broker, by the same parts that the consumer uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alertferry.consumer.archive import Archive, Recipe
from alertferry.consumer.commits import Commit
from alertferry.consumer.folder import Folder, Label
from alertferry.consumer.intake import Chunk
from alertferry.consumer.spans import Span
from alertferry.core.receipt import Manifest, Receipt, format_digest, ids_digest, schema_fingerprint
from tests.publishing import LIGHT, Keyed, keyed, light_alerts

TOPIC = "ftransfer_lsst_2026-11-21_aa"
SCHEMA_JSON = json.dumps(LIGHT)
FINGERPRINT = schema_fingerprint(SCHEMA_JSON)


def manifest(topic: str = TOPIC, **changes: Any) -> Manifest:
    """Return the manifest of a job that is publishing."""
    values: dict[str, Any] = {
        "topic": topic,
        "survey": "lsst",
        "job": {"version": 1},
        "job_hash": "0" * 64,
        "schema_fingerprint": FINGERPRINT,
        "alert_id": "diaSourceId",
        "created": "2026-11-21T12:00:00+00:00",
    }
    return Manifest(**(values | changes))


def complete(messages: list[Keyed], partitions: dict[int, int], **changes: Any) -> Manifest:
    """Return the manifest of a complete job that selected ``messages``."""
    ids = [key for key, _ in messages if key is not None]
    receipt = Receipt(
        alerts=len(ids),
        bytes=0,
        digest=format_digest(ids_digest(ids)),
        schema_fingerprint=FINGERPRINT,
        job_hash="0" * 64,
        partitions=partitions,
    )
    return manifest(state="complete", receipt=receipt, **changes)


def recipe(folder: Path, file_format: Any = "parquet", topic: str = TOPIC, **more: Any) -> Recipe:
    """Return the recipe of light alerts."""
    return Recipe(str(folder), topic, file_format, SCHEMA_JSON, FINGERPRINT, "0" * 64, **more)


def label(file_format: str = "parquet", about: Manifest | None = None, topic: str = TOPIC, **more: Any) -> Label:
    """Return the label of a folder."""
    return Label(topic, file_format, "id-of-the-topic", about, **more)


def chunk(partition: int, first: int, messages: list[Keyed]) -> Chunk:
    """Return messages at consecutive offsets."""
    offsets = list(range(first, first + len(messages)))
    span = Span(partition, first, first + len(messages))
    return Chunk(span, offsets, [key for key, _ in messages], [value for _, value in messages])


def deliver(path: Path, file_format: str = "parquet", count: int = 60, **changes: Any) -> list[Commit]:
    """Write a complete delivery: three files of partition 0 and one of partition 3."""
    messages = keyed(light_alerts(count))
    part = count // 4
    folder = Folder(path, label(file_format, complete(messages, {0: 3 * part, 3: count - 3 * part}, **changes)))
    folder.open(from_beginning=False)
    archive = Archive(recipe(path, file_format))
    commits = [archive.write(chunk(0, first, messages[first : first + part])) for first in range(0, 3 * part, part)]
    commits.append(archive.write(chunk(3, 0, messages[3 * part :])))
    folder.close()
    return commits

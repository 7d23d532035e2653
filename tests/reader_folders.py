"""Delivered folders for readers of other people: flat packets, nested ones, divided by class, without alerts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alertferry.consumer.archive import Archive, Recipe
from alertferry.consumer.folder import Folder
from alertferry.consumer.partitioning import plan
from alertferry.consumer.schemas import arrow_schema
from tests.delivered import TOPIC, chunk, label, manifest
from tests.publishing import keyed

BIG = 2**60 + 1
CLASSES = ("SN candidate", "AM_CVn?*", "../x", "a/b", "", None, "__null__", "ünï", "100%")

FLAT: dict[str, Any] = {
    "type": "record",
    "name": "top",
    "fields": [
        {"name": "diaSourceId", "type": "long"},
        {"name": "diaObjectId", "type": ["long", "null"]},
        {"name": "nearest", "type": ["int", "null"]},
        {"name": "moving", "type": ["boolean", "null"]},
        {"name": "psfFlux", "type": ["double", "null"]},
        {"name": "finkclass", "type": ["string", "null"]},
    ],
}
_POINT = {
    "type": "record",
    "name": "point",
    "fields": [{"name": "id", "type": ["long", "null"]}, {"name": "flux", "type": ["double", "null"]}],
}
NESTED: dict[str, Any] = {
    "type": "record",
    "name": "top",
    "fields": [
        *FLAT["fields"],
        {"name": "diaObject", "type": [_POINT, "null"]},
        {"name": "history", "type": [{"type": "array", "items": ["point", "null"]}, "null"]},
        {"name": "features", "type": [{"type": "map", "values": ["double", "null"]}, "null"]},
    ],
}


def alerts(count: int, nested: bool) -> list[dict[str, Any]]:
    """Alerts with ids that a double cannot hold, and nulls wherever there can be one."""
    rows = [
        {
            "diaSourceId": BIG + number,
            "diaObjectId": None if number % 2 else BIG + 7 * number,
            "nearest": None if number % 3 else number,
            "moving": None if number % 3 == 1 else number % 2 == 0,
            "psfFlux": None if number % 5 == 4 else number / 4,
            "finkclass": CLASSES[number % len(CLASSES)],
        }
        for number in range(count)
    ]
    for number, row in enumerate(rows if nested else ()):
        point = {"id": None if number % 2 else BIG + number, "flux": 0.5}
        row["diaObject"] = None if number % 4 == 3 else point
        row["history"] = None if number % 5 == 0 else [point, {"id": BIG + 1, "flux": None}][: number % 3]
        row["features"] = None if number % 2 else {"a": 1.5, "b": None}
    return rows


def deliver(path: Path, kind: str, file_format: Any = "parquet") -> list[dict[str, Any]]:
    """Write a folder as the consumer does and return its alerts: ``flat``, ``nested``, ``classes`` or ``empty``."""
    schema = FLAT if kind == "flat" else NESTED
    text = json.dumps(schema)
    rows = [] if kind == "empty" else alerts(40, kind != "flat")
    divided = plan("class", arrow_schema(text), None) if kind == "classes" else None
    folder = Folder(path, label(file_format, manifest(), partition_by="class" if divided else None))
    folder.open(from_beginning=False)
    archive = Archive(Recipe(str(path), TOPIC, file_format, text, "0", None, divided))
    messages = keyed(rows, schema)
    for first in range(0, len(rows), 20):
        archive.write(chunk(0, first, messages[first : first + 20]))
    if not rows:
        archive.write_empty()
    folder.close()
    return rows

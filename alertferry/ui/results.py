"""Small results, fetched by our own consumer and laid out as one file in the format that was asked for."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.consumer import consume
from alertferry.core.errors import IncompleteError, UsageError
from alertferry.core.pandas_types import pandas_call
from alertferry.core.settings import load_settings
from alertferry.current import current_settings
from alertferry.ui import flat
from alertferry.ui.text import printable

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 200_000_000
"""Results up to this size can be fetched from the page."""

FORMATS = {"parquet": "Parquet", "avro": "Avro", "csv": "CSV", "votable": "VOTable"}
_ENDINGS = {"parquet": ".parquet", "avro": ".avro", "csv": ".csv", "votable": ".vot"}
FIRST_ROWS = 20
SHOWN_ITEMS = 50
SHOWN_FIELDS = 1_000
FIRST_ALERTS = 1_000
"""So many alerts of a larger result are fetched to be looked at."""

_LOCKS: dict[str, threading.Lock] = {}
_GUARD = threading.Lock()


@dataclass(frozen=True)
class Result:
    """The alerts of a job as one parquet file, with its first rows; ``partial`` when these are only the first alerts.

    ``call`` is the call of pandas that reads the folder which the command fetches, with every digit.
    """

    path: Path
    alerts: int
    columns: tuple[tuple[str, str], ...]
    rows: tuple[dict[str, Any], ...]
    partial: bool
    call: str


def folder(job_id: str) -> Path:
    """Return the folder of a job's files; they can be fetched again for as long as the topic is there."""
    return load_settings().home / "ui" / "results" / job_id


def sweep() -> None:
    """Remove files that nobody has asked for within the time that uploads are kept."""
    settings = load_settings()
    before = time.time() - settings.catalog_retention_hours * 3600
    root = settings.home / "ui" / "results"
    for place in root.iterdir() if root.is_dir() else ():
        if place.is_dir() and place.stat().st_mtime < before:
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _alone(job_id: str) -> Iterator[None]:
    """Let one thread at a time lay out the files of a job."""
    with _GUARD:
        lock = _LOCKS.setdefault(job_id, threading.Lock())
    with lock:
        yield


def too_large(record: Any) -> bool:
    """Tell whether a result is for the consumer rather than for the page."""
    return (record.bytes or 0) > MAX_BYTES


def fetch(record: Any) -> Result:
    """Fetch a job's alerts once and return them, the first of a large result. Slow.

    Raises `AlertferryError` saying what to do.
    """
    partial = too_large(record)
    with _alone(record.id):
        path = folder(record.id) / ("first.parquet" if partial else "alerts.parquet")
        if not path.exists():
            limit = FIRST_ALERTS if partial else None
            _once(path, lambda part: flat.join_parquet(_carry(record, "parquet", limit), part))
        os.utime(path.parent)
        return _result(path, partial, record.topic or "")


def lay_out(record: Any, kind: str) -> Path:
    """Return the alerts as a file of this format. Slow the first time."""
    if kind not in FORMATS:
        raise UsageError(f"no format {kind!r}; there are {', '.join(FORMATS)}")
    if too_large(record):
        raise UsageError("this result is too large to be made into one file; fetch it with the command")
    parquet = fetch(record).path
    with _alone(record.id):
        path = parquet.with_suffix(_ENDINGS[kind])
        if not path.exists():
            writers: dict[str, Callable[[Path], None]] = {
                "avro": lambda part: flat.join_avro(_carry(record, "avro"), part),
                "csv": lambda part: flat.write_csv(parquet, part),
                "votable": lambda part: flat.write_votable(parquet, part, record.survey),
            }
            _once(path, writers[kind])
        return path


def saved_as(record: Any, kind: str) -> str:
    """Return the name that a file is saved under."""
    return f"{record.topic or record.id}{_ENDINGS[kind]}"


def _once(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    write(part)
    part.replace(path)


def _carry(record: Any, kind: Any, limit: int | None = None) -> list[Path]:
    target = folder(record.id) / (f"{kind}-files" if limit is None else f"{kind}-first")
    delivery = consume(record.topic, target, settings=current_settings(), format=kind, timeout=20, limit=limit)
    if not delivery.ok:
        raise IncompleteError(delivery.message)
    return sorted(delivery.files)


def _result(path: Path, partial: bool, topic: str) -> Result:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    columns = tuple((printable(field.name, 100), _type_text(field.type)) for field in file.schema_arrow)
    first = next(file.iter_batches(batch_size=FIRST_ROWS), None)
    rows = tuple(_plain(row) for row in (first.to_pylist() if first else ()))
    call = pandas_call(topic, file.schema_arrow)
    return Result(path, file.metadata.num_rows, columns, rows, partial, call)


def _type_text(kind: pa.DataType) -> str:
    text = str(kind)
    return text if len(text) <= 16 else text.partition("<")[0]


def _plain(value: Any) -> Any:
    """Return a value as JSON can have it and a page can show it; bytes as their length, long lists by their start."""
    if isinstance(value, dict):
        return {printable(str(key), 100): _plain(item) for key, item in list(value.items())[:SHOWN_FIELDS]}
    if isinstance(value, list | tuple):
        more = len(value) - SHOWN_ITEMS
        return [_plain(item) for item in value[:SHOWN_ITEMS]] + ([f"and {more:,} more"] if more > 0 else [])
    if isinstance(value, str):
        return printable(value)
    return f"{len(value):,} bytes" if isinstance(value, bytes) else value

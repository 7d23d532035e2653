"""Results, fetched by our own consumer: the first alerts to look at, and all as one file in the format asked for."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alertferry import service
from alertferry.consumer import consume
from alertferry.core.errors import AlertferryError, IncompleteError, UnknownJobError, UsageError
from alertferry.core.pandas_types import pandas_call
from alertferry.core.settings import load_settings
from alertferry.current import current_settings
from alertferry.ui import flat
from alertferry.ui.formats.meaning import meanings
from alertferry.ui.lakes import surveys

FORMATS = {"parquet": "Parquet", "avro": "Avro", "csv": "CSV", "votable": "VOTable", "fits": "FITS"}
_ENDINGS = {"parquet": ".parquet", "avro": ".avro", "votable": ".vot", "fits": ".fits"}
_TABLES = ("votable", "fits")
"""Formats that are made of topics up to a size only: nobody opens a larger table."""

FIRST_ALERTS = 1_000
"""So many alerts are fetched to be looked at, however large the result is."""

ROOM = 3
"""So many times the bytes of a topic must be free on disk before all of it is fetched."""

_LOCKS: dict[str, threading.Lock] = {}
_GUARD = threading.Lock()


@dataclass(frozen=True)
class First:
    """The first alerts of a job as a parquet file; ``partial`` when there are more.

    ``call`` is the call of pandas that reads the folder which the command fetches, with every digit.
    """

    path: Path
    alerts: int
    partial: bool
    call: str


def folder(job_id: str) -> Path:
    """Return the folder of a job's files; they can be fetched again for as long as the topic is there."""
    return load_settings().home / "ui" / "results" / job_id


def forget(job_id: str) -> None:
    """Remove the files of a job that is deleted."""
    shutil.rmtree(folder(job_id), ignore_errors=True)


def of_job(record: Any, work: Callable[[], Any]) -> Any:
    """Do something with the files of a job. Raises `UnknownJobError` where it was deleted, also meanwhile."""
    service.show_job(record.id)
    found, error = None, None
    try:
        found = work()
    except (AlertferryError, FileNotFoundError) as caught:
        error = caught
    try:
        service.show_job(record.id)
    except UnknownJobError:
        forget(record.id)
        raise
    if isinstance(error, FileNotFoundError):
        raise UsageError("its files are not kept here any more; open the job again from Jobs")
    if error is not None:
        raise error
    return found


def sweep() -> None:
    """Remove files that nobody has asked for within the time that uploads are kept."""
    settings = load_settings()
    before = time.time() - settings.catalog_retention_hours * 3600
    root = settings.home / "ui" / "results"
    for place in root.iterdir() if root.is_dir() else ():
        if place.is_dir() and place.stat().st_mtime < before:
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _alone(what: str) -> Iterator[None]:
    """Let one thread at a time fetch or lay out something."""
    with _GUARD:
        lock = _LOCKS.setdefault(what, threading.Lock())
    with lock:
        yield


def too_large(record: Any, kind: str) -> bool:
    """Tell whether a result is too large for a format, by the setting ``max_table_bytes``."""
    return kind in _TABLES and (record.bytes or 0) > load_settings().max_table_bytes


def fetch(record: Any) -> First:
    """Fetch the first alerts of a job once and return them. Slow the first time.

    Raises `AlertferryError` saying what to do.
    """
    import pyarrow.parquet as pq

    with _alone(f"{record.id} first"):
        path = folder(record.id) / "first.parquet"
        if not path.exists():
            _join(record, "parquet", path, FIRST_ALERTS)
        os.utime(path.parent)
        file = pq.ParquetFile(path)
        rows = file.metadata.num_rows
        partial = rows < (record.alerts or rows)
        return First(path, rows, partial, pandas_call(record.topic or "", file.schema_arrow))


def lay_out(record: Any, kind: str) -> Path:
    """Return all alerts as a file of this format. Slow the first time."""
    if kind not in FORMATS:
        raise UsageError(f"no format {kind!r}; there are {', '.join(FORMATS)}")
    if too_large(record, kind):
        most = load_settings().max_table_bytes / 1e6
        raise UsageError(f"{FORMATS[kind]} is made of topics up to {most:,.0f} MB; take Parquet, or use the commands")
    with _alone(record.id):
        place = folder(record.id)
        place.mkdir(parents=True, exist_ok=True)
        os.utime(place)
        source = place / f"alerts.{'avro' if kind == 'avro' else 'parquet'}"
        if not source.exists():
            _make_room(record, place)
            _join(record, "avro" if kind == "avro" else "parquet", source)
        return source if kind in ("parquet", "avro") else _converted(source, kind, record.survey)


def _converted(source: Path, kind: str, survey: str) -> Path:
    from alertferry.ui.formats import csv, fits, votable

    known = meanings(surveys().get(survey))
    ending = _ENDINGS[kind] if kind in _TABLES else csv.ending_of(source, known)
    path = source.with_suffix(ending)
    if not path.exists():
        write = {"csv": csv.write_csv, "votable": votable.write_votable, "fits": fits.write_fits}[kind]
        _once(path, lambda part: write(source, part, known))
    return path


def _make_room(record: Any, place: Path) -> None:
    """Refuse to fetch what would fill the disk."""
    if shutil.disk_usage(place).free < ROOM * (record.bytes or 0):
        raise UsageError("this server's disk has no room for a file of this size; fetch the alerts with the commands")


def saved_as(record: Any, path: Path) -> str:
    """Return the name that a file is saved under: that of the job, or of its topic."""
    name = re.sub(r"[^\w.-]+", "-", record.name or "").strip("-.") or record.topic or record.id
    return f"{name}{path.suffix}"


def _once(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    write(part)
    part.replace(path)


def _join(record: Any, kind: Any, path: Path, limit: int | None = None) -> None:
    """Fetch alerts and write them into one file."""
    target = path.with_name(f"{path.name}-parts")
    delivery = consume(record.topic, target, settings=current_settings(), format=kind, timeout=20, limit=limit)
    if not delivery.ok:
        raise IncompleteError(delivery.message)
    join = flat.join_avro if kind == "avro" else flat.join_parquet
    _once(path, lambda part: join(sorted(delivery.files), part))
    shutil.rmtree(target, ignore_errors=True)

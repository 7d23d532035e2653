"""Removing what was kept long enough: uploaded catalogues after a day, logs and folders of jobs after a month.

Kafka itself lets the records of topics expire; here the jobs only learn of it.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from alertferry.core.jobs.record import OVER
from alertferry.core.jobs.store import RATE_SECONDS, Store
from alertferry.core.jobs.tables import JOBS
from alertferry.core.settings import Settings

EVERY_SECONDS = 1800.0
"""Pause between two looks for old things."""

_FOLDER = re.compile(r"^[0-9a-f]{32}$")


def uploads(settings: Settings) -> Path:
    """Return the folder of the uploaded catalogues, each in a folder of its own."""
    return settings.home / "uploads"


def sweep_when_due(store: Store, settings: Settings) -> None:
    """Remove old things, unless this was done by some process within the last half hour."""
    now = time.time()
    if store.take_sweep(now, EVERY_SECONDS):
        sweep(store, settings, now)


def sweep(store: Store, settings: Settings, now: float) -> None:
    """Remove everything that is too old at a time (seconds since 1970)."""
    _expire_topics(store, now)
    store.forget_deleted(now - RATE_SECONDS)
    _remove_logs(store, settings, now - settings.job_retention_days * 86_400)
    _remove_catalogs(store, settings, now - settings.catalog_retention_hours * 3600)


def _expire_topics(store: Store, now: float) -> None:
    for entry in store.where((JOBS.c.expires <= now) & JOBS.c.expired.is_(False)):
        store.change(entry.record.id, OVER, expired=True)


def _remove_logs(store: Store, settings: Settings, before: float) -> None:
    """Remove the folders of jobs that ended long ago, and folders that no job in the store belongs to."""
    old = JOBS.c.state.in_(OVER) & (JOBS.c.ended <= before) & JOBS.c.log_kept.is_(True)
    for entry in store.where(old):
        if entry.handle:
            _remove(entry.handle.folder)
        store.change(entry.record.id, OVER, log_kept=False)
    for folder in _old_folders(settings.home / "jobs", before):
        if not store.where((JOBS.c.id == folder.name) & JOBS.c.log_kept.is_(True)):
            _remove(folder)


def _remove_catalogs(store: Store, settings: Settings, before: float) -> None:
    """Remove old uploads, but none that a job still needs."""
    needed = " ".join(entry.record.job for entry in store.where(JOBS.c.state.not_in(OVER)))
    for folder in _old_folders(uploads(settings), before):
        if folder.name not in needed:
            _remove(folder)


def _old_folders(parent: Path, before: float) -> Iterator[Path]:
    """Yield the folders with a random name in which nothing has changed since a time."""
    for folder in parent.iterdir() if parent.is_dir() else ():
        if _FOLDER.match(folder.name) and folder.is_dir() and not folder.is_symlink() and _changed(folder) <= before:
            yield folder


def _changed(folder: Path) -> float:
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except OSError:
        return time.time()  # somebody is at it


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

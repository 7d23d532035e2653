"""Looking at a lake on a local disk without a JVM: for `check`, `nights` and other quick answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.footers import read_local
from alertferry.core.lake_files import ListedFile, all_nights, list_files
from alertferry.core.lake_nights import LakeNights, footer_memory, require_any
from alertferry.core.places import on_this_disk
from alertferry.core.schema import Struct
from alertferry.core.settings import load_settings
from alertferry.core.working_folder import is_url

GLANCE_FILES = 2_000
"""Files whose footers a glance reads at most, so that it stays below a second; of more, one of each of some nights."""

GLANCE_NIGHTS = 16

SIMULATED = "_simulated"
"""Name of an empty file in a lake whose alerts nobody has observed; no reader of alerts looks at it."""


def local_path(location: str) -> Path | None:
    """Return the folder of a lake on this machine; None for other filesystems. Raises `UsageError` if it is none."""
    if is_url(location):
        try:
            urlsplit(location)
        except ValueError as error:
            raise UsageError(f"the lake {location!r} is no address: {error}") from None
    root = on_this_disk(location)
    if root is not None and not os.path.isdir(root):  # Path.is_dir raises for names too long, folders that are closed
        raise UsageError(f"the lake {root} is not a folder; set source.lake or ALERTFERRY_LAKE_<SURVEY>")
    return root


def nights(root: Path) -> tuple[date, ...]:
    """Return every night of a lake that has a folder, in order. Raises `UsageError` for a folder that is closed."""
    found, hidden = all_nights(str(root))
    for error in hidden:
        raise error
    return found


def night_files(root: Path, night: date) -> list[Path]:
    """Return the data files of a night. Raises `UsageError` naming one that cannot be read."""
    return [Path(file.path) for file in list_files(str(root), [night])]


def count_alerts(root: Path, of: Sequence[date]) -> dict[date, int]:
    """Return the number of alerts of each night. Raises `UsageError` or `DamagedError` naming a file."""
    files = list_files(str(root), of)
    footers = footer_memory(load_settings().home).footers(files, read_local)
    counts = dict.fromkeys(of, 0)
    for file, footer in zip(files, footers, strict=True):
        counts[file.night] += footer.alerts
    return counts


def count_nights(root: Path) -> tuple[dict[date, int | AlertferryError], tuple[UsageError, ...]]:
    """Return the number of alerts of every night, and what may hide more nights, as `all_nights` does.

    A night of which something cannot be read has the error, naming it, in place of its number.
    """
    found, hidden = all_nights(str(root))
    return _count_what_can_be(root, found), hidden


def _count_what_can_be(root: Path, of: Sequence[date]) -> dict[date, int | AlertferryError]:
    try:
        return {**count_alerts(root, of)}
    except AlertferryError as error:
        if len(of) == 1:
            return {of[0]: error}
    half = len(of) // 2  # of many nights few are damaged: they are found by halves
    return _count_what_can_be(root, of[:half]) | _count_what_can_be(root, of[half:])


def glance(root: Path, asked: Sequence[date], documented: Struct | None = None) -> LakeNights:
    """Return nights with the files whose footers were looked at: all, unless they are very many.

    Raises `UsageError` when the lake has none of the nights, or its files do not go together; `DamagedError`.
    """
    files = list_files(str(root), asked)
    absent = require_any(str(root), files, asked)
    memory = footer_memory(load_settings().home)
    seen = files if len(files) <= GLANCE_FILES else [*memory.remembered(files), *_some_of(files)]
    seen = list(dict.fromkeys(seen))
    footers = tuple(memory.footers(seen, read_local))
    partial = len(seen) < len(files)
    return LakeNights(str(root), tuple(seen), footers, absent, documented, is_local=True, partial=partial)


def _some_of(files: Sequence[ListedFile]) -> list[ListedFile]:
    """Return one file of each of some nights, first and last among them."""
    first = {file.night: file for file in reversed(files)}
    ordered = [first[night] for night in sorted(first)]
    return [*ordered[:: max(1, len(ordered) // GLANCE_NIGHTS)], ordered[-1]]

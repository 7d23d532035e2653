"""Looking at a lake on a local disk without a JVM: for `check`, `nights` and other quick answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlparse

from alertferry.core.errors import DamagedError, UsageError
from alertferry.core.schema import Struct, from_arrow, merge

_NUMBER = re.compile(r"^(year|month|day)=(\d{1,4})$")


def local_path(location: str) -> Path | None:
    """Return the folder of a lake on this machine; None for other filesystems. Raises `UsageError` if it is none."""
    try:
        url = urlparse(location)
    except ValueError as error:
        raise UsageError(f"the lake {location!r} is no address: {error}") from None
    if url.scheme not in ("", "file"):
        return None
    root = Path(unquote(url.path))
    if not root.is_dir():
        raise UsageError(f"the lake {root} is not a folder; set source.lake or ALERTFERRY_LAKE_<SURVEY>")
    return root


def night_files(root: Path, night: date) -> list[Path]:
    """Return the data files of a night, its folders padded or not."""
    names = {(f"{night.month:02d}", f"{night.day:02d}"), (str(night.month), str(night.day))}
    names |= {(f"{night.month:02d}", str(night.day)), (str(night.month), f"{night.day:02d}")}
    folders = (root / f"year={night.year:04d}" / f"month={month}" / f"day={day}" for month, day in names)
    return sorted(file for folder in folders if folder.is_dir() for file in _data_files(folder))


def nights(root: Path) -> tuple[date, ...]:
    """Return every night of a lake that has a folder, in order."""
    found = set()
    for year, year_folder in _numbered(root, "year"):
        for month, month_folder in _numbered(year_folder, "month"):
            found |= {_date(year, month, day) for day, _ in _numbered(month_folder, "day")}
    return tuple(sorted(night for night in found if night))


def count_alerts(files: Sequence[Path]) -> int:
    """Return the number of alerts, from the footers. Raises `DamagedError` naming a file that has none."""
    import pyarrow as pa

    total = 0
    for file in files:
        try:
            total += _rows(*_version(file))
        except (OSError, pa.ArrowException) as error:
            raise DamagedError(f"{file} is not a whole parquet file ({error}); write it again") from None
    return total


def united_schema(files: Sequence[Path]) -> Struct | None:
    """Return the union of the schemas of files; None when one is damaged or two contradict each other.

    The run itself names such files; a look beforehand only helps to find mistakes early.
    """
    import pyarrow as pa

    try:
        return merge(_schema(*_version(file)) for file in files)
    except (OSError, pa.ArrowException, ValueError):
        return None


_Version = tuple[Path, int, int]
"""A file as it is now, by path, size and time of writing: what its footer says is read once."""


def _version(file: Path) -> _Version:
    status = file.stat()
    return file, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=20_000)
def _rows(*version: *_Version) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(version[0]).num_rows)


@lru_cache(maxsize=20_000)
def _schema(*version: *_Version) -> Struct:
    import pyarrow.parquet as pq

    return _first_equal(from_arrow(pq.read_schema(version[0])))


@lru_cache(maxsize=100)
def _first_equal(schema: Struct) -> Struct:
    """Return the same object for equal schemas: those of thousands of files are few."""
    return schema


def _data_files(folder: Path) -> Iterator[Path]:
    return (item for item in folder.iterdir() if item.is_file() and item.name[0] not in "._")


def _numbered(folder: Path, name: str) -> Iterator[tuple[int, Path]]:
    for item in folder.iterdir():
        match = _NUMBER.match(item.name)
        if match and match[1] == name and item.is_dir():
            yield int(match[2]), item


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None  # a folder like month=13 is no night

"""Commit records: the only thing that makes a data file count. One for each span of offsets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from alertferry.consumer.durable import write_durably
from alertferry.consumer.layout import COMMITS_FOLDER, EMPTY_STEM, stem
from alertferry.consumer.spans import Span

COMMIT_FORMAT = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class DataFile(_Record):
    """A data file: its path inside the folder, rows, size in bytes, and ``xxh3-128:<hex>`` of its content."""

    name: str
    rows: int
    bytes: int
    checksum: str


class Commit(_Record):
    """Offsets ``first`` to ``last`` (both included) of one partition are on disk, in ``files``.

    ``digest`` is the `ids_digest` of the rows' keys, ``bad`` the offsets of the messages set aside and
    ``bad_digest`` that of their keys. ``duplicates_dropped`` counts repeated records left out. A partition of None
    marks the empty file of a topic, or of a shard, without alerts: the record is called like it.
    """

    format: int = COMMIT_FORMAT
    topic: str
    partition: int | None
    first: int = 0
    last: int = -1
    files: tuple[DataFile, ...] = ()
    digest: str = ""
    duplicates_dropped: int = 0
    bad: tuple[int, ...] = ()
    bad_digest: str = ""

    @property
    def span(self) -> Span | None:
        """The offsets covered."""
        return None if self.partition is None else Span(self.partition, self.first, self.last + 1)

    @property
    def name(self) -> str:
        """Name of the record's own file."""
        return f"{self._empty_stem if self.span is None else stem(self.span)}.json"

    @property
    def _empty_stem(self) -> str:
        return Path(self.files[0].name).stem if self.files else EMPTY_STEM

    @property
    def rows(self) -> int:
        """Number of alerts in the files."""
        return sum(file.rows for file in self.files)


def commits_folder(records: Path) -> Path:
    """Return where the commit records are among the records of a delivery."""
    return records / COMMITS_FOLDER


def write_commit(records: Path, commit: Commit) -> None:
    """Make a commit count: from here on its files belong to the delivery. Raises `OSError`."""
    text = json.dumps(commit.model_dump(mode="json"), separators=(",", ":"))
    write_durably(commits_folder(records) / commit.name, [text.encode()])


def read_commits(records: Path) -> list[Commit | Path]:
    """Return all commit records in order; the path instead, for one that cannot be read."""
    return [_read(path) for path in sorted(commits_folder(records).glob("*.json")) if not path.name.startswith(".")]


def _read(path: Path) -> Commit | Path:
    try:
        commit = Commit.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return path
    return commit if commit.name == path.name else path


def total_digest(values: Iterable[str]) -> int:
    """Return the sum of hexadecimal digests, modulo 2^64; empty texts count as 0."""
    return sum(int(value, 16) for value in values if value) & 0xFFFFFFFFFFFFFFFF


def plain(commit: Commit) -> dict[str, Any]:
    """Return a commit as plain data, for another process."""
    return commit.model_dump(mode="json")

"""The files of a lake's nights, on any filesystem that pyarrow knows, and a fingerprint that tells when they change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
from pyarrow import fs

from alertferry.core.errors import AlertferryError


@dataclass(frozen=True)
class LakeFile:
    """A data file of a night; ``changed_ns`` is its time of modification."""

    path: str
    size: int
    changed_ns: int


@dataclass(frozen=True)
class NightFiles:
    """The data files of a night."""

    night: date
    files: tuple[LakeFile, ...]
    filesystem: Any

    @property
    def fingerprint(self) -> str:
        """Hash of names, sizes and times of modification: another one when the night was written again."""
        facts = "\n".join(f"{file.path} {file.size} {file.changed_ns}" for file in self.files)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    @property
    def seed(self) -> int:
        """Seed of what is drawn from the night: the same for the same files, wherever they are."""
        facts = "\n".join(f"{file.path.rpartition('/')[2]} {file.size}" for file in self.files)
        return int(hashlib.sha256(f"{self.night}\n{facts}".encode()).hexdigest()[:16], 16)


def list_nights(location: str, nights: Sequence[date]) -> tuple[NightFiles, ...]:
    """Return the nights that have files, in order. Raises `AlertferryError` for a lake that cannot be looked at."""
    try:
        filesystem, root = fs.FileSystem.from_uri(location)
        found = [NightFiles(night, _files(filesystem, root, night), filesystem) for night in nights]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise AlertferryError(f"estimates cannot look at the files of the lake {location}: {error}") from None
    return tuple(night for night in found if night.files)


def _files(filesystem: fs.FileSystem, root: str, night: date) -> tuple[LakeFile, ...]:
    """Return the data files of a night, its folders padded or not."""
    found = []
    for month in dict.fromkeys((f"{night.month:02d}", str(night.month))):
        for day in dict.fromkeys((f"{night.day:02d}", str(night.day))):
            folder = f"{root.rstrip('/')}/year={night.year:04d}/month={month}/day={day}"
            for info in filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True)):
                if info.type == fs.FileType.File and info.base_name[0] not in "._":
                    found.append(LakeFile(info.path, info.size, info.mtime_ns or 0))
    return tuple(sorted(found, key=lambda file: file.path))

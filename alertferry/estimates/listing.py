"""The files of a lake's nights for pyarrow, which draws samples, and a fingerprint that tells when they change."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any

import pyarrow as pa
from pyarrow import fs

from alertferry.core.errors import AlertferryError
from alertferry.core.lake_files import ListedFile, fingerprint
from alertferry.core.places import on_this_disk
from alertferry.core.working_folder import is_url

_HADOOP_S3 = re.compile(r"^s3[an]:", re.IGNORECASE)
"""What Hadoop calls S3 in addresses; pyarrow knows one name only."""


@dataclass(frozen=True)
class NightFiles:
    """The data files of a night, with the paths that they have for ``filesystem``."""

    night: date
    files: tuple[ListedFile, ...]
    filesystem: Any

    @property
    def fingerprint(self) -> str:
        """Short hash of names, sizes and versions: another one when the night was written again."""
        return fingerprint(self.files)[:16]

    @property
    def seed(self) -> int:
        """Seed of what is drawn from the night: the same for the same files, wherever they are."""
        facts = "\n".join(f"{file.path.rpartition('/')[2]} {file.size}" for file in self.files)
        return int(hashlib.sha256(f"{self.night}\n{facts}".encode()).hexdigest()[:16], 16)


def by_night(location: str, root: str, files: Sequence[ListedFile]) -> tuple[NightFiles, ...]:
    """Return the nights that have files, in order.

    ``root`` is the lake's folder as paths of listed files begin. Raises `AlertferryError` where pyarrow cannot look at
    the lake.
    """
    try:
        if is_url(location) and on_this_disk(location) is None:
            filesystem, own = fs.FileSystem.from_uri(_HADOOP_S3.sub("s3:", location))
            files = [replace(file, path=own.rstrip("/") + file.path[len(root.rstrip("/")) :]) for file in files]
        else:
            filesystem = fs.LocalFileSystem()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise AlertferryError(f"estimates cannot look at the files of the lake {location}: {error}") from None
    grouped = groupby(files, key=attrgetter("night"))
    return tuple(NightFiles(night, tuple(of_night), filesystem) for night, of_night in grouped)

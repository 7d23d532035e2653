"""Files that are whole or absent, whatever is killed: written aside, synced, renamed, the folder synced."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from alertferry.consumer.direct import DirectWriter
from alertferry.consumer.layout import temporary
from alertferry.core.errors import AlertferryError

CHECKSUM = "xxh3-128"

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "a file would exceed the size limit of this process; raise it (`ulimit -f`)",
    errno.EROFS: "the disk is mounted read-only; choose another folder or remount it",
    errno.EACCES: "this user may not write there; change the permissions or choose another folder",
    errno.EPERM: "this user may not write there; change the permissions or choose another folder",
}


@dataclass(frozen=True)
class Written:
    """Size in bytes and checksum of a file's content."""

    bytes: int
    checksum: str


def write_durably(path: Path, parts: Iterable[Any], workplace: Path | None = None) -> Written:
    """Write byte strings to ``path``; it appears under that name only when it is complete on the disk.

    Until then it is in the folder ``workplace``, by default the same. Raises `OSError`; what was written so far is
    then removed.
    """
    aside = temporary(path, workplace)
    digest = xxhash.xxh3_128()
    size = 0
    try:
        with aside.open("wb", buffering=0) as file:
            content = DirectWriter(file.fileno())
            for part in parts:
                content.write(part)
                digest.update(part)
                size += len(part)
            content.finish()
            os.fsync(file.fileno())
        aside.rename(path)
    except BaseException:  # also when interrupted: no half-written file stays
        with suppress(OSError):
            aside.unlink()
        raise
    sync_folder(path.parent)
    return Written(size, f"{CHECKSUM}:{digest.hexdigest()}")


def sync_folder(folder: Path) -> None:
    """Make renames and removals in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_durably(folder: Path, root: Path) -> None:
    """Make a folder below ``root``, and the folders between, so that they survive a power cut."""
    if folder.is_dir():
        return
    make_durably(folder.parent, root)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def checksum(path: Path) -> str:
    """Return the checksum of a file's content, as `write_durably` does."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return f"{CHECKSUM}:{digest.hexdigest()}"


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn an `OSError` inside into an `AlertferryError` that names the folder and the remedy."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise AlertferryError(
            f"cannot write to {folder}: {reason}; then run the same command again: "
            "everything committed so far is kept, and nothing half-written is visible"
        ) from error

"""Files that users have sent, each under an id that the server made, for its owner only.

Each lies in a folder of its own, ``uploads/ID``, beside a note of its owner. Jobs name it ``upload:ID``; those stored
by 0.1.0 say ``ID/NAME``.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alertferry.core.errors import UsageError
from alertferry.core.private import private_folder
from alertferry.core.settings import load_settings
from alertferry.core.working_folder import UPLOAD, sent_file

MAX_FILES = 1000
"""Files of one user that are kept at a time."""

NOT_YOURS = "this file is not among your uploads; upload it here"

_ID = re.compile(r"[0-9a-f]{32}")
_UNSAFE = re.compile(r"[^\w.+-]+", re.ASCII)
_OWNER = ".owner"


class UploadError(Exception):
    """A file is not taken; ``status`` is the answer's HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Upload:
    """A file that has arrived. ``name`` is what its owner called it."""

    id: str
    name: str
    bytes: int

    @property
    def reference(self) -> str:
        """How jobs name it."""
        return f"upload:{self.id}"

    @property
    def file(self) -> Path:
        """Where it lies."""
        return folder() / self.id / self.name


def folder() -> Path:
    """Return the folder of uploads; old ones are removed with the retention of catalogues."""
    return load_settings().home / "uploads"


def safe_name(name: str) -> str:
    """Return the end of a file name, with nothing in it that could lead elsewhere."""
    return _UNSAFE.sub("_", re.split(r"[/\\]", name)[-1])[-80:].lstrip("._") or "file"


def find(identifier: str, owner: str | None) -> Upload | None:
    """Return an owner's file by its id; None when there is none, or it is another's."""
    if not _ID.fullmatch(identifier) or _owner_of(folder() / identifier) != json.dumps(owner):
        return None
    found = sent_file(folder() / identifier)
    return Upload(identifier, found.name, found.stat().st_size) if found.is_file() else None


def named(text: str, owner: str | None) -> Upload | None:
    """Return an owner's file as a job names it, ``upload:ID`` or ``ID/NAME``; None for anything else."""
    new, (old, _, name) = UPLOAD.fullmatch(text), text.partition("/")
    found = find(new[1] if new else old, owner)
    return found if found and (new or found.name == name) else None


def _owner_of(place: Path) -> str:
    try:
        return (place / _OWNER).read_text()
    except OSError:
        return ""


class _Room:
    """How much each owner has: what is kept, counted on disk, and what is on its way in, side by side perhaps."""

    def __init__(self) -> None:
        self._kept: dict[str, int] = {}
        self._coming: dict[str, int] = {}
        self._lock = threading.Lock()

    def look(self, owner: str, max_bytes: int) -> None:
        """Count what an owner has. Raises `UploadError` when it is full."""
        with self._lock:
            sizes = list(_sizes(owner))
            self._kept[owner] = sum(sizes)
        if len(sizes) >= MAX_FILES:
            raise UploadError(429, f"You have sent {len(sizes):,} files, the most that are kept; {_WAIT}.")
        if sum(sizes) >= max_bytes:
            raise UploadError(413, full(max_bytes))

    def come(self, owner: str, size: int) -> int:
        """Count bytes that have come, or are gone; return how many there are in all."""
        with self._lock:
            self._coming[owner] = self._coming.get(owner, 0) + size
            return self._kept.get(owner, 0) + self._coming[owner]

    def keep(self, owner: str, part: Path, file: Path, size: int) -> None:
        """Keep a file that has come."""
        with self._lock:
            part.rename(file)
            self._coming[owner] = self._coming.get(owner, 0) - size  # of an empty file nothing has come
            self._kept[owner] = self._kept.get(owner, 0) + size


_WAIT = "files are removed after a day"
_ROOM = _Room()


def _sizes(owner: str) -> Iterator[int]:
    root = folder()
    for place in root.iterdir() if root.is_dir() else ():
        file = sent_file(place)
        if _owner_of(place) == owner and file.is_file():
            yield file.stat().st_size


class Receiving:
    """A file on its way in. `write` what comes, then `finish` it, or `drop` it. Slow to make: it counts what is there.

    Raises `UploadError` when its owner may send no more.
    """

    def __init__(self, name: str, owner: str | None, max_bytes: int | None = None) -> None:
        settings = load_settings()
        self.id = secrets.token_hex(16)
        self.name = safe_name(name)
        self.bytes = 0
        self._max_bytes = settings.max_upload_bytes if max_bytes is None else max_bytes
        self._max_total = settings.max_user_upload_bytes
        self._owner = json.dumps(owner)
        _ROOM.look(self._owner, self._max_total)
        with _disk():
            self._folder = private_folder(folder()) / self.id
            self._folder.mkdir(mode=0o700)
            (self._folder / _OWNER).write_text(self._owner)
            self._part = self._folder / ".part"
            self._stream = self._part.open("xb", buffering=0)  # closing it then writes nothing that can fail

    def write(self, chunk: bytes) -> None:
        """Store a piece. Raises `UploadError` as soon as the file, or all of its owner's, is too large."""
        self.bytes += len(chunk)
        total = _ROOM.come(self._owner, len(chunk))
        if self.bytes > self._max_bytes or total > self._max_total:
            self.drop()
            alone = self.bytes > self._max_bytes
            raise UploadError(413, too_large(self._max_bytes) if alone else full(self._max_total))
        try:
            with _disk():
                view = memoryview(chunk)
                while view:
                    view = view[self._stream.write(view) :]
        except UploadError:
            self.drop()
            raise

    def finish(self) -> Upload:
        """Return the stored file. Raises `UploadError` when the disk is full."""
        self._stream.close()
        with _disk():
            _ROOM.keep(self._owner, self._part, self._folder / self.name, self.bytes)
        return Upload(self.id, self.name, self.bytes)

    def drop(self) -> None:
        """Remove what has come."""
        self._stream.close()
        _ROOM.come(self._owner, -self.bytes)
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def _disk() -> Iterator[None]:
    """Say what the disk refuses in words for who sends."""
    try:
        yield
    except OSError as error:
        raise UploadError(507, f"The file cannot be stored on the server: {error.strerror}.") from error


def too_large(max_bytes: int) -> str:
    """Return what is said about a file over the limit."""
    return f"The file is larger than {max_bytes / 1e6:.0f} MB, the most that is taken."


def full(max_bytes: int) -> str:
    """Return what is said when an owner's files are too large together."""
    return f"Your files would be larger than {max_bytes / 1e6:,.0f} MB together, the most that is kept; {_WAIT}."


def file_of(text: str, owner: str | None) -> Path:
    """Return where an owner's file lies that a job names. Raises `UsageError` when it is none of theirs."""
    found = named(text, owner)
    if found is None:
        raise UsageError(NOT_YOURS)
    return found.file

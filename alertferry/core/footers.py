"""Number of alerts and schema of a lake's files, from their footers: read once as long as a file stays as it is.

What was read is remembered in the user's folder, for all jobs and commands. A damaged or unusable memory is none.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from alertferry.core.errors import AlertferryError, DamagedError, UsageError
from alertferry.core.lake_files import ListedFile
from alertferry.core.many_reads import read_many
from alertferry.core.parquet_schema import first_fields, stored_schema
from alertferry.core.private import private_file
from alertferry.core.schema import Struct

TAIL_BYTES = 64 * 1024
"""Read at first from the end of a file: most footers fit."""

MOST_FOOTER_BYTES = 64 * 1024 * 1024
REMEMBERED_FILES = 500_000
REMEMBERED_SCHEMAS = 2_000
REMEMBERED_FACTS = 10_000
_AT_HAND = 100_000
_SUFFIXES = (".parquet", ".parq", ".pq")


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file's footer says: how many alerts it has, and the bytes of its schema."""

    alerts: int
    described: bytes

    def __post_init__(self) -> None:
        """Hold the bytes once for all files: of a hundred thousand, each with its own, they would fill the memory."""
        object.__setattr__(self, "described", _same(self.described))

    @property
    def schema(self) -> Struct:
        """The types of its columns as they are stored."""
        return _schema(self.described)


@lru_cache(maxsize=2048)
def _same(described: bytes) -> bytes:
    return described


@lru_cache(maxsize=512)
def _schema(described: bytes) -> Struct:
    return stored_schema(described)


Read = Callable[[Sequence[ListedFile]], Sequence[Footer]]
"""Reads the footers of files."""


def read_local(files: Sequence[ListedFile]) -> Sequence[Footer]:
    """Read footers on this disk. Raises as `refusal` says, naming a file."""
    return [footer for found in read_many(files, lambda part: list(map(_read_local, part))) for footer in found]


def _read_local(file: ListedFile) -> Footer:
    try:
        with Path(file.path).open("rb", buffering=0) as stream:

            def end(size: int) -> bytes:
                stream.seek(-size, os.SEEK_END)
                return stream.read(size)

            return from_end(file, end)
    except OSError as error:
        raise UsageError(f"{file.path} cannot be read: {error.strerror}") from None


def from_end(file: ListedFile, end: Callable[[int], bytes]) -> Footer:
    """Read the footer of a file of which ``end`` gives the last bytes."""
    if file.size < 12:
        raise refusal(file, "is too short")
    tail = end(min(file.size, TAIL_BYTES))
    if tail[-4:] != b"PAR1":
        raise refusal(file, "encrypted" if tail[-4:] == b"PARE" else "does not end as one")
    size = int.from_bytes(tail[-8:-4], "little")
    if size + 12 > file.size or size > MOST_FOOTER_BYTES:
        raise refusal(file, "its footer is longer than the file")
    if size + 8 > len(tail):
        tail = end(size + 8)
    try:
        schema, alerts = first_fields(tail[-8 - size : -8])
    except ValueError as error:
        raise refusal(file, str(error)) from None
    return checked(file, Footer(alerts, schema))


def checked(file: ListedFile, footer: Footer) -> Footer:
    """Return a footer whose schema can be understood. Raises as `refusal` says."""
    try:
        _ = footer.schema
    except ValueError as error:
        raise refusal(file, str(error)) from None
    return footer


def refusal(file: ListedFile, reason: str) -> AlertferryError:
    """Return the error for a file without a footer that can be read."""
    if file.size == 0:
        return DamagedError(f"{file.path} is empty (0 bytes); remove it from the lake or write it again")
    if reason == "encrypted":
        return UsageError(f"{file.path} is encrypted, and cannot be read without its keys; ask for other nights")
    if not file.path.lower().endswith(_SUFFIXES) and reason in ("is too short", "does not end as one"):
        return UsageError(
            f"{file.path} is no parquet file; move it out of the night's folder, or give it a name that begins with _"
        )
    return DamagedError(f"{file.path} is not a whole parquet file ({reason}); write it again")


_Found = TypeVar("_Found")
_Version = tuple[str, int, str]
"""A file as it is now: path, size, version."""


@dataclass
class FooterMemory:
    """Remembers footers in ``home``, and as long as it lives itself where that cannot be written.

    Those of files that were not settled when they were listed are forgotten at once.
    """

    home: Path
    _known: dict[_Version, Footer] = field(default_factory=dict)

    def footers(self, files: Sequence[ListedFile], read: Read) -> list[Footer]:
        """Return the footers of files, reading those that are not remembered. Raises what ``read`` does."""
        known = {version: footer for file in files if (footer := self._known.get(version := _version(file)))}
        unknown = [file for file in files if _version(file) not in known]
        if unknown:
            known |= self._store(lambda store: _recalled(store, unknown)) or {}
            unread = [file for file in unknown if _version(file) not in known]
            found = dict(zip(map(_version, unread), read(unread), strict=True))
            known |= found
            if len(self._known) + len(unknown) > _AT_HAND:
                self._known.clear()
            self._known |= {_version(file): known[_version(file)] for file in unknown if file.settled}
            self._store(lambda store: _remember(store, unread, found))
        return [known[_version(file)] for file in files]

    def remembered(self, files: Sequence[ListedFile]) -> list[ListedFile]:
        """Return those files whose footers need not be read."""
        recalled = self._store(lambda store: _recalled(store, files)) or {}
        return [file for file in files if _version(file) in self._known or _version(file) in recalled]

    def noted(self, fact: str) -> bool:
        """Tell whether a fact was noted."""
        asked = "SELECT count(*) FROM facts WHERE fact = ?"
        return bool(self._store(lambda store: store.execute(asked, [fact]).fetchone()[0]))

    def note(self, fact: str) -> None:
        """Remember a fact about files that stay as they are; of very many, the oldest are forgotten."""

        def write(store: sqlite3.Connection) -> None:
            store.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [fact, time.time()])
            store.execute(
                "DELETE FROM facts WHERE noted < (SELECT noted FROM facts ORDER BY noted DESC LIMIT 1 OFFSET ?)",
                [REMEMBERED_FACTS],
            )

        self._store(write)

    def _store(self, use: Callable[[sqlite3.Connection], _Found]) -> _Found | None:
        """Use the store; None when it cannot be. A damaged one is removed."""
        path = self.home / "footers-1.sqlite"
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            private_file(path)  # SQLite's own would be readable for everybody
            with closing(sqlite3.connect(path, timeout=5)) as store, store:
                for table in _TABLES:
                    store.execute(table)
                return use(store)
        except sqlite3.OperationalError:
            return None  # locked for long, or on a disk that knows no locks
        except (sqlite3.DatabaseError, ValueError):
            with suppress(OSError):
                path.unlink()
            return None
        except OSError:
            return None


_TABLES = (
    "CREATE TABLE IF NOT EXISTS schemas (number INTEGER PRIMARY KEY, described BLOB UNIQUE NOT NULL)",
    "CREATE TABLE IF NOT EXISTS files (folder TEXT, name TEXT, size INTEGER, version TEXT, alerts INTEGER, "
    "schema INTEGER, read REAL, PRIMARY KEY (folder, name)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS facts (fact TEXT PRIMARY KEY, noted REAL)",
)


def _version(file: ListedFile) -> _Version:
    return file.path, file.size, file.version


def _recalled(store: sqlite3.Connection, files: Sequence[ListedFile]) -> dict[_Version, Footer]:
    """Return the footers that are stored, of these files and others in their folders."""
    rows = store.execute(
        "SELECT folder || '/' || name, size, version, alerts, schema FROM files "
        "WHERE folder IN (SELECT value FROM json_each(?))",
        [json.dumps(list({os.path.dirname(file.path) for file in files}))],
    ).fetchall()
    numbers = json.dumps(list({row[-1] for row in rows}))
    schemas: dict[int, bytes] = dict(
        store.execute(
            "SELECT number, described FROM schemas WHERE number IN (SELECT value FROM json_each(?))", [numbers]
        )
    )
    for described in schemas.values():
        _schema(described)
    return {
        (path, size, version): Footer(int(alerts), schemas[number])
        for path, size, version, alerts, number in rows
        if number in schemas
    }


def _remember(store: sqlite3.Connection, files: Iterable[ListedFile], found: Mapping[_Version, Footer]) -> None:
    now = time.time()
    footers = [(file, found[_version(file)]) for file in files if file.settled]
    store.executemany(
        "INSERT OR IGNORE INTO schemas(described) VALUES (?)", {(footer.described,) for _, footer in footers}
    )
    numbers = dict(store.execute("SELECT described, number FROM schemas"))
    store.executemany(
        "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (*os.path.split(file.path), file.size, file.version, footer.alerts, numbers[footer.described], now)
            for file, footer in footers
        ],
    )
    (count,) = store.execute("SELECT count(*) FROM files").fetchone()
    if count > REMEMBERED_FILES:  # the older half goes
        store.execute(
            "DELETE FROM files WHERE read < (SELECT read FROM files ORDER BY read LIMIT 1 OFFSET ?)", (count // 2,)
        )
        store.execute("DELETE FROM schemas WHERE number NOT IN (SELECT schema FROM files)")
    (count,) = store.execute("SELECT count(*) FROM schemas").fetchone()
    if count > REMEMBERED_SCHEMAS:  # as where every file has its own: it is not worth the room
        store.execute("DELETE FROM files")
        store.execute("DELETE FROM schemas")

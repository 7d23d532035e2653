"""Which files a night has: one rule, for a local disk here and for any Hadoop filesystem in `encoder/LakeFiles.java`.

A night's folders are ``year=Y/month=M/day=D`` below the lake, numbers padded or not, names in any letter case. All
files below them are its data, at any depth (``hour=03``), but what is hidden: files and folders whose name begins with
``.`` or with ``_`` (unless it has a ``=``, as folders of columns have), or ends with ``._COPYING_``.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date

from alertferry.core.errors import AlertferryError, UsageError

_LEVELS = ("year", "month", "day")
_NUMBERED = re.compile(r"(year|month|day)=([0-9]{1,4})", re.IGNORECASE)
DEEPEST = 16
"""Folders below a night at most: links that lead back would have no end."""

SETTLED_SECONDS = 3.0
"""Who writes a file twice within the resolution of its clock leaves no trace: younger files may change unseen."""

_THREADS = 8
_NAMED = 3


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of a night. ``version`` is another one when it was written or replaced; ``changed_ms`` is since 1970.

    ``settled`` tells whether it was old enough when it was listed that it gets another version when written again.
    """

    path: str
    night: date
    size: int
    changed_ms: int
    version: str
    settled: bool = field(default=False, compare=False)


def is_settled(changed_ms: int, listed: float) -> bool:
    """Tell whether a file is settled whose folder was listed not before ``listed``, in seconds since 1970.

    The time before the listing counts: what was read later may be of a file that was still young when it was listed.
    """
    return listed - changed_ms / 1000 > SETTLED_SECONDS


def fingerprint(files: Iterable[ListedFile]) -> str:
    """Return a hash of paths, sizes and versions: another one when any file was written again."""
    facts = "\n".join(f"{file.path} {file.size} {file.version}" for file in files)
    return hashlib.sha256(facts.encode()).hexdigest()


class MissingError(UsageError):
    """A folder or a file of the lake is not there."""


class FileChangedError(AlertferryError):
    """Files of the lake are not those that were there when the job began."""


def is_hidden(name: str) -> bool:
    """Tell whether files and folders of this name are no data."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name) or name.endswith("._COPYING_")


def all_nights(root: str) -> tuple[tuple[date, ...], tuple[UsageError, ...]]:
    """Return every night of a lake on this disk that has a folder, in order, and what may hide more of them.

    That are folders of a year or a month that cannot be opened. A night whose own folder cannot be is a night, and
    `list_files` says what is wrong with it. Raises `UsageError` when the lake itself cannot be opened.
    """
    found, hidden = set[date | None](), list[UsageError]()

    def enter(folder: str, *numbers: int) -> None:
        if len(numbers) == len(_LEVELS):
            found.add(night_of(numbers))
            return
        for number, entry in _numbered(folder, _LEVELS[len(numbers)]):
            try:
                if _is_folder(entry):
                    enter(entry.path, *numbers, number)
            except UsageError as error:
                if len(numbers) + 1 == len(_LEVELS):
                    found.add(night_of((*numbers, number)))
                else:
                    hidden.append(error)

    enter(root)
    return tuple(sorted(night for night in found if night)), tuple(hidden)


def list_files(root: str, nights: Iterable[date]) -> list[ListedFile]:
    """Return the files of nights of a lake on this disk, ordered by night and path.

    Raises `UsageError` naming what cannot be read: a folder that may not be opened, a link to nothing or in a circle,
    a name that is not UTF-8.
    """
    listed = time.time()
    folders = [(night, path) for night, paths in _folders(root, set(nights)).items() for path in paths]
    with ThreadPoolExecutor(_THREADS) as pool:  # a network's disk takes its time for each folder
        found = pool.map(lambda item: list(_below(item[0], item[1], DEEPEST, listed)), folders)
        return ordered(file for files in found for file in files)


def ordered(files: Iterable[ListedFile]) -> list[ListedFile]:
    """Return files by night and path."""
    return sorted(files, key=lambda file: (file.night, file.path))


def _folders(root: str, wanted: set[date]) -> dict[date, list[str]]:
    """Return the folders of each wanted night, entering only those on the way."""
    asked = {(night.year, night.month, night.day) for night in wanted}
    found: dict[date, list[str]] = {}
    places: list[tuple[tuple[int, ...], str]] = [((), root)]
    for depth, name in enumerate(_LEVELS, 1):
        chosen = {numbers[:depth] for numbers in asked}
        places = [
            ((*numbers, number), entry.path)
            for numbers, folder in places
            for number, entry in _numbered(folder, name)
            if (*numbers, number) in chosen and _is_folder(entry)
        ]
    for numbers, path in places:
        night = night_of(numbers)
        if night is not None:
            found.setdefault(night, []).append(path)
    return found


def night_of(numbers: Sequence[int]) -> date | None:
    """Return the night of year, month and day; None where the calendar has none."""
    try:
        return date(*numbers)
    except ValueError:
        return None  # a folder like month=13 is no night


def numbered(folder: str, name: str) -> int | None:
    """Return the number of a folder ``name=number``; None for other names."""
    match = _NUMBERED.fullmatch(folder)
    return int(match[2]) if match and match[1].lower() == name else None


def _numbered(folder: str, name: str) -> Iterator[tuple[int, os.DirEntry[str]]]:
    for entry in _entries(folder):
        number = numbered(entry.name, name)
        if number is not None:
            yield number, entry


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether a name stands for a folder; a link that leads nowhere is refused: its night is not "no data"."""
    return entry.is_dir(follow_symlinks=False) or stat.S_ISDIR(_status(entry).st_mode)


def _below(night: date, folder: str, depth: int, listed: float) -> Iterator[ListedFile]:
    for entry in _entries(folder):
        if is_hidden(entry.name):
            continue
        status = _status(entry)
        if stat.S_ISDIR(status.st_mode):
            if depth == 0:
                raise UsageError(f"{folder} is nested too deeply: does a link in it lead back? remove it")
            yield from _below(night, entry.path, depth - 1, listed)
        else:
            version, changed = f"{status.st_mtime_ns}-{status.st_ino}", status.st_mtime_ns // 1_000_000
            yield ListedFile(entry.path, night, status.st_size, changed, version, is_settled(changed, listed))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        kind = MissingError if isinstance(error, FileNotFoundError | NotADirectoryError) else UsageError
        raise kind(f"the folder {shown(folder)} of the lake cannot be read: {error.strerror}") from None


def _status(entry: os.DirEntry[str]) -> os.stat_result:
    """Return what a name stands for, links followed."""
    if shown(entry.path) != entry.path:
        raise UsageError(f"{shown(entry.path)} has a name that is not UTF-8, and Spark cannot open it; rename it")
    try:
        status = entry.stat()
    except FileNotFoundError:
        raise MissingError(
            f"{entry.path} is a link to what does not exist; remove the link or restore what it leads to"
        ) from None
    except OSError as error:
        raise UsageError(f"{entry.path} cannot be looked at: {error.strerror}") from None
    if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
        raise UsageError(f"{entry.path} is neither a file nor a folder; move it out of the lake")
    return status


def shown(path: str) -> str:
    """Return a path as text, with a replacement character for each byte that is not UTF-8."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def refuse_changes(before: Iterable[ListedFile], after: Iterable[ListedFile]) -> None:
    """Raise `FileChangedError` naming the files that changed, vanished or appeared."""
    old, new = _by_path(before), _by_path(after)
    parts = {
        "vanished": old.keys() - new.keys(),
        "appeared": new.keys() - old.keys(),
        "changed": {path for path in old.keys() & new.keys() if old[path] != new[path]},
    }
    said = "; ".join(f"{what}: {_some(paths)}" for what, paths in parts.items() if paths)
    if said:
        raise FileChangedError(
            f"files of the lake are not what they were when the job began, so what was read cannot be trusted "
            f"({said}); run the job again when nobody writes to these nights"
        )


def _by_path(files: Iterable[ListedFile]) -> Mapping[str, ListedFile]:
    return {file.path: file for file in files}


def _some(paths: Iterable[str]) -> str:
    names = sorted(paths)
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")

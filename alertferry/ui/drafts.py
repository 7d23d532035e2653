"""Requests in the making, on disk: a page that is reloaded, or a server that is started again, goes on where it was.

Each user's lie in a folder of their own, so many and no more: the one that was left longest makes room.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from alertferry.core.errors import UsageError
from alertferry.core.private import private_folder
from alertferry.core.settings import load_settings
from alertferry.ui.background import DRAFTS
from alertferry.ui.draft import Draft

LOG = logging.getLogger("alertferry.ui")

KEEP_SECONDS = 7 * 86_400.0
MAX_BYTES = 64 * 1024
"""Bytes of a draft: as much as a job file may have."""

_ID = re.compile(r"[0-9a-f]{24}")


def folder() -> Path:
    """Return the folder of drafts."""
    return load_settings().home / "ui" / "drafts"


def _folder_of(owner: str | None) -> Path:
    return folder() / hashlib.sha256(json.dumps(owner).encode()).hexdigest()[:32]


def new_id() -> str:
    """Return the id of a new draft; nobody can guess another's."""
    return secrets.token_hex(12)


def text_of(owner: str | None, draft: Draft, step: str) -> str:
    """Return a draft as it is kept. Raises `UsageError` when it is larger than any job file may be."""
    text = json.dumps({"owner": owner, "step": step, "job": draft.to_dict()})
    if len(text) > MAX_BYTES:
        raise UsageError(
            f"this request would have {len(text):,} bytes, and at most {MAX_BYTES:,} are taken; shorten its lists"
        )
    return text


_UNWRITTEN: dict[Path, str] = {}
"""What waits to be written; it is read from here until it is."""
_WRITING = threading.Lock()


def save(identifier: str, owner: str | None, draft: Draft, step: str) -> None:
    """Keep a draft and the step it is at. Raises `UsageError` as `text_of` does.

    It is written by another thread: a disk that is busy, or full, does not stop the work.
    """
    file = _folder_of(owner) / f"{identifier}.json"
    _UNWRITTEN[file] = text_of(owner, draft, step)
    DRAFTS.do(partial(_write, file.parent, load_settings().max_drafts), owner=owner, place=file.parent)


def flush() -> None:
    """Write what waits to be written; called when the server ends."""
    for place in {file.parent for file in list(_UNWRITTEN)}:
        _write(place, load_settings().max_drafts)


def _write(place: Path, most: int) -> None:
    """Write what waits for a folder, and make room."""
    with _WRITING:
        for file, text in [item for item in list(_UNWRITTEN.items()) if item[0].parent == place]:
            try:
                part = private_folder(place) / f".{file.stem}"
                part.write_text(text)
                part.replace(file)
            except OSError as error:
                LOG.warning("a draft could not be kept: %s", error)
            if _UNWRITTEN.get(file) is text:  # else it has changed meanwhile, and another turn comes
                del _UNWRITTEN[file]
        for file in sorted(place.glob("*.json"), key=_changed)[:-most]:
            with suppress(OSError):
                file.unlink()


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:  # just removed
        return 0.0


def load(identifier: str, owner: str | None) -> tuple[Draft, str] | None:
    """Return an owner's draft and its step; None when there is none, or it is another's."""
    if not _ID.fullmatch(identifier):
        return None
    for place in (_folder_of(owner), folder()):  # those of 0.1.0 lie side by side
        try:
            file = place / f"{identifier}.json"
            text = _UNWRITTEN.get(file)
            if text is None:
                text = file.read_text() if file.stat().st_size <= 2 * MAX_BYTES else "{}"
            data = json.loads(text)
            if data["owner"] == owner:
                return from_dict(data["job"]), str(data["step"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def from_dict(data: dict[str, Any]) -> Draft:
    """Read a draft from the plain data of a job that may not be complete yet."""
    return Draft(data["source"], data["output"], tuple(data.get("filters", ())), data.get("name"), data.get("limit"))


def sweep() -> None:
    """Remove drafts that nobody has touched for a week."""
    before = time.time() - KEEP_SECONDS
    for file in folder().rglob("*.json") if folder().is_dir() else ():
        if 0 < _changed(file) < before:
            file.unlink(missing_ok=True)

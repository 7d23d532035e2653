"""Requests in the making, on disk: a page that is reloaded, or a server that is started again, goes on where it was.

Each user's lie in a folder of their own, so many and no more: the one that was left longest makes room.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from pathlib import Path
from typing import Any

from alertferry.core.errors import UsageError
from alertferry.core.private import private_folder
from alertferry.core.settings import load_settings
from alertferry.ui.draft import Draft

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


def save(identifier: str, owner: str | None, draft: Draft, step: str) -> None:
    """Keep a draft and the step it is at. Raises `UsageError` as `text_of` does."""
    text, place = text_of(owner, draft, step), private_folder(_folder_of(owner))
    part = place / f".{identifier}"
    part.write_text(text)
    part.replace(place / f"{identifier}.json")
    kept = sorted(place.glob("*.json"), key=_changed)
    for file in kept[: -load_settings().max_drafts]:
        file.unlink(missing_ok=True)


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
            data = json.loads(file.read_text()) if file.stat().st_size <= 2 * MAX_BYTES else {}
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

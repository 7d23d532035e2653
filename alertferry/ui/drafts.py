"""Requests in the making, on disk: a page that is reloaded, or a server that is started again, goes on where it was."""

from __future__ import annotations

import json
import re
import secrets
import time
from pathlib import Path
from typing import Any

from alertferry.core.settings import load_settings
from alertferry.ui.draft import Draft

KEEP_SECONDS = 7 * 86_400.0
MAX_BYTES = 256 * 1024

_ID = re.compile(r"^[0-9a-f]{24}$")


def folder() -> Path:
    """Return the folder of drafts."""
    return load_settings().home / "ui" / "drafts"


def new_id() -> str:
    """Return the id of a new draft; nobody can guess another's."""
    return secrets.token_hex(12)


def save(identifier: str, owner: str | None, draft: Draft, step: str) -> None:
    """Keep a draft and the step it is at."""
    place = folder()
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = json.dumps({"owner": owner, "step": step, "job": draft.to_dict()})
    part = place / f".{identifier}"
    part.write_text(text)
    part.replace(place / f"{identifier}.json")


def load(identifier: str, owner: str | None) -> tuple[Draft, str] | None:
    """Return an owner's draft and its step; None when there is none, or it is another's."""
    if not _ID.match(identifier):
        return None
    try:
        data = json.loads((folder() / f"{identifier}.json").read_text())
        if data["owner"] != owner:
            return None
        return from_dict(data["job"]), str(data["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def from_dict(data: dict[str, Any]) -> Draft:
    """Read a draft from the plain data of a job that may not be complete yet."""
    return Draft(data["source"], data["output"], tuple(data.get("filters", ())), data.get("name"))


def sweep() -> None:
    """Remove drafts that nobody has touched for a week."""
    before = time.time() - KEEP_SECONDS
    for file in folder().glob("*.json") if folder().is_dir() else ():
        if file.stat().st_mtime < before:
            file.unlink(missing_ok=True)

"""A job file that is uploaded and becomes a request: on the first step and on Review."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.safe_yaml import MAX_BYTES
from alertferry.ui import uploads
from alertferry.ui.components import Notice, Upload
from alertferry.ui.draft import Draft
from alertferry.ui.imports import draft_from_file
from alertferry.ui.problems import general
from alertferry.ui.session import Session


class JobUpload:
    """The control and what it says; ``take`` gets the request that the file holds."""

    def __init__(self, session: Session, hint: str, take: Callable[[Draft], None]) -> None:
        self.session, self._take = session, take
        self.upload = Upload(
            title="Open a job file",
            hint=hint,
            accept=".yml,.yaml,.json",
            ticket=session.ticket,
            max_bytes=MAX_BYTES,
        )
        self.upload.on_message = self._opened
        self.notice = Notice(visible=False)
        self._imported = ""
        """The request that the opened file became."""

    def refresh(self) -> None:
        """Say nothing of a file that another request came from."""
        if self._imported != self.session.draft_id:
            self.notice.visible = False

    def _opened(self, message: dict[str, Any]) -> None:
        found = uploads.find(message["file"], self.session.owner)
        if found is not None:  # reading YAML takes long for its size
            self.session.later("open", lambda: _draft_in(found), partial(self._read, found.name))

    def _read(self, name: str, result: Any, error: AlertferryError | None) -> None:
        if error is not None:
            lines = [str(problem) for problem in general(error)]
            self.notice.param.update(visible=True, tone="error", title=f"{name} is not a job", lines=lines)
            self._imported = self.session.draft_id
            return
        draft, unmapped = result
        self._take(draft)
        self._imported = self.session.draft_id
        tone = "warning" if unmapped else "success"
        self.notice.param.update(visible=True, tone=tone, title=f"{name} is open", lines=list(unmapped))


def _draft_in(upload: uploads.Upload) -> tuple[Draft, tuple[str, ...]]:
    if upload.bytes > MAX_BYTES:
        raise UsageError(f"it has {upload.bytes:,} bytes; a job file has at most {MAX_BYTES:,}")
    return draft_from_file(upload.file.read_bytes())

"""All jobs of a user: open one, run it again, run it on newer nights, or make a new request of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel_material_ui as pmui

from alertferry import service
from alertferry.core.access import Access
from alertferry.core.errors import AlertferryError
from alertferry.core.job import Job
from alertferry.core.nights import summarise
from alertferry.ui import lakes
from alertferry.ui.components import DataTable, Notice
from alertferry.ui.draft import Draft
from alertferry.ui.gauges import size_text
from alertferry.ui.session import Session
from alertferry.ui.text import time_text
from alertferry.ui.theme import card, heading, row, stack

_COLUMNS = [
    {"title": "Job"},
    {"title": "State", "state": True},
    {"title": "Survey"},
    {"title": "Alerts", "right": True},
    {"title": "Size", "right": True},
    {"title": "Submitted"},
]
OPEN, AGAIN, NEWER, EDIT = "Open", "Run again", "Newer nights", "Edit"


def newer_nights(job: Job, access: Access) -> tuple[str, ...]:
    """Return the nights of the lake after the last one that a job asked for. Raises `UsageError`."""
    lake = service.lake_to_look_at(getattr(job.source, "lake", None), access)
    last = max(job.source.requested())
    return tuple(summarise(item.night for item in lakes.look(job.source.kind, lake).nights if item.night > last))


class JobsPage:
    """The table of jobs."""

    def __init__(self, session: Session, open_job: Callable[[str], None], open_draft: Callable[[Draft], None]) -> None:
        self.session, self._open_job, self._open_draft = session, open_job, open_draft
        self.notice = Notice(visible=False)
        empty = "No job yet. Make a request; it will be listed here."
        self.table = DataTable(title="Jobs", columns=_COLUMNS, actions=[OPEN, AGAIN, NEWER, EDIT], empty=empty)
        self.table.on_message = self._pressed
        self.again = pmui.Button(label="Refresh", variant="outlined", margin=0)
        self.again.on_click(lambda _: self.refresh())
        self.view = stack(
            heading("Jobs", "Everything you have submitted, newest first.", 1),
            self.notice,
            card(self.table, row(self.again)),
        )
        self._records: dict[str, Any] = {}

    def refresh(self) -> None:
        """Read the jobs from the store."""
        owner = self.session.owner
        self.session.later("jobs", lambda: service.list_jobs(owner=owner), self._listed)

    def _listed(self, records: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self.notice.param.update(visible=True, tone="error", title="The jobs cannot be read", lines=[str(error)])
            return
        self._records = {record.id: record for record in records}
        self.table.param.update(keys=list(self._records), rows=[_row(record) for record in records])

    def _pressed(self, message: dict[str, Any]) -> None:
        record, action = self._records.get(message["key"]), message["action"]
        if record is None:
            return
        self.notice.visible = False
        if action == OPEN:
            self._open_job(record.id)
        elif action == EDIT:
            self._edit(record)
        elif action in (AGAIN, NEWER):
            self._resubmit(record, action == NEWER)

    def _edit(self, record: Any) -> None:
        def done(draft: Any, error: AlertferryError | None) -> None:
            if error is None:
                self._open_draft(draft)
            else:
                self.notice.param.update(visible=True, tone="error", title="It cannot be edited", lines=[str(error)])

        self.session.later("open", lambda: Draft.of(Job.from_yaml(record.job)), done)

    def _resubmit(self, record: Any, newer: bool) -> None:
        access = self.session.access

        def work() -> Any:
            nights = newer_nights(Job.from_yaml(record.job), access) if newer else None
            if newer and not nights:
                return None
            return service.resubmit_job(record.id, access, nights=nights)

        def done(found: Any, error: AlertferryError | None) -> None:
            if error is not None:
                self.notice.param.update(visible=True, tone="error", title="It was not submitted", lines=[str(error)])
            elif found is None:
                words = "There is no data yet for nights after those of this job."
                self.notice.param.update(visible=True, tone="info", title="No newer nights", lines=[words])
            else:
                self._open_job(found.id)

        self.session.later("resubmit", work, done)


def _row(record: Any) -> list[str]:
    alerts = "–" if record.alerts is None else f"{record.alerts:,}"
    size = "–" if record.bytes is None else size_text(record.bytes)
    return [record.name or record.id[:8], record.state, record.survey, alerts, size, time_text(record.submitted)]

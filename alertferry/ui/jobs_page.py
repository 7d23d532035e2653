"""All jobs of a user: what becomes of them, and what can be done with each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from alertferry import service
from alertferry.core.access import Access
from alertferry.core.errors import AlertferryError
from alertferry.core.job import Job
from alertferry.core.jobs import ACTIVE
from alertferry.core.nights import summarise
from alertferry.ui import lakes, results
from alertferry.ui.components import Notice
from alertferry.ui.components.jobs import Ask, JobsTable
from alertferry.ui.draft import Draft, with_nights
from alertferry.ui.gauges import size_text
from alertferry.ui.problems import told
from alertferry.ui.sentence import nights_text, title_of
from alertferry.ui.session import Session
from alertferry.ui.steps.running import GO_ON, STOP, share_of
from alertferry.ui.text import duration_text, left_by_cancelling
from alertferry.ui.theme import card, heading, stack

OPEN, AGAIN, NEWER, EDIT = "Open", "Run again", "Newer nights", "Edit"
CANCEL, DELETE = "Cancel", "Delete"
SHORT = 8
MOST = 500
MOST_SEARCHED = 2_000
"""Characters of a job that its search goes through: 500 long job files would fill the page's socket."""

LOOK_SECONDS = 3.0
"""How often the list is read while it is shown."""

_LOOKS = lakes.Cache(LOOK_SECONDS / 2)


def newer_nights(job: Job, access: Access) -> tuple[str, ...]:
    """Return the nights of the lake after the last one that a job asked for. Raises `UsageError`."""
    lake = service.lake_to_look_at(getattr(job.source, "lake", None), access)
    last = max(job.source.requested())
    return tuple(summarise(item.night for item in lakes.look(job.source.kind, lake).nights if item.night > last))


class JobsPage:
    """The list of jobs; it follows the store while it is shown."""

    def __init__(self, session: Session, open_job: Callable[[str], None], open_draft: Callable[[Draft], None]) -> None:
        self.session, self._open_job, self._open_draft = session, open_job, open_draft
        self.notice = Notice(visible=False)
        self.table = JobsTable(admin=service.administers(session.access))
        self.table.on_message = self._pressed
        self.question = Ask()
        self.view = stack(
            heading("Jobs", "Everything you have submitted. The list keeps itself up to date.", 1),
            self.notice,
            card(self.table),
            self.question,
        )
        self._records: dict[str, Any] = {}
        self._looked = 0.0
        self._unread = False

    def follow(self) -> None:
        """Look again if it is time; called every now and then while the list is shown."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self.refresh()

    def refresh(self, *, anew: bool = False) -> None:
        """Read the jobs from the store; pages of one user read them together, unless it is to be ``anew``."""
        access, everybody = self.session.access, self.table.everybody
        self._looked = time.monotonic()

        def look() -> Any:
            records = service.overview(access, everybody=everybody, limit=MOST)
            names = Counter(record.name for record in records)
            return records, [job_row(record, access, everybody, names[record.name] == 1) for record in records]

        if anew:
            _LOOKS.clear()
        self.session.later("jobs", lambda: _LOOKS.get((access, everybody), look), self._listed)

    def _listed(self, found: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self._unread = True
            self._say("error", "The jobs cannot be read", told(error))
            return
        if self._unread:
            self._unread = self.notice.visible = False
        records, rows = found
        self._records = {record.id: record for record in records}
        live = {row["key"]: moving for row in rows if (moving := row["live"])}
        jobs = [{name: value for name, value in row.items() if name != "live"} for row in rows]
        cut = len(records) == MOST
        note = f"These are the newest {MOST}; `alertferry jobs list` shows all." if cut else ""
        known = {"jobs": jobs, "live": live, "note": note, "loaded": True}
        changed = {name: value for name, value in known.items() if getattr(self.table, name) != value}
        if changed:  # else nothing is sent
            self.table.param.update(**changed)

    def _say(self, tone: str, title: str, words: str) -> None:
        self.notice.param.update(visible=True, tone=tone, title=title, lines=[words])

    def _pressed(self, message: dict[str, Any]) -> None:
        if "everybody" in message:
            self.table.everybody = message["everybody"] and self.table.admin
            self.refresh(anew=True)
            return
        record, action = self._records.get(message["key"]), message["action"]
        if record is None or action not in actions_of(record, self.session.access):
            return
        self.notice.visible = False
        if action == OPEN:
            self._open_job(record.id)
        elif action == EDIT:
            self._edit(record)
        elif action == NEWER:
            self._look_for_newer(record)
        elif action == AGAIN:
            self._ask_again(record, "Run this job again?", None)
        elif action == CANCEL:
            lines = [_called(record), left_by_cancelling(record)]
            self.question.ask("Stop this job?", lines, (STOP, GO_ON), lambda: self._cancel(record), danger=True)
        elif action == DELETE:
            self._ask_delete(record)

    def _edit(self, record: Any) -> None:
        def done(draft: Any, error: AlertferryError | None) -> None:
            if error is None:
                self._open_draft(draft)
            else:
                self._say("error", "It cannot be edited", told(error))

        self.session.later("open", lambda: Draft.of(Job.from_yaml(record.job)), done)

    def _look_for_newer(self, record: Any) -> None:
        access = self.session.access

        def done(nights: Any, error: AlertferryError | None) -> None:
            if error is not None:
                self._say("error", "Newer nights cannot be looked for", told(error))
            elif not nights:
                self._say("info", "No newer nights", "There is no data yet for nights after those of this job.")
            else:
                self._ask_again(record, "Run this job on newer nights?", nights)

        self.session.later("newer", lambda: newer_nights(Job.from_yaml(record.job), access), done)

    def _ask_again(self, record: Any, title: str, nights: tuple[str, ...] | None) -> None:
        lines = [_called(record), size_then(record)]
        if nights:
            lines.insert(1, f"Now for {nights_text(with_nights(Draft({}, {}), nights))}.")
        self.question.ask(title, lines, ("Run it", "Do not run it"), lambda: self._resubmit(record, nights))

    def _resubmit(self, record: Any, nights: tuple[str, ...] | None) -> None:
        access = self.session.access

        def done(found: Any, error: AlertferryError | None) -> None:
            if error is not None:
                self._say("error", "It was not submitted", told(error))
            else:
                self._open_job(found.id)

        self.session.later("resubmit", lambda: service.resubmit_job(record.id, access, nights=nights), done)

    def _cancel(self, record: Any) -> None:
        access = self.session.access

        def done(_: Any, error: AlertferryError | None) -> None:
            if error is not None:
                self._say("error", "It could not be cancelled", told(error))
            self.refresh(anew=True)

        self.session.later(f"cancel {record.id}", lambda: service.cancel_job(record.id, access), done)

    def _ask_delete(self, record: Any) -> None:
        lines = [_called(record), "Its entry here and its log are removed for good."]
        if record.topic and not record.expired:
            lines.append("Its topic stays until it expires; keep the name if you want to fetch it: " + record.topic)
        self.question.ask(
            "Delete this job?", lines, ("Delete it", "Keep it"), lambda: self._delete(record), danger=True
        )

    def _delete(self, record: Any) -> None:
        access = self.session.access

        def work() -> None:
            service.delete_job(record.id, access)
            results.forget(record.id)

        def done(_: Any, error: AlertferryError | None) -> None:
            if error is not None:
                self._say("error", "It was not deleted", told(error))
            self.refresh(anew=True)

        self.session.later(f"delete {record.id}", work, done)


def _called(record: Any) -> str:
    return f"{record.name or title_of(record.job)} ({record.id[:SHORT]})"


def size_then(record: Any) -> str:
    """Return how much a job was when it ran, before it is run once more."""
    if record.alerts is None:
        return "How much it will be is not known: it never came to an end. Edit shows an estimate first."
    return f"It was {record.alerts:,} alerts, {size_text(record.bytes or 0)} when it ran before."


def actions_of(record: Any, access: Access) -> list[str]:
    """Return what can be done with a job; with one of somebody else's, an administrator can only cancel it."""
    if access.user is not None and record.owner != access.user:
        return [] if record.over else [CANCEL]
    return [OPEN, AGAIN, NEWER, EDIT, DELETE] if record.over else [OPEN, CANCEL, EDIT]


def job_row(record: Any, access: Access, everybody: bool, unique: bool) -> dict[str, Any]:
    """Return a job as the list shows it; ``live`` is what changes all the time while it runs.

    Where its name is not ``unique``, screen readers say its id with each of its buttons.
    """
    asks = title_of(record.job)
    name = record.name or asks
    parts = [name, asks, record.id, record.survey, record.topic or "", record.owner or "", record.state, record.job]
    searched = " ".join(parts)[:MOST_SEARCHED]
    return {
        "key": record.id,
        "short": record.id[:SHORT],
        "name": name,
        "called": name if record.name and unique else f"{name}, {record.id[:SHORT]}",
        "asks": asks if record.name else "",
        "text": searched,
        "owner": (record.owner or "") if everybody else "",
        "state": record.state,
        "survey": record.survey,
        "alerts": record.alerts,
        "size": record.bytes,
        "size_text": "–" if record.bytes is None else size_text(record.bytes),
        "submitted": record.submitted.timestamp(),
        "expires": record.expires.timestamp() if record.expires else None,
        "expired": record.expired,
        "actions": actions_of(record, access),
        "live": _live(record),
    }


def _live(record: Any) -> dict[str, Any]:
    """Return how far a job is that runs."""
    if record.state not in ACTIVE or not record.progress:
        return {}
    progress, share = record.progress, share_of(record)
    said = [f"{100 * share:.0f} %" if share is not None else f"{progress['alerts_read']:,} read"]
    if progress.get("eta_seconds") is not None:
        said.append(f"about {duration_text(progress['eta_seconds'])} left")
    return {"share": share, "said": ", ".join(said), "alerts": progress.get("alerts_published")}

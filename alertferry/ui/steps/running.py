"""Fifth step: the job under way, and what became of it where it did not end well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import panel_material_ui as pmui

from alertferry import service
from alertferry.core.errors import AlertferryError, Problem
from alertferry.core.job import Job
from alertferry.core.jobs import ACTIVE
from alertferry.ui.components import CodeBlock, Funnel, Meter, Notice
from alertferry.ui.components.jobs import Ask, TellMe
from alertferry.ui.draft import Draft
from alertferry.ui.gauges import size_text
from alertferry.ui.problems import in_words, place, told
from alertferry.ui.sentence import title_of
from alertferry.ui.session import Session
from alertferry.ui.text import clean_log, duration_text, left_by_cancelling, step_text, time_text
from alertferry.ui.theme import card, heading, heading_text, row, stack

_TITLES = {
    "queued": "Waiting for its turn",
    "starting": "Starting Spark",
    "running": "Running",
    "complete": "Complete",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
_HEADS = {
    "complete": ("The job is complete", "Its alerts are in the topic, and the receipt with them."),
    "failed": ("The job failed", "It is over, and nothing of it runs any more."),
    "cancelled": ("The job was cancelled", "It is over, and nothing of it runs any more."),
}
_UNDER_WAY = ("Running", "You may close this page; the job goes on and is found again under Jobs.")
CORRECT = "Correct and run again"
STOP, GO_ON = "Stop the job", "Let it run"
CANCEL = "Cancel this job"

LOG_BYTES, MOST_LOG_BYTES = 50_000, 200_000
"""How much of the end of a log is shown while the job runs, and once it is over."""


class RunningStep:
    """Progress in words and numbers, funnel, cancel; the log for those who open it."""

    label = "Run"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.meter = Meter()
        self.funnel = Funnel(empty="The steps appear here once the job has started.")
        self.notice = Notice(visible=False)
        self.notice.on_message = lambda _: self._correct()
        self.log = CodeBlock(
            title="Log",
            filename="log.txt",
            empty="Nothing yet.",
            follow=True,
            wrap=True,
            folded="Show the log of Spark",
        )
        self.log.on_message = self._unfolded
        self.wants_log = False
        """Whether the log is open; until then nobody reads or sends it."""
        self.cancel = pmui.Button(label=CANCEL, variant="outlined", color="error", margin=0)
        self.cancel.on_click(lambda _: self._ask())
        self.tell = TellMe(sizing_mode=None)
        self.question = Ask()
        self._shown: str | None = None
        self._record: Any = None
        self._faulty: list[str] = []
        """The steps at which something was wrong with the request."""
        self.title = heading(*_UNDER_WAY, 1)
        self.view = stack(
            self.title,
            card(self.meter, self.notice, row(self.cancel, self.tell)),
            card(self.funnel, title="Alerts left after each step"),
            card(self.log),
            self.question,
        )

    def refresh(self) -> None:
        """Nothing of it depends on the draft."""

    def show(self, record: Any) -> None:
        """Show a job as it stands."""
        self._record = record
        if record.id != self._shown:
            self._shown, self.log.text = record.id, ""
            self.question.drop()
            self.session.forget("cancel")
            self.cancel.param.update(disabled=False, label=CANCEL)
        self.title.object = heading_text(*_HEADS.get(record.state, _UNDER_WAY), 1)
        self.meter.param.update(**meter_of(record))
        self.funnel.steps = [
            {"name": step_text(step["name"], record.survey), "alerts": step["alerts"]} for step in funnel_of(record)
        ]
        self.cancel.visible = self.tell.visible = not record.over
        if record.over and self.question.turn:
            self.question.drop()
        if record.state in ("failed", "cancelled"):
            self.session.read("why", len(record.job), lambda: placed_problems(record), self._explain)
        else:
            self.session.forget("why")
            self.notice.visible = False

    def _explain(self, found: Any, error: AlertferryError | None) -> None:
        record = self._record
        if error is not None or record.state not in ("failed", "cancelled"):
            return
        self._faulty = [step for _, step in found]
        happened = list(dict.fromkeys(words for words, _ in found)) or [
            _sentence(record.reason or "it did not say why")
        ]
        self.notice.param.update(
            visible=True,
            tone="error" if record.state == "failed" else "warning",
            title="What happened" if record.state == "failed" else "It was stopped on request",
            lines=[*happened, what_it_means(record)],
            actions=[CORRECT],
        )

    def _unfolded(self, message: dict[str, Any]) -> None:
        self.wants_log = message["open"]
        if self.wants_log:
            self.fetch_log()

    def fetch_log(self) -> None:
        """Show all of the log that is kept, if it is open."""
        identifier, owner = self._shown, self.session.owner
        if not self.wants_log or identifier is None:
            return
        most = MOST_LOG_BYTES if self._record.over else LOG_BYTES

        def done(log: Any, error: AlertferryError | None) -> None:
            if identifier == self._shown:
                self.log.text = clean_log(log) if error is None else told(error)

        self.session.later("log", lambda: service.job_log(identifier, owner=owner, last_bytes=most), done)

    def _correct(self) -> None:
        """Go to the first step at which something is wrong, else to where the request is submitted."""
        self.session.go(self._faulty[0] if self._faulty else "review")

    def _ask(self) -> None:
        self.question.ask(
            "Stop this job?", [left_by_cancelling(self._record)], (STOP, GO_ON), self._cancel, danger=True
        )

    def _cancel(self) -> None:
        self.cancel.param.update(disabled=True, label="Cancelling …")
        identifier, access = str(self.session.job_id), self.session.access

        def done(_: Any, error: AlertferryError | None) -> None:
            self.cancel.param.update(disabled=False, label=CANCEL)
            if error is not None:
                self.notice.param.update(
                    visible=True, tone="error", title="It could not be cancelled", lines=[told(error)], actions=[]
                )

        self.session.later("cancel", lambda: service.cancel_job(identifier, access), done)


def placed_problems(record: Any) -> list[tuple[str, str]]:
    """Return the problems of a job in the page's words, each with the step where it can be corrected."""
    try:
        draft = Draft.of(Job.from_yaml(record.job))
    except AlertferryError:  # one of another version
        return [(item["message"], "review") for item in record.problems]
    problems = [Problem(item["path"], item["message"]) for item in record.problems]
    return [(in_words(problem, draft), place(problem, draft).step) for problem in problems]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def what_it_means(record: Any) -> str:
    """Return what became of the alerts of a job that failed or was cancelled, and whether the request is to blame."""
    progress = record.progress or {}
    published = progress.get("alerts_published")
    if not record.topic:
        kept = "Nothing was published."
    else:
        some = f"{published:,} alerts were published before; they stay" if published else "Its topic stays"
        kept = f"{some} until the topic expires, and whoever fetches it is told that it is not complete."
    if record.state == "failed" and record.exit_code not in (2, None) and not record.problems:
        return f"{kept} The request itself may be right: run it again, or show the log to the operator."
    return kept


def elapsed_seconds(record: Any) -> float:
    """Return how long a job has run, or waited, by one clock: from its start to its end, or to this moment."""
    begun = record.started or record.submitted
    return max(0.0, float(((record.ended or datetime.now(UTC)) - begun).total_seconds()))


def share_of(record: Any) -> float | None:
    """Return how much of a running job is done; None while nobody knows."""
    progress = record.progress or {}
    total, read = progress.get("alerts_total"), progress.get("alerts_read")
    if record.state != "running" or not total or read is None:
        return None
    return min(1.0, float(read / total))


def page_title(record: Any) -> str:
    """Return what the title of the page says of a job: ``42 %`` while it runs, then how it ended."""
    share = share_of(record)
    if record.over:
        name = record.name or title_of(record.job)
        return f"{_TITLES[record.state]}: {name}"
    return _TITLES[record.state] if share is None else f"{100 * share:.0f} %"


def news_of(record: Any) -> list[str]:
    """Return what the browser tells of a job that has ended."""
    name = record.name or title_of(record.job)
    if record.state != "complete":
        return [record.id, f"{_TITLES[record.state]}: {name}", (record.reason or "").partition("\n")[0]]
    return [record.id, f"Complete: {name}", f"{record.alerts or 0:,} alerts, {size_text(record.bytes or 0)}"]


def funnel_of(record: Any) -> list[dict[str, Any]]:
    """Return the steps with what is known of them; while a job runs, what it has published counts for the last."""
    steps = [dict(step) for step in record.steps]
    published = (record.progress or {}).get("alerts_published")
    if steps and not record.over and published is not None and len(steps) > 1:
        steps[-1]["alerts"] = published
    return steps


def meter_of(record: Any) -> dict[str, Any]:
    """Return what the meter shows of a job."""
    progress = record.progress or {}
    share = 1.0 if record.over else share_of(record)
    note = f"submitted {time_text(record.submitted)}"
    title = _TITLES[record.state] if record.over or share is None else f"{_TITLES[record.state]}: {100 * share:.0f} %"
    title += f" – {record.name or title_of(record.job)}"
    return {"state": record.state, "title": title, "share": share, "note": note, "facts": _facts(record, progress)}


def _facts(record: Any, progress: dict[str, Any]) -> list[list[str]]:
    facts = []
    if record.alerts is not None:
        facts += [["Alerts", f"{record.alerts:,}"], ["Size", size_text(record.bytes or 0)]]
    elif progress:
        total = progress.get("alerts_total")
        facts.append(["Read", f"{progress['alerts_read']:,}" + (f" of {total:,}" if total else "")])
        for label, name in (("Selected", "alerts_kept"), ("Published", "alerts_published")):
            if progress.get(name) is not None:
                facts.append([label, f"{progress[name]:,}"])
    if record.state == "running" and progress:
        facts.append(["Rate", f"{progress['rate']:,.0f} alerts per second"])
        if progress.get("eta_seconds") is not None:
            facts.append(["Time left", f"about {duration_text(progress['eta_seconds'])}"])
    if record.state in ACTIVE or (record.over and record.started):
        facts.append(["Time", duration_text(elapsed_seconds(record))])
    if record.topic:
        facts.append(["Topic", record.topic])
    return facts

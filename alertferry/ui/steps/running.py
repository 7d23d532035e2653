"""Fifth step: the job under way."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui

from alertferry import service
from alertferry.core.errors import AlertferryError
from alertferry.ui.components import CodeBlock, Funnel, Meter, Notice
from alertferry.ui.gauges import size_text
from alertferry.ui.session import Session
from alertferry.ui.text import clean_log, duration_text, step_text, time_text
from alertferry.ui.theme import card, heading, heading_text, row, stack

_TITLES = {
    "queued": "Waiting for its turn",
    "starting": "Starting Spark",
    "running": "Running",
    "complete": "Complete",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
_CORRECT = "It is over. Go back to the request, correct it, and submit it again."
_HEADS = {
    "complete": ("The job is complete", "Its alerts are in the topic, and the receipt with them."),
    "failed": ("The job failed", _CORRECT),
    "cancelled": ("The job was cancelled", _CORRECT),
}
_UNDER_WAY = ("Running", "You may close this page; the job goes on and is found again under Jobs.")
STOP, GO_ON = "Stop the job", "Let it run"


class RunningStep:
    """Progress, funnel, log, cancel."""

    label = "Run"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.meter = Meter()
        self.funnel = Funnel(empty="The steps appear here once the job has started.")
        self.notice = Notice(visible=False)
        self.log = CodeBlock(title="Log", filename="log.txt", empty="Nothing yet.", follow=True, wrap=True)
        self.cancel = pmui.Button(label="Cancel this job", variant="outlined", color="error", margin=0)
        self.cancel.on_click(lambda _: self._ask())
        self.question = Notice(
            visible=False,
            tone="warning",
            title="Stop this job?",
            lines=["What it has published stays in the topic, which will never be complete."],
            actions=[STOP, GO_ON],
        )
        self.question.on_message = self._answered
        self._shown: str | None = None
        self.title = heading(*_UNDER_WAY, 1)
        self.view = stack(
            self.title,
            card(self.meter, self.notice, row(self.cancel), self.question),
            card(self.funnel, title="Alerts left after each step"),
            card(self.log),
        )

    def refresh(self) -> None:
        """Nothing of it depends on the draft."""

    def show(self, record: Any, log: str | None) -> None:
        """Show a job as it stands; ``log`` is None while it is not known."""
        if record.id != self._shown:
            self._shown, self.log.text = record.id, ""
            self.question.visible = False
            self.session.forget("cancel")
            self.cancel.param.update(disabled=False, label="Cancel this job")
        self.title.object = heading_text(*_HEADS.get(record.state, _UNDER_WAY), 1)
        self.meter.param.update(**meter_of(record))
        self.funnel.steps = [
            {"name": step_text(step["name"], record.survey), "alerts": step["alerts"]} for step in funnel_of(record)
        ]
        self.cancel.visible = not record.over
        self.question.visible = self.question.visible and not record.over
        lines = [f"{item['path']}: {item['message']}" if item["path"] else item["message"] for item in record.problems]
        reason = [] if lines or not record.reason else [record.reason]
        tone = "error" if record.state == "failed" else "warning"
        self.notice.param.update(
            visible=record.state in ("failed", "cancelled"),
            tone=tone,
            title="This is what was wrong" if record.state == "failed" else "It was stopped on request",
            lines=reason + lines,
        )
        if log is not None:
            self.log.text = clean_log(log)

    def _ask(self) -> None:
        self.question.visible = True

    def _answered(self, message: dict[str, Any]) -> None:
        if self.question.visible:
            self.question.visible = False
            if message["action"] == STOP:
                self._cancel()

    def _cancel(self) -> None:
        self.cancel.param.update(disabled=True, label="Cancelling …")
        identifier, owner = str(self.session.job_id), self.session.owner

        def done(_: Any, error: AlertferryError | None) -> None:
            self.cancel.param.update(disabled=False, label="Cancel this job")
            if error is not None:
                self.notice.param.update(
                    visible=True, tone="error", title="It could not be cancelled", lines=[str(error)]
                )

        self.session.later("cancel", lambda: service.cancel_job(identifier, owner=owner), done)


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
    total, read = progress.get("alerts_total"), progress.get("alerts_read")
    share: float | None = 1.0 if record.over else None
    if not record.over and total and read is not None and record.state == "running":
        share = min(1.0, read / total)
    note = f"submitted {time_text(record.submitted)}"
    title = _TITLES[record.state] + (f": {record.name}" if record.name else "")
    return {"state": record.state, "title": title, "share": share, "note": note, "facts": _facts(record, progress)}


def _facts(record: Any, progress: dict[str, Any]) -> list[list[str]]:
    facts = []
    if record.alerts is not None:
        facts += [["Alerts", f"{record.alerts:,}"], ["Size", size_text(record.bytes or 0)]]
    elif progress:
        total = progress.get("alerts_total")
        facts.append(["Read", f"{progress['alerts_read']:,}" + (f" of {total:,}" if total else "")])
        if progress.get("alerts_published") is not None:
            facts.append(["Published", f"{progress['alerts_published']:,}"])
        facts.append(["Rate", f"{progress['rate']:,.0f} alerts/s"])
        if progress.get("eta_seconds") is not None:
            facts.append(["Left", f"about {duration_text(progress['eta_seconds'])}"])
    if record.seconds is not None:
        facts.append(["Time", duration_text(record.seconds)])
    if record.topic:
        facts.append(["Topic", record.topic])
    return facts

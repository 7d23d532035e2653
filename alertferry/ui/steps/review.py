"""Fourth step: the whole request, in every form, with a taste of its result."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from alertferry import service
from alertferry.core.errors import AlertferryError
from alertferry.core.job import Job
from alertferry.ui import lakes
from alertferry.ui.components import CodeBlock, DataTable, Funnel, Notice, Segments
from alertferry.ui.draft import with_name
from alertferry.ui.opening import JobUpload
from alertferry.ui.problems import STEPS, in_words
from alertferry.ui.sentence import file_name, sentence
from alertferry.ui.session import Session
from alertferry.ui.snippets import Place, written
from alertferry.ui.steps.options import TextForm
from alertferry.ui.text import step_text
from alertferry.ui.theme import card, heading, heading_text, stack
from alertferry.uploads import named

FORMS = {"Job file": "yaml", "Command line": "cli", "Python": "python"}


class ReviewStep:
    """The request in a sentence, estimate, preview, the job in three forms, upload of job files."""

    label = "Review"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.name = TextForm("Name of the job (optional)", self._named)
        forms = [{"value": value, "label": label} for label, value in FORMS.items()]
        self.form = Segments(items=forms, value="yaml", label="Form")
        self.form.on_choice(lambda _: self._show_form())
        self.code = CodeBlock(title="job.yml", filename="job.yml", wrap=True)
        self.sentence = heading("", "", 2)
        self._estimate: Any = None
        self.opening = JobUpload(session, "Ours, or one of Fink's; replaces everything above", session.update)
        self.problems = Notice(tone="error", visible=False)
        self.problems.on_message = lambda message: session.go(message["action"].rpartition(" ")[2].lower())
        self.funnel = Funnel()
        self.notes = Notice(tone="info", visible=False)
        self.doctor = Notice(tone="warning", visible=False)
        self.doctor_table = DataTable(title="Each condition by itself", visible=False)
        self.preview = DataTable(title="First records", empty="")
        self.preview_notice = Notice(visible=False)
        self.view = stack(
            heading("Review", "Everything you asked for. Submit it here, or take it to a terminal or a notebook.", 1),
            self.problems,
            card(self.sentence, self.name.view),
            card(
                self.funnel,
                self.notes,
                self.doctor,
                self.doctor_table,
                title="Estimate",
                hint="Alerts left after each step, with a 95 % interval.",
            ),
            card(
                self.preview_notice,
                self.preview,
                title="Preview",
                hint="Real alerts exactly as they would be delivered. Binary values are shown as their length.",
            ),
            card(
                self.form,
                self.code,
                title="Take it elsewhere",
                hint="The same request for another machine: everything to install and to set is in it.",
            ),
            card(self.opening.notice, self.opening.upload, title="Another request"),
        )
        self._previewed: str | None = None

    def refresh(self) -> None:
        """Show the draft."""
        faults = any(item.problem.path == "name" for item in self.session.problems)
        self.name.show(self.session.draft_id, self.session.draft.name or "", fault=faults)
        self.opening.refresh()
        self._show_form()
        self._show_sentence()
        found = self.session.problems
        lines = list(dict.fromkeys(in_words(item.problem, self.session.draft) for item in found))
        steps = [name for name in STEPS if name != "review" and any(item.step == name for item in found)]
        actions = [f"Go to {name.capitalize()}" for name in steps]
        title = "This cannot be submitted yet"
        self.problems.param.update(visible=bool(lines), title=title, lines=lines, actions=actions)
        job = self.session.job
        self.funnel.empty = (
            "There is no estimate until the request is complete." if lines or job is None else "Estimating …"
        )
        shown = None if job is None else job.model_copy(update={"name": None}).hash
        if job is not None and not lines and shown != self._previewed:
            self._previewed = shown
            self._ask_preview(job)
        elif lines or job is None:
            self._previewed = None
            self.session.forget("preview")
            self.preview.param.update(
                rows=[], columns=[], empty="There is nothing to show until the request is complete."
            )
            self.preview_notice.visible = False

    def _named(self, text: str) -> None:
        self.session.update(with_name(self.session.draft, text))

    def _show_sentence(self) -> None:
        owner, draft = self.session.owner, self.session.draft

        def name(text: str) -> str:
            upload = named(text, owner)
            return upload.name if upload else file_name(text)

        survey = lakes.surveys().get(draft.survey)
        words = sentence(draft, self._estimate, name)
        self.sentence.object = heading_text(words, survey.title if survey else draft.survey, 2)

    def _show_form(self) -> None:
        draft, form, access = self.session.draft, str(self.form.value), self.session.access

        def done(found: Any, error: AlertferryError | None) -> None:
            if error is None:
                name, text = found
                self.code.param.update(title=name, filename=name, text=text, empty="The request is not complete yet.")

        self.session.later("form", lambda: written(draft, form, Place.of(access)), done)  # YAML takes long for its size

    def show_estimate(self, estimate: Any) -> None:
        """Show an estimate; None while there is none."""
        survey = self.session.draft.survey
        self._estimate = estimate
        self._show_sentence()
        found = () if estimate is None else estimate.steps
        self.funnel.steps = [step.model_dump() | {"name": step_text(step.name, survey)} for step in found]
        notes = [] if estimate is None else list(estimate.notes)
        self.notes.param.update(visible=bool(notes), lines=notes)
        self.show_doctor(estimate.doctor if estimate else None)

    def show_doctor(self, doctor: Any) -> None:
        """Say why nothing passes."""
        lines = [doctor.message] if doctor else []
        self.doctor.param.update(visible=bool(doctor), title="No alert of the sample passes", lines=lines)
        rows = (
            [[line.line, f"{line.passing:,}", f"{line.share:.2%}", _facts(line)] for line in doctor.lines]
            if doctor
            else []
        )
        columns = [
            {"title": "Condition"},
            {"title": "Pass", "right": True},
            {"title": "Share", "right": True},
            {"title": "Its fields hold"},
        ]
        self.doctor_table.param.update(visible=bool(rows), columns=columns, rows=rows)

    def _ask_preview(self, job: Job) -> None:
        if not self.session.site.estimates:
            self.preview.empty = self.funnel.empty = "This dashboard gives no estimates and previews."
            return
        self.preview.param.update(rows=[], columns=[], empty="Fetching ten alerts …")
        access = self.session.access
        self.session.later("preview", lambda: service.preview(job, 10, access), self._previewed_as)

    def _previewed_as(self, found: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self.preview.param.update(rows=[], columns=[], empty="There is no preview.")
            self.preview_notice.param.update(visible=True, tone="warning", title="No preview", lines=[str(error)])
            return
        self.preview_notice.visible = False
        columns, rows = record_table(found.records, [(c.name, c.type) for c in found.columns])
        self.preview.param.update(columns=columns, rows=rows, empty="No alert passes, so there is none to show.")


def _facts(line: Any) -> str:
    return "; ".join(map(_fact, line.fields))


def _fact(fact: Any) -> str:
    nan = f", {fact.nan_share:.0%} NaN" if fact.nan_share else ""
    return f"{fact.path}: {_short(fact.min)} to {_short(fact.max)}, {fact.null_share:.0%} null{nan}"


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def record_table(records: Any, columns: Any) -> tuple[list[dict[str, Any]], list[list[str | None]]]:
    """Return records as a table of text; nested values as JSON, cut where they are long."""
    heads = [{"title": name, "note": kind} for name, kind in columns]
    rows = [[_cell(record.get(name), str(kind)) for name, kind in columns] for record in records]
    return heads, rows


def _cell(value: Any, kind: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, float):  # as many digits as its type has
        return str(np.float32(value) if kind == "float" else value)
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "…"

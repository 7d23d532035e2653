"""Fourth step: the whole request, in every form, with a taste of its result."""

from __future__ import annotations

import json
import shlex
from typing import Any

import numpy as np
import panel_material_ui as pmui

from alertferry import service
from alertferry.core.errors import AlertferryError
from alertferry.core.job import MAX_NAME, Job
from alertferry.core.safe_yaml import dump_mapping
from alertferry.ui.components import CodeBlock, DataTable, Funnel, Notice, Segments
from alertferry.ui.draft import Draft, with_name
from alertferry.ui.opening import JobUpload
from alertferry.ui.session import Session, job_or_none
from alertferry.ui.text import step_text
from alertferry.ui.theme import card, grid, heading, stack

FORMS = {"Job file": "yaml", "Command line": "cli", "Python": "python"}


def file_name(draft: Draft) -> str:
    """Return the name under which a job file is saved."""
    name = "".join(character if character.isalnum() or character in "-_" else "-" for character in draft.name or "")
    return f"{name.strip('-') or 'job'}.yml"


def as_yaml(draft: Draft) -> str:
    """Return the job file; that of a draft which is no job yet holds what there is."""
    job = job_or_none(draft)
    return job.to_yaml() if job else dump_mapping(draft.to_dict())


def as_commands(draft: Draft) -> str:
    """Return the commands that do the same from a shell."""
    name = shlex.quote(file_name(draft))
    lines = [
        f"# save the job file as {name}, then",
        *(f"alertferry {verb} {name}" for verb in ("check", "estimate", "run")),
    ]
    return "\n".join(lines) + "\n"


def as_python(job: Job) -> str:
    """Return a Python program that does the same; every value is written by `repr`."""
    return (
        "import alertferry\n\n"
        f"job = alertferry.Job.from_dict({_literal(job.to_dict())})\n"
        "outcome = alertferry.run(job)\n"
        'print(outcome.alerts, "alerts in", outcome.topic)\n\n'
        "for batch in alertferry.consume(outcome.topic):\n"
        "    table = batch.to_pandas()\n"
    )


def written(draft: Draft, form: str) -> tuple[str, str]:
    """Return a request in one of its forms: the name of a file, and what is in it."""
    name = file_name(draft)
    if form == "python":
        job = job_or_none(draft)
        return name.replace(".yml", ".py"), as_python(job) if job else ""
    if form == "cli":
        return name.replace(".yml", ".sh"), as_commands(draft)
    return name, as_yaml(draft)


def _literal(value: Any) -> str:
    from pprint import pformat

    return pformat(value, width=100, sort_dicts=False)


class ReviewStep:
    """The job in three forms, name, upload of job files, preview, submit."""

    label = "Review"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.name = pmui.TextInput(
            size="small", label="Name of the job (optional)", max_length=MAX_NAME, sizing_mode="stretch_width", margin=0
        )
        self.name.param.watch(lambda event: session.update(with_name(session.draft, event.new or "")), "value")
        forms = [{"value": value, "label": label} for label, value in FORMS.items()]
        self.form = Segments(items=forms, value="yaml", label="Form")
        self.form.on_choice(lambda _: self._show_form())
        self.code = CodeBlock(title="job.yml", filename="job.yml", wrap=True)
        self.opening = JobUpload(session, "Ours, or one of Fink's; replaces everything above", session.update)
        self.problems = Notice(tone="error", visible=False)
        self.funnel = Funnel()
        self.notes = Notice(tone="info", visible=False)
        self.doctor = Notice(tone="warning", visible=False)
        self.doctor_table = DataTable(title="Each condition by itself", visible=False)
        self.preview = DataTable(title="First records", empty="")
        self.preview_notice = Notice(visible=False)
        self.view = stack(
            heading("Review", "Everything you asked for. Submit it here, or take it to a terminal or a notebook.", 1),
            self.problems,
            grid(
                card(self.name, self.form, self.code, self.opening.notice, self.opening.upload, title="The request"),
                card(
                    self.funnel,
                    self.notes,
                    self.doctor,
                    self.doctor_table,
                    title="Estimate",
                    hint="Alerts left after each step, with a 95 % interval.",
                ),
                columns="minmax(0, 1fr) minmax(0, 1fr)",
            ),
            card(
                self.preview_notice,
                self.preview,
                title="Preview",
                hint="Real alerts exactly as they would be delivered. Binary values are shown as their length.",
            ),
        )
        self._previewed: str | None = None

    def refresh(self) -> None:
        """Show the draft."""
        self.name.value = self.session.draft.name or ""
        self.opening.refresh()
        self._show_form()
        lines = [str(item.problem) for item in self.session.problems]
        self.problems.param.update(visible=bool(lines), title="This cannot be submitted yet", lines=lines)
        job = self.session.job
        self.funnel.empty = (
            "There is no estimate until the request is complete." if lines or job is None else "Estimating …"
        )
        if job is not None and not lines and job.hash != self._previewed:
            self._previewed = job.hash
            self._ask_preview(job)
        elif lines or job is None:
            self._previewed = None
            self.session.forget("preview")
            self.preview.param.update(
                rows=[], columns=[], empty="There is nothing to show until the request is complete."
            )
            self.preview_notice.visible = False

    def _show_form(self) -> None:
        draft, form = self.session.draft, str(self.form.value)

        def done(found: Any, error: AlertferryError | None) -> None:
            if error is None:
                name, text = found
                self.code.param.update(title=name, filename=name, text=text, empty="The request is not complete yet.")

        self.session.later("form", lambda: written(draft, form), done)  # YAML takes long for its size

    def show_estimate(self, estimate: Any) -> None:
        """Show an estimate; None while there is none."""
        survey = self.session.draft.survey
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

"""Conditions in SQL: an editor that knows the fields, and a finder for them."""

from __future__ import annotations

from typing import Any

from alertferry.core.errors import UsageError
from alertferry.ui import lakes
from alertferry.ui.components import FieldTree, SqlEditor
from alertferry.ui.conditions import mark_data, marks, options_of, pieces, step_text
from alertferry.ui.drafts import MAX_BYTES
from alertferry.ui.session import Session
from alertferry.ui.spot import Spot
from alertferry.ui.theme import card, stack

_EXAMPLES = {
    "lsst": "diaSource.snr > 10\ndiaSource.band IN ('g', 'r')",
    "ztf": "candidate.magpsf < 19\ncandidate.drb > 0.7",
}


class ConditionsPanel:
    """The editor and the field finder."""

    tells_problems = True
    """Every fault of its filter stands below the editor, where nothing is pushed away while one types."""

    def __init__(self, session: Session) -> None:
        self.session, self.spot = session, Spot(session, "sql")
        self.editor = SqlEditor(placeholder=_EXAMPLES.get(session.draft.survey, "field > 1"))
        self.editor.on_message = self._typed
        self.finder = FieldTree(picks=True)
        self.finder.on_message = self._picked
        hint = "One condition a line, in Spark SQL; all must hold. Type two letters of a field to complete it."
        self.view = stack(
            card(self.editor, title="Conditions", hint=hint),
            card(self.finder, title="Field finder", hint="Choose a field to put it where the cursor is."),
        )
        self._shown: Any = None
        self._means = ""

    def refresh(self) -> None:
        """Show the draft; the text stays as it is typed while it means the same."""
        session, schema = self.session, self.session.schema()
        self.editor.placeholder = _EXAMPLES.get(session.draft.survey, "field > 1")
        if (session.draft.survey, schema) != self._shown:
            self._shown = (session.draft.survey, schema)
            fields = lakes.fields_of(session.draft.survey, schema, session.lake)
            self.editor.fields = [[field.path, field.type, field.unit] for field in fields]
            self.finder.fields = [vars(field) for field in fields]
        text = step_text(self.spot.step)
        if text != self._means or self.editor.of != self.spot.name:
            self._means = text
            self.editor.param.update(of=self.spot.name, text=text)
        self._mark(self.editor.text)
        self._tell_others()

    def _tell_others(self) -> None:
        told = tuple(mark["message"] for mark in self.editor.marks)
        self.editor.others = [item.text for item in self.spot.problems if not item.problem.message.endswith(told)]

    def _mark(self, text: str) -> None:
        survey = self.session.draft.survey
        types, values = lakes.types_of(survey, self.session.schema()), lakes.surveys()[survey].values

        def show(found: Any, error: Any) -> None:
            if error is None and text == self.editor.text:
                self.editor.param.update(marks=found[0], count=found[1])
                self._tell_others()

        self.session.read("marks", len(text), lambda: (mark_data(marks(text, types, values)), len(pieces(text))), show)

    def _typed(self, message: dict[str, Any]) -> None:
        text, of = message["text"], self.spot.name
        if message["of"] not in ("", of):
            return
        if len(text) > MAX_BYTES:
            raise UsageError(f"these conditions have {len(text):,} characters; a job file has room for {MAX_BYTES:,}")
        self.editor.text = text

        def take(found: Any, error: Any) -> None:
            if error is None and (text, of) == (self.editor.text, self.spot.name):
                options = options_of(found)
                self._means = step_text(options)
                self.spot.put(options)

        self._mark(text)
        self.session.read("sql", len(text), lambda: pieces(text), take)

    def _picked(self, message: dict[str, Any]) -> None:
        path = str(message.get("pick", ""))
        if path in {field["path"] for field in self.finder.fields}:
            self.editor.insert(path)

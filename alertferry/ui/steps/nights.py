"""First step: which survey, which nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource

from alertferry.core.errors import AlertferryError
from alertferry.core.nights import summarise
from alertferry.ui import lakes
from alertferry.ui.components import Calendar, Examples, Notice, Segments
from alertferry.ui.draft import Draft, chosen_nights, parse_nights, toggled_nights, with_nights, with_survey
from alertferry.ui.examples import sentence, worked
from alertferry.ui.opening import JobUpload
from alertferry.ui.plots import nightly_chart, nightly_source
from alertferry.ui.problems import of_step, texts
from alertferry.ui.session import Session, light_packet
from alertferry.ui.steps.options import TextForm
from alertferry.ui.theme import card, grid, heading, heading_text, stack

TITLE = "Survey and nights"


class NightsStep:
    """Survey, requests to begin with, calendar, nightly counts."""

    label = "Nights"

    def __init__(self, session: Session) -> None:
        self.session = session
        names = [{"value": kind, "label": survey.title} for kind, survey in lakes.surveys().items()]
        self.survey = Segments(items=names, value=session.draft.survey, label="Survey")
        self.survey.on_choice(self._to_survey)
        self.calendar = Calendar()
        self.calendar.on_message = self._toggled
        self.text = TextForm("Nights and ranges", self._typed, "2026-03-01..2026-03-07, 2026-03-12")
        self.source = ColumnDataSource(nightly_source({}, ()))
        self.notice = Notice(visible=False)
        self.problems = Notice(tone="error", visible=False)
        self.looks = grid(self._calendar_card(), self._chart_card(), columns="minmax(0, 3fr) minmax(0, 4fr)")
        self.about = heading(TITLE, "", 1)
        self.examples = Examples()
        self.examples.on_message = self._example_pressed
        self.opening = JobUpload(session, "Ours, or one of Fink's, as a new request", self._open)
        self._worked: dict[str, Draft] = {}
        self._asked: Any = None
        self.view = stack(
            self.about,
            card(self.survey, self.examples, title="Survey"),
            self.notice,
            self.looks,
            self.problems,
            card(self.opening.notice, self.opening.upload),
        )

    def _calendar_card(self) -> pn.Column:
        hint = "Click a night; with shift, every night up to it."
        return card(self.calendar, title="Calendar", hint=hint)

    def _chart_card(self) -> pn.Column:
        chart = pn.pane.Bokeh(nightly_chart(self.source), sizing_mode="stretch_width", margin=0)
        return card(chart, self.text.view, title="Alerts per night")

    def refresh(self) -> None:
        """Show the draft."""
        draft, lake = self.session.draft, self.session.look()
        counts, chosen = lake.counts, chosen_nights(draft)
        self.survey.value = draft.survey
        self.about.object = heading_text(TITLE, sentence(draft.survey, lake), 1)
        self.opening.refresh()
        self._look_for_examples(lake)
        self.notice.param.update(visible=bool(lake.reason), tone="warning", title=_sentence(lake.reason))
        self.looks[0].visible = bool(lake.nights)
        with_data = {str(item.night): item.alerts for item in lake.nights}
        self.calendar.param.update(counts=with_data, chosen=[str(night) for night in chosen])
        self.session.soon(partial(self._draw, counts, chosen))
        lines = texts(of_step(self.session.problems, "nights")) if draft.nights or draft.source.get("times") else []
        self.text.show(self.session.draft_id, ", ".join(draft.nights), fault=bool(lines))
        self.problems.param.update(visible=bool(lines), title="These nights cannot be asked for", lines=lines)

    def _look_for_examples(self, look: lakes.Lake) -> None:
        """Find worked requests, once for each survey, lake and newest night."""
        session, survey, lake = self.session, self.session.draft.survey, self.session.draft.source.get("lake")
        asked = survey, lake, look.nights[-1:]
        if asked != self._asked:
            self._asked, self.examples.items = asked, []
            session.later("examples", lambda: worked(session, survey, lake, look), self._found_examples)

    def _found_examples(self, found: Any, error: AlertferryError | None) -> None:
        if error is None:
            self._worked = {example.title: draft for example, draft in found}
            self.examples.items = [{"key": e.title, "title": e.title, "about": e.about} for e, _ in found]

    def _example_pressed(self, message: dict[str, Any]) -> None:
        if message["open"] in self._worked:
            self._open(self._worked[message["open"]])

    def _open(self, draft: Draft) -> None:
        """Make a new request of this; that of before stays what it was."""
        self.session.open_draft(draft)

    def _draw(self, counts: Mapping[date, int], chosen: Sequence[date]) -> None:
        self.source.data = nightly_source(counts, chosen)

    def _to_survey(self, kind: str) -> None:
        if kind != self.session.draft.survey:
            self.session.update(with_survey(self.session.draft, kind, light_packet(kind)))

    def _toggled(self, message: dict[str, Any]) -> None:
        draft = self.session.draft
        self.calendar.turn = message["turn"]
        if "only" in message:
            self.session.update(with_nights(draft, summarise(message["only"])))
        else:
            self.session.update(toggled_nights(draft, message["nights"], message["on"]))

    def _typed(self, text: str) -> None:
        self.session.update(with_nights(self.session.draft, parse_nights(text)))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

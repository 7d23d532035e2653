"""Second step: what the alerts must be like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel_material_ui as pmui

from alertferry.ui.components import Notice, Segments
from alertferry.ui.conditions import pieces, step_text
from alertferry.ui.draft import Place, first_of, step_at, tag_choices, walk
from alertferry.ui.problems import of_step
from alertferry.ui.session import Session
from alertferry.ui.steps.catalogue import CataloguePanel
from alertferry.ui.steps.choices import ChoicePanel, has_classes, items_of
from alertferry.ui.steps.conditions import ConditionsPanel
from alertferry.ui.steps.options import OptionsPanel, PartForm
from alertferry.ui.steps.outline import OutlinePanel
from alertferry.ui.steps.region import RegionPanel
from alertferry.ui.text import FILTERS, GROUPS, filter_text, number_text
from alertferry.ui.theme import Deck, card, heading, heading_text, row, stack

_TIMES = "2026-03-01T03:00..2026-03-01T05:30"
TABS = {**FILTERS, "times": "Times", "all": "All filters"}


class TimesPanel:
    """Times of observation, and what else of the source only few ask for."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.form = PartForm(session, "source", ("nights",), "Times")
        self.form.words = {"times": ("Times of observation, one range per line", _TIMES)}
        hint = "Only alerts observed within these times, in UTC. Without nights, those around the times are read."
        self.view = card(self.form.view, title="Times", hint=hint)

    def refresh(self) -> None:
        """Show the draft."""
        self.form.refresh([item for item in self.session.problems if item.kind == "times"])


class FiltersStep:
    """Each kind of filter on a page of its own, and all filters in their order."""

    label = "Filters"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.kind = "tags"
        self.editing: Place | None = None
        """The place of the filter that was picked among all to be changed."""
        self._makers: dict[str, Callable[[], Any]] = {
            "tags": lambda: ChoicePanel(session, "tags"),
            "blocks": lambda: ChoicePanel(session, "blocks"),
            "class": lambda: ChoicePanel(session, "class"),
            "sql": lambda: ConditionsPanel(session),
            "region": lambda: RegionPanel(session),
            "crossmatch": lambda: CataloguePanel(session),
            "times": lambda: TimesPanel(session),
            "all": lambda: OutlinePanel(session, self.edit),
        }
        self._made: dict[str, Any] = {}
        self.tabs = Segments(items=_items(session), value="tags", label="Kind of filter")
        self.tabs.on_choice(self.show)
        self.edited = heading("")
        back = pmui.Button(label="Back to all filters", variant="outlined", size="small", margin=0)
        back.on_click(lambda _: self.show("all"))
        self.edited.align = "center"
        self.crumb = stack(row(back, self.edited), gap=0, visible=False)
        self.body = Deck()
        self.problems = Notice(tone="error", title="These filters cannot be used yet", visible=False)
        hint = (
            "An alert is taken when it passes all of them. Leave everything as it is to take every alert of the nights."
        )
        self.view = stack(heading("Filters", hint, 1), self.tabs, self.problems, self.crumb, self.body.view)

    def show(self, kind: str) -> None:
        """Turn to one kind of filter."""
        if kind in self._makers:
            self.kind, self.editing = kind, None
            self.tabs.value = kind
            self._show_panel()

    def edit(self, place: Place) -> None:
        """Turn to one filter among all; a group is changed in the list itself."""
        step = step_at(self.session.draft, place)
        if step is not None and step.get("kind") not in GROUPS:
            self.kind, self.editing = "all", place
            self._show_panel()

    def refresh(self) -> None:
        """Show the draft."""
        self.tabs.items = items = _items(self.session)
        if self.kind not in {item["value"] for item in items}:
            self.show("tags")
        else:
            self._show_panel()

    def _show_panel(self) -> None:
        step = step_at(self.session.draft, self.editing) if self.editing else None
        if step is None or step.get("kind") in GROUPS:
            self.editing = step = None
        panel = self._panel(self.kind if step is None else str(step.get("kind")))
        if hasattr(panel, "spot"):
            panel.spot.place = self.editing
        panel.refresh()
        told = panel.spot.problems if getattr(panel, "tells_problems", False) else ()
        lines = [item.said for item in of_step(self.session.problems, "filters") if item not in told]
        self.problems.param.update(visible=bool(lines), lines=lines)
        self.body.show(self.kind if step is None else str(step.get("kind")), panel.view)
        self.crumb.visible = step is not None
        if self.editing and step:
            kind = filter_text(str(step.get("kind")))
            self.edited.object = heading_text(f"Filter {number_text(self.editing)}: {kind}", "", 2)

    def _panel(self, kind: str) -> Any:
        if kind not in self._made:
            maker = self._makers.get(kind)
            self._made[kind] = maker() if maker else OptionsPanel(self.session, kind)
        return self._made[kind]


def _items(session: Session) -> list[dict[str, Any]]:
    """Return the kinds of filters with how much is asked of each; those that the survey has not, only where asked."""
    draft = session.draft
    there = {str(step.get("kind")) for _, step in walk(draft.filters)}
    sizes = {
        "tags": len(tag_choices(draft, "tags")),
        "blocks": len(tag_choices(draft, "blocks")),
        "class": len(tag_choices(draft, "class")),
        "sql": len(pieces(step_text(first_of(draft, "sql")))),
        "region": int(first_of(draft, "region") is not None),
        "crossmatch": int(first_of(draft, "crossmatch") is not None),
        "times": len(draft.source.get("times", ())),
        "all": len(draft.filters),
    }
    offered = {
        "blocks": "blocks" in there or bool(items_of(draft.survey, "blocks", session.schema())),
        "class": "class" in there or has_classes(draft.survey),
    }
    faults = {
        item.kind if len(item.at) < 2 and item.kind in TABS else "all"
        for item in session.problems
        if item.step == "filters"
    }
    return [
        {"value": kind, "label": label, "badge": str(sizes[kind] or ""), "fault": kind in faults}
        for kind, label in TABS.items()
        if offered.get(kind, True)
    ]

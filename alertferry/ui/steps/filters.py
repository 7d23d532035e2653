"""Second step: what the alerts must be like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alertferry.ui import lakes
from alertferry.ui.components import DataTable, Notice, Segments, TagList
from alertferry.ui.draft import CHOICES, Unit, first_of, others, tag_choices, with_tag, without_filter
from alertferry.ui.problems import Placed, of_step
from alertferry.ui.session import Session
from alertferry.ui.steps.catalogue import CataloguePanel
from alertferry.ui.steps.conditions import ConditionsPanel
from alertferry.ui.steps.region import RegionPanel
from alertferry.ui.theme import Deck, card, heading, stack

_LABELS = {"tags": "Tags", "blocks": "Blocks", "sql": "Conditions", "region": "Region", "crossmatch": "Catalogue"}


class TagsPanel:
    """Tags, or blocks."""

    def __init__(self, session: Session, unit: Unit) -> None:
        self.session, self.unit = session, unit
        self.list = TagList(what=unit[:-1])
        self.list.on_message = self._picked
        hint = {
            "tags": "Kinds of objects, as classifiers and catalogues tell them.",
            "blocks": "Simple statements that tags are built of: quality, novelty, surroundings.",
        }[unit]
        self.view = card(self.list, title=_LABELS[unit], hint=hint)

    def refresh(self) -> None:
        """Show the draft."""
        draft = self.session.draft
        found = lakes.tags_of(draft.survey, "tag" if self.unit == "tags" else "block", self.session.schema())
        self.list.items = [{"name": tag.name, "description": tag.description, "reason": tag.reason} for tag in found]
        self.list.choices = dict(tag_choices(draft, self.unit))

    def _picked(self, message: dict[str, Any]) -> None:
        name, choice = message["name"], message["choice"]
        known = {item["name"] for item in self.list.items}
        if name in known and choice in CHOICES:
            self.session.update(with_tag(self.session.draft, self.unit, name, choice))


class OtherPanel:
    """Filters of the job that have no controls here: shown, kept, and removed on demand."""

    def __init__(self, session: Session) -> None:
        self.session = session
        columns = [{"title": "Filter"}, {"title": "Options"}]
        self.table = DataTable(title="Further filters", columns=columns, actions=["Remove"])
        self.table.on_message = self._remove
        hint = "These came with the job file. They are kept and hold as well."
        self.view = card(self.table, title="Further filters", hint=hint, visible=False)

    def refresh(self) -> None:
        """Show the draft."""
        rest = others(self.session.draft)
        self.view.visible = bool(rest)
        rows = [[str(step.get("kind")), _options(step)] for _, step in rest]
        self.table.param.update(keys=[repr(item) for item in rest], rows=rows)

    def _remove(self, message: dict[str, Any]) -> None:
        for number, step in others(self.session.draft):
            if repr((number, step)) == message["key"]:
                self.session.update(without_filter(self.session.draft, number))
                return


def _options(step: Any) -> str:
    return ", ".join(f"{key}: {value}" for key, value in step.items() if key != "kind")


class FiltersStep:
    """Tags, blocks, conditions, region and catalogue, each on a page of its own."""

    label = "Filters"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.kind = "tags"
        self._makers: dict[str, Callable[[], Any]] = {
            "tags": lambda: TagsPanel(session, "tags"),
            "blocks": lambda: TagsPanel(session, "blocks"),
            "sql": lambda: ConditionsPanel(session),
            "region": lambda: RegionPanel(session),
            "crossmatch": lambda: CataloguePanel(session),
        }
        self._made: dict[str, Any] = {}
        self.tabs = Segments(items=_items(session), value="tags", label="Kind of filter")
        self.tabs.on_choice(self.show)
        self.body = Deck()
        self.other = OtherPanel(session)
        self.problems = Notice(tone="error", title="These filters cannot be used yet", visible=False)
        hint = (
            "An alert is taken when it passes all of them. Leave everything as it is to take every alert of the nights."
        )
        self.view = stack(heading("Filters", hint, 1), self.tabs, self.problems, self.body.view, self.other.view)

    def show(self, kind: str) -> None:
        """Turn to one kind of filter."""
        if kind not in self._makers:
            return
        self.kind = kind
        if kind not in self._made:
            self._made[kind] = self._makers[kind]()
        self._made[kind].refresh()
        self.body.show(kind, self._made[kind].view)

    def refresh(self) -> None:
        """Show the draft."""
        self.tabs.items = _items(self.session)
        if self.kind not in self._made:
            self.show(self.kind)
        else:
            self._made[self.kind].refresh()
        self.other.refresh()
        lines = [_said(item) for item in of_step(self.session.problems, "filters")]
        self.problems.param.update(visible=bool(lines), lines=lines)


def _said(item: Placed) -> str:
    kind = _LABELS.get(item.kind, item.kind)
    return f"{kind}: {item.text}" if kind else item.text


def _items(session: Session) -> list[dict[str, str]]:
    """Return the kinds of filters with how much is asked of each."""
    draft = session.draft
    sizes = {
        "tags": len(tag_choices(draft, "tags")),
        "blocks": len(tag_choices(draft, "blocks")),
        "sql": len((first_of(draft, "sql") or {}).get("where", ())),
        "region": int(first_of(draft, "region") is not None),
        "crossmatch": int(first_of(draft, "crossmatch") is not None),
    }
    return [{"value": kind, "label": label, "badge": str(sizes[kind] or "")} for kind, label in _LABELS.items()]

"""Fields: everything that a survey's requests can name, with unit, meaning, type and size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from alertferry.core.errors import AlertferryError
from alertferry.ui import lakes
from alertferry.ui.components import FieldGuide, Segments
from alertferry.ui.gauges import size_text
from alertferry.ui.session import Session
from alertferry.ui.theme import card, heading, stack

TOP = "Top level"
"""What the group of those fields is called that are in no section."""


class FieldsPage:
    """A survey's fields, tags and blocks. ``turned`` is called when another survey is chosen."""

    def __init__(self, session: Session, turned: Callable[[], None]) -> None:
        self.session, self._turned = session, turned
        names = [{"value": kind, "label": survey.title} for kind, survey in lakes.surveys().items()]
        self.survey = Segments(items=names, value=session.draft.survey, label="Survey")
        self.survey.on_choice(self._to_survey)
        self.guide = FieldGuide(empty="Looking at the newest night …")
        hint = (
            "All that conditions, packets and filters can name. Sizes are bytes per packet, uncompressed, newest night."
        )
        self.view = stack(heading("Fields", hint, 1), card(self.survey, self.guide))
        self._shown = ""

    def show(self, survey: str = "") -> None:
        """Show a survey; that of the request where none is named."""
        kind = survey if survey in lakes.surveys() else self.session.draft.survey
        self.survey.value = kind
        if kind != self._shown:
            self.guide.groups, self._shown = [], kind
            self.session.later("fields", lambda: groups_of(kind), self._found)

    def _found(self, found: Any, error: AlertferryError | None) -> None:
        if error is not None:
            self._shown, self.guide.empty = "", str(error)
        else:
            self.guide.groups = found

    def _to_survey(self, kind: str) -> None:
        self.show(kind)
        self._turned()


def groups_of(kind: str) -> list[dict[str, Any]]:
    """Return the sections of a survey with their fields, then its tags and its blocks. Slow."""
    schema = lakes.schema_of(kind, ())
    fields = lakes.fields_of(kind, schema)
    holding = {fact.path.partition(".")[0] for fact in fields if "." in fact.path}
    nested = [fact for fact in fields if fact.path.partition(".")[0] in holding]
    alone = [fact for fact in fields if fact.path.partition(".")[0] not in holding]
    found = [_section(TOP, alone, sum(fact.bytes or 0.0 for fact in alone))] if alone else []
    for root, members in groupby(nested, lambda fact: fact.path.partition(".")[0]):
        head, *rest = members
        found.append(_section(root, rest, head.bytes))
    for unit, title in (("tags", "Tags"), ("blocks", "Blocks")):
        known = lakes.tags_of(kind, unit, schema)
        rows = [_row(tag.name, about=tag.description if tag.available else _unavailable(tag)) for tag in known]
        if rows:
            found.append({"title": title, "what": title.lower(), "note": "", "rows": rows})
    return found


def _unavailable(tag: Any) -> str:
    return f"{tag.description} (not available here: {tag.reason})"


def _section(title: str, facts: Sequence[lakes.FieldFact], size: float | None) -> dict[str, Any]:
    rows = [_row(fact.path, fact.type, fact.unit, fact.description, fact.bytes) for fact in facts]
    return {"title": title, "what": "field" if len(rows) == 1 else "fields", "note": _size(size), "rows": rows}


def _row(name: str, kind: str = "", unit: str = "", about: str = "", size: float | None = None) -> dict[str, str]:
    return {"name": name, "type": kind, "unit": unit, "about": about, "size": _size(size)}


def _size(size: float | None) -> str:
    return "" if not size else f"{size:.1f} B" if size < 10 else size_text(size)

"""Third step: what each packet contains."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui

from alertferry.ui import lakes
from alertferry.ui.components import FieldTree, Notice, Segments
from alertferry.ui.draft import with_fields, with_limit, with_packet
from alertferry.ui.gauges import size_text
from alertferry.ui.problems import of_step
from alertferry.ui.session import Session, texts
from alertferry.ui.theme import card, heading, stack

OWN = "own"


class ContentStep:
    """Predefined packets, or fields; and of how many alerts."""

    label = "Content"

    def __init__(self, session: Session) -> None:
        self.session = session
        self.packet = Segments(label="Packet", cards=True)
        self.packet.on_choice(self._picked)
        self.tree = FieldTree()
        self.tree.on_message = self._ticked
        self.fields = card(
            self.tree, title="Fields", hint="Sizes are those of the lake, uncompressed, for one alert.", visible=False
        )
        self.limit = pmui.TextInput(
            size="small", label="At most so many alerts (optional)", placeholder="all", width=280, margin=0
        )
        self.limit.param.watch(lambda event: session.update(with_limit(session.draft, event.new or "")), "value")
        self.limit_fault = Notice(tone="error", title="This limit cannot be used", visible=False)
        self.problems = Notice(tone="error", title="This content cannot be delivered", visible=False)
        hint = "What arrives for each alert. Columns that a filter adds, as the match with your catalogue, come along."
        few = "Those that come first by a hash of their ids: a random choice, and the same one every time."
        self.view = stack(
            heading("Content", hint, 1),
            card(self.packet, title="Packet"),
            self.problems,
            self.fields,
            card(self.limit, self.limit_fault, title="Limit", hint=few),
        )
        self._shown: Any = None

    def refresh(self) -> None:
        """Show the draft."""
        draft, schema = self.session.draft, self.session.schema()
        self.packet.items = self._items()
        self.packet.value = draft.output.get("packet") or OWN
        self.fields.visible = self.packet.value == OWN
        if (draft.survey, schema) != self._shown and self.fields.visible:
            self._shown = (draft.survey, schema)
            found = lakes.fields_of(draft.survey, schema, self.session.lake)
            self.tree.fields = [vars(field) for field in found]
        self.limit.value = "" if draft.limit is None else str(draft.limit)
        self.tree.chosen = list(draft.output.get("fields") or [])
        faults = of_step(self.session.problems, "content")
        for notice, of_limit in ((self.problems, False), (self.limit_fault, True)):
            lines = texts(tuple(item for item in faults if (item.problem.path == "limit") == of_limit))
            notice.param.update(visible=bool(lines), lines=lines)

    def _items(self) -> list[dict[str, str]]:
        draft, schema, lake = self.session.draft, self.session.schema(), self.session.lake
        found = []
        for name, packet in lakes.surveys()[draft.survey].packets.items():
            size = lakes.content_bytes(draft.survey, {"packet": name}, schema, lake)
            side = f"about {size_text(size)} an alert" if size else ""
            found.append({"value": name, "label": name, "about": packet.description, "side": side})
        return [
            *found,
            {"value": OWN, "label": "Fields of your choice", "about": "any of the survey's fields, one by one"},
        ]

    def _picked(self, value: str) -> None:
        draft = self.session.draft
        if value == OWN and draft.output.get("packet"):
            self.session.update(with_fields(draft, self._roles()))
        elif value not in (OWN, draft.output.get("packet")):
            self.session.update(with_packet(draft, value))

    def _roles(self) -> list[str]:
        """Return what every packet should have: who, where, when."""
        known = lakes.types_of(self.session.draft.survey, self.session.schema())
        return [path for path in lakes.surveys()[self.session.draft.survey].roles.values() if path in known]

    def _ticked(self, message: dict[str, Any]) -> None:
        path, chosen = str(message.get("path")), list(self.session.draft.output.get("fields") or [])
        known = lakes.types_of(self.session.draft.survey, self.session.schema())
        if message.get("on") and path in known and path not in chosen:
            chosen = [item for item in chosen if not item.startswith(path + ".")] + [path]
        elif not message.get("on"):
            chosen = [item for item in chosen if item != path]
        self.session.update(with_fields(self.session.draft, chosen))

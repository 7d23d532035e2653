"""Third step: what each packet contains."""

from __future__ import annotations

from typing import Any

from alertferry.core.access import Access
from alertferry.core.registry import default_registry
from alertferry.policy import may_deliver_by
from alertferry.ui import lakes
from alertferry.ui.components import FieldTree, Notice, Segments
from alertferry.ui.draft import with_fields, with_limit, with_output, with_packet
from alertferry.ui.gauges import size_text
from alertferry.ui.problems import of_step, texts
from alertferry.ui.session import Session, light_packet
from alertferry.ui.steps.options import PartForm, TextForm, known_step
from alertferry.ui.theme import card, heading, stack

OWN = "own"
_OUTPUTS = {"kafka": "Kafka topic", "files": "Parquet files"}


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
        self.limit = TextForm("At most so many alerts (optional)", self._limited, "all")
        self.limit.view.max_width = 300
        self.limit_fault = Notice(tone="error", title="This limit cannot be used", visible=False)
        self.problems = Notice(tone="error", title="This content cannot be delivered", visible=False)
        self.output = Segments(label="Deliver to")
        self.output.on_choice(self._to_output)
        self.delivery = PartForm(session, "output", ("packet", "fields"), "Delivery")
        self.packets = card(self.packet, title="Packet")
        hint = "What arrives for each alert. Columns that a filter adds, as the match with a catalogue, are included."
        few = "Those that come first by a hash of their ids: a random choice, and the same one every time."
        self.view = stack(
            heading("Content", hint, 1),
            self.packets,
            self.problems,
            self.fields,
            card(self.limit.view, self.limit_fault, title="Limit", hint=few),
            card(self.output, self.delivery.view, title="Delivery", hint="All can be left as it is."),
        )
        self._shown: Any = None

    def refresh(self) -> None:
        """Show the draft."""
        draft, schema = self.session.draft, self.session.schema()
        self.packet.items = self._items()
        self.packet.value = draft.output.get("packet") or OWN
        self.fields.visible = self.packet.value == OWN and "fields" in _taken(str(draft.output.get("kind")))
        if (draft.survey, schema) != self._shown and self.fields.visible:
            self._shown = (draft.survey, schema)
            fields = lakes.fields_of(draft.survey, schema, self.session.lake)
            self.tree.fields = [vars(field) for field in fields]
        self.tree.chosen = list(draft.output.get("fields") or [])
        found = of_step(self.session.problems, "content")
        kind = str(draft.output.get("kind"))
        self.output.param.update(items=_outputs(self.session.access, kind), value=kind)
        self.packets.visible = "packet" in _taken(kind)
        self.delivery.refresh(found)
        for notice, of_limit in ((self.problems, False), (self.limit_fault, True)):
            lines = texts(tuple(item for item in found if (item.problem.path == "limit") == of_limit))
            notice.param.update(visible=bool(lines), lines=lines)
        limit = "" if draft.limit is None else str(draft.limit)
        self.limit.show(self.session.draft_id, limit, fault=self.limit_fault.visible)

    def _limited(self, text: str) -> None:
        self.session.update(with_limit(self.session.draft, text))

    def _to_output(self, kind: str) -> None:
        draft = self.session.draft
        if kind != draft.output.get("kind"):
            found = with_output(draft, kind, _taken(kind))
            light = light_packet(draft.survey)
            bare = "packet" in _taken(kind) and not {"packet", "fields"} & set(found.output) and light
            self.session.update(with_packet(found, light) if bare and light else found)

    def _items(self) -> list[dict[str, str]]:
        draft, schema, lake = self.session.draft, self.session.schema(), self.session.lake
        found = []
        for name, packet in lakes.surveys()[draft.survey].packets.items():
            size = lakes.content_bytes(draft.survey, {"packet": name}, schema, lake)
            side = f"about {size_text(size)} per packet" if size else ""
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


def _outputs(access: Access, chosen: str) -> list[dict[str, str]]:
    """Return the outputs that may be used, and the one that a job file names: its fault stands beside it."""
    kinds = sorted(default_registry().steps["output"], key=lambda kind: (kind not in _OUTPUTS, kind != "kafka", kind))
    return [
        {"value": kind, "label": _OUTPUTS.get(kind, kind.replace("_", " ").capitalize())}
        for kind in kinds
        if kind == chosen or may_deliver_by(kind, access)
    ]


def _taken(kind: str) -> set[str]:
    """Return the options that an output has."""
    model = known_step("output", kind)
    return set(model.model_fields) if model else set()

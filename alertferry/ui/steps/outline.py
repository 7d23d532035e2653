"""All filters of a request in their order, with groups that join others by and, or, not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alertferry.core.registry import default_registry
from alertferry.core.steps import Predicate
from alertferry.ui import uploads
from alertferry.ui.components import FilterTree
from alertferry.ui.draft import Place, Plain, added, choices_of, members, moved, step_at, walk, with_step
from alertferry.ui.forms import entries_of, texts
from alertferry.ui.session import Session
from alertferry.ui.steps.options import known_step
from alertferry.ui.text import FILTERS, GROUPS, filter_text, number_text
from alertferry.ui.theme import card

_HINT = (
    "An alert is taken when it passes every line at the left. A group joins the filters in it: all of them, at least "
    "one, or none. The arrows move a filter into a group and out of it."
)


class OutlinePanel:
    """The list of all filters; ``edit`` is called with the place of one to change."""

    def __init__(self, session: Session, edit: Callable[[Place], None]) -> None:
        self.session, self._edit = session, edit
        groups = [{"value": kind, "label": label[:1].upper() + label[1:]} for kind, label in GROUPS.items()]
        self.tree = FilterTree(kinds=_kinds(), groups=groups)
        self.tree.on_message = self._asked
        self.view = card(self.tree, title="All filters", hint=_HINT)

    def refresh(self) -> None:
        """Show the draft."""
        faults, owner = {item.at for item in self.session.problems}, self.session.owner
        self.tree.rows = [
            {
                "place": _text(place),
                "depth": len(place) - 1,
                "number": number_text(place),
                "title": filter_text(str(step.get("kind"))),
                "about": summary(step, owner),
                "group": str(step.get("kind")) if step.get("kind") in GROUPS else "",
                "fault": place in faults,
                "acts": self._acts(place, step),
            }
            for place, step in walk(self.session.draft.filters)
        ]

    def _acts(self, place: Place, step: Plain) -> list[str]:
        draft = self.session.draft
        ways = {way: moved(draft, place, way == "up", _takes)[1] for way in ("up", "down")}
        negates = ["not"] if _decides(step) else []
        return ["edit", "remove", *negates, *(way for way, goes in ways.items() if goes != place)]

    def _asked(self, message: dict[str, Any]) -> None:
        draft, place = self.session.draft, _place(message["place"])
        step = step_at(draft, place)
        if "add" in message:
            if message["add"] in default_registry().steps["filter"]:
                found, goes = added(draft, place, _fresh(message["add"], draft.filters))
                self.session.update(found)
                if message["add"] not in GROUPS:
                    self._edit(goes)
        elif step is None:
            return
        elif "group" in message:
            if step.get("kind") in GROUPS and message["group"] in GROUPS:
                self.session.update(with_step(draft, place, {**step, "kind": message["group"]}))
        elif message["act"] == "edit":
            self._edit(place)
        elif message["act"] == "remove":
            self.session.update(with_step(draft, place))
        elif message["act"] == "not" and _decides(step):
            self.session.update(with_step(draft, place, *_negated(step)))
        elif message["act"] in ("up", "down"):
            found, goes = moved(draft, place, message["act"] == "up", _takes)
            self.session.update(found)
            self.tree.at = f"{message['act']} {_text(goes)}"


def _text(place: Place) -> str:
    return ".".join(map(str, place))


def _place(text: str) -> Place:
    return tuple(int(part) for part in text.split(".") if part.isdecimal() and len(part) < 6)


def _decides(step: Plain) -> bool:
    model = known_step("filter", str(step.get("kind")))
    return model is not None and issubclass(model, Predicate)


def _takes(group: Plain, step: Plain) -> bool:
    return group.get("kind") in GROUPS and _decides(step)


def _negated(step: Plain) -> Sequence[Plain]:
    inner = members(step)
    return inner if step.get("kind") == "not" and len(inner) == 1 else ({"kind": "not", "of": [step]},)


def _fresh(kind: str, filters: Sequence[Plain]) -> dict[str, Any]:
    """Return a new filter; a second match with a catalogue needs a name of its own."""
    if kind in GROUPS:
        return {"kind": kind, "of": []}
    if kind == "region":
        return {"kind": kind, "cone": {}}
    taken = {step.get("name", "xmatch") for step in filters if step.get("kind") == kind == "crossmatch"}
    number = next(number for number in range(1, len(taken) + 2) if f"xmatch{number}" not in taken)
    return {"kind": kind, "name": f"xmatch{number}"} if "xmatch" in taken else {"kind": kind}


def _kinds() -> list[dict[str, Any]]:
    """Return what can be added, the usual ones first."""
    known = default_registry().steps["filter"]
    order = [*FILTERS, *sorted(known.keys() - FILTERS.keys() - GROUPS.keys()), *GROUPS]
    return [
        {"value": kind, "label": filter_text(kind), "inner": issubclass(known[kind].step, Predicate)}
        for kind in order
        if kind in known
    ]


def summary(step: Plain, owner: str | None = None) -> str:
    """Return in a line what a filter asks for."""
    kind = str(step.get("kind"))
    if kind in ("tags", "blocks", "class"):
        return _choices(step)
    if kind == "sql":
        where = step.get("where", ())
        return "; ".join([where] if isinstance(where, str) else map(str, where))
    if kind in GROUPS:
        return ""
    model = known_step("filter", kind)
    entries = entries_of(model) if model else ()
    said = [(entry, text) for entry, text in ((entry, texts((entry,), step)[entry.path]) for entry in entries) if text]
    return "; ".join(f"{entry.label} {_short(text, owner)}" for entry, text in said if text != "false")


def _choices(step: Mapping[str, Any]) -> str:
    words = {"with": "require", "one of": "one of", "without": "exclude"}
    found = choices_of(step)
    lists = {word: [name for name, choice in found.items() if choice == key] for key, word in words.items()}
    return "; ".join(f"{word} {', '.join(names)}" for word, names in lists.items() if names)


def _short(text: str, owner: str | None) -> str:
    upload = uploads.named(text, owner)
    line = upload.name if upload else ", ".join(text.splitlines())
    return line if len(line) <= 80 else f"{line[:79]}…"

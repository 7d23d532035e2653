"""Filters that name what an alert is: tags, blocks, classes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from alertferry.core.schema import Struct
from alertferry.core.survey import Survey
from alertferry.tags import tns
from alertferry.tags.finkclass import FINK_CLASSES, NAME
from alertferry.tags.simbad import labels, spellings
from alertferry.ui import lakes
from alertferry.ui.components import TagList
from alertferry.ui.draft import CHOICES, Unit, choices_of, with_choice
from alertferry.ui.session import Session
from alertferry.ui.spot import Spot
from alertferry.ui.theme import card

Item = dict[str, str | None]

_WORDS: dict[Unit, tuple[str, str, str]] = {
    "tags": ("Tags", "tags", "Kinds of objects, as classifiers and catalogues tell them."),
    "blocks": ("Blocks", "blocks", "Simple statements that tags are built of: quality, novelty, surroundings."),
    "class": ("Classes", "classes", "The class of an alert by Fink, SIMBAD or the Transient Name Server."),
}
_UNKNOWN = "there is none of this name for this survey and these nights"


class ChoicePanel:
    """Tags, blocks or classes, each with what is asked of it."""

    def __init__(self, session: Session, unit: Unit) -> None:
        self.session, self.unit = session, unit
        self.spot = Spot(session, unit)
        title, what, hint = _WORDS[unit]
        self.list = TagList(what=what)
        if unit == "class":
            self.list.offers = [choice for choice in CHOICES if choice != "with"]
        self.list.on_message = self._picked
        self.view = card(self.list, title=title, hint=hint)

    def refresh(self) -> None:
        """Show the draft; also what it names and nobody knows, so that it can be taken away."""
        chosen = choices_of(self.spot.step)
        found = items_of(self.session.draft.survey, self.unit, self.session.schema())
        known = {item["name"] for item in found}
        unknown: list[Item] = [
            {"name": name, "description": "", "reason": _UNKNOWN} for name in chosen if name not in known
        ]
        unknown = [{**item, **_other_spelling(str(item["name"]))} if self.unit == "class" else item for item in unknown]
        self.list.items = [*unknown, *found]
        self.list.choices = dict(chosen)

    def _picked(self, message: dict[str, Any]) -> None:
        name, choice = message["name"], message["choice"]
        if name in {item["name"] for item in self.list.items} and choice in self.list.offers:
            self.spot.put(with_choice(self.spot.step, name, choice) or None)


def items_of(survey: str, unit: Unit, schema: Struct) -> list[Item]:
    """Return all that can be named, with why some cannot be used."""
    if unit == "class":
        return _classes(survey, schema)
    found = lakes.tags_of(survey, "tag" if unit == "tags" else "block", schema)
    return [{"name": tag.name, "description": tag.description, "reason": tag.reason} for tag in found]


def has_classes(survey: str) -> bool:
    """Tell whether a survey's alerts have classes."""
    return any(item.name in (NAME, tns.NAME) for item in lakes.surveys()[survey].derived)


@lru_cache(maxsize=16)
def _classes(survey: str, schema: Struct) -> list[Item]:
    known: Survey = lakes.surveys()[survey]
    reasons = {item.name: item.obstacle(schema) or None for item in known.derived}
    found: list[Item] = []
    if NAME in reasons:
        found += [_item(label, "by Fink's classifiers", reasons[NAME]) for label in FINK_CLASSES]
        types = sorted({spellings(label)[-1] for label in labels()} - set(FINK_CLASSES), key=str.lower)
        found += [_item(label, _simbad(label), reasons[NAME]) for label in types]
    if tns.NAME in reasons:
        found += [
            _item(tns.PREFIX + label, "type of the Transient Name Server", reasons[tns.NAME]) for label in tns.TNS_TYPES
        ]
    return sorted(found, key=lambda item: item["reason"] is not None)


def _item(name: str, description: str, reason: str | None) -> Item:
    return {"name": name, "description": description, "reason": reason}


def _simbad(label: str) -> str:
    before = [other for other in spellings(label) if other != label]
    return "type of SIMBAD" + (f"; before June 2022: {before[0]}" if before else "")


def _other_spelling(name: str) -> Item:
    """Return what to say of a class that is named in another spelling than the list has."""
    bare = name.removeprefix("(SIMBAD) ")
    return {"description": f"type of SIMBAD; now {spellings(bare)[-1]}", "reason": None} if bare in labels() else {}

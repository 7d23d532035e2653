"""The dashboard's own controls: small pieces of JavaScript that are handed data and send back what the user did.

All text reaches the page as text, never as markup. They take their colours from the page's theme and load nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar

import param
from panel.custom import JSComponent
from panel.io.document import hold
from pydantic import BaseModel, Field, ValidationError, create_model

LOG = logging.getLogger("alertferry.ui")

MOST_NIGHTS = 10_000
"""Nights that one message of a calendar names: those of a survey of thirty years, at most."""

_FOLDER = Path(__file__).parent


def _text(name: str) -> str:
    return (_FOLDER / name).read_text()


class Part(JSComponent):  # type: ignore[misc]
    """A control; ``on_message`` is called with what the user did, once it is a message of this control (``sends``).

    The script and the style of a control ``TagList`` stand in ``tag_list.js`` and ``tag_list.css``, and what all share
    in ``parts.js`` and ``parts.css``.
    """

    __abstract = True

    sends: ClassVar[tuple[dict[str, Any], ...]] = ()
    on_message: Callable[[dict[str, Any]], None] | None = None
    _forms: ClassVar[list[type[BaseModel]]]
    _bundle_path = None
    """Panel looks for one beside each module, for each control of each page: a tenth of the time that a page takes."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._forms = [create_model(cls.__name__, **form) for form in cls.sends]
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls._esm = _text("parts.js") + _text(f"{name}.js")
        cls._stylesheets = [_text("parts.css"), _text(f"{name}.css")]

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"sizing_mode": "stretch_width", "margin": 0} | params)

    @classmethod
    def _render_esm(cls, compiled: Any = True, server: bool = False) -> str:
        """Return the script as it is, where Panel takes its indent away for each control."""
        del compiled, server
        return str(cls._esm)

    def _handle_msg(self, data: Any) -> None:
        for form in self._forms:
            with suppress(ValidationError):
                message = form.model_validate(data).model_dump()
                break
        else:
            LOG.warning("a page sent what %s never sends", type(self).__name__)
            return
        if self.on_message is not None:
            with hold():  # what one message changes reaches the page at once
                self.on_message(message)


class Stepper(Part):
    """The steps of the wizard."""

    sends = ({"go": str},)

    steps = param.List(default=[])
    active = param.String(default="")


class ActionBar(Part):
    """Gauges, back, next, and what else can be done: ``also``.

    What is pressed on one step is not meant for another, which may be there by then.
    """

    sends = ({"press": str, "step": str},)

    step = param.String(default="")

    alerts = param.String(default="–")
    alerts_note = param.String(default="")
    size_text = param.String(default="–")
    size_note = param.String(default="")
    busy = param.Boolean(default=False)
    back = param.String(default="")
    next = param.String(default="")
    next_disabled = param.Boolean(default=False)
    also = param.String(default="")
    also_disabled = param.Boolean(default=False)


_Nights = Annotated[list[date], Field(max_length=MOST_NIGHTS)]


class Calendar(Part):
    """Nights with data; sends those that are chosen or given up, or the only ones to choose.

    What is pressed shows at once. ``turn`` is the newest message that ``chosen`` knows of: while the page has sent
    newer ones, it goes by what was pressed.
    """

    sends = {"nights": _Nights, "on": bool, "turn": (int, 0)}, {"only": _Nights, "turn": (int, 0)}

    counts = param.Dict(default={})
    chosen = param.List(default=[])
    turn = param.Integer(default=0)


class TagList(Part):
    """Tags, blocks or classes with what is asked of each; ``offers`` is what can be asked."""

    sends = ({"name": str, "choice": str},)

    what = param.String(default="tags")
    offers = param.List(default=["any", "with", "one of", "without"])
    items = param.List(default=[])
    choices = param.Dict(default={})


class OptionForm(Part):
    """Options of a step as entries (`alertferry.ui.forms`); each answer says by ``of`` which step's."""

    sends = ({"of": str, "path": str, "text": str},)

    of = param.String(default="")
    label = param.String(default="")
    entries = param.List(default=[])
    values = param.Dict(default={})
    faults = param.List(default=[])


class FilterTree(Part):
    """All filters in order, with those of groups below these; ``at`` is the place that was moved last.

    Rows have ``place``, ``depth``, ``title``, ``about``, ``group``, ``fault`` and what can be done with them
    (``acts``). ``kinds`` are the filters that can be added, ``inner`` those that can stand in a group.
    """

    sends = {"act": str, "place": str}, {"add": str, "place": str}, {"group": str, "place": str}

    rows = param.List(default=[])
    kinds = param.List(default=[])
    groups = param.List(default=[])
    at = param.String(default="")


class SqlEditor(Part):
    """Conditions as text; the answer says by ``of`` which filter's. `insert` puts a field at the cursor.

    ``others`` are faults that no mark in the text tells.
    """

    sends = ({"text": str, "of": (str, "")},)

    of = param.String(default="")
    text = param.String(default="")
    placeholder = param.String(default="")
    marks = param.List(default=[])
    others = param.List(default=[])
    count = param.Integer(default=0)
    fields = param.List(default=[])

    def insert(self, path: str) -> None:
        """Put a field where the cursor is."""
        self._send_msg({"insert": path})


class FieldTree(Part):
    """Fields as a tree, to tick or to pick."""

    sends = {"path": str, "on": bool}, {"pick": str}

    fields = param.List(default=[])
    chosen = param.List(default=[])
    picks = param.Boolean(default=False)


class Upload(Part):
    """A file for the server; sends its id once it is there."""

    sends = ({"file": str},)

    title = param.String(default="Drop a file here")
    hint = param.String(default="")
    file = param.String(default="")
    fault = param.String(default="")
    accept = param.String(default="")
    ticket = param.String(default="")
    max_bytes = param.Integer(default=0)


class DataTable(Part):
    """Rows of text, with buttons; ``keys`` are what is acted on, whichever row it stands in by then.

    With ``opens``, the words for it, a click on a row sends its key; ``current`` is the one that is open.
    """

    sends = {"action": str, "key": str}, {"open": str}

    keys = param.List(default=[])

    title = param.String(default="")
    columns = param.List(default=[])
    rows = param.List(default=[])
    actions = param.List(default=[])
    sortable = param.Boolean(default=False)
    searchable = param.Boolean(default=False)
    opens = param.String(default="")
    current = param.String(default="")
    empty = param.String(default="Nothing to show.")


class Notice(Part):
    """A message: ``tone`` is error, warning, success or info."""

    sends = ({"action": str},)

    tone = param.String(default="info")
    title = param.String(default="")
    lines = param.List(default=[])
    actions = param.List(default=[])


class CodeBlock(Part):
    """Text to copy or download; ``follow`` keeps its end in sight while it grows.

    With ``folded``, the words that open it, it is closed at first; it sends when it is opened or closed.
    """

    sends = ({"open": bool},)

    folded = param.String(default="")
    title = param.String(default="")
    text = param.String(default="")
    filename = param.String(default="")
    empty = param.String(default="")
    wrap = param.Boolean(default=False)
    follow = param.Boolean(default=False)


class Funnel(Part):
    """How many alerts each step leaves."""

    steps = param.List(default=[])
    empty = param.String(default="")


class Examples(Part):
    """Worked requests to open: ``items`` have a key, a title and a sentence."""

    sends = ({"open": str},)

    items = param.List(default=[])


class Help(Part):
    """A few sentences that open where they are needed, and where there is more."""

    sends = ({"go": str},)

    title = param.String(default="")
    lines = param.List(default=[])
    more = param.String(default="")
    docs = param.String(default="")


class Answers(Part):
    """Questions that open to their answers, in ``groups`` of a title and pairs; and ``links`` below them."""

    groups = param.List(default=[])
    links = param.List(default=[])


class FieldGuide(Part):
    """All that can be asked for by name: ``groups`` of a title, a note and rows, found by their words."""

    groups = param.List(default=[])
    empty = param.String(default="")


class Meter(Part):
    """How far a job is."""

    state = param.String(default="")
    title = param.String(default="")
    note = param.String(default="")
    share = param.Number(default=0, allow_None=True)
    facts = param.List(default=[])


class Links(Part):
    """Pages of other sites; each opens in a tab of its own and is not told where one came from."""

    title = param.String(default="")

    links = param.List(default=[])


class Nav(Part):
    """The pages; sends also when the browser wants other colours, or has moved in its history.

    ``address`` is the query of the page's address, whether it takes the place of the one before, and after which of
    the browser's ``moves`` it was made: one that is made before a move is not meant for what is shown after it.
    ``title`` is the document's. ``news`` (id, title, text) is told by the browser where the user wants that.
    """

    sends = {"go": str}, {"dark": bool}, {"address": Annotated[str, Field(max_length=2000)], "moves": int}

    address = param.List(default=[])

    items = param.List(default=[])
    active = param.String(default="")
    title = param.String(default="")
    news = param.List(default=[])
    user = param.String(default="")
    dark = param.Boolean(default=False)


class Segments(Part):
    """One of a few, in a line or as cards."""

    sends = ({"value": str},)

    label = param.String(default="")
    items = param.List(default=[])
    value = param.String(default="")
    cards = param.Boolean(default=False)

    def on_choice(self, function: Callable[[str], None]) -> None:
        """Call a function with what is chosen, once the control shows it."""

        def chosen(message: dict[str, Any]) -> None:
            value = message["value"]
            if value in {item["value"] for item in self.items}:
                self.value = value
                function(value)

        self.on_message = chosen

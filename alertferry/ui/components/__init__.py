"""The dashboard's own controls: small pieces of JavaScript that are handed data and send back what the user did.

All text reaches the page as text, never as markup. They take their colours from the page's theme and load nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent
from panel.io.document import hold

_FOLDER = Path(__file__).parent


def _text(name: str) -> str:
    return (_FOLDER / name).read_text()


class Part(JSComponent):  # type: ignore[misc]
    """A control; ``on_message`` is called with what the user did.

    The script and the style of a control ``TagList`` stand in ``tag_list.js`` and ``tag_list.css``, and what all share
    in ``parts.js`` and ``parts.css``.
    """

    __abstract = True

    on_message: Callable[[dict[str, Any]], None] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls._esm = _text("parts.js") + _text(f"{name}.js")
        cls._stylesheets = [_text("parts.css"), _text(f"{name}.css")]

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"sizing_mode": "stretch_width", "margin": 0} | params)

    def _handle_msg(self, data: Any) -> None:
        if self.on_message is not None and isinstance(data, dict):
            with hold():  # what one message changes reaches the page at once
                self.on_message(data)


class Stepper(Part):
    """The steps of the wizard; sends ``{"go": name}``."""

    steps = param.List(default=[])
    active = param.String(default="")


class ActionBar(Part):
    """Gauges, back and next; sends ``{"press": "back" | "next"}``."""

    alerts = param.String(default="–")
    alerts_note = param.String(default="")
    size_text = param.String(default="–")
    size_note = param.String(default="")
    busy = param.Boolean(default=False)
    back = param.String(default="")
    next = param.String(default="")
    next_disabled = param.Boolean(default=False)


class Calendar(Part):
    """Nights with data; sends ``{"nights": [...], "on": bool}``."""

    counts = param.Dict(default={})
    chosen = param.List(default=[])


class TagList(Part):
    """Tags or blocks with what is asked of each; sends ``{"name", "choice"}``."""

    what = param.String(default="tag")
    items = param.List(default=[])
    choices = param.Dict(default={})


class SqlEditor(Part):
    """Conditions as text; sends ``{"text"}``. `insert` puts a field at the cursor."""

    text = param.String(default="")
    placeholder = param.String(default="")
    marks = param.List(default=[])
    count = param.Integer(default=0)
    fields = param.List(default=[])

    def insert(self, path: str) -> None:
        """Put a field where the cursor is."""
        self._send_msg({"insert": path})


class FieldTree(Part):
    """Fields as a tree; sends ``{"path", "on"}`` when one is ticked, or ``{"pick"}`` where one is picked."""

    fields = param.List(default=[])
    chosen = param.List(default=[])
    picks = param.Boolean(default=False)


class Upload(Part):
    """A file for the server; sends ``{"file": id}`` once it is there."""

    title = param.String(default="Drop a file here")
    hint = param.String(default="")
    file = param.String(default="")
    fault = param.String(default="")
    accept = param.String(default="")
    ticket = param.String(default="")
    max_bytes = param.Integer(default=0)


class DataTable(Part):
    """Rows of text; sends ``{"action", "row"}`` when a button of a row is pressed."""

    title = param.String(default="")
    columns = param.List(default=[])
    rows = param.List(default=[])
    actions = param.List(default=[])
    empty = param.String(default="Nothing to show.")


class Notice(Part):
    """A message: ``tone`` is error, warning, success or info; sends ``{"action"}``."""

    tone = param.String(default="info")
    title = param.String(default="")
    lines = param.List(default=[])
    actions = param.List(default=[])


class CodeBlock(Part):
    """Text to copy or download; ``follow`` keeps its end in sight while it grows."""

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


class Meter(Part):
    """How far a job is."""

    state = param.String(default="")
    title = param.String(default="")
    note = param.String(default="")
    share = param.Number(default=0, allow_None=True)
    facts = param.List(default=[])


class Links(Part):
    """Addresses of this server as buttons."""

    links = param.List(default=[])


class Nav(Part):
    """The pages; sends ``{"go": name}``, and ``{"dark": bool}`` when the browser wants other colours."""

    items = param.List(default=[])
    active = param.String(default="")
    user = param.String(default="")
    dark = param.Boolean(default=False)


class Segments(Part):
    """One of a few, in a line or as cards; sends ``{"value"}``."""

    label = param.String(default="")
    items = param.List(default=[])
    value = param.String(default="")
    cards = param.Boolean(default=False)

    def on_choice(self, function: Callable[[str], None]) -> None:
        """Call a function with what is chosen, once the control shows it."""

        def chosen(message: dict[str, Any]) -> None:
            value = str(message.get("value"))
            if value in {item["value"] for item in self.items}:
                self.value = value
                function(value)

        self.on_message = chosen

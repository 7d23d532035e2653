"""Colours, type and spacing of the dashboard, and the few layouts that all steps share."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn

MAIN_WIDTH_PX = 1120

_SHAPE = {"borderRadius": 8}
_TYPE = {"fontSize": 14, "button": {"textTransform": "none", "fontWeight": 500}}


def _app_bar(colour: str) -> dict[str, Any]:
    """Return how the bar at the top looks; its line of progress needs a name for screen readers."""
    root = {"backgroundColor": colour, "backgroundImage": "none", "boxShadow": "none", "color": "#ffffff"}
    busy = {"defaultProps": {"aria-label": "the page is busy"}}
    return {"MuiAppBar": {"styleOverrides": {"root": root}}, "MuiLinearProgress": busy}


THEME: dict[str, Any] = {
    "light": {
        "palette": {
            "primary": {"main": "#1d5f8a", "contrastText": "#ffffff"},
            "error": {"main": "#b3261e"},
            "warning": {"main": "#8a5300"},
            "success": {"main": "#1b6b3a"},
            "background": {"default": "#f4f6f9", "paper": "#ffffff"},
            "text": {"primary": "#1a2430", "secondary": "#566273"},
            "divider": "#d9dfe7",
        },
        "shape": _SHAPE,
        "typography": _TYPE,
        "components": _app_bar("#17496b"),
    },
    "dark": {
        "palette": {
            "primary": {"main": "#7fbfe8", "contrastText": "#0b1a26"},
            "error": {"main": "#f2a49c", "contrastText": "#2b0a07"},
            "warning": {"main": "#f0c36d"},
            "success": {"main": "#7fd1a0"},
            "background": {"default": "#10161d", "paper": "#18202a"},
            "text": {"primary": "#e6ebf1", "secondary": "#a3b0bf"},
            "divider": "#2c3845",
        },
        "shape": _SHAPE,
        "typography": _TYPE,
        "components": _app_bar("#1c2733"),
    },
}

CHOSEN, UNCHOSEN, ACCENT = "#3b8fc4", "#8b98a7", "#d98a2b"
"""Colours of marks in plots; they stand out on light and on dark."""

FREE = ":host { max-height: none !important; flex-shrink: 0 !important; }"
"""Lets a layout be as high as what is in it; Panel would keep it within the window."""

_CARD = """
:host {
  background: var(--mui-palette-background-paper); border: 1px solid var(--mui-palette-divider); border-radius: 12px;
  padding: 20px 24px 10px; gap: 14px; min-width: 0;
}
@media (max-width: 760px) { :host { padding: 14px 14px 6px; border-radius: 10px; } }
"""

_TEXT = """
:host { color: var(--mui-palette-text-primary); font: 400 14px/1.5 Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 24px; line-height: 1.25; font-weight: 600; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 16px; line-height: 1.35; font-weight: 600; margin: 0; }
p { margin: 2px 0 0; color: var(--mui-palette-text-secondary); max-width: 100ch; }
"""


def heading(title: str, hint: str = "", level: int = 2) -> pn.pane.HTML:
    """Return a heading with a sentence below it; both are shown as text."""
    text = heading_text(title, hint, level)
    return pn.pane.HTML(text, stylesheets=[_TEXT, FREE], margin=0, sizing_mode="stretch_width")


def heading_text(title: str, hint: str = "", level: int = 2) -> str:
    """Return the HTML of a heading, for one that changes."""
    return f"<h{level}>{escape(title)}</h{level}>" + (f"<p>{escape(hint)}</p>" if hint else "")


def words(text: str) -> pn.pane.HTML:
    """Return a paragraph of text."""
    return pn.pane.HTML(words_text(text), stylesheets=[_TEXT, FREE], margin=0, sizing_mode="stretch_width")


def words_text(text: str) -> str:
    """Return the HTML of a paragraph, for one that changes."""
    return f"<p>{escape(text)}</p>"


def card(*objects: Any, title: str = "", hint: str = "", **params: Any) -> pn.Column:
    """Return things that belong together, on a ground of their own."""
    head = [heading(title, hint)] if title else []
    return pn.Column(*head, *objects, stylesheets=[_CARD, FREE], sizing_mode="stretch_width", margin=0, **params)


def stack(*objects: Any, gap: int = 16, **params: Any) -> pn.Column:
    """Return things one below the other."""
    style = f":host {{ gap: {gap}px; min-width: 0; }}"
    return pn.Column(*objects, stylesheets=[style, FREE], sizing_mode="stretch_width", margin=0, **params)


class Deck:
    """Views in one place, of which one is shown.

    Each is put there once and stays there, hidden while another one is shown: of models that leave a page and come
    back, the browser and the server know different ones ("reference isn't known"), and the page is dead from then on.
    """

    def __init__(self) -> None:
        self.view = stack(gap=0)  # hidden ones count where a gap is left between
        self._cards: dict[str, pn.Column] = {}
        self.shown: str | None = None

    def show(self, name: str, view: Any = None) -> None:
        """Show a view, and no other one; it is put there the first time that it is given."""
        if name not in self._cards:
            self._cards[name] = stack(view, visible=False)
            self.view.append(self._cards[name])
        self.shown = name
        for key, card in self._cards.items():
            card.visible = key == name

    def hide(self) -> None:
        """Show none."""
        self.shown = None
        for card in self._cards.values():
            card.visible = False


def grid(*objects: Any, columns: str = "1fr 1fr", gap: int = 20, narrow: str = "1fr") -> pn.Column:
    """Return things side by side where there is room, else one below the other."""
    style = f"""
    :host {{
      display: grid !important; grid-template-columns: {columns}; grid-auto-rows: max-content; gap: {gap}px;
      align-items: start; min-width: 0; height: max-content !important; max-height: none !important;
    }}
    :host > * {{ min-width: 0; max-height: none !important; }}
    @media (max-width: 860px) {{ :host {{ grid-template-columns: {narrow}; }} }}
    """
    return pn.Column(*objects, stylesheets=[style, FREE], sizing_mode="stretch_width", margin=0)


def row(*objects: Any, gap: int = 10) -> pn.Row:
    """Return things in a line that wraps."""
    style = f":host {{ display: flex; flex-wrap: wrap; gap: {gap}px; align-items: center; }}"
    return pn.Row(*objects, stylesheets=[style, FREE], sizing_mode="stretch_width", margin=0)

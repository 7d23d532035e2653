"""Help: some sentences beside each step, questions with their answers, and where to ask others."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from alertferry.core.settings import load_settings
from alertferry.ui.components import Answers
from alertferry.ui.theme import heading, stack


@cache
def texts() -> dict[str, Any]:
    """Return what stands in ``help.yml``: ``steps`` by their names, and groups of ``questions``."""
    found: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("help.yml").read_text("utf-8"))
    return found


def links() -> list[dict[str, str]]:
    """Return the addresses that the site has set for its users."""
    settings = load_settings()
    named = {"Ask for help": settings.contact_url, "Documentation": settings.docs_url}
    return [{"label": label, "href": address} for label, address in named.items() if address]


class HelpPage:
    """The questions."""

    def __init__(self) -> None:
        found = links()
        hint = "What goes wrong most often, and what to do."
        hint += (
            " Ask us whatever is not answered here." if any(item["label"] == "Ask for help" for item in found) else ""
        )
        self.view = stack(heading("Help", hint, 1), Answers(groups=texts()["questions"], links=found))

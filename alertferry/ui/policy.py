"""What a job from the dashboard may touch where the dashboard serves others: their own uploads, the site's lakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alertferry.catalogs.coverage import is_moc_text
from alertferry.core.errors import Problem
from alertferry.ui.uploads import find_path

_FILES = {"crossmatch": ("catalog",), "region": ("moc", "skymap")}


def site_problems(data: Mapping[str, Any], owner: str | None) -> list[Problem]:
    """Return what a job names that is not its owner's: files of the server, other lakes, folders to write to."""
    found = list(_filters(data.get("filters", ()), "filters", owner))
    if data.get("source", {}).get("lake"):
        found.append(Problem("source.lake", "the dashboard reads the site's own lakes only; leave it out"))
    if data.get("output", {}).get("kind", "kafka") != "kafka":
        found.append(Problem("output.kind", "the dashboard delivers by Kafka only; use kind: kafka"))
    return found


def _filters(steps: Sequence[Mapping[str, Any]], path: str, owner: str | None) -> Iterator[Problem]:
    for index, step in enumerate(steps):
        here = f"{path}[{index}]"
        for option in _FILES.get(str(step.get("kind")), ()):
            value = step.get(option)
            if isinstance(value, str) and not _allowed(option, value, owner):
                yield Problem(f"{here}.{option}", "this file is not among your uploads; upload it here")
        for option in ("of", "filters"):
            nested = step.get(option)
            if isinstance(nested, list | tuple):
                yield from _filters([item for item in nested if isinstance(item, Mapping)], f"{here}.{option}", owner)


def _allowed(option: str, value: str, owner: str | None) -> bool:
    return (option == "moc" and is_moc_text(value)) or find_path(value, owner) is not None

"""Every problem of a draft, sorted by the step of the wizard where it can be corrected."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from alertferry.core.errors import AlertferryError, JobError, Problem
from alertferry.core.job import Job, MalformedJobError
from alertferry.ui.draft import Draft, Place, members
from alertferry.ui.forms import label
from alertferry.ui.text import step_text

StepName = Literal["nights", "filters", "content", "review"]
STEPS: tuple[StepName, ...] = ("nights", "filters", "content", "review")

_FILTER = re.compile(r"^filters\[(\d+)\]\.?(.*)$")
_MEMBER = re.compile(r"^of\[(\d+)\]\.?(.*)$")
_LISTED = re.compile(r"^(\w+)\[(\d+)\]")
_WORDS = {"where": "condition", "columns": "column", "nights": "night", "fields": "field", "times": "time"}
_WORDS |= {"polygon": "corner", "all_of": "", "any_of": "", "none_of": ""}
"""What pages call an entry of a list; nothing where the message names it."""

_ENTRIES = {
    "cone.ra": "RA of the centre",
    "cone.dec": "Dec of the centre",
    "cone.radius_deg": "Radius",
    "box.ra[0]": "RA from (west)",
    "box.ra[1]": "RA to (east)",
    "box.dec[0]": "Dec from (south)",
    "box.dec[1]": "Dec to (north)",
    "moc": "coverage map",
    "skymap": "sky map",
    "on_bad_rows": "Rows that cannot be used",
    "keep": "Matches",
    "where": "Conditions",
    "of": "Filters of the group",
}
"""What pages call an option."""

_SENTENCES = {
    ("tags", "names nothing;"): "choose at least one",
    ("blocks", "names nothing;"): "choose at least one",
    ("class", "names nothing;"): "choose at least one",
    ("region", "needs exactly one of"): "choose a shape",
    ("crossmatch", "needs a radius"): "needs a radius: one for all sources, or a column with one for each",
}
"""What pages say of a whole filter, by its kind and how the message for files begins."""


@dataclass(frozen=True)
class Placed:
    """A problem with the step, and for filters the kind, the position and the place of the filter, where it belongs.

    ``option`` is what of the step is at fault, as the job file has it.
    """

    step: StepName
    problem: Problem
    kind: str = ""
    index: int = -1
    at: Place = ()
    option: str = ""

    @property
    def text(self) -> str:
        """What to show next to the controls: the message with what is at fault, in the words of the page."""
        listed = _LISTED.match(self.option)
        for (kind, start), sentence in _SENTENCES.items():
            if self.kind == kind and self.problem.message.startswith(start):
                return sentence
        plain = self.option.replace("_", "").isalnum()
        rest = _ENTRIES.get(self.option) or (label(self.option) if plain else self.option)
        if listed and listed[1] in _WORDS:
            rest = f"{_WORDS[listed[1]]} {int(listed[2]) + 1}" if _WORDS[listed[1]] else ""
        named = rest and self.option != "catalog"  # such messages name the catalogue themselves
        return f"{rest}: {self.problem.message}" if named else self.problem.message


def place(problem: Problem, draft: Draft) -> Placed:
    """Return where a problem is shown."""
    found = _FILTER.match(problem.path)
    if found:
        return _in_filter(problem, draft, int(found[1]), found[2])
    root, _, option = problem.path.partition(".")
    if root == "source" and option.startswith("times"):
        return Placed("filters", problem, "times", option=option)
    steps: dict[str, StepName] = {"source": "nights", "output": "content", "limit": "content", "filters": "filters"}
    return Placed(steps.get(re.split(r"\[", root, maxsplit=1)[0], "review"), problem, option=option)


def _in_filter(problem: Problem, draft: Draft, index: int, option: str) -> Placed:
    """Return where a problem of a filter belongs: to the innermost of groups that is at fault."""
    at: Place = (index,)
    step = draft.filters[index] if index < len(draft.filters) else {}
    while inner := _MEMBER.match(option):
        within, number = members(step), int(inner[1])
        if number >= len(within):
            break
        at, step, option = (*at, number), within[number], inner[2]
    return Placed("filters", problem, str(step.get("kind", "")), index, at, option)


_PLACES = {"where": "condition", "nights": "night", "times": "time range", "fields": "field", "all_of": "require"}
_PLACES |= {"any_of": "one of", "none_of": "exclude", "catalog": "file", "ra": "RA", "dec": "Dec", "id": "identifier"}
_PLACES |= {
    "radius_arcsec": "radius",
    "radius_deg": "radius",
    "radius": "radius",
    "keep": "matches",
    "columns": "column",
}
_PLACES |= {"of": "part", "moc": "coverage map", "skymap": "sky map", "on_bad_rows": "unreadable rows"}
_STEP_WORDS = {"source": "Nights", "output": "Content", "name": "Name"}


def in_words(problem: Problem, draft: Draft) -> str:
    """Return a problem with the page's words for its place: ``Conditions, condition 2`` for ``filters[0].where[1]``."""
    parts = re.findall(r"[^.\[\]]+", problem.path)
    if not parts:
        return problem.message
    found = _FILTER.match(problem.path)
    if found:
        kind = str(draft.filters[int(found[1])].get("kind", "")) if int(found[1]) < len(draft.filters) else "filters"
        words, parts = [step_text(kind, "")], parts[2:]
    else:
        words, parts = [_STEP_WORDS.get(parts[0], parts[0].capitalize())], parts[1:]
    for part in parts:
        if part.isdigit():
            words[-1] += f" {int(part) + 1}"
        else:
            words.append(_PLACES.get(part, part.replace("_", " ")))
    return f"{', '.join(words)}: {problem.message}"


def problems_of(draft: Draft, check: Callable[[Job | MalformedJobError], Sequence[Problem]]) -> tuple[Placed, ...]:
    """Return every problem of a draft; ``check`` says what is wrong with a job, well-formed or not."""
    try:
        try:
            job: Job | MalformedJobError = draft.to_job()
        except MalformedJobError as error:
            job = error
        found = check(job)
    except JobError as error:
        found = error.problems
    except AlertferryError as error:
        found = [Problem("", str(error))]
    return tuple(place(problem, draft) for problem in found)


def of_step(found: Sequence[Placed], step: StepName) -> tuple[Placed, ...]:
    """Return the problems of one step."""
    return tuple(item for item in found if item.step == step)

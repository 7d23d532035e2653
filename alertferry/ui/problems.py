"""Every problem of a draft, sorted by the step of the wizard where it can be corrected."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from alertferry.core.errors import AlertferryError, JobError, Problem
from alertferry.core.job import Job, MalformedJobError
from alertferry.ui.draft import Draft
from alertferry.ui.text import step_text

StepName = Literal["nights", "filters", "content", "review"]
STEPS: tuple[StepName, ...] = ("nights", "filters", "content", "review")

_FILTER = re.compile(r"^filters\[(\d+)\]\.?(.*)$")


@dataclass(frozen=True)
class Placed:
    """A problem with the step, and for filters the kind and the position of the filter, where it belongs."""

    step: StepName
    problem: Problem
    kind: str = ""
    index: int = -1

    @property
    def text(self) -> str:
        """What to show next to the controls: the message with the option at fault, without the position in the file."""
        rest = _FILTER.sub(r"\2", self.problem.path) if self.kind else self.problem.path.partition(".")[2]
        named = rest and rest != "catalog"  # such messages name the catalogue themselves
        return f"{rest}: {self.problem.message}" if named else self.problem.message


def place(problem: Problem, draft: Draft) -> Placed:
    """Return where a problem is shown."""
    found = _FILTER.match(problem.path)
    if found:
        index = int(found[1])
        kind = str(draft.filters[index].get("kind", "")) if index < len(draft.filters) else ""
        return Placed("filters", problem, kind, index)
    root = re.split(r"[.\[]", problem.path, maxsplit=1)[0]
    steps: dict[str, StepName] = {"source": "nights", "output": "content", "limit": "content", "filters": "filters"}
    return Placed(steps.get(root, "review"), problem)


_WORDS = {"where": "condition", "nights": "night", "times": "time range", "fields": "field", "all_of": "require"}
_WORDS |= {"any_of": "one of", "none_of": "exclude", "catalog": "file", "ra": "RA", "dec": "Dec", "id": "identifier"}
_WORDS |= {
    "radius_arcsec": "radius",
    "radius_deg": "radius",
    "radius": "radius",
    "keep": "matches",
    "columns": "column",
}
_WORDS |= {"of": "part", "moc": "coverage map", "skymap": "sky map", "on_bad_rows": "unreadable rows"}
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
            words.append(_WORDS.get(part, part.replace("_", " ")))
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

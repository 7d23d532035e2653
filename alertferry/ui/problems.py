"""Every problem of a draft, sorted by the step of the wizard where it can be corrected."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from alertferry.core.errors import AlertferryError, JobError, Problem, UnknownJobError
from alertferry.core.job import Job, MalformedJobError
from alertferry.ui.draft import Draft, Place, members
from alertferry.ui.forms import label
from alertferry.ui.text import CATALOGUE_OPTIONS, catalogue_text, filter_text, number_text

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
    "where": "",
    "of": "Filters of the group",
} | {name: said for name, said in CATALOGUE_OPTIONS.items() if name in ("on_bad_rows", "keep")}
"""What pages call an option."""

_SENTENCES = {
    ("", "names no nights;"): "choose at least one",
    ("tags", "names nothing;"): "choose at least one",
    ("blocks", "names nothing;"): "choose at least one",
    ("class", "names nothing;"): "choose at least one",
    ("region", "needs exactly one of"): "choose a shape",
    ("crossmatch", "needs a radius"): "needs a radius: one for all sources, or a column with one for each",
}
"""What pages say of a whole filter, or of another step, by its kind and how the message for files begins."""


_COMMAND = re.compile(r"; `alertferry [^`]+` lists (?:them|the others)")
"""What a page shows itself."""


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
        message, part = self._message, self._part
        return f"{part}: {message}" if part else message

    @property
    def said(self) -> str:
        """The same with the step or the filter, for lists of what is wrong."""
        if self.step != "filters":
            head = {"name": "Name", "limit": "Limit"}.get(self.problem.path, self.step.capitalize())
            head = head if self.problem.path else ""
        elif not self.kind:
            head = "Filters"
        else:
            head = "Times" if self.kind == "times" else filter_text(self.kind)
            head += f" (filter {number_text(self.at)})" if len(self.at) > 1 else ""
        return f"{', '.join(filter(None, (head, self._part)))}: {self._message}" if head else self.text

    @property
    def _message(self) -> str:
        starts = {start: said for (kind, start), said in _SENTENCES.items() if kind == self.kind}
        message = next((said for start, said in starts.items() if self.problem.message.startswith(start)), None)
        plain = _COMMAND.sub("", self.problem.message)
        return message or (catalogue_text(plain) if self.kind == "crossmatch" else plain)

    @property
    def _part(self) -> str:
        """What of the step is at fault; nothing where the message names it."""
        if self._message != self.problem.message or self.option == "catalog":
            return ""
        listed = _LISTED.match(self.option)
        if listed and listed[1] in _WORDS:
            return f"{_WORDS[listed[1]]} {int(listed[2]) + 1}" if _WORDS[listed[1]] else ""
        plain = self.option.replace("_", "").isalnum()
        return _ENTRIES.get(self.option, label(self.option) if plain else self.option)


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


def in_words(problem: Problem, draft: Draft) -> str:
    """Return a problem with the page's words for its place: ``Conditions, condition 2`` for ``filters[0].where[1]``."""
    return place(problem, draft).said


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


def texts(found: Sequence[Placed]) -> list[str]:
    """Return problems as the lines of a notice."""
    return [item.text for item in found]


def general(error: AlertferryError) -> tuple[Problem, ...]:
    """Return the problems of an error, or the error itself as one."""
    return tuple(getattr(error, "problems", ())) or (Problem("", str(error)),)


def told(error: AlertferryError) -> str:
    """Return an error as a page says it, which names no command."""
    if isinstance(error, UnknownJobError):
        return f"There is no job {error.job}. It may have been deleted."
    return str(error)

"""A job in the making: what the wizard's choices amount to, as plain data.

A draft keeps a job exactly as its file has it. The wizard reads and changes the parts that it has controls for; what it
has none for (a nested ``any``, a second condition list) stays where it is and is carried along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from alertferry.core.job import MAX_NAME, Job
from alertferry.core.nights import MAX_NIGHTS, bounds, expand, summarise
from alertferry.core.registry import Registry

Plain = Mapping[str, Any]
Unit = Literal["tags", "blocks"]
Choice = Literal["any", "with", "one of", "without"]

CHOICES: tuple[Choice, ...] = ("any", "with", "one of", "without")
"""What can be asked of a tag: nothing, that it holds, that it or another one holds, that it does not hold."""

ORDER = ("region", "tags", "blocks", "sql", "class", "crossmatch")
"""Where a new filter goes: cheap ones first, so that dear ones see fewer alerts."""

_LISTS: dict[Choice, str] = {"with": "all_of", "one of": "any_of", "without": "none_of"}


@dataclass(frozen=True)
class Draft:
    """The parts of a job file, whether or not they make a job yet.

    ``source`` and ``output`` are mappings with a ``kind``; ``filters`` are steps in order.
    """

    source: Plain
    output: Plain
    filters: tuple[Plain, ...] = ()
    name: str | None = None

    @property
    def survey(self) -> str:
        """Kind of the source."""
        return str(self.source.get("kind", ""))

    @property
    def nights(self) -> tuple[str, ...]:
        """Nights and ranges as the job names them."""
        given = self.source.get("nights", ())
        return (str(given),) if isinstance(given, str | date) else tuple(map(str, given))

    def to_dict(self) -> dict[str, Any]:
        """Return the job file as plain data; it may still lack something."""
        data: dict[str, Any] = {"version": 1}
        if self.name:
            data["name"] = self.name
        data["source"] = dict(self.source)
        if self.filters:
            data["filters"] = [dict(step) for step in self.filters]
        data["output"] = dict(self.output)
        return data

    def to_job(self, registry: Registry | None = None) -> Job:
        """Return the job. Raises `JobError` with everything that is missing or wrong."""
        return Job.from_dict(self.to_dict(), registry)

    @classmethod
    def of(cls, job: Job) -> Draft:
        """Return the draft that makes exactly this job."""
        data = job.to_dict()
        return cls(data["source"], data["output"], tuple(data.get("filters", ())), data.get("name"))


def new_draft(survey: str, packet: str | None) -> Draft:
    """Return an empty request to a survey: no nights yet, no filters, a topic of its smallest packet."""
    return Draft({"kind": survey, "nights": []}, {"kind": "kafka", "packet": packet} if packet else {"kind": "kafka"})


def with_name(draft: Draft, name: str) -> Draft:
    """Name the job; an empty text takes the name away. Of one that is too long, enough is kept to be refused."""
    return replace(draft, name=name[: MAX_NAME + 1].strip() or None)


def with_nights(draft: Draft, ranges: Iterable[str]) -> Draft:
    """Ask for these nights and ranges."""
    return replace(draft, source={**draft.source, "nights": list(ranges)})


def toggled_nights(draft: Draft, nights: Iterable[date], on: bool) -> Draft:
    """Add single nights to those asked for, or take them away; the ranges are written anew, and faulty ones stay."""
    chosen, others = _read_nights(draft)
    found = set(chosen) | set(nights) if on else set(chosen) - set(nights)
    return with_nights(draft, [*summarise(found), *others])


def chosen_nights(draft: Draft) -> tuple[date, ...]:
    """Return every night asked for, but those of faulty ranges and of ranges beyond what any request may have."""
    return _read_nights(draft)[0]


def _read_nights(draft: Draft) -> tuple[tuple[date, ...], list[str]]:
    """Return the nights asked for, and what was written beside them that cannot be asked for."""
    ranges, others, room = [], [], MAX_NIGHTS
    for text in draft.nights:
        with suppress(ValueError):
            first, last = bounds(text)
            if first <= last:
                ranges.append((text, (last - first).days + 1))
                continue
        others.append(text)
    with suppress(ValueError):
        return expand(text for text, _ in ranges), others
    fitting = []
    for text, length in ranges:
        fits = length <= room
        room -= length if fits else 0
        (fitting if fits else others).append(text)
    return expand(fitting), others


def parse_nights(text: str) -> tuple[str, ...]:
    """Split what a user typed into nights and ranges: by commas, semicolons or white space; ``to`` is a range too."""
    plain = text.replace(" to ", "..").replace(" .. ", "..").replace("…", "..")
    return tuple(part for part in plain.replace(",", " ").replace(";", " ").split() if part)


def first_of(draft: Draft, kind: str) -> Plain | None:
    """Return the first filter of a kind: the one that the wizard's controls show."""
    return next((step for step in draft.filters if step.get("kind") == kind), None)


def others(draft: Draft) -> tuple[tuple[int, Plain], ...]:
    """Return the filters that the wizard has no controls for, with their positions."""
    shown: set[str] = set()
    found = []
    for index, step in enumerate(draft.filters):
        kind = str(step.get("kind"))
        if kind not in ORDER or kind == "class" or kind in shown:
            found.append((index, step))
        shown.add(kind)
    return tuple(found)


def without_filter(draft: Draft, index: int) -> Draft:
    """Take away one filter."""
    return replace(draft, filters=(*draft.filters[:index], *draft.filters[index + 1 :]))


def with_filter(draft: Draft, kind: str, options: Plain | None) -> Draft:
    """Set the options of the first filter of a kind, in its place; None takes it away."""
    place = next((i for i, step in enumerate(draft.filters) if step.get("kind") == kind), None)
    if options is None:
        return draft if place is None else without_filter(draft, place)
    step = {"kind": kind, **options}
    if place is not None:
        return replace(draft, filters=(*draft.filters[:place], step, *draft.filters[place + 1 :]))
    before = ORDER[ORDER.index(kind) :] if kind in ORDER else ()
    place = next((i for i, s in enumerate(draft.filters) if s.get("kind") in before), len(draft.filters))
    return replace(draft, filters=(*draft.filters[:place], step, *draft.filters[place:]))


def tag_choices(draft: Draft, unit: Unit) -> dict[str, Choice]:
    """Return what is asked of each named tag or block; all others are ``any``."""
    step = first_of(draft, unit) or {}
    return {name: choice for choice, option in _LISTS.items() for name in _names(step.get(option, ()))}


def with_tag(draft: Draft, unit: Unit, name: str, choice: Choice) -> Draft:
    """Ask something of a tag or block."""
    step = dict(first_of(draft, unit) or {})
    for option in _LISTS.values():
        rest = [item for item in _names(step.pop(option, ())) if item != name]
        if _LISTS.get(choice) == option:
            rest.append(name)
        if rest:
            step[option] = rest
    step.pop("kind", None)
    return with_filter(draft, unit, step or None)


def _names(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else list(value)


def with_packet(draft: Draft, packet: str) -> Draft:
    """Ask for a predefined packet."""
    return replace(draft, output={**_bare(draft), "packet": packet})


def with_fields(draft: Draft, fields: Iterable[str]) -> Draft:
    """Ask for single fields, by dotted path."""
    return replace(draft, output={**_bare(draft), "fields": list(fields)})


def _bare(draft: Draft) -> dict[str, Any]:
    return {key: value for key, value in draft.output.items() if key not in ("packet", "fields")}


def with_survey(draft: Draft, survey: str, packet: str | None) -> Draft:
    """Turn to another survey: names of tags, fields and nights differ, so only what fits any survey is kept."""
    kept = tuple(step for step in draft.filters if step.get("kind") in ("region", "crossmatch"))
    fresh = new_draft(survey, packet)
    return replace(fresh, filters=kept, name=draft.name)

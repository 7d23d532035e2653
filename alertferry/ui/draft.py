"""A job in the making: what the wizard's choices amount to, as plain data.

A draft keeps a job exactly as its file has it, and what cannot be read as it was typed: `check` then names it. Filters
are found by their place: ``(2, 0)`` is the first member of the group that is the third filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from alertferry.core.job import MAX_NAME, Job
from alertferry.core.nights import MAX_NIGHTS, bounds, expand, summarise
from alertferry.core.registry import Registry

Plain = Mapping[str, Any]
Place = tuple[int, ...]
Unit = Literal["tags", "blocks", "class"]
Choice = Literal["any", "with", "one of", "without"]

CHOICES: tuple[Choice, ...] = ("any", "with", "one of", "without")
"""What can be asked of a tag: nothing, that it holds, that it or another one holds, that it does not hold."""

ORDER = ("region", "tags", "blocks", "sql", "class", "crossmatch")
"""Where a new filter goes: cheap ones first, so that dear ones see fewer alerts."""

_LISTS: dict[Choice, str] = {"with": "all_of", "one of": "any_of", "without": "none_of"}


@dataclass(frozen=True)
class Draft:
    """The parts of a job file, whether or not they make a job yet.

    ``source`` and ``output`` are mappings with a ``kind``; ``filters`` are steps in order. ``limit`` is a number, or
    whatever text stands in its place.
    """

    source: Plain
    output: Plain
    filters: tuple[Plain, ...] = ()
    name: str | None = None
    limit: int | str | None = None

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
        if self.limit is not None:
            data["limit"] = self.limit
        data["output"] = dict(self.output)
        return data

    def to_job(self, registry: Registry | None = None) -> Job:
        """Return the job. Raises `JobError` with everything that is missing or wrong."""
        return Job.from_dict(self.to_dict(), registry)

    @classmethod
    def of(cls, job: Job) -> Draft:
        """Return the draft that makes exactly this job."""
        data = job.to_dict()
        return cls(data["source"], data["output"], tuple(data.get("filters", ())), data.get("name"), data.get("limit"))


def new_draft(survey: str, packet: str | None) -> Draft:
    """Return an empty request to a survey: no nights yet, no filters, a topic of its smallest packet."""
    return Draft({"kind": survey, "nights": []}, {"kind": "kafka", "packet": packet} if packet else {"kind": "kafka"})


def with_name(draft: Draft, name: str) -> Draft:
    """Name the job; an empty text takes the name away. Of one that is too long, enough is kept to be refused."""
    return replace(draft, name=name[: MAX_NAME + 1].strip() or None)


def with_limit(draft: Draft, text: str) -> Draft:
    """Ask for at most so many alerts; an empty text asks for all, and what is no number is kept to be refused."""
    plain = text.strip()[:20]
    return replace(draft, limit=(int(plain) if plain.isascii() and plain.isdecimal() else plain) if plain else None)


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


def members(step: Plain) -> tuple[Plain, ...]:
    """Return the filters within a group; none of what is no group."""
    found = step.get("of", ())
    listed = found if isinstance(found, list | tuple) else (found,)
    return tuple(item for item in listed if isinstance(item, Mapping))


def walk(steps: Sequence[Plain], above: Place = ()) -> Iterator[tuple[Place, Plain]]:
    """Yield every filter with its place, groups before what is in them."""
    for index, step in enumerate(steps):
        yield (*above, index), step
        yield from walk(members(step), (*above, index))


def step_at(draft: Draft, place: Place) -> Plain | None:
    """Return the filter at a place, if there is one."""
    steps: Sequence[Plain] = draft.filters
    for depth, index in enumerate(place):
        if not 0 <= index < len(steps):
            return None
        if depth == len(place) - 1:
            return steps[index]
        steps = members(steps[index])
    return None


def with_siblings(draft: Draft, above: Place, change: Callable[[list[Plain]], Iterable[Plain]]) -> Draft:
    """Change the list of filters in a group, or that of the job where the group's place is empty."""

    def changed(steps: Sequence[Plain], path: Place) -> list[Plain]:
        if not path:
            return list(change(list(steps)))
        return [
            {**step, "of": changed(members(step), path[1:])} if index == path[0] else step
            for index, step in enumerate(steps)
        ]

    return replace(draft, filters=tuple(changed(draft.filters, above)))


def with_step(draft: Draft, place: Place, *steps: Plain) -> Draft:
    """Put other filters in the place of one; none take it away."""
    at = place[-1]
    return with_siblings(draft, place[:-1], lambda items: [*items[:at], *steps, *items[at + 1 :]])


def moved(draft: Draft, place: Place, up: bool, takes: Callable[[Plain, Plain], bool]) -> tuple[Draft, Place]:
    """Move a filter one place up or down: past its neighbour, into it where ``takes(it, filter)``, or out of its group.

    Return the draft with the place where the filter is now.
    """
    step = step_at(draft, place)
    if step is None:
        return draft, place
    above, at = place[:-1], place[-1]
    siblings = members(step_at(draft, above) or {}) if above else draft.filters
    other = at - 1 if up else at + 1
    if not 0 <= other < len(siblings):
        if not above:
            return draft, place
        goes = (*above[:-1], above[-1] + (0 if up else 1))  # out of the group
        out = with_step(draft, place)
        return _inserted(out, goes, step), goes
    if takes(siblings[other], step):
        inner = len(members(siblings[other])) if up else 0
        out = with_step(draft, place)
        goes = (*above, other if up else at, inner)
        return _inserted(out, goes, step), goes
    swapped = with_step(with_step(draft, place, siblings[other]), (*above, other), step)
    return swapped, (*above, other)


def _inserted(draft: Draft, place: Place, step: Plain) -> Draft:
    return with_siblings(draft, place[:-1], lambda items: [*items[: place[-1]], step, *items[place[-1] :]])


def added(draft: Draft, above: Place, step: Plain) -> tuple[Draft, Place]:
    """Add a filter as the last of a group, or of the job; return the draft with its place."""
    count = len(members(step_at(draft, above) or {}) if above else draft.filters)
    return with_siblings(draft, above, lambda items: [*items, step]), (*above, count)


def with_filter(draft: Draft, kind: str, options: Plain | None) -> Draft:
    """Set the options of the first filter of a kind, in its place; None takes it away."""
    place = next((i for i, step in enumerate(draft.filters) if step.get("kind") == kind), None)
    if options is None:
        return draft if place is None else with_step(draft, (place,))
    step = {"kind": kind, **options}
    if place is not None:
        return replace(draft, filters=(*draft.filters[:place], step, *draft.filters[place + 1 :]))
    before = ORDER[ORDER.index(kind) :] if kind in ORDER else ()
    place = next((i for i, s in enumerate(draft.filters) if s.get("kind") in before), len(draft.filters))
    return replace(draft, filters=(*draft.filters[:place], step, *draft.filters[place:]))


def choices_of(step: Plain | None) -> dict[str, Choice]:
    """Return what a filter asks of each tag, block or class that it names; all others are ``any``."""
    return {name: choice for choice, option in _LISTS.items() for name in _names((step or {}).get(option, ()))}


def with_choice(step: Plain | None, name: str, choice: Choice) -> dict[str, Any]:
    """Return the options of a filter that asks something else of a tag, block or class."""
    options = {key: value for key, value in (step or {}).items() if key != "kind"}
    for option in _LISTS.values():
        rest = [item for item in _names(options.pop(option, ())) if item != name]
        if _LISTS.get(choice) == option:
            rest.append(name)
        if rest:
            options[option] = rest
    return options


def tag_choices(draft: Draft, unit: Unit) -> dict[str, Choice]:
    """Return what the first filter of this kind asks of each tag, block or class."""
    return choices_of(first_of(draft, unit))


def with_tag(draft: Draft, unit: Unit, name: str, choice: Choice) -> Draft:
    """Ask something of a tag, block or class in the first filter of its kind."""
    return with_filter(draft, unit, with_choice(first_of(draft, unit), name, choice) or None)


def _names(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else [item for item in value if isinstance(item, str)]


def with_packet(draft: Draft, packet: str) -> Draft:
    """Ask for a predefined packet."""
    return replace(draft, output={**_bare(draft), "packet": packet})


def with_fields(draft: Draft, fields: Iterable[str]) -> Draft:
    """Ask for single fields, by dotted path."""
    return replace(draft, output={**_bare(draft), "fields": list(fields)})


def _bare(draft: Draft) -> dict[str, Any]:
    return {key: value for key, value in draft.output.items() if key not in ("packet", "fields")}


def with_options(draft: Draft, role: Literal["source", "output"], options: Plain) -> Draft:
    """Set the options of the source or of the output; their kinds stay."""
    if role == "source":
        return replace(draft, source={"kind": draft.source.get("kind"), **options})
    return replace(draft, output={"kind": draft.output.get("kind"), **options})


def with_output(draft: Draft, kind: str, takes: Iterable[str]) -> Draft:
    """Deliver in another way: what a packet contains stays, where the output ``takes`` it."""
    kept = {key: value for key, value in draft.output.items() if key in ("packet", "fields") and key in set(takes)}
    return replace(draft, output={"kind": kind, **kept})


def with_survey(draft: Draft, survey: str, packet: str | None) -> Draft:
    """Turn to another survey: names of tags, fields and nights differ, so only what fits any survey is kept."""
    kept = tuple(step for step in draft.filters if step.get("kind") in ("region", "crossmatch"))
    fresh = new_draft(survey, packet)
    return replace(fresh, filters=kept, name=draft.name, limit=draft.limit)

"""Worked requests to begin with, for the survey at hand: those that `check` accepts on its lake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from alertferry.core.nights import summarise
from alertferry.ui import lakes
from alertferry.ui.draft import Draft, new_draft, with_nights
from alertferry.ui.session import Session, light_packet

SHOWN = 3
KEPT_SECONDS = 300.0


@dataclass(frozen=True)
class Example:
    """A request in words and as the parts of a job; ``nights`` are so many of the newest."""

    title: str
    about: str
    filters: Sequence[dict[str, Any]] = field(default=())
    packet: str | None = None
    nights: int = 7


def _sql(*where: str) -> dict[str, Any]:
    return {"kind": "sql", "where": list(where)}


def _tag(name: str) -> dict[str, Any]:
    return {"kind": "tags", "all_of": [name]}


_BANDS = "diaSource.band IN ('g', 'r', 'i')"
_WORKED: dict[str, tuple[Example, ...]] = {
    "lsst": (
        Example("New and extragalactic", "first seen within 5 days", (_tag("extragalactic_new_candidate"),)),
        Example("Bright sources", "S/N above 20 in g, r or i", (_sql("diaSource.snr > 20", _BANDS),)),
        Example("Solar system objects", "positions and designations", (_sql("pred.is_sso"),), "light-sso"),
        Example("Hostless candidates", "nothing where a galaxy should be", (_tag("hostless_candidate"),), "medium"),
    ),
    "ztf": (
        Example("Supernova candidates", "with their history, without images", (_tag("sn_candidates"),), "medium"),
        Example(
            "Bright and likely real", "brighter than 18 mag", (_sql("candidate.magpsf < 18", "candidate.drb > 0.9"),)
        ),
        Example("Known solar system objects", "matched with the Minor Planet Center", (_sql("roid = 3"),)),
        Example("Microlensing candidates", "with their history", (_tag("microlensing_candidates"),), "medium"),
    ),
}
_ANY_SURVEY = (
    Example("The newest night", "every alert of it, in the smallest packet", nights=1),
    Example("The last week", "every alert of the last 7 nights, in the smallest packet"),
)

_FOUND = lakes.Cache(KEPT_SECONDS)


def worked(session: Session, survey: str, lake: str | None, look: lakes.Lake) -> tuple[tuple[Example, Draft], ...]:
    """Return some worked requests that are accepted on a lake, as it was looked at; none where it has no nights. Slow.

    ``lake`` is what the requests are to name, if it is not the configured one.
    """
    newest = sorted(look.counts)
    if not newest:
        return ()

    def accepted() -> Iterator[tuple[Example, Draft]]:
        for example in (*_WORKED.get(survey, ()), *_ANY_SURVEY):
            draft = drafted(example, survey, newest, lake)
            if not session.examine(draft)[0]:
                yield example, draft

    def find() -> tuple[tuple[Example, Draft], ...]:
        found = accepted()
        return tuple(item for item, _ in zip(found, range(SHOWN), strict=False))

    key = survey, lake, newest[-1], session.access
    return tuple(_FOUND.get(key, find))


def drafted(example: Example, survey: str, nights: Sequence[date], lake: str | None = None) -> Draft:
    """Return the request of an example on the newest of some nights."""
    draft = with_nights(new_draft(survey, example.packet or light_packet(survey)), summarise(nights[-example.nights :]))
    source = {**draft.source, **({"lake": lake} if lake else {})}
    return Draft(source, draft.output, tuple(example.filters), example.title)


def sentence(survey: str, look: lakes.Lake) -> str:
    """Return what the page is, which lake it looks at, and how fresh that is."""
    what = "Choose alerts of a survey and receive them in a Kafka topic of your own."
    if not look.nights:
        return what
    count, title = len(look.nights), lakes.surveys()[survey].title
    alerts = f"{sum(look.counts.values()):,} alerts" if not look.unknown else "alerts"
    simulated = " (simulated, observed by nobody)" if look.simulated else ""
    newest = look.nights[-1].night
    nights = f"{count:,} night{'s' * (count != 1)}, the newest of {newest.day} {newest:%B %Y}"
    return f"{what} Here are {alerts}{simulated} of the {title}, from {nights}."

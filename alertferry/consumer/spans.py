"""Offsets of a topic: which are on disk, which are still to fetch, and who fetches them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

SMALLEST_SHARE = 2_000
"""Spans are not cut below this many records to occupy one more worker."""


@dataclass(frozen=True, order=True)
class Span:
    """The offsets ``start`` (included) to ``end`` (excluded) of one partition."""

    partition: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """Number of offsets; an upper bound of the number of records."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"partition {self.partition}, offsets {self.start} to {self.end - 1}"


def to_numbers(spans: Iterable[Span]) -> list[list[int]]:
    """Return spans as plain numbers, as processes tell them to each other."""
    return [[span.partition, span.start, span.end] for span in spans]


def from_numbers(numbers: Iterable[Sequence[int]]) -> list[Span]:
    """Read what `to_numbers` wrote."""
    return [Span(*item) for item in numbers]


class Covered(NamedTuple):
    """Offsets ``start`` (included) to ``end`` (excluded), the partition being known from the context."""

    start: int
    end: int


Coverage = Mapping[int, Sequence[Covered]]


def coverage(spans: Iterable[Span]) -> dict[int, list[Covered]]:
    """Return for each partition the covered intervals, sorted, with touching ones joined."""
    joined: dict[int, list[Covered]] = {}
    for span in sorted(spans):
        known = joined.setdefault(span.partition, [])
        if known and span.start <= known[-1].end:
            known[-1] = Covered(known[-1].start, max(known[-1].end, span.end))
        else:
            known.append(Covered(span.start, span.end))
    return joined


def spans_of(covered: Coverage) -> list[Span]:
    """Return the covered intervals as spans, in order; `coverage` the other way round."""
    return [Span(number, part.start, part.end) for number, parts in covered.items() for part in parts]


def gaps(partition: int, covered: Sequence[Covered], start: int, end: int) -> list[Span]:
    """Return what of ``start`` to ``end`` is not covered; ``covered`` is sorted and disjoint."""
    found = []
    position = start
    for known in covered:
        if known.start >= end:
            break
        if known.start > position:
            found.append(Span(partition, position, known.start))
        position = max(position, known.end)
    if position < end:
        found.append(Span(partition, position, end))
    return found


def missing(covered: Coverage, starts: Mapping[int, int], ends: Mapping[int, int]) -> list[Span]:
    """Return all gaps between ``starts`` (0 where absent) and ``ends`` of all partitions, in order."""
    return [
        gap
        for partition in sorted(ends)
        for gap in gaps(partition, covered.get(partition, ()), starts.get(partition, 0), ends[partition])
    ]


def within(spans: Iterable[Span], budget: int | None) -> list[Span]:
    """Return the first ``budget`` offsets of ``spans``; everything when there is no budget."""
    if budget is None:
        return list(spans)
    taken = []
    for span in spans:
        if budget <= 0:
            break
        cut = Span(span.partition, span.start, min(span.end, span.start + budget))
        taken.append(cut)
        budget -= cut.size
    return taken


def total(spans: Iterable[Span]) -> int:
    """Return the number of offsets in ``spans``."""
    return sum(span.size for span in spans)


def share(spans: Sequence[Span], workers: int) -> list[list[Span]]:
    """Divide spans among workers, equal in offsets; the same input gives the same shares.

    A span longer than a fair share is cut, so that a topic of one partition keeps every worker busy.
    Shares may be fewer than workers when there is little to do.
    """
    fair = max(-(-total(spans) // workers), SMALLEST_SHARE)
    pieces = [
        Span(span.partition, start, min(start + fair, span.end))
        for span in spans
        for start in range(span.start, span.end, fair)
    ]
    shares: list[list[Span]] = [[] for _ in range(workers)]
    for piece in sorted(pieces, key=lambda piece: (-piece.size, piece)):
        min(shares, key=total).append(piece)
    return [sorted(one) for one in shares if one]

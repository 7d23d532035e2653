"""A topic divided among machines: who fetches which offsets, and how folders say which part they hold.

The division depends on nothing but the topic, so machines need not know of each other. Where there are at least as many
partitions as shards it goes by partition, and can begin while the job publishes. Otherwise the partitions, laid end to
end as the receipt counts them, are cut into ranges of equal length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from alertferry.consumer.layout import SHARDS_FOLDER
from alertferry.consumer.spans import Coverage, Covered, Span, missing
from alertferry.core.errors import UsageError
from alertferry.core.receipt import Receipt

MOST_SHARDS = 1_000

_TEXT = re.compile(r"(\d{1,4})/(\d{1,4})")
_STEM = re.compile(r"(\d{1,4})-of-(\d{1,4})")


@dataclass(frozen=True, order=True)
class Shard:
    """Part ``number`` of ``count``, counted from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``2/5``. Raises `UsageError` for anything else."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"--shard {text}: write which part of how many, for example 2/5")
        shard = cls(int(match[1]), int(match[2]))
        if not 1 <= shard.number <= shard.count <= MOST_SHARDS:
            raise UsageError(
                f"--shard {text}: the first number goes from 1 to the second, and there are at most {MOST_SHARDS:,}"
            )
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def stem(self) -> str:
        """The shard in names of files (``2-of-5``)."""
        return f"{self.number}-of-{self.count}"

    def needs_receipt(self, partitions: int) -> bool:
        """Tell whether the division depends on where the partitions end."""
        return partitions < self.count

    def portion(self, ends: Mapping[int, int]) -> dict[int, Covered]:
        """Return this shard's offsets of each partition that it has a part in.

        ``ends`` are the end offsets of all partitions: those of the receipt when `needs_receipt`, else what is known.
        """
        numbers = sorted(ends)
        if not self.needs_receipt(len(numbers)):
            return {number: Covered(0, ends[number]) for number in numbers[self.number - 1 :: self.count]}
        stops = list(accumulate(ends[number] for number in numbers))
        whole = stops[-1] if stops else 0
        first, last = (whole * edge // self.count for edge in (self.number - 1, self.number))
        found = {}
        for number, stop in zip(numbers, stops, strict=True):
            begin = stop - ends[number]
            cut = Covered(max(first, begin) - begin, min(last, stop) - begin)
            if cut.start < cut.end:
                found[number] = cut
        return found


def portion(shard: Shard | None, ends: Mapping[int, int]) -> dict[int, Covered]:
    """Return what a shard has of each partition; everything without one."""
    return shard.portion(ends) if shard else {number: Covered(0, end) for number, end in ends.items()}


def lacking(covered: Coverage, wanted: Mapping[int, Covered]) -> list[Span]:
    """Return what of a portion is not covered."""
    starts = {number: part.start for number, part in wanted.items()}
    return missing(covered, starts, {number: part.end for number, part in wanted.items()})


def share_of(receipt: Receipt, shard: Shard | None) -> int | None:
    """Return how many alerts of a receipt are a shard's; None when some are repeated, as nobody knows where."""
    if shard is None:
        return receipt.alerts
    if receipt.records != receipt.alerts:
        return None
    return sum(part.end - part.start for part in shard.portion(receipt.partitions).values())


def mark(folder: Path, shard: Shard) -> Path:
    """Return the file by which a folder says that it holds a shard."""
    return folder / SHARDS_FOLDER / f"{shard.stem}.json"


def marked(folder: Path) -> list[Shard]:
    """Return the shards that a folder says to hold, sorted; several when folders were merged by copying."""
    matches = (_STEM.fullmatch(path.stem) for path in (folder / SHARDS_FOLDER).glob("*.json"))
    return sorted(Shard(int(match[1]), int(match[2])) for match in matches if match)


def absent(shards: Iterable[Shard]) -> list[Shard]:
    """Return the shards that the given ones lack to be a whole."""
    known = set(shards)
    return [
        shard
        for count in sorted({shard.count for shard in known})
        for shard in (Shard(number, count) for number in range(1, count + 1))
        if shard not in known
    ]

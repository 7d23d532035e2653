"""Samples come in tiers: many alerts without what is heavy, fewer with their history, few with their images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from alertferry.core.schema import Array, Map, Primitive, Struct, Type
from alertferry.core.survey import Survey

Heavy = Literal["history", "images"]

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Tier:
    """What a sample leaves out and how large it may be: a share of ``sample_alerts``, and bytes a night.

    ``read_bytes`` bounds what is read of a night, compressed, to draw the sample.
    """

    name: str
    without: tuple[Heavy, ...]
    share: float
    kept_bytes: int
    read_bytes: int


TIERS = (
    Tier("light", ("history", "images"), 1.0, 96 * MEGABYTE, 2048 * MEGABYTE),
    Tier("medium", ("images",), 0.1, 192 * MEGABYTE, 1024 * MEGABYTE),
    Tier("full", (), 0.0125, 48 * MEGABYTE, 512 * MEGABYTE),
)

CHUNKS = (0.025, 0.1, 0.4, 1.0)
"""A sample is kept in parts, each a random one: a job of many nights reads only the first parts of each."""

LEAST_ROWS = 100
LEAST_GROUPS = 16
"""Row groups to draw alerts from, at least, where not all can be read."""


def left_out(tier: Tier, survey: Survey, schema: Struct) -> frozenset[str]:
    """Return the root columns that a tier has not."""
    history = survey.history if "history" in tier.without else ()
    images = [field.name for field in schema if "images" in tier.without and _holds_binary(field.type)]
    return frozenset([*history, *images])


def tier_with(roots: Collection[str], survey: Survey, schema: Struct) -> Tier:
    """Return the first tier that has all these root columns."""
    return next(tier for tier in TIERS if not left_out(tier, survey, schema) & frozenset(roots))


def rows_of(tier: Tier, sample_alerts: int, root_bytes: Mapping[str, float], absent: Collection[str]) -> int:
    """Return how many alerts of a night a tier keeps."""
    size = sum(value for root, value in root_bytes.items() if root not in absent)
    fitting = int(tier.kept_bytes / size) if size else sample_alerts
    return max(min(LEAST_ROWS, sample_alerts), min(int(sample_alerts * tier.share), fitting))


def chunk_ends(rows: int) -> tuple[int, ...]:
    """Return where the parts of a sample of this many rows end; small samples are one part."""
    ends = [max(LEAST_ROWS, round(rows * share)) for share in CHUNKS]
    return tuple(sorted({min(end, rows) for end in ends}))


def _holds_binary(data_type: Type) -> bool:
    return any(part == Primitive("binary") for part in _parts(data_type))


def _parts(data_type: Type) -> Iterator[Type]:
    yield data_type
    match data_type:
        case Array(element):
            yield from _parts(element)
        case Map(key, value):
            yield from _parts(key)
            yield from _parts(value)
        case Struct(fields):
            for field in fields:
                yield from _parts(field.type)

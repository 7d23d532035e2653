"""Measures taken while alerts are written, in the same pass: what goes into the receipt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertferry.core.receipt import NAMED_ALERTS
from alertferry.plugins.outputs.repeats import FIRST

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Observation


@dataclass(frozen=True)
class Measures:
    """What was seen of the alerts: those written, their bytes and digest, and those that were left out.

    ``distinct`` counts the ids of those written, ``null_ids`` those without one, ``repeats`` the alerts that were not
    written because an equal packet was. ``oversize`` counts alerts whose packets were over the limit, ``oversize_ids``
    names the first of them, ``skipped`` counts those that were not written for it.
    """

    alerts: int
    bytes: int
    digest: int
    distinct: int
    null_ids: int
    repeats: int = 0
    oversize: int = 0
    oversize_ids: tuple[str, ...] = ()
    skipped: int = 0

    @property
    def selected(self) -> int:
        """Number of alerts that passed every filter."""
        return self.alerts + self.skipped + self.repeats

    @classmethod
    def of(cls, *seen: Observation) -> Measures:
        """Return the measures of an action that has ended. Blocks until Spark tells them."""
        found = {name: value for each in seen for name, value in each.get.items() if value is not None}
        ids = tuple(json.loads(found.pop("oversize_ids", "[]")))
        return cls(**{"bytes": 0, "digest": 0} | {name: int(value) for name, value in found.items()}, oversize_ids=ids)


def observed(
    frame: DataFrame, key: Column, size: Column, oversize: Column | None = None, *, skip: bool = False
) -> tuple[DataFrame, Observation]:
    """Measure rows that have `FIRST` while they are written; with ``skip``, those that are ``oversize`` are not.

    Ids of these come together on the driver: a handful, as each of them stands for a packet larger than a topic takes.
    """
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    seen = Observation()
    written = ~oversize if skip and oversize is not None else F.lit(True)
    measures = [
        _number(written).alias("alerts"),
        _number(written & F.col(FIRST)).alias("distinct"),
        _number(written & key.isNull()).alias("null_ids"),
        F.sum(F.when(written, F.xxhash64(key))).alias("digest"),
        F.sum(F.when(written, size)).alias("bytes"),
    ]
    if oversize is not None:
        ids = F.collect_list(F.when(oversize, key.cast("string")))
        measures += [
            _number(oversize).alias("oversize"),
            F.to_json(F.slice(ids, 1, NAMED_ALERTS)).alias("oversize_ids"),  # it brings no arrays to Python
            _number(~written).alias("skipped"),
        ]
    return frame.observe(seen, *measures), seen


def _number(condition: Column) -> Column:
    """Return how often a condition holds.

    Spark's ``count_if`` needs a column of its own below, and another step above that drops it and copies every packet.
    """
    from pyspark.sql import functions as F

    return F.count(F.when(condition, F.lit(1)))

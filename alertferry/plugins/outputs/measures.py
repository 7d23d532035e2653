"""Measures taken while alerts are written, in the same pass: what goes into the receipt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertferry.core.receipt import NAMED_ALERTS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Observation


@dataclass(frozen=True)
class Measures:
    """What was seen of the alerts: those written, their bytes and digest, and those that were too large.

    ``oversize`` counts alerts whose packets were over the limit, ``oversize_ids`` names the first of them, ``skipped``
    counts those that were not written for it.
    """

    alerts: int
    bytes: int
    digest: int
    oversize: int = 0
    oversize_ids: tuple[str, ...] = ()
    skipped: int = 0

    @property
    def selected(self) -> int:
        """Number of alerts that passed every filter."""
        return self.alerts + self.skipped

    @classmethod
    def of(cls, seen: Observation) -> Measures:
        """Return the measures of an action that has ended. Blocks until Spark tells them."""
        found = {name: value for name, value in seen.get.items() if value is not None}
        ids = tuple(json.loads(found.pop("oversize_ids", "[]")))
        return cls(**{"bytes": 0, "digest": 0} | {name: int(value) for name, value in found.items()}, oversize_ids=ids)


def observed(frame: DataFrame, key: Column, size: Column) -> tuple[DataFrame, Observation]:
    """Measure alerts, bytes and the digest of ids while a frame is written."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    seen = Observation()
    measures = F.count(F.lit(1)).alias("alerts"), F.sum(F.xxhash64(key)).alias("digest"), F.sum(size).alias("bytes")
    return frame.observe(seen, *measures), seen


def observed_with_oversize(
    frame: DataFrame, key: Column, size: Column, oversize: Column, *, skip: bool
) -> tuple[DataFrame, Observation]:
    """Measure as `observed` does, and which packets are ``oversize``; with ``skip`` these are not written.

    Their ids come together on the driver: a handful, as each of them stands for a packet larger than a topic takes.
    """
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    seen = Observation()
    written = ~oversize if skip else F.lit(True)
    ids = F.collect_list(F.when(oversize, key.cast("string")))
    return frame.observe(
        seen,
        F.count_if(written).alias("alerts"),
        F.sum(F.when(written, F.xxhash64(key))).alias("digest"),
        F.sum(F.when(written, size)).alias("bytes"),
        F.count_if(oversize).alias("oversize"),
        F.to_json(F.slice(ids, 1, NAMED_ALERTS)).alias("oversize_ids"),  # an observation brings no arrays to Python
        F.count_if(~written).alias("skipped"),
    ), seen

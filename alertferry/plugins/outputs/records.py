"""From alerts to the records of a topic: key, encoded packet, and what becomes of packets that are too large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from alertferry.core.spark_errors import OVERSIZE
from alertferry.plugins.outputs.measures import observed
from alertferry.plugins.outputs.packing import Packing
from alertferry.plugins.outputs.repeats import with_first, without_repeats

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Observation

    from alertferry.core.steps import Alerts

OversizeAction = Literal["fail", "drop-cutouts", "skip"]
"""What a job does with a packet that is larger than the topic takes."""

RECORD_OVERHEAD_BYTES = 512
"""Room for the key, headers and framing beside a packet in a batch of one record."""

_FULL = "__alertferry_packet"
_SIZE = "__alertferry_size"
_OVERSIZE = "__alertferry_oversize"


def records(
    alerts: Alerts, packed: Packing, action: OversizeAction, limit_bytes: int
) -> tuple[DataFrame, tuple[Observation, ...]]:
    """Return rows of key and value (a sink leaves other columns out), and what is seen of them while they are written.

    A packet of more than ``limit_bytes`` that may not be skipped, nor gets small enough without cutouts, ends the
    action with an error that names its alert. Of equal packets of one alert, once they are as they will be sent, one
    is left; only alerts for which `Packing.repeated` holds can have any.
    """
    from pyspark.sql import functions as F

    def packets(frame: DataFrame) -> DataFrame:
        return _packets(frame, alerts, packed, action, limit_bytes)

    if packed.repeated is None:
        rows = with_first(packets(alerts.frame), "key")
    else:
        others = with_first(packets(alerts.frame.where(~packed.repeated)), "key")
        apart = _OVERSIZE if action == "skip" else None
        order = _OVERSIZE if action == "drop-cutouts" else None
        again = packets(alerts.frame.where(packed.repeated))
        once, left_out = without_repeats(again, "key", "value", order=order, apart=apart)
        rows = others.union(once)
    oversize = None if action == "fail" else F.col(_OVERSIZE)
    rows, seen = observed(rows, F.col("key"), F.col(_SIZE), oversize, skip=action == "skip")
    rows = rows.where(~F.col(_OVERSIZE)) if action == "skip" else rows
    return rows, (seen,) if packed.repeated is None else (seen, left_out)


def _packets(frame: DataFrame, alerts: Alerts, packed: Packing, action: OversizeAction, limit_bytes: int) -> DataFrame:
    """Return rows of key, value, its size, and unless the job fails for it, whether the packet was too large."""
    from pyspark.sql import functions as F

    key, full, size = packed.key.alias("key"), packed.encoded(), F.length("value").alias(_SIZE)
    if action == "fail":
        rows = frame.select(key, full.alias("value"))
        # measured here: whoever looks at a packet of a finished row copies it
        return rows.select("key", _refused(F.col("value"), limit_bytes).alias("value"), size)
    oversize = F.length(_FULL) > limit_bytes
    if action == "skip":
        return frame.select(key, full.alias(_FULL)).select(
            "key", F.col(_FULL).alias("value"), F.length(_FULL).alias(_SIZE), oversize.alias(_OVERSIZE)
        )
    bare = packed.encoded(_without_cutouts(alerts, packed))
    rows = frame.withColumn(_FULL, full)
    rows = rows.select(key, F.when(oversize, bare).otherwise(F.col(_FULL)).alias("value"), oversize.alias(_OVERSIZE))
    return rows.select("key", _refused(F.col("value"), limit_bytes).alias("value"), size, _OVERSIZE)


def _without_cutouts(alerts: Alerts, packed: Packing) -> list[Column]:
    """Return the packet's columns, null for those that hold image stamps."""
    from pyspark.sql import functions as F

    types = {field.name: field.dataType for field in alerts.frame.select(*packed.columns).schema}
    return [
        F.lit(None).cast(types[item.name]).alias(item.name) if item.root in alerts.survey.cutouts else column
        for item, column in zip(packed.contents, packed.columns, strict=True)
    ]


def _refused(value: Column, limit_bytes: int) -> Column:
    """Return the packet; one over the limit ends the job with an error that names its alert."""
    from pyspark.sql import functions as F

    size, alert = F.length(value), F.coalesce(F.col("key").cast("string"), F.lit("null"))
    said = F.concat(
        F.lit(f"{OVERSIZE} id="), alert, F.lit(" size="), size.cast("string"), F.lit(f" limit={limit_bytes}")
    )
    return F.when(size > limit_bytes, F.raise_error(said)).otherwise(value)

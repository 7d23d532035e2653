"""From alerts to the records of a topic: key, encoded packet, and what becomes of packets that are too large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from alertferry.core.spark_errors import OVERSIZE
from alertferry.plugins.outputs.measures import observed, observed_with_oversize
from alertferry.plugins.outputs.packing import Packing

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Observation

    from alertferry.core.steps import Alerts

OversizeAction = Literal["fail", "drop-cutouts", "skip"]
"""What a job does with a packet that is larger than the topic takes."""

RECORD_OVERHEAD_BYTES = 512
"""Room for the key, headers and framing beside a packet in a batch of one record."""

_FULL = "__alertferry_packet"
_SIZE = "__alertferry_size"


def records(alerts: Alerts, packed: Packing, action: OversizeAction, limit_bytes: int) -> tuple[DataFrame, Observation]:
    """Return rows of key and value (a sink leaves other columns out), and what is seen of them while they are written.

    A packet of more than ``limit_bytes`` that may not be skipped, nor gets small enough without cutouts, ends the
    action with an error that names its alert.
    """
    from pyspark.sql import functions as F

    key, full, size = packed.key.alias("key"), packed.encoded(), F.length("value")
    if action == "fail":
        rows = alerts.frame.select(key, full.alias("value"))
        # measured here: whoever looks at a packet of a finished row copies it
        rows = rows.select("key", _refused(F.col("value"), limit_bytes).alias("value"), size.alias(_SIZE))
        return observed(rows, F.col("key"), F.col(_SIZE))
    oversize = F.length(_FULL) > limit_bytes
    if action == "skip":
        rows = alerts.frame.select(key, full.alias(_FULL)).withColumn("value", F.col(_FULL))
    else:
        bare = packed.encoded(_without_cutouts(alerts, packed))
        rows = alerts.frame.withColumn(_FULL, full)
        rows = rows.select(key, _FULL, F.when(oversize, bare).otherwise(F.col(_FULL)).alias("value"))
        rows = rows.withColumn("value", _refused(F.col("value"), limit_bytes))
    rows, seen = observed_with_oversize(rows, F.col("key"), size, oversize, skip=action == "skip")
    rows = rows.where(~oversize) if action == "skip" else rows
    return rows.select("key", "value"), seen


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

    size, alert = F.length(value), F.col("key").cast("string")
    said = F.concat(
        F.lit(f"{OVERSIZE} id="), alert, F.lit(" size="), size.cast("string"), F.lit(f" limit={limit_bytes}")
    )
    return F.when(size > limit_bytes, F.raise_error(said)).otherwise(value)

"""Packets that a lake holds twice: found by their ids before anything is written, told apart by their bytes.

The ids of all alerts of the chosen nights are read first, one narrow column, as 64-bit hashes that the driver sorts.
Usually none repeats, and the alerts are written as they stream in. Alerts of ids that do repeat take another way:
sorted by id and packet, so that equal packets lie side by side, on disk where memory ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alertferry.core.catalyst import invoked, java, literal
from alertferry.core.projection import quote

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Observation

    from alertferry.core.steps import Alerts

FIRST = "__alertferry_first"
"""Column that tells the first packet of each id: there are as many of these as distinct ids."""

_REPEAT = "__alertferry_repeat"

IDS_AT_ONCE = 1 << 24
"""Hashes that the driver holds at a time, 128 MiB; of more alerts the ids are read in several passes."""

MOST_REPEATED = 1 << 22
"""Repeated ids that are told from others; where there are more, all alerts take the other way."""

BITS_PER_ID = 16
"""Of the filter that knows repeated ids: one in a thousand of all others passes for one of them, which is harmless."""


def repeated(alerts: Alerts) -> Column | None:
    """Return a condition that holds for all alerts whose id occurs more than once among these, and for few others.

    None when no id does. Alerts without an id count as alerts of one. Reads the column of ids.
    """
    from pyspark.sql import functions as F

    code = F.xxhash64(quote(alerts.survey.alert_id))
    found = _repeated_codes(alerts, code)
    if found is None:
        return F.lit(True)
    return _is_among(found, code, alerts) if len(found) else None


def _repeated_codes(alerts: Alerts, code: Column) -> Any | None:
    """Return the hashes that occur more than once, as an array; None when they are too many."""
    import numpy as np
    from pyspark.sql import functions as F

    count = alerts.frame.count() if alerts.count is None else alerts.count
    passes = -(-count // IDS_AT_ONCE)
    codes, found = alerts.frame.select(code.alias("code")), [np.empty(0, np.int64)]
    read = 0
    for number in range(passes):
        part = codes if passes == 1 else codes.where(F.pmod("code", F.lit(passes)) == number)
        held = np.sort(part.toArrow()["code"].to_numpy())
        found.append(np.unique(held[1:][held[1:] == held[:-1]]))
        read += len(held)
        if sum(map(len, found)) > MOST_REPEATED:
            return None
    alerts.refuse_other_count(read)  # a scan without a filter: it has seen every alert there is
    return np.concatenate(found)


def _is_among(codes: Any, code: Column, alerts: Alerts) -> Column:
    """Return the call of a Bloom filter of some hashes."""
    import pyarrow as pa

    spark = alerts.frame.sparkSession
    local: Any = spark.createDataFrame(pa.table({"code": codes}))
    known = local._jdf.stat().bloomFilter("code", len(codes), BITS_PER_ID * max(len(codes), 64))
    kind = java(spark, "java.lang.Class").forName("org.apache.spark.util.sketch.BloomFilter")
    types: Any = java(spark, "org.apache.spark.sql.types")
    target = literal(spark)(known, types.ObjectType(kind))
    return invoked(spark, target, "mightContainLong", types.DataTypes.BooleanType, code)


def without_repeats(
    rows: DataFrame, key: str, content: str, *, order: str | None = None, apart: str | None = None
) -> tuple[DataFrame, Observation]:
    """Leave out rows of equal ``content`` (bytes) under one ``key``, all but one, and add `FIRST`.

    Rows come sorted by both: in the same order whenever a task is tried again.

    Parameters
    ----------
    order
        A column that decides which of several equal rows stays: the least.
    apart
        A column that is the same for equal rows; `FIRST` is then told for each of its values.

    Returns
    -------
    The rows, and what will have seen how many were left out.
    """
    from pyspark.sql import Observation, Window
    from pyspark.sql import functions as F

    # rows without a key may be many: they are divided among tasks by what they hold
    spread = F.when(F.col(key).isNull(), F.xxhash64(content))
    group = Window.partitionBy(key, spread, *filter(None, [apart])).orderBy(content, *filter(None, [order]))
    before = F.lag(content).over(group)
    repeat = F.coalesce(before == F.col(content), F.lit(False))
    rows = rows.withColumns({_REPEAT: repeat, FIRST: F.col(key).isNotNull() & before.isNull()})
    seen = Observation()
    rows = rows.observe(seen, F.count_if(F.col(_REPEAT)).alias("repeats"))
    return rows.where(~F.col(_REPEAT)).drop(_REPEAT), seen


def with_first(rows: DataFrame, key: str) -> DataFrame:
    """Add `FIRST` to rows of which none has the key of another."""
    from pyspark.sql import functions as F

    return rows.withColumn(FIRST, F.col(key).isNotNull())

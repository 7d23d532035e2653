"""Packets of sampled alerts, made as the output makes them: their sizes, and some to look at."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from alertferry.estimates.plan import Plan
from alertferry.estimates.results import PreviewColumn
from alertferry.plugins.outputs.packing import Packing

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


PARQUET_PACKETS = 200
"""Packets that are written as parquet to learn how that compares with Avro."""


@dataclass(frozen=True)
class Sizes:
    """Bytes a packet: mean and standard deviation of those measured; ``all_measured`` when there are no others."""

    measured: int
    mean: float
    deviation: float
    all_measured: bool = False


def measure(plan: Plan, packing: Packing, one_of: int = 1) -> Sizes | None:
    """Measure the packets of all alerts that pass, or of one of so many, chosen by id; None when there is none.

    For files, Avro sizes are scaled by what parquet makes of some of the same packets.
    """
    from pyspark.sql import functions as F

    size = F.length(packing.encoded())
    frame = plan.final.frame
    if one_of > 1:
        frame = frame.where(F.pmod(F.xxhash64(F.lit("measured"), packing.key), F.lit(one_of)) == 0)
    row = frame.agg(F.count(size).alias("n"), F.avg(size).alias("mean"), F.stddev_samp(size).alias("sd")).first()
    assert row is not None
    if not row.n:
        return None
    factor = _parquet_factor(plan, packing) if plan.job.output.kind == "files" else 1.0
    return Sizes(row.n, row.mean * factor, (row.sd or 0.0) * factor, all_measured=one_of == 1)


def _parquet_factor(plan: Plan, packing: Packing) -> float:
    """Return the size of packets as parquet over that as Avro."""
    from pyspark.sql import functions as F

    chosen = _chosen(plan, packing, PARQUET_PACKETS)
    row = chosen.select(F.length(packing.encoded()).alias("size")).agg(F.sum("size").alias("avro")).first()
    assert row is not None
    return _as_parquet(chosen.select(*packing.columns).toArrow()) / float(row.avro)


def records(plan: Plan, packing: Packing, limit: int) -> list[dict[str, Any]]:
    """Return up to ``limit`` packets, written as Avro and read back; values as JSON has them."""
    schema = fastavro.parse_schema(json.loads(packing.avro_schema))
    rows = _chosen(plan, packing, limit).select(packing.encoded().alias("value")).collect()
    return [_plain(fastavro.schemaless_reader(io.BytesIO(row["value"]), schema, None)) for row in rows]


def columns(avro_schema: str) -> tuple[PreviewColumn, ...]:
    """Return the columns of an Avro record schema with their types as text."""
    return tuple(
        PreviewColumn(name=item["name"], type=_type(item["type"])) for item in json.loads(avro_schema)["fields"]
    )


def _chosen(plan: Plan, packing: Packing, limit: int) -> DataFrame:
    """Return alerts of all nights, the same ones for the same job."""
    from pyspark.sql import functions as F

    return plan.final.frame.orderBy(F.xxhash64(packing.key)).limit(limit)


def _as_parquet(table: pa.Table) -> int:
    """Return the bytes of a table's columns as parquet, without the footer, which does not grow with the alerts."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    sink.seek(0)
    metadata = pq.read_metadata(sink)
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    return sum(group.column(index).total_compressed_size for group in groups for index in range(group.num_columns))


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return len(value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value


def _type(avro: Any) -> str:
    match avro:
        case list():
            named = [_type(item) for item in avro if item != "null"]
            return " or ".join(named) + ("?" if "null" in avro else "")
        case {"type": "array", "items": items}:
            return f"array of {_type(items).removesuffix('?')}"
        case {"type": "map", "values": values}:
            return f"map of {_type(values).removesuffix('?')}"
        case {"type": inner}:
            return _type(inner)
    return str(avro)

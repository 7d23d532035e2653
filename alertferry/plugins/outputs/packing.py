"""What outputs share: the packet's columns, its Avro schema, and the measures that go into the receipt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import alertferry
from alertferry.core.columns import Content, bytes_of, role_column
from alertferry.core.content import PacketOutput
from alertferry.core.encoder.column import avro_packets
from alertferry.core.naming import note_originals, renamed, with_originals
from alertferry.core.projection import project, quote
from alertferry.core.receipt import Manifest, Receipt, StepCount, format_digest, schema_fingerprint
from alertferry.plugins.outputs.repeats import repeated

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import StructType

    from alertferry.core.run import Run
    from alertferry.core.steps import Alerts
    from alertferry.plugins.outputs.measures import Measures

BATCH_BYTES = 8 * 1024 * 1024
"""Aim for the size of one batch of Spark's parquet reader: wide alerts in small batches, or memory runs out."""

WORTH_COMPRESSING = 0.9
"""Packets whose columns keep more than this of their size when the lake compresses them are sent as they are.

ZTF's stamps are compressed images, and nearly all of its full packet: lz4 would save 7 % of it and make publishing a
seventh slower, and those who read it would pay as well.
"""

Codec = Literal["lz4", "none"]


@dataclass(frozen=True)
class Packing:
    """How alerts become packets of one schema."""

    contents: tuple[Content, ...]
    columns: list[Column]
    key: Column
    type: StructType
    """Types of the columns, with the names that they have in Avro, and which of them may be null."""
    avro_schema: str
    codec: Codec = "lz4"
    """How to compress batches of packets."""
    repeated: Column | None = None
    """Condition that holds for all alerts whose id occurs more than once; None where none does."""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the Avro schema."""
        return schema_fingerprint(self.avro_schema)

    def encoded(self, columns: list[Column] | None = None) -> Column:
        """Return the packets, as Avro without a header; of other columns of the same names and types when given."""
        return avro_packets(columns or self.columns, self.type, self.avro_schema)


def pack(output: PacketOutput, alerts: Alerts, run: Run) -> Packing:
    """Choose and name the packet's columns and ask Spark for its own Avro schema of them."""
    from pyspark.sql import functions as F

    contents = output.content(alerts.survey, alerts.schema, alerts.added)
    columns = project(alerts, contents)
    key = F.col(quote(alerts.survey.alert_id)).cast("string").cast("binary")
    _size_batches(alerts, contents, run)
    schema = alerts.frame.select(*columns).schema
    for field, item in zip(schema, contents, strict=True):
        field.nullable = field.nullable or item.root in alerts.survey.cutouts
    kind = type(schema).fromJson(renamed(schema.jsonValue()))
    return Packing(contents, columns, key, kind, _avro_schema(run, schema, contents), _codec(alerts, contents))


def look_for_repeats(packing: Packing, run: Run) -> Packing:
    """Read the ids of the alerts, and return the packing with what they say."""
    rows, ids = run.selection.rows, run.selection.start.ids
    with run.timed("ids"):
        if rows is not run.selection.start or ids is None:
            return replace(packing, repeated=repeated(rows))
        differ = ids.all_differ()
        found = None if differ else repeated(rows)
        if found is None and (differ or rows.count is not None):  # else Spark looked at the times asked for only
            ids.remember()
        return replace(packing, repeated=found)


def _avro_schema(run: Run, schema: StructType, contents: Sequence[Content]) -> str:
    """Return the schema that `to_avro` writes: Spark's own converter, so that it cannot differ from the data."""
    jvm = run.spark._jvm
    assert jvm is not None
    original = schema.jsonValue()
    originals = {path: name for step in run.selection.steps for path, name in step.originals().items()}
    for field, content in zip(original["fields"], contents, strict=True):
        note_originals(field, content.path, originals)
    named = renamed(original)
    converter = jvm.org.apache.spark.sql.avro.SchemaConverters
    spark_type = jvm.org.apache.spark.sql.types.DataType.fromJson(json.dumps(named))
    made = str(converter.toAvroType(spark_type, False, "topLevelRecord", "").toString())
    return (
        made
        if named == original and not originals
        else json.dumps(with_originals(json.loads(made), original), separators=(",", ":"))
    )


def _codec(alerts: Alerts, contents: tuple[Content, ...]) -> Codec:
    """Return what the lake's own files say is worth it; where they do not compress, packets may gain by it."""
    roots = {content.root for content in contents}
    stored, whole = bytes_of(roots, alerts.stored_bytes), bytes_of(roots, alerts.root_bytes)
    return "none" if stored > WORTH_COMPRESSING * whole else "lz4"


def _size_batches(alerts: Alerts, contents: tuple[Content, ...], run: Run) -> None:
    wide = bytes_of((content.root for content in contents), alerts.root_bytes)
    rows = int(BATCH_BYTES / wide) if wide else 4096
    run.spark.conf.set("spark.sql.parquet.columnarReaderBatchSize", str(max(16, min(4096, rows))))


def manifest(run: Run, alerts: Alerts, packing: Packing, destination: str, created: str) -> Manifest:
    """Return the manifest that goes before the data; columns are called as in parquet."""
    job = run.job
    return Manifest(
        topic=destination,
        survey=alerts.survey.name,
        job=job.to_dict(),
        job_hash=job.hash,
        schema_fingerprint=packing.fingerprint,
        alert_id=role_column(packing.contents, alerts.survey.alert_id),
        time=role_column(packing.contents, alerts.survey.time),
        time_scale=alerts.survey.time_scale,
        created=created,
    )


def receipt(run: Run, alerts: Alerts, packing: Packing, measures: Measures, **more: Any) -> Receipt:
    """Return the receipt of what was written; ``more`` are further fields of it. Raises as `Run.prove`."""
    with run.timed("count_steps"):
        steps = run.selection.funnel(measures.selected)
    run.prove(steps)
    if measures.repeats:
        steps = (*steps, StepCount(name="repeats", alerts=measures.selected - measures.repeats))
    if measures.skipped:
        steps = (*steps, StepCount(name="oversize", alerts=measures.alerts))
    with run.timed("reports"):
        reports = run.selection.reports()
    return Receipt(
        alerts=measures.alerts,
        distinct=measures.distinct,
        repeats=measures.repeats,
        null_ids=measures.null_ids,
        bytes=measures.bytes,
        digest=format_digest(measures.digest),
        schema_fingerprint=packing.fingerprint,
        job_hash=run.job.hash,
        steps=steps,
        nights=alerts.nights,
        **reports,
        versions={"alertferry": alertferry.__version__, "spark": run.spark.version},
        seconds=round(run.seconds, 3),
        timings={name: round(seconds, 3) for name, seconds in run.timings.items()},
        **more,
    )

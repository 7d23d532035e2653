"""From a topic to files, each alert exactly once, whatever is killed; and the proof that it is so.

Files are the truth: Kafka's committed offsets are written as a courtesy and never read. The end is the job's receipt,
never a timeout. Nothing here knows Spark or plugins, and importing it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from alertferry.consumer.delivery import Delivery, Progress, State
from alertferry.consumer.verify import Verification, verify
from alertferry.core.settings import Settings, load_settings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Delivery", "Progress", "State", "Verification", "batches", "consume", "verify"]

BATCH_BYTES = 128 << 20
BATCH_ALERTS = 50_000


def consume(  # noqa: PLR0913 - the options of `alertferry consume`, all by name
    topic: str,
    outdir: str | Path,
    *,
    settings: Settings | None = None,
    format: Literal["parquet", "avro"] = "parquet",  # noqa: A002 - the name users type
    limit: int | None = None,
    workers: int | None = None,
    from_beginning: bool = False,
    dump_schemas: bool = False,
    timeout: float = 60.0,
    batch_bytes: int = BATCH_BYTES,
    batch_alerts: int = BATCH_ALERTS,
    progress: Progress | None = None,
    survey: str | None = None,
    partition_by: str | None = None,
    shard: str | None = None,
    follow: bool = False,
    select: Sequence[str] = (),
) -> Delivery:
    """Carry the alerts of a topic into files; running it again continues where any earlier run ended.

    ``outdir`` is made when absent, and holds one topic. ``format`` ``avro`` keeps the messages as they were
    published. ``limit`` ends with exactly so many alerts in the folder; a later run without it continues.
    ``workers`` processes fetch side by side, by default as many as the topic and this machine are worth.
    ``from_beginning`` first removes what earlier runs fetched; ``dump_schemas`` writes the Avro and Arrow schemas
    too. ``timeout`` counts seconds without anything new until an unfinished job is given up for now; with
    ``follow`` only those in which the broker is silent. A file ends at ``batch_bytes`` of messages or
    ``batch_alerts``, and a worker's memory is a small multiple of the former. ``progress`` is called with the
    alerts on disk and those expected (None while unknown). A topic that says that it is not of ``survey`` is
    refused. ``partition_by`` divides the files into folders: ``time`` (``year=/month=/day=`` of the observation),
    ``class`` or a column. ``shard`` ``"2/5"`` fetches that part of the topic: folders of all parts, copied into
    one, are the whole. ``select`` keeps these columns, by dotted path, named as a job names its fields, and the
    alert id; for parquet only.

    Raises `UsageError` for an unknown topic or a folder of something else, `AlertferryError` when the broker cannot be
    reached or the disk refuses; what is committed stays.
    """
    from alertferry.consumer import fetch
    from alertferry.consumer.intake import Limits
    from alertferry.consumer.shards import Shard

    order = fetch.Order(
        topic=topic,
        folder=Path(outdir),
        settings=settings or load_settings(),
        format=format,
        limit=limit,
        workers=workers,
        from_beginning=from_beginning,
        dump_schemas=dump_schemas,
        limits=Limits(batch_bytes, batch_alerts, timeout),
        survey=survey,
        partition_by=partition_by,
        shard=Shard.parse(shard) if shard else None,
        follow=follow,
        select=(select,) if isinstance(select, str) else tuple(select),
    )
    return fetch.consume(order, progress)


def batches(
    topic: str,
    *,
    settings: Settings | None = None,
    timeout: float = 60.0,
    batch_bytes: int = BATCH_BYTES,
    batch_alerts: int = BATCH_ALERTS,
) -> Iterator[pa.RecordBatch]:
    """Yield the alerts of a topic as Arrow record batches of one schema, each alert once, up to the receipt.

    Nothing is written. Raises `IncompleteError` when the job did not finish, and `DamagedError`, after everything
    readable, when messages cannot be read.
    """
    from alertferry.consumer.intake import Limits
    from alertferry.consumer.stream import stream

    return stream(topic, settings or load_settings(), Limits(batch_bytes, batch_alerts, timeout))

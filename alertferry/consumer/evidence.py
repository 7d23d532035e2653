"""What a data file itself says: rows, alert ids, the topic in its metadata, and whether its bytes are whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alertferry.consumer.archive import TOPIC_KEY
from alertferry.consumer.durable import checksum
from alertferry.consumer.framing import FramingError, scan
from alertferry.consumer.identity import Ids
from alertferry.consumer.schemas import column_at, field_at, nested
from alertferry.core.paths import split_path


@dataclass
class Facts:
    """What was found in one file.

    ``name`` is relative to the folder. ``digest`` is the `ids_digest` of the alert ids where the packet has them
    (``has_ids``); ``trouble`` says why the file cannot be read. ``columns`` names the top-level columns.
    """

    name: str
    checksum: str = ""
    size_bytes: int = 0
    rows: int = 0
    topic: str | None = None
    columns: tuple[str, ...] = ()
    digest: int = 0
    has_ids: bool = False
    trouble: str | None = None


def inspect(path: Path, folder: Path, alert_id: str | None, ids: Ids, *, every_page: bool = False) -> Facts:
    """Read what a file says, its alert ids into ``ids``; with ``every_page``, decode all and check pages' checksums."""
    facts = Facts(str(path.relative_to(folder)))
    try:
        facts.checksum, facts.size_bytes = checksum(path), path.stat().st_size
        if path.suffix == ".parquet":
            _inspect_parquet(path, facts, alert_id, ids, every_page=every_page)
        else:
            _inspect_containers(path, facts)
    except (OSError, FramingError, ValueError) as error:  # pyarrow's errors are ValueErrors and OSErrors
        facts.trouble = " ".join(str(error).split()) or type(error).__name__
    return facts


def _inspect_parquet(path: Path, facts: Facts, alert_id: str | None, ids: Ids, *, every_page: bool) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, page_checksum_verification=every_page) as file:
        facts.rows = file.metadata.num_rows
        metadata = file.metadata.metadata or {}
        facts.topic = metadata[TOPIC_KEY.encode()].decode() if TOPIC_KEY.encode() in metadata else None
        facts.columns = tuple(file.schema_arrow.names)
        facts.has_ids = alert_id is not None and field_at(file.schema_arrow, alert_id) is not None
        wanted = None if every_page else [".".join(split_path(alert_id or ""))] if facts.has_ids else []
        if wanted == []:
            return
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=wanted)
            if facts.has_ids and alert_id is not None:
                facts.digest += sum(map(ids.add, column_at(table, alert_id).chunks))


def _inspect_containers(path: Path, facts: Facts) -> None:
    with path.open("rb") as file:
        metadata, facts.rows = scan(file)
    facts.topic = metadata.get(TOPIC_KEY)


def read_container_ids(path: Path, facts: Facts, alert_id: str, ids: Ids) -> None:
    """Read the alert ids of an Avro container whose bytes are known to be whole."""
    from alertferry.consumer.fastpath import container_column

    root, *rest = split_path(alert_id)
    arrays = container_column(path, root)
    if arrays is None:
        return
    facts.digest = sum(ids.add(nested(array, rest)) for array in arrays)
    facts.has_ids = True

"""What a data file itself says: rows, alert ids, the topic in its metadata, and whether its bytes are whole."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from alertferry.consumer.archive import TOPIC_KEY
from alertferry.consumer.commits import DataFile
from alertferry.consumer.durable import checksum
from alertferry.consumer.framing import FramingError, scan
from alertferry.consumer.identity import Ids
from alertferry.consumer.schemas import column_at, field_at, nested
from alertferry.core.paths import split_path


@dataclass
class Facts:
    """What was found in one file.

    ``name`` is relative to the folder. ``digest`` is the `ids_digest` of the alert ids where the packet has them
    (``has_ids``); ``trouble`` says why the file cannot be read. ``columns`` names the top-level columns. A file that is
    ``withheld`` is not known to be damaged: it is this machine that does not give it out.
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
    withheld: bool = False


def inspect(path: Path, folder: Path, alert_id: str | None, ids: Ids, *, every_page: bool = False) -> Facts:
    """Read what a file says, its alert ids into ``ids``; with ``every_page``, decode all and check pages' checksums."""
    facts = Facts(str(path.relative_to(folder)))
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # to open a pipe would be to wait for a writer
            facts.trouble = "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no file"
            return facts
        facts.checksum, facts.size_bytes = checksum(path), status.st_size
        if path.suffix == ".parquet":
            _inspect_parquet(path, facts, alert_id, ids, every_page=every_page)
        else:
            _inspect_containers(path, facts)
    except (OSError, FramingError, ValueError) as error:  # pyarrow's errors are ValueErrors and OSErrors
        # those of the system have a number; the words of the others are for who writes readers
        said = error.strerror if isinstance(error, OSError) else None
        facts.withheld, facts.trouble = said is not None, said or "it is damaged or cut short"
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


def problem_of(facts: Facts, file: DataFile, topic: str) -> str | None:
    """Return in which way a file is not as it was committed, and what to do; None when it is."""
    again = "remove it and consume the topic again"
    if facts.withheld:
        return unread(facts, again)
    wrong = [] if facts.topic in (None, topic) else [f"holds alerts of the topic {facts.topic}, not {topic}"]
    short = facts.trouble and facts.checksum and facts.size_bytes < file.bytes
    if short:
        wrong.append(f"cannot be read: {facts.size_bytes:,} of its {file.bytes:,} bytes are there")
    elif facts.trouble:
        wrong.append(f"cannot be read: {facts.trouble}")
    elif facts.rows != file.rows:
        wrong.append(f"holds {facts.rows:,} alerts, but {file.rows:,} were committed")
    if facts.checksum not in ("", file.checksum) and not short:
        wrong.append("its bytes are not those that were committed")
    return f"{facts.name}: {'; '.join(wrong)}; {again}" if wrong else None


def unread(facts: Facts, remedy: str) -> str:
    """Return what to say of a file that cannot be read, with the remedy for one that is damaged."""
    if facts.withheld:
        return f"{facts.name}: cannot be read ({facts.trouble}); see to that, and verify again"
    return f"{facts.name}: cannot be read: {facts.trouble}; {remedy}"

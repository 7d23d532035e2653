"""Chunks of messages to files: parquet or Avro containers, bad messages beside them, then the commit record."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from alertferry.consumer.commits import Commit, DataFile, write_commit
from alertferry.consumer.decode import Checker, Decoder
from alertferry.consumer.durable import make_durably, storage_errors, write_durably
from alertferry.consumer.framing import blocks, header, new_sync
from alertferry.consumer.intake import Chunk
from alertferry.consumer.layout import BAD_FOLDER, EMPTY_STEM, message_stem, stem
from alertferry.consumer.partitioning import Partitioning
from alertferry.consumer.selection import Selection
from alertferry.core.receipt import format_digest, ids_digest

if TYPE_CHECKING:
    import pyarrow as pa

FileFormat = Literal["parquet", "avro"]

ROW_GROUP_BYTES = 64 << 20
"""Size of a row group in memory, before it is compressed."""

TOPIC_KEY = "alertferry.topic"
JOB_KEY = "alertferry.job_hash"
OFFSETS_KEY = "alertferry.offsets"
SCHEMA_KEY = "alertferry.schema_fingerprint"


@dataclass(frozen=True)
class Recipe:
    """What every file of a delivery folder has in common; plain data, so that it can go to other processes."""

    folder: str
    topic: str
    format: FileFormat
    schema_json: str
    fingerprint: str
    job_hash: str | None
    partitioning: Partitioning | None = None
    select: tuple[str, ...] = ()
    shard: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """Read what `dataclasses.asdict` made, once it has travelled as JSON."""
        divided = data["partitioning"]
        if divided is not None:
            divided = Partitioning(**(divided | {"keys": tuple(divided["keys"])}))
        return cls(**{**data, "partitioning": divided, "select": tuple(data["select"])})

    @property
    def empty_stem(self) -> str:
        """Name of the file of a topic without alerts; shards do not share it, as their folders are merged."""
        return EMPTY_STEM if self.shard is None else f"{EMPTY_STEM}-{self.shard.replace('/', '-of-')}"

    def metadata(self, chunk: Chunk) -> dict[str, str]:
        """Return what a file says about itself in its own metadata."""
        span = chunk.span
        found = {TOPIC_KEY: self.topic, SCHEMA_KEY: self.fingerprint}
        if span.size > 0:
            found[OFFSETS_KEY] = f"{span.partition}:{span.start}-{span.end - 1}"
        return found | ({JOB_KEY: self.job_hash} if self.job_hash else {})


Skips = Mapping[int, Collection[int]]
"""Offsets of repeated records, by partition."""


class Archive:
    """Writes chunks to a delivery folder, each with its commit record."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._folder = Path(recipe.folder)
        encoders: dict[str, Callable[[Recipe], _Encoder]] = {"parquet": _Parquet, "avro": _Containers}
        self._encoder = encoders[recipe.format](recipe)

    def write(self, chunk: Chunk, skips: Skips | None = None) -> Commit:
        """Put a chunk on disk and commit it; repeated records in ``skips`` are left out.

        Raises `AlertferryError` when the disk refuses; the chunk is then as if it had never been fetched. The chunk's
        values are let go as soon as they are decoded.
        """
        kept = without(chunk, (skips or {}).get(chunk.span.partition, ()))
        parts, bad = self._encoder.encode(kept.values, self._recipe.metadata(kept))
        raw = {index: kept.values[index] or b"" for index in bad}
        if not self._encoder.keeps_messages:
            kept.values.clear()
            chunk.values.clear()
        with storage_errors(self._folder):
            self._set_aside(kept, bad, raw)
            files = tuple(self._write_file(stem(kept.span), part) for part in parts if part.rows)
            commit = self._commit(kept, bad, files, len(chunk.offsets) - len(kept.offsets))
            write_commit(self._folder, commit)
        return commit

    def write_empty(self) -> Commit:
        """Write one file with the schema and no rows, so that readers of the folder find the columns."""
        from alertferry.consumer.spans import Span

        (part,), _ = self._encoder.encode([], self._recipe.metadata(Chunk(Span(0, 0, 0))))
        with storage_errors(self._folder):
            files = (self._write_file(self._recipe.empty_stem, part),)
            commit = Commit(topic=self._recipe.topic, partition=None, files=files)
            write_commit(self._folder, commit)
        return commit

    def _write_file(self, name: str, part: _Part) -> DataFile:
        path = self._folder / part.folder / f"{name}.{self._recipe.format}"
        make_durably(path.parent, self._folder)
        written = write_durably(path, part.content)
        place = str(path.relative_to(self._folder))
        return DataFile(name=place, rows=part.rows, bytes=written.bytes, checksum=written.checksum)

    def _set_aside(self, chunk: Chunk, bad: Mapping[int, str], raw: Mapping[int, bytes]) -> None:
        for index, reason in bad.items():
            offset = chunk.offsets[index]
            key = chunk.keys[index]
            story = {
                "topic": self._recipe.topic,
                "partition": chunk.span.partition,
                "offset": offset,
                "key": None if key is None else key.decode(errors="backslashreplace"),
                "error": reason,
            }
            path = self._folder / BAD_FOLDER / message_stem(chunk.span.partition, offset)
            path.parent.mkdir(exist_ok=True)
            write_durably(path.with_suffix(".bin"), [raw[index]])
            write_durably(path.with_suffix(".json"), [json.dumps(story, indent=1).encode()])

    def _commit(self, chunk: Chunk, bad: Mapping[int, str], files: tuple[DataFile, ...], dropped: int) -> Commit:
        good = [key for index, key in enumerate(chunk.keys) if index not in bad] if bad else chunk.keys
        wrong = [chunk.keys[index] for index in bad]
        return Commit(
            topic=self._recipe.topic,
            partition=chunk.span.partition,
            first=chunk.span.start,
            last=chunk.span.end - 1,
            files=files,
            digest=format_digest(ids_digest(_present(good))),
            duplicates_dropped=dropped,
            bad=tuple(sorted(chunk.offsets[index] for index in bad)),
            bad_digest=format_digest(ids_digest(_present(wrong))),
        )


def _present(keys: Sequence[bytes | None]) -> Iterable[bytes]:
    return (key for key in keys if key is not None) if None in keys else cast("Sequence[bytes]", keys)


def without(chunk: Chunk, offsets: Collection[int]) -> Chunk:
    """Return a chunk that covers the same span without the records at ``offsets``."""
    if not offsets:
        return chunk
    kept = [index for index, offset in enumerate(chunk.offsets) if offset not in offsets]
    return Chunk(
        chunk.span,
        [chunk.offsets[index] for index in kept],
        [chunk.keys[index] for index in kept],
        [chunk.values[index] for index in kept],
    )


@dataclass(frozen=True)
class _Part:
    """The content of one file: its folder below the delivery folder (empty for that itself), and its rows."""

    folder: str
    rows: int
    content: Iterator[Any]


Encoded = tuple[list[_Part], dict[int, str]]


class _Encoder:
    """Turns messages into the content of files, and names the messages that cannot be read.

    Without rows there is one part, which holds the schema. ``keeps_messages`` tells whether the messages are needed
    until the content is written.
    """

    keeps_messages = True

    def encode(self, messages: Sequence[bytes | None], metadata: Mapping[str, str]) -> Encoded:
        raise NotImplementedError


def _rows_by_folder(partitioning: Partitioning | None, batches: list[pa.RecordBatch]) -> dict[str, list[int]]:
    """Return the numbers of the rows that go into each folder; empty when files are not divided."""
    found: dict[str, list[int]] = {}
    for row, folder in enumerate(partitioning.folders(batches) if partitioning else ()):
        found.setdefault(folder, []).append(row)
    return found


class _Parquet(_Encoder):
    keeps_messages = False

    def __init__(self, recipe: Recipe) -> None:
        self._decoder = Decoder(recipe.schema_json)
        self._partitioning = recipe.partitioning
        self._selection = Selection(recipe.select, self._decoder.schema)
        leaves = list(_leaves(self._selection.schema))
        # dictionaries make numbers larger and slower to write, and extremes of images say nothing
        self._texts = [path for path, kind in leaves if kind == "text"] or False
        self._ordered = [path for path, kind in leaves if kind != "bytes"] or False

    def encode(self, messages: Sequence[bytes | None], metadata: Mapping[str, str]) -> Encoded:
        import pyarrow as pa

        decoded = self._decoder.decode(messages)
        batches = [self._selection.apply(batch) for batch in decoded.results]
        table = pa.Table.from_batches(batches, schema=self._selection.schema)
        groups = _rows_by_folder(self._partitioning, decoded.results)
        tables = {folder: table.take(rows) for folder, rows in groups.items()} or {"": table}
        return [_Part(folder, len(part), self._file(part, metadata)) for folder, part in tables.items()], decoded.bad

    def _file(self, table: pa.Table, metadata: Mapping[str, str]) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = _Gathered()
        with pq.ParquetWriter(
            pa.PythonFile(sink, "w"),
            self._selection.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=self._texts,
            write_statistics=self._ordered,
        ) as writer:
            for start, rows in _row_groups(table):
                writer.write_table(table.slice(start, rows))
                yield from sink.take()
            writer.add_key_value_metadata(dict(metadata))
        yield from sink.take()


class _Gathered:
    """What a writer of files has written and nobody has taken yet."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def write(self, part: bytes) -> int:
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        return

    def close(self) -> None:
        self.closed = True

    def take(self) -> list[bytes]:
        """Return what was written since the last time."""
        taken, self._parts = self._parts, []
        return taken


def _row_groups(table: pa.Table) -> Iterator[tuple[int, int]]:
    """Return start and length of row groups of about `ROW_GROUP_BYTES`, so that few of them are in memory."""
    count = max(1, round(table.nbytes / ROW_GROUP_BYTES))
    rows = -(-len(table) // count)
    for start in range(0, len(table), max(1, rows)):
        yield start, rows


class _Containers(_Encoder):
    def __init__(self, recipe: Recipe) -> None:
        self._schema_json = recipe.schema_json
        self._partitioning = recipe.partitioning
        self._checker = Checker(recipe.schema_json)
        self._decoder = Decoder(recipe.schema_json) if recipe.partitioning else None

    def encode(self, messages: Sequence[bytes | None], metadata: Mapping[str, str]) -> Encoded:
        bad, groups = self._looked_at(messages)
        good = [message for index, message in enumerate(messages) if index not in bad] if bad else messages
        readable = cast("Sequence[bytes]", good)
        parts: dict[str, Sequence[bytes]] = {
            folder: [readable[row] for row in rows] for folder, rows in groups.items()
        } or {"": readable}
        return [_Part(folder, len(part), self._content(part, metadata)) for folder, part in parts.items()], bad

    def _looked_at(self, messages: Sequence[bytes | None]) -> tuple[dict[int, str], dict[str, list[int]]]:
        """Return what cannot be read, and where the others go: decoded only when files are divided."""
        if self._decoder is None:
            return self._checker.bad(messages), {}
        decoded = self._decoder.decode(messages)
        return decoded.bad, _rows_by_folder(self._partitioning, decoded.results)

    def _content(self, messages: Sequence[bytes], metadata: Mapping[str, str]) -> Iterator[bytes]:
        sync = new_sync()
        yield header(self._schema_json, sync, metadata)
        yield from blocks(messages, sync)


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, str]]:
    """Return the path of each parquet column and whether it holds text, bytes or anything else."""
    for field in schema:
        yield from _leaves_of(field.type, field.name)


def _leaves_of(kind: pa.DataType, path: str) -> Iterator[tuple[str, str]]:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves_of(field.type, f"{path}.{field.name}")
    elif pa.types.is_map(kind):
        yield from _leaves_of(kind.key_type, f"{path}.key_value.key")
        yield from _leaves_of(kind.item_type, f"{path}.key_value.value")
    elif pa.types.is_list(kind):
        yield from _leaves_of(kind.value_type, f"{path}.list.element")
    elif pa.types.is_string(kind):
        yield path, "text"
    else:
        yield path, "bytes" if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) else "other"

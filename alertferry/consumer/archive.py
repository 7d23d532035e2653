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
from alertferry.core.receipt import format_digest, ids_digest

if TYPE_CHECKING:
    import pyarrow as pa

FileFormat = Literal["parquet", "avro"]

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
        encoders: dict[str, Callable[[str, Partitioning | None], _Encoder]] = {"parquet": _Parquet, "avro": _Containers}
        self._encoder = encoders[recipe.format](recipe.schema_json, recipe.partitioning)

    def write(self, chunk: Chunk, skips: Skips | None = None) -> Commit:
        """Put a chunk on disk and commit it; repeated records in ``skips`` are left out.

        Raises `AlertferryError` when the disk refuses; the chunk is then as if it had never been fetched.
        """
        kept = without(chunk, (skips or {}).get(chunk.span.partition, ()))
        parts, bad = self._encoder.encode(kept.values, self._recipe.metadata(kept))
        with storage_errors(self._folder):
            self._set_aside(kept, bad)
            files = tuple(self._write_file(stem(kept.span), part) for part in parts if part.rows)
            commit = self._commit(kept, bad, files, len(chunk.values) - len(kept.values))
            write_commit(self._folder, commit)
        return commit

    def write_empty(self) -> Commit:
        """Write one file with the schema and no rows, so that readers of the folder find the columns."""
        from alertferry.consumer.spans import Span

        (part,), _ = self._encoder.encode([], self._recipe.metadata(Chunk(Span(0, 0, 0))))
        with storage_errors(self._folder):
            files = (self._write_file(EMPTY_STEM, part),)
            commit = Commit(topic=self._recipe.topic, partition=None, files=files)
            write_commit(self._folder, commit)
        return commit

    def _write_file(self, name: str, part: _Part) -> DataFile:
        path = self._folder / part.folder / f"{name}.{self._recipe.format}"
        make_durably(path.parent, self._folder)
        written = write_durably(path, part.content)
        place = str(path.relative_to(self._folder))
        return DataFile(name=place, rows=part.rows, bytes=written.bytes, checksum=written.checksum)

    def _set_aside(self, chunk: Chunk, bad: Mapping[int, str]) -> None:
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
            write_durably(path.with_suffix(".bin"), [chunk.values[index] or b""])
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

    Without rows there is one part, which holds the schema.
    """

    def encode(self, messages: Sequence[bytes | None], metadata: Mapping[str, str]) -> Encoded:
        raise NotImplementedError


def _rows_by_folder(partitioning: Partitioning | None, batches: list[pa.RecordBatch]) -> dict[str, list[int]]:
    """Return the numbers of the rows that go into each folder; empty when files are not divided."""
    found: dict[str, list[int]] = {}
    for row, folder in enumerate(partitioning.folders(batches) if partitioning else ()):
        found.setdefault(folder, []).append(row)
    return found


class _Parquet(_Encoder):
    def __init__(self, schema_json: str, partitioning: Partitioning | None) -> None:
        self._decoder = Decoder(schema_json)
        self._partitioning = partitioning
        leaves = list(_leaves(self._decoder.schema))
        # dictionaries make numbers larger and slower to write, and extremes of images say nothing
        self._texts = [path for path, kind in leaves if kind == "text"] or False
        self._ordered = [path for path, kind in leaves if kind != "bytes"] or False

    def encode(self, messages: Sequence[bytes | None], metadata: Mapping[str, str]) -> Encoded:
        import pyarrow as pa

        decoded = self._decoder.decode(messages)
        table = pa.Table.from_batches(decoded.results, schema=self._decoder.schema)
        groups = _rows_by_folder(self._partitioning, decoded.results)
        tables = {folder: table.take(rows) for folder, rows in groups.items()} or {"": table}
        return [_Part(folder, len(part), self._file(part, metadata)) for folder, part in tables.items()], decoded.bad

    def _file(self, table: pa.Table, metadata: Mapping[str, str]) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        with pq.ParquetWriter(
            sink,
            self._decoder.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=self._texts,
            write_statistics=self._ordered,
        ) as writer:
            if len(table):
                writer.write_table(table)
            writer.add_key_value_metadata(dict(metadata))
        yield sink.getvalue()


class _Containers(_Encoder):
    def __init__(self, schema_json: str, partitioning: Partitioning | None) -> None:
        self._schema_json = schema_json
        self._partitioning = partitioning
        self._checker = Checker(schema_json)
        self._decoder = Decoder(schema_json) if partitioning else None

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

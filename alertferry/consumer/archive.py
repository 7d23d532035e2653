"""Chunks of messages to files: parquet or Avro containers, bad messages beside them, then the commit record."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from alertferry.consumer.commits import Commit, DataFile, write_commit
from alertferry.consumer.decode import Checker, Decoder
from alertferry.consumer.durable import storage_errors, write_durably
from alertferry.consumer.framing import blocks, header, new_sync
from alertferry.consumer.intake import Chunk
from alertferry.consumer.layout import BAD_FOLDER, EMPTY_STEM, message_stem, stem
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
        encoders: dict[str, Callable[[str], _Encoder]] = {"parquet": _Parquet, "avro": _Containers}
        self._encoder = encoders[recipe.format](recipe.schema_json)

    def write(self, chunk: Chunk, skips: Skips | None = None) -> Commit:
        """Put a chunk on disk and commit it; repeated records in ``skips`` are left out.

        Raises `AlertferryError` when the disk refuses; the chunk is then as if it had never been fetched.
        """
        kept = without(chunk, (skips or {}).get(chunk.span.partition, ()))
        content, bad = self._encoder.encode(kept.values, self._recipe.metadata(kept))
        with storage_errors(self._folder):
            self._set_aside(kept, bad)
            rows = len(kept.values) - len(bad)
            files = (self._write_file(stem(kept.span), content, rows),) if rows else ()
            commit = self._commit(kept, bad, files, len(chunk.values) - len(kept.values))
            write_commit(self._folder, commit)
        return commit

    def write_empty(self) -> Commit:
        """Write one file with the schema and no rows, so that readers of the folder find the columns."""
        from alertferry.consumer.spans import Span

        content, _ = self._encoder.encode([], self._recipe.metadata(Chunk(Span(0, 0, 0))))
        with storage_errors(self._folder):
            files = (self._write_file(EMPTY_STEM, content, 0),)
            commit = Commit(topic=self._recipe.topic, partition=None, files=files)
            write_commit(self._folder, commit)
        return commit

    def _write_file(self, name: str, content: Iterator[Any], rows: int) -> DataFile:
        path = self._folder / f"{name}.{self._recipe.format}"
        written = write_durably(path, content)
        return DataFile(name=path.name, rows=rows, bytes=written.bytes, checksum=written.checksum)

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


class _Encoder:
    """Turns messages into the content of a file, and names the messages that cannot be read."""

    def encode(
        self, messages: Sequence[bytes | None], metadata: Mapping[str, str]
    ) -> tuple[Iterator[Any], dict[int, str]]:
        raise NotImplementedError


class _Parquet(_Encoder):
    def __init__(self, schema_json: str) -> None:
        self._decoder = Decoder(schema_json)
        leaves = list(_leaves(self._decoder.schema))
        # dictionaries make numbers larger and slower to write, and extremes of images say nothing
        self._texts = [path for path, kind in leaves if kind == "text"] or False
        self._ordered = [path for path, kind in leaves if kind != "bytes"] or False

    def encode(
        self, messages: Sequence[bytes | None], metadata: Mapping[str, str]
    ) -> tuple[Iterator[Any], dict[int, str]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        decoded = self._decoder.decode(messages)
        table = pa.Table.from_batches(decoded.results, schema=self._decoder.schema)
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
        return iter([sink.getvalue()]), decoded.bad


class _Containers(_Encoder):
    def __init__(self, schema_json: str) -> None:
        self._schema_json = schema_json
        self._checker = Checker(schema_json)

    def encode(
        self, messages: Sequence[bytes | None], metadata: Mapping[str, str]
    ) -> tuple[Iterator[Any], dict[int, str]]:
        bad = self._checker.bad(messages)
        good = [message for index, message in enumerate(messages) if index not in bad] if bad else messages
        return self._content(cast("Sequence[bytes]", good), metadata), bad

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

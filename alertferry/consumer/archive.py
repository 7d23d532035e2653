"""Chunks of messages to files: parquet or Avro containers, bad messages beside them, then the commit record."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from alertferry.consumer.commits import Commit, DataFile, write_commit
from alertferry.consumer.durable import make_durably, storage_errors, write_durably
from alertferry.consumer.encoding import ROW_GROUP_BYTES, Encoded, Part, encoder
from alertferry.consumer.framing import slices
from alertferry.consumer.intake import Chunk
from alertferry.consumer.layout import BAD_FOLDER, EMPTY_STEM, message_stem, stem
from alertferry.consumer.partitioning import Partitioning
from alertferry.consumer.records import records_folder
from alertferry.consumer.spans import Span
from alertferry.core.receipt import format_digest, ids_digest

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
    """Writes chunks to a delivery folder, each with its commit record; several threads may at the same time."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._folder = Path(recipe.folder)
        self._records = records_folder(self._folder)
        # beside the folder, so that no reader of it finds half a file; else under a name that most readers skip
        self._workplace = self._records if self._records != self._folder else None
        self._encoder = encoder(recipe)

    def write(self, chunk: Chunk, skips: Skips | None = None) -> Commit:
        """Put a chunk on disk and commit it; repeated records in ``skips`` are left out.

        Raises `AlertferryError` when the disk refuses; the chunk is then as if it had never been fetched. The chunk's
        values are let go as soon as they are decoded.
        """
        kept = without(chunk, (skips or {}).get(chunk.span.partition, ()))
        dropped = len(chunk.offsets) - len(kept.offsets)
        if kept is not chunk:
            chunk.values.clear()
        encoded = self._encoder.encode(kept.values, self._recipe.metadata(kept))
        with storage_errors(self._folder):
            files = tuple(self._write_file(stem(kept.span), part) for part in encoded.parts if part.rows)
            self._set_aside(kept, encoded)
            commit = self._commit(kept, encoded.bad, files, dropped)
            write_commit(self._records, commit)
        return commit

    def portions(self, chunk: Chunk) -> list[Chunk]:
        """Return a chunk as what can be decoded together; several only where its messages grow beyond the usual.

        What is divided into folders is decoded as a whole, everything else a slice at a time.
        """
        if self._recipe.partitioning is None:
            return [chunk]
        messages = [message or b"" for message in chunk.values]
        weights = self._encoder.sizes.weights(messages)
        if sum(weights) <= 2 * sum(map(len, messages)):
            return [chunk]
        return [_part(chunk, first, last) for first, last in slices(messages, ROW_GROUP_BYTES, weights)]

    def write_empty(self) -> Commit:
        """Write one file with the schema and no rows, so that readers of the folder find the columns."""
        (part,) = self._encoder.encode([], self._recipe.metadata(Chunk(Span(0, 0, 0)))).parts
        with storage_errors(self._folder):
            files = (self._write_file(self._recipe.empty_stem, part),)
            commit = Commit(topic=self._recipe.topic, partition=None, files=files)
            write_commit(self._records, commit)
        return commit

    def _write_file(self, name: str, part: Part) -> DataFile:
        path = self._folder / part.folder / f"{name}.{self._recipe.format}"
        make_durably(path.parent, self._folder)
        written = write_durably(path, part.content, self._workplace)
        place = str(path.relative_to(self._folder))
        return DataFile(name=place, rows=part.rows, bytes=written.bytes, checksum=written.checksum)

    def _set_aside(self, chunk: Chunk, encoded: Encoded) -> None:
        for index, reason in encoded.bad.items():
            offset = chunk.offsets[index]
            key = chunk.keys[index]
            story = {
                "topic": self._recipe.topic,
                "partition": chunk.span.partition,
                "offset": offset,
                "key": None if key is None else key.decode(errors="backslashreplace"),
                "error": reason,
            }
            path = self._records / BAD_FOLDER / message_stem(chunk.span.partition, offset)
            path.parent.mkdir(exist_ok=True)
            write_durably(path.with_suffix(".bin"), [encoded.raw[index]])
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
            digest=format_digest(ids_digest(good)),
            duplicates_dropped=dropped,
            bad=tuple(sorted(chunk.offsets[index] for index in bad)),
            bad_digest=format_digest(ids_digest(wrong)),
        )


def _part(chunk: Chunk, first: int, last: int) -> Chunk:
    """Return the messages ``first`` to ``last - 1`` of a chunk; all parts together cover its span."""
    start = chunk.offsets[first] if first else chunk.span.start
    end = chunk.offsets[last] if last < len(chunk.offsets) else chunk.span.end
    span = Span(chunk.span.partition, start, end)
    return Chunk(span, chunk.offsets[first:last], chunk.keys[first:last], chunk.values[first:last])


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

"""Messages to the content of files: parquet by way of Arrow, or Avro containers that hold them as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from alertferry.consumer.decode import Checker, Decoder
from alertferry.consumer.framing import blocks, header, new_sync, slices
from alertferry.consumer.selection import Selection

if TYPE_CHECKING:
    import pyarrow as pa

    from alertferry.consumer.archive import Recipe
    from alertferry.consumer.partitioning import Partitioning

ROW_GROUP_BYTES = 24 << 20
"""Messages that become one row group: they are decoded, written and let go together, which keeps memory small."""

ZSTD_LEVEL = 1
"""The quickest level that still stores the symbols of an image in as few bits as they need."""

SAMPLE_ROWS = 1_000
"""So many of the first rows tell whether the texts of a column repeat."""

Messages = list[bytes | None]


@dataclass
class Part:
    """The content of one file: its folder below the delivery folder (empty for that itself), and its rows.

    ``rows`` is 0 for a file that only holds the schema, and final once the content was read to its end.
    """

    folder: str
    rows: int
    content: Iterator[Any]


@dataclass
class Encoded:
    """Files to write, and the messages that cannot be read: index to reason and bytes, final like the rows."""

    parts: list[Part] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    raw: dict[int, bytes] = field(default_factory=dict)

    def set_aside(self, bad: Mapping[int, str], messages: Sequence[bytes | None], start: int = 0) -> None:
        """Take note of unreadable messages of a slice that begins at ``start``."""
        for index, reason in bad.items():
            self.bad[start + index] = reason
            self.raw[start + index] = messages[index] or b""


class Encoder:
    """Turns messages into the content of files. Without rows there is one part, which holds the schema."""

    def encode(self, messages: Messages, metadata: Mapping[str, str]) -> Encoded:
        """Return what to write; the list is emptied of messages that are no longer needed, while it is written."""
        raise NotImplementedError


def encoder(recipe: Recipe) -> Encoder:
    """Return the encoder of a recipe's format."""
    return ParquetEncoder(recipe) if recipe.format == "parquet" else ContainerEncoder(recipe)


def _rows_by_folder(partitioning: Partitioning, batches: list[pa.RecordBatch]) -> dict[str, list[int]]:
    """Return the numbers of the rows that go into each folder."""
    found: dict[str, list[int]] = {}
    for row, folder in enumerate(partitioning.folders(batches)):
        found.setdefault(folder, []).append(row)
    return found


class ParquetEncoder(Encoder):
    """Decodes messages and writes them as parquet, a row group at a time."""

    def __init__(self, recipe: Recipe) -> None:
        import pyarrow as pa

        self._decoder = Decoder(recipe.schema_json)
        self._partitioning = recipe.partitioning
        self._selection = Selection(recipe.select, self._decoder.schema)
        # of no rows: a table that Arrow makes empty would import pandas
        leaves = list(_leaves((column.name, pa.nulls(0, column.type)) for column in self._selection.schema))
        self._repetitive: list[str] | None = None
        # extremes of images say nothing
        self._ordered = [path for path, kind, _ in leaves if kind != "bytes"] or False
        # images gain most from zstd; hundreds of columns of numbers gain little, and each page would pay for its start
        self._compression = {path: "zstd" if kind == "bytes" else "snappy" for path, kind, _ in leaves}
        self._levels = {path: ZSTD_LEVEL for path, kind, _ in leaves if kind == "bytes"} or None

    def encode(self, messages: Messages, metadata: Mapping[str, str]) -> Encoded:
        """Return one part, written while its messages are decoded; or one for each folder, decoded together."""
        encoded = Encoded()
        if self._partitioning is not None:
            encoded.parts += self._divided(self._partitioning, messages, metadata, encoded)
            return encoded
        tables = self._tables(messages, encoded)
        first = next(tables, None)
        if first is not None:
            self._learn(first)
        part = Part("", 0 if first is None else len(first), iter(()))
        part.content = self._file(chain([] if first is None else [first], tables), metadata, part)
        del first
        encoded.parts.append(part)
        return encoded

    def _divided(
        self, partitioning: Partitioning, messages: Messages, metadata: Mapping[str, str], encoded: Encoded
    ) -> Iterator[Part]:
        import pyarrow as pa

        decoded = self._decoder.decode(messages)
        encoded.set_aside(decoded.bad, messages)
        messages.clear()
        batches = [self._selection.apply(batch) for batch in decoded.results]
        table = pa.Table.from_batches(batches, schema=self._selection.schema)
        if len(table):
            self._learn(table)
        groups = _rows_by_folder(partitioning, decoded.results)
        tables = {folder: table.take(rows) for folder, rows in groups.items()} or {"": table}
        for folder, own in tables.items():
            yield Part(folder, len(own), self._file([own] if len(own) else [], metadata))

    def _learn(self, table: pa.Table) -> None:
        """Choose the columns that get dictionaries, once, by the first alerts."""
        if self._repetitive is None:
            self._repetitive = _repetitive(table)

    def _tables(self, messages: Messages, encoded: Encoded) -> Iterator[pa.Table]:
        """Return the alerts as tables of one row group each; none of them is empty."""
        import pyarrow as pa

        for start, stop in list(slices([message or b"" for message in messages], ROW_GROUP_BYTES)):
            own = messages[start:stop]
            messages[start:stop] = [None] * (stop - start)
            decoded = self._decoder.decode(own)
            encoded.set_aside(decoded.bad, own, start)
            batches = [self._selection.apply(batch) for batch in decoded.results]
            del own, decoded
            table = pa.Table.from_batches(batches, schema=self._selection.schema)
            del batches
            if len(table):
                yield table

    def _file(self, tables: Iterable[pa.Table], metadata: Mapping[str, str], part: Part | None = None) -> Iterator[Any]:
        """Return the bytes of a file; the rows written are counted in ``part``."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = _Gathered()
        rows = 0
        with pq.ParquetWriter(
            pa.PythonFile(sink, "w"),
            self._selection.schema,
            compression=self._compression or "none",
            compression_level=self._levels,
            use_dictionary=self._repetitive or False,
            write_statistics=self._ordered,
        ) as writer:
            for table in tables:
                writer.write_table(table)
                rows += len(table)
                del table
                yield from sink.take()
            writer.add_key_value_metadata(dict(metadata))
        if part is not None:
            part.rows = rows
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


class ContainerEncoder(Encoder):
    """Frames messages as Avro containers, once they are known to be readable."""

    def __init__(self, recipe: Recipe) -> None:
        self._schema_json = recipe.schema_json
        self._partitioning = recipe.partitioning
        self._checker = Checker(recipe.schema_json)
        self._decoder = Decoder(recipe.schema_json) if recipe.partitioning else None

    def encode(self, messages: Messages, metadata: Mapping[str, str]) -> Encoded:
        """Return one part, or one for each folder."""
        encoded = Encoded()
        bad, groups = self._looked_at(messages)
        encoded.set_aside(bad, messages)
        good = [message for index, message in enumerate(messages) if index not in bad] if bad else messages
        readable = cast("Sequence[bytes]", good)
        parts: dict[str, Sequence[bytes]] = {
            folder: [readable[row] for row in rows] for folder, rows in groups.items()
        } or {"": readable}
        encoded.parts += [Part(folder, len(own), self._content(own, metadata)) for folder, own in parts.items()]
        return encoded

    def _looked_at(self, messages: Sequence[bytes | None]) -> tuple[dict[int, str], dict[str, list[int]]]:
        """Return what cannot be read, and where the others go: decoded only when files are divided."""
        if self._decoder is None or self._partitioning is None:
            return self._checker.bad(messages), {}
        decoded = self._decoder.decode(messages)
        return decoded.bad, _rows_by_folder(self._partitioning, decoded.results)

    def _content(self, messages: Sequence[bytes], metadata: Mapping[str, str]) -> Iterator[bytes]:
        sync = new_sync()
        yield header(self._schema_json, sync, metadata)
        yield from blocks(messages, sync)


def _repetitive(table: pa.Table) -> list[str]:
    """Return the paths of columns that dictionaries make smaller: texts whose first values often say the same.

    Of numbers, and of texts that are all different, a dictionary is larger and slower to write.
    """
    import pyarrow.compute as pc

    columns = (column.chunk(0).slice(0, SAMPLE_ROWS) for column in table.columns)
    leaves = _leaves(zip(table.column_names, columns, strict=True))
    texts = [(path, values) for path, kind, values in leaves if kind == "text"]
    return [path for path, values in texts if pc.count_distinct(values).as_py() <= len(values) / 2]


def _leaves(columns: Iterable[tuple[str, pa.Array]]) -> Iterator[tuple[str, str, pa.Array]]:
    """Return the path of each parquet column, whether it holds text, bytes or anything else, and its values."""
    for name, values in columns:
        yield from _leaves_of(values, name)


def _leaves_of(values: pa.Array, path: str) -> Iterator[tuple[str, str, pa.Array]]:
    import pyarrow as pa

    kind = values.type
    if pa.types.is_struct(kind):
        for leaf, own in zip(kind, values.flatten(), strict=True):
            yield from _leaves_of(own, f"{path}.{leaf.name}")
    elif pa.types.is_map(kind):
        yield from _leaves_of(values.keys, f"{path}.key_value.key")
        yield from _leaves_of(values.items, f"{path}.key_value.value")
    elif pa.types.is_list(kind):
        yield from _leaves_of(values.flatten(), f"{path}.list.element")
    elif pa.types.is_string(kind):
        yield path, "text", values
    else:
        yield path, "bytes" if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) else "other", values

"""Messages to the content of files: parquet by way of Arrow, or Avro containers that hold them as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from alertferry.consumer.decode import Checker, Decoder
from alertferry.consumer.fastpath import SLICE_BYTES
from alertferry.consumer.framing import blocks, header, new_sync, slices
from alertferry.consumer.selection import Selection
from alertferry.consumer.sizes import Sizes
from alertferry.core.pandas_types import pandas_metadata

if TYPE_CHECKING:
    import pyarrow as pa

    from alertferry.consumer.archive import Recipe
    from alertferry.consumer.partitioning import Partitioning

ROW_GROUP_BYTES = 24 << 20
"""Messages that become one row group: they are decoded, written and let go together, which keeps memory small."""

WRITTEN_ROWS = 1 << 16
"""Values of a column that are written in one step; fewer would only be more steps."""

GATHERED_BYTES = 1 << 20
"""A page of a column is small: so much is gathered before Python, and its lock, are asked for."""

ZSTD_LEVEL = 1
"""The quickest level that still stores the symbols of an image in as few bits as they need."""

SAMPLE_ROWS = 1_000
"""So many of the first rows tell whether the texts of a column repeat."""

Messages = list[bytes | None]

Piece = TypeVar("Piece", bound=Sized)
"""What a file is written in: a table that becomes a row group, or messages that become blocks."""


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


class Encoder(Generic[Piece]):
    """Turns messages into the content of files, a piece at a time. Without rows there is one part: the schema."""

    sizes: Sizes

    def __init__(self, partitioning: Partitioning | None) -> None:
        self._partitioning = partitioning

    def encode(self, messages: Messages, metadata: Mapping[str, str]) -> Encoded:
        """Return one part, written while its messages are read, or one for each folder.

        The list is emptied of messages that are no longer needed.
        """
        encoded = Encoded()
        if self._partitioning is None:
            encoded.parts.append(self._whole(messages, metadata, encoded))
            return encoded
        divided = self._divided(self._partitioning, messages, encoded)
        encoded.parts += [Part(folder, len(piece), self._file([piece], metadata)) for folder, piece in divided.items()]
        encoded.parts = encoded.parts or [Part("", 0, self._file((), metadata))]
        return encoded

    def _whole(self, messages: Messages, metadata: Mapping[str, str], encoded: Encoded) -> Part:
        part = Part("", 0, iter(()))
        pieces = _counted(self._pieces(messages, encoded), part)
        first = next(pieces, None)
        part.content = self._file(chain(() if first is None else [first], pieces), metadata)
        return part

    def _pieces(self, messages: Messages, encoded: Encoded) -> Iterator[Piece]:
        """Return the readable messages in pieces that are written one after the other; none of them is empty."""
        raise NotImplementedError

    def _divided(self, partitioning: Partitioning, messages: Messages, encoded: Encoded) -> dict[str, Piece]:
        """Return what goes into each folder."""
        raise NotImplementedError

    def _file(self, pieces: Iterable[Piece], metadata: Mapping[str, str]) -> Iterator[Any]:
        """Return the bytes of a file."""
        raise NotImplementedError


def encoder(recipe: Recipe) -> Encoder[Any]:
    """Return the encoder of a recipe's format."""
    return ParquetEncoder(recipe) if recipe.format == "parquet" else ContainerEncoder(recipe)


def _rows_by_folder(partitioning: Partitioning, batches: list[pa.RecordBatch]) -> dict[str, list[int]]:
    """Return the numbers of the rows that go into each folder."""
    found: dict[str, list[int]] = {}
    for row, folder in enumerate(partitioning.folders(batches)):
        found.setdefault(folder, []).append(row)
    return found


def _counted(pieces: Iterator[Piece], part: Part) -> Iterator[Piece]:
    """Return pieces, their rows counted in ``part``."""
    for piece in pieces:
        part.rows += len(piece)
        yield piece
        del piece


def _taken(messages: Messages, slice_bytes: int, sizes: Sizes) -> Iterator[tuple[int, Messages, list[int]]]:
    """Take slices of about ``slice_bytes`` out of a list, in which they leave None.

    Each comes with its first index and the weights of its messages.
    """
    # the ends first: whoever works them out holds every message
    present = [message or b"" for message in messages] if None in messages else cast("Sequence[bytes]", messages)
    weights = sizes.weights(present)
    ends = list(slices(present, slice_bytes, weights))
    del present
    for start, stop in ends:
        own = messages[start:stop]
        messages[start:stop] = [None] * (stop - start)
        yield start, own, weights[start:stop]
        del own


class ParquetEncoder(Encoder["pa.Table"]):
    """Decodes messages and writes them as parquet, a row group at a time."""

    def __init__(self, recipe: Recipe) -> None:
        import pyarrow as pa

        super().__init__(recipe.partitioning)
        self._decoder = Decoder(recipe.schema_json)
        self.sizes = self._decoder.sizes
        self._selection = Selection(recipe.select, self._decoder.schema)
        # of no rows: a table that Arrow makes empty would import pandas
        leaves = list(_leaves((column.name, pa.nulls(0, column.type)) for column in self._selection.schema))
        self._said = pandas_metadata(self._selection.schema)
        self._repetitive: list[str] | None = None
        self._ordered = [path for path, kind, _ in leaves if kind == "other"]
        # images gain most from zstd; hundreds of columns of numbers gain little, and each page would pay for its start
        self._compression = {path: "zstd" if kind == "bytes" else "snappy" for path, kind, _ in leaves}
        self._levels = {path: ZSTD_LEVEL for path, kind, _ in leaves if kind == "bytes"} or None

    def _pieces(self, messages: Messages, encoded: Encoded) -> Iterator[pa.Table]:
        """Return the alerts as tables of one row group each."""
        for start, own, weights in _taken(messages, ROW_GROUP_BYTES, self.sizes):
            decoded = self._decoder.decode(own, weights)
            encoded.set_aside(decoded.bad, own, start)
            del own
            table = self._table(decoded.results)
            del decoded
            if len(table):
                yield table
            del table

    def _divided(self, partitioning: Partitioning, messages: Messages, encoded: Encoded) -> dict[str, pa.Table]:
        decoded = self._decoder.decode(messages)
        encoded.set_aside(decoded.bad, messages)
        messages.clear()
        table = self._table(decoded.results)
        return {folder: table.take(rows) for folder, rows in _rows_by_folder(partitioning, decoded.results).items()}

    def _table(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Return the chosen columns; the first alerts ever tell which of them get dictionaries."""
        import pyarrow as pa

        chosen = [self._selection.apply(batch) for batch in batches]
        table = pa.Table.from_batches(chosen, schema=self._selection.schema)
        if self._repetitive is None and len(table):
            self._repetitive = _repetitive(table)
        return table

    def _file(self, pieces: Iterable[pa.Table], metadata: Mapping[str, str]) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        written = _Gathered()
        with (
            pa.BufferedOutputStream(pa.PythonFile(written, "w"), GATHERED_BYTES) as sink,
            pq.ParquetWriter(
                sink,
                self._selection.schema,
                store_schema=False,
                compression=self._compression or "none",
                compression_level=self._levels,
                write_batch_size=WRITTEN_ROWS,
                use_dictionary=self._repetitive or False,
                # extremes of images, and of texts that all differ, leave out no row group
                write_statistics=[*self._ordered, *(self._repetitive or ())] or False,
            ) as writer,
        ):
            for table in pieces:
                writer.write_table(table)
                del table
                yield from written.take()
            writer.add_key_value_metadata({**metadata, **self._said})
        yield from written.take()


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


class ContainerEncoder(Encoder[Sequence[bytes]]):
    """Frames messages as Avro containers, once they are known to be readable."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe.partitioning)
        self._schema_json = recipe.schema_json
        self._checker = Checker(recipe.schema_json)
        self.sizes = self._checker.sizes

    @cached_property
    def _decoder(self) -> Decoder:
        """What tells the folders of messages, where there are any."""
        return Decoder(self._schema_json)

    def _pieces(self, messages: Messages, encoded: Encoded) -> Iterator[Sequence[bytes]]:
        for start, own, weights in _taken(messages, SLICE_BYTES, self.sizes):
            bad = self._checker.bad(own, weights)
            encoded.set_aside(bad, own, start)
            if len(bad) < len(own):
                yield _without(own, bad)
            del own

    def _divided(self, partitioning: Partitioning, messages: Messages, encoded: Encoded) -> dict[str, Sequence[bytes]]:
        decoded = self._decoder.decode(messages)
        encoded.set_aside(decoded.bad, messages)
        readable = _without(messages, decoded.bad)
        groups = _rows_by_folder(partitioning, decoded.results)
        return {folder: [readable[row] for row in rows] for folder, rows in groups.items()}

    def _file(self, pieces: Iterable[Sequence[bytes]], metadata: Mapping[str, str]) -> Iterator[bytes]:
        sync = new_sync()
        yield header(self._schema_json, sync, metadata)
        for piece in pieces:
            yield from blocks(piece, sync)


def _without(messages: Messages, bad: Mapping[int, str]) -> Sequence[bytes]:
    """Return the messages that are not ``bad``, as those without a value are."""
    good = [message for index, message in enumerate(messages) if index not in bad] if bad else messages
    return cast("Sequence[bytes]", good)


def _repetitive(table: pa.Table) -> list[str]:
    """Return the paths of columns that dictionaries make smaller: texts whose first values often say the same.

    Of numbers, and of texts that are all different, a dictionary is larger and slower to write.
    """
    columns = (column.chunk(0).slice(0, SAMPLE_ROWS) for column in table.columns)
    leaves = _leaves(zip(table.column_names, columns, strict=True))
    texts = [(path, values) for path, kind, values in leaves if kind == "text"]
    return [path for path, values in texts if _different(values) <= len(values) / 2]


def _different(texts: pa.Array) -> int:
    """Return the number of different texts; by Python, as Arrow's functions take longer to import than this does."""
    return len(set(texts.to_pylist()) - {None})


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

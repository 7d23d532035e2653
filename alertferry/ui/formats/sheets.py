"""Alerts as flat tables: one of the alerts, and one for each list or map of structs in them, joined by the alert's id.

Structs are spread into columns with dotted names. Lists of numbers stay what they are; for any other list or map the
alerts have the number of its items, null where it is null, and the items are the rows of a table of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.core.paths import as_part

if TYPE_CHECKING:
    import pyarrow as pa

MAIN = "alerts"
NUMBER = "alert_number"
"""Joins the tables of packets that hold no id of the alert."""

BATCH_BYTES = 16 << 20
BATCH_ROWS = 5_000

Named = tuple[str, Any]


@dataclass(frozen=True)
class Sheet:
    """One table of a result: ``place`` is the path of the list that its rows come from, empty for the alerts.

    ``join`` is the column of the alerts that their id is in, and ``key`` that of this table.
    """

    path: Path
    place: str
    join: str
    key: str
    schema: pa.Schema

    @property
    def name(self) -> str:
        """How the table is called."""
        return self.place or MAIN

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield its rows, a few megabytes at a time."""
        import pyarrow.parquet as pq

        file, done = pq.ParquetFile(self.path), 0
        roots = {name.partition(".")[0] for name in (self.place, self.join)}
        columns = [name for name in file.schema_arrow.names if name in roots] if self.place else None
        for batch in file.iter_batches(rows_at_once(file), columns=columns):
            yield _explode(batch, self.join, done)[self.place]
            done += batch.num_rows

    @cached_property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(batch.num_rows for batch in self.batches())


def sheets_of(path: Path, id_column: str) -> list[Sheet]:
    """Return the tables of a parquet file of alerts, that of the alerts first.

    ``id_column`` is the path of the alerts' id in the lake.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.ParquetFile(path).schema_arrow
    empty = pa.RecordBatch.from_pylist([], schema=schema)
    join = in_packet(id_column, set(_explode(empty, NUMBER, 0)[""].schema.names)) or NUMBER
    found = _explode(empty, join, 0)
    if join == NUMBER and len(found) == 1:  # there is nothing to join
        return [Sheet(path, "", "", "", found[""].drop_columns([NUMBER]).schema)]
    key = NUMBER if join == NUMBER else f"alert_{join.replace('.', '_')}"
    return [Sheet(path, place, join, key if place else join, batch.schema) for place, batch in found.items()]


def in_packet(path: str, names: set[str]) -> str | None:
    """Return how a column of the lake is called in a packet with these (dotted) names."""
    leaf = path.rpartition(".")[2]
    return next((name for name in (path, path.replace(".", "_"), leaf) if name in names), None)


def rows_at_once(file: Any) -> int:
    """Return how many rows of a parquet file are taken at a time: a few megabytes, and at least one."""
    meta = file.metadata
    size = sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups))
    return int(max(1, min(BATCH_ROWS, BATCH_BYTES * meta.num_rows // max(1, size))))


def _explode(batch: pa.RecordBatch, join: str, done: int) -> dict[str, pa.RecordBatch]:
    """Return the rows of every table that a batch of alerts has; ``done`` alerts came before."""
    import numpy as np
    import pyarrow as pa

    columns = list(zip(batch.schema.names, batch.columns, strict=True))
    if join == NUMBER:
        columns.insert(0, (NUMBER, pa.array(np.arange(done + 1, done + 1 + batch.num_rows))))
    found: dict[str, pa.RecordBatch] = {}
    flat, lists = _spread(columns)
    found[""] = _batch(flat)
    keys = [("" if name == NUMBER else "alert_", name, array) for name, array in flat if name == join]
    named = [(prefix + name.replace(".", "_"), array) for prefix, name, array in keys]
    _below("", lists, named, 1, found)
    return found


def _below(place: str, lists: list[Named], keys: list[Named], depth: int, found: dict[str, pa.RecordBatch]) -> None:
    """Make tables of lists and maps, and of those in them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, array in lists:
        here = f"{place}.{name}" if place else name
        parents = pc.list_parent_indices(array)
        places = np.asarray(parents)
        number = np.arange(len(places)) - np.searchsorted(places, places) + 1
        above = [(key, column.take(parents)) for key, column in keys]
        above.append(("item" if depth == 1 else f"item_{depth}", pa.array(number, pa.int32())))
        items = pc.list_flatten(array)
        columns = [("value", items)] if not pa.types.is_struct(items.type) else _members(items)
        if [key for key, _ in columns] == ["key", "value"] and pa.types.is_struct(columns[1][1].type):
            columns = [columns[0], *_members(columns[1][1])]
        flat, inner = _spread(columns)
        found[here] = _batch([*above, *flat])
        _below(here, inner, above, depth + 1, found)


def _members(array: Any) -> list[Named]:
    """Return what is in structs; null where the struct itself is."""
    return [(field.name, column) for field, column in zip(array.type, array.flatten(), strict=True)]


def _spread(columns: Sequence[Named]) -> tuple[list[Named], list[Named]]:
    """Return columns without structs, and the lists among them that become tables: the columns have their lengths."""
    import pyarrow as pa
    import pyarrow.compute as pc

    flat: list[Named] = []
    lists: list[Named] = []
    for name, array in columns:
        kind = array.type
        if pa.types.is_struct(kind):
            inside = _spread([(f"{name}.{as_part(key)}", column) for key, column in _members(array)])
            flat += inside[0]
            lists += inside[1]
        elif pa.types.is_map(kind):
            pair = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
            items = array.cast(pa.list_(pair))
            flat.append((name, pc.list_value_length(items)))
            lists.append((name, items))
        elif pa.types.is_list(kind) and not is_number(kind.value_type):
            flat.append((name, pc.list_value_length(array)))
            lists.append((name, array))
        else:
            flat.append((name, _plain(array)))
    return flat, lists


def is_number(kind: pa.DataType) -> bool:
    """Tell whether every format has numbers of this type, or truth values."""
    import pyarrow as pa

    return kind in (pa.bool_(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64())


def _plain(array: Any) -> Any:
    """Return a column of numbers, texts or bytes; dates, times and decimals as text, with every digit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if is_number(kind) or pa.types.is_string(kind) or pa.types.is_list(kind):
        return array
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return array.cast(pa.binary())
    if pa.types.is_timestamp(kind):
        return pc.replace_substring(array.cast(pa.string()), " ", "T", max_replacements=1)
    return array.cast(pa.string())


def _batch(columns: list[Named]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([array for _, array in columns], names=unique([name for name, _ in columns]))


def unique(names: Sequence[str]) -> list[str]:
    """Return names that differ also for those who do not tell small letters from capital ones."""
    taken: set[str] = set()
    found = []
    for name in names:
        found.append(name)
        while found[-1].lower() in taken:
            found[-1] += "_"
        taken.add(found[-1].lower())
    return found

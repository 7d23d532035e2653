"""Writing alerts as one file: parquet and Avro as they are, CSV and VOTable with structs spread into columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.core.pandas_types import pandas_metadata

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 5000


def join_parquet(files: Sequence[Path], target: Path) -> None:
    """Write the rows of several parquet files of one schema into one."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(files[0])
    with pq.ParquetWriter(target, schema, compression="zstd", store_schema=False) as writer:
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=_BATCH_ROWS):
                writer.write_batch(batch)
        writer.add_key_value_metadata(pandas_metadata(schema))


def join_avro(files: Sequence[Path], target: Path) -> None:
    """Write the records of several Avro containers of one schema into one; none is decoded."""
    import fastavro
    from fastavro.write import Writer

    with files[0].open("rb") as stream:
        head = fastavro.block_reader(stream)
        schema, codec = head.writer_schema, head.codec
    with target.open("wb") as out:
        writer = Writer(out, schema, codec=codec or "null")
        for file in files:
            with file.open("rb") as stream:
                for block in fastavro.block_reader(stream):
                    writer.write_block(block)
        writer.flush()


def read_row(path: Path, columns: list[str], row: int) -> dict[str, Any]:
    """Return columns of one row of a parquet file, without reading the rest; nothing beyond its end."""
    import pyarrow.parquet as pq

    file, before = pq.ParquetFile(path), 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if row < before + rows:
            at = row - before
            for batch in file.iter_batches(batch_size=16, row_groups=[group], columns=columns):
                if at < batch.num_rows:
                    alert: dict[str, Any] = batch.slice(at, 1).to_pylist()[0]
                    return alert
                at -= batch.num_rows
        before += rows
    return {}


def flat_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield a parquet file's rows with structs spread into columns with dotted names.

    Lists and maps become JSON text; binary columns (image stamps) are left out.
    """
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH_ROWS):
        yield _spread(batch)


def _spread(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    table = pa.Table.from_batches([batch])
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    names, arrays = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        if not pa.types.is_binary(field.type) and not pa.types.is_large_binary(field.type):
            names.append(field.name)
            arrays.append(_texts(column) if pa.types.is_nested(field.type) else column)
    combined = pa.table(arrays, names=names).combine_chunks()
    return combined.to_batches()[0] if combined.num_rows else pa.RecordBatch.from_pylist([], schema=combined.schema)


def _texts(column: Any) -> Any:
    import pyarrow as pa

    values = (None if item is None else json.dumps(item, default=_odd) for item in column.to_pylist())
    return pa.array(values, pa.string())


def _odd(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def write_csv(source: Path, target: Path) -> None:
    """Write a parquet file as CSV; an empty cell is a null, numbers are exact."""
    from pyarrow import csv

    writer = None
    for batch in flat_batches(source):
        writer = writer or csv.CSVWriter(str(target), batch.schema)
        writer.write_batch(batch)
    if writer is None:
        _empty_csv(source, target)
    else:
        writer.close()


def _empty_csv(source: Path, target: Path) -> None:
    import pyarrow.parquet as pq

    target.write_text(",".join(f'"{name}"' for name in pq.read_schema(source).names) + "\n")


def write_votable(source: Path, target: Path, survey: str) -> None:
    """Write a parquet file as a VOTable (BINARY2) with the units of the survey's documentation."""
    import numpy as np
    import pyarrow as pa
    from astropy.table import MaskedColumn, Table

    batches = list(flat_batches(source))
    table = pa.Table.from_batches(batches) if batches else _no_rows(source)
    units = _units(survey)
    found = Table()
    for name, column in zip(table.column_names, table.columns, strict=True):
        mask = np.asarray(column.is_null())
        values = _filled(column)
        found[name] = MaskedColumn(values, mask=mask, unit=units.get(name.rpartition(".")[2]) or None)
    found.write(target, format="votable", tabledata_format="binary2", overwrite=True)


def _no_rows(source: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(source)
    return pa.Table.from_batches([_spread(pa.RecordBatch.from_pylist([], schema=schema))])


def _filled(column: Any) -> Any:
    """Return a column as numpy values; nulls are filled, the mask tells them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type):
        return np.asarray(pc.fill_null(column, False))
    if pa.types.is_integer(column.type):
        return np.asarray(pc.fill_null(column, 0))
    if pa.types.is_floating(column.type):
        return np.asarray(pc.fill_null(column, float("nan")))
    texts = [str(value or "") for value in column.to_pylist()]
    # As numpy's text, each would take as much as the longest; of no text astropy cannot tell that it is one.
    return np.asarray(texts, dtype=object if texts else str)


def _units(survey: str) -> dict[str, Any]:
    """Return the unit of each leaf whose unit is the same wherever it occurs."""
    from astropy import units as u

    from alertferry.core.field_table import load_fields
    from alertferry.ui.lakes import surveys

    known = surveys().get(survey)
    found: dict[str, set[str]] = {}
    for doc in load_fields(*known.field_table) if known and known.field_table else ():
        found.setdefault(doc.path.rpartition(".")[2], set()).add(doc.unit)
    sole = {name: unit for name, (unit, *more) in ((n, list(s)) for n, s in found.items()) if unit and not more}
    read = {name: u.Unit(unit, parse_strict="silent") for name, unit in sole.items()}
    return {name: unit for name, unit in read.items() if not isinstance(unit, u.UnrecognizedUnit)}

"""Alerts as one file, as they are: parquet and Avro; and reading one row of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alertferry.core.pandas_types import pandas_metadata
from alertferry.ui.formats.sheets import rows_at_once


def join_parquet(files: Sequence[Path], target: Path) -> None:
    """Write the rows of several parquet files of one schema into one."""
    import pyarrow.parquet as pq

    schema = pq.read_schema(files[0])
    with pq.ParquetWriter(target, schema, compression="zstd", store_schema=False) as writer:
        for file in files:
            part = pq.ParquetFile(file)
            for batch in part.iter_batches(rows_at_once(part)):
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

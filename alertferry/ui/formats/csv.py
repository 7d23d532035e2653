"""CSV: one file, or a zip archive of one for the alerts, one for each list or map in them, and the image stamps.

An empty cell is null, quotes without a text an empty text. Numbers are exact.
"""

from __future__ import annotations

import base64
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from alertferry.ui.formats.meaning import Meanings
from alertferry.ui.formats.sheets import Sheet, sheets_of

if TYPE_CHECKING:
    import pyarrow as pa

_GZIP, _FITS = b"\x1f\x8b", b"SIMPLE"


def ending_of(source: Path, known: Meanings) -> str:
    """Return ``.csv`` for alerts that make one table of numbers and texts, ``.zip`` for others."""
    import pyarrow as pa

    sheets = _sheets(source, known)
    more = len(sheets) > 1 or any(pa.types.is_binary(item.type) for item in sheets[0].schema)
    return ".zip" if more else ".csv"


def _sheets(source: Path, known: Meanings) -> list[Sheet]:
    return sheets_of(source, known.survey.alert_id if known.survey else "")


def write_csv(source: Path, target: Path, known: Meanings) -> None:
    """Write a parquet file of alerts as CSV, in the form that `ending_of` tells."""
    sheets = _sheets(source, known)
    if ending_of(source, known) == ".csv":
        with target.open("wb") as out:
            _write(sheets[0], out)
        return
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for sheet in sheets:
            with archive.open(f"{sheet.name}.csv", "w", force_zip64=True) as out:
                _write(sheet, out)
        for name, content in _files(sheets[0]):
            archive.writestr(name, content, zipfile.ZIP_STORED if content[:2] == _GZIP else None)


def _write(sheet: Sheet, out: IO[bytes]) -> None:
    import pyarrow as pa
    from pyarrow import csv

    binary = [field.name for field in sheet.schema if pa.types.is_binary(field.type)]
    with csv.CSVWriter(pa.PythonFile(out, "w"), _schema(sheet)) as writer:
        done = 0
        for batch in sheet.batches():
            columns = [
                _names(sheet, batch, name, done)
                if name in binary
                else _json(column)
                if pa.types.is_list(column.type)
                else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=_schema(sheet)))
            done += batch.num_rows


def _schema(sheet: Sheet) -> pa.Schema:
    import pyarrow as pa

    def written(kind: pa.DataType) -> pa.DataType:
        return pa.string() if pa.types.is_binary(kind) or pa.types.is_list(kind) else kind

    return pa.schema([pa.field(field.name, written(field.type)) for field in sheet.schema])


def _json(column: Any) -> Any:
    import pyarrow as pa

    return pa.array([None if value is None else json.dumps(value) for value in column.to_pylist()], pa.string())


def _names(sheet: Sheet, batch: pa.RecordBatch, column: str, done: int) -> Any:
    """Return what stands for bytes: the name of a stamp's file in the archive, for others base64."""
    import pyarrow as pa

    values = batch.column(column).to_pylist()
    found = [
        None
        if value is None
        else _file_name(sheet, batch, column, row, done)
        if _is_stamp(sheet, value)
        else _text(value)
        for row, value in enumerate(values)
    ]
    return pa.array(found, pa.string())


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _is_stamp(sheet: Sheet, value: bytes) -> bool:
    return not sheet.place and value.startswith((_GZIP, _FITS))


def _file_name(sheet: Sheet, batch: pa.RecordBatch, column: str, row: int, done: int) -> str:
    """Return the name of a stamp's file: an alert's number comes first, as its id may be there twice."""
    value = batch.column(column)[row].as_py()
    identifier = batch.column(sheet.join)[row].as_py() if sheet.join in batch.schema.names else ""
    parts = [f"{done + row + 1:06d}", str(identifier), column.partition(".")[0]]
    safe = "_".join(re.sub(r"[^\w-]", "", part)[:60] for part in parts if part)
    return f"cutouts/{safe}.fits{'.gz' if value.startswith(_GZIP) else ''}"


def _files(sheet: Sheet) -> Iterator[tuple[str, bytes]]:
    """Yield the stamps with the names of their files."""
    import pyarrow as pa

    names = [field.name for field in sheet.schema if pa.types.is_binary(field.type)]
    done = 0
    for batch in sheet.batches() if names else ():
        for row in range(batch.num_rows):
            for name in names:
                value = batch.column(name)[row].as_py()
                if value is not None and _is_stamp(sheet, value):
                    yield _file_name(sheet, batch, name, row, done), value
        done += batch.num_rows

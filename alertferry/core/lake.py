"""A datalake: one folder for each night, on any Hadoop filesystem (see `alertferry.core.lake_files`).

The driver looks at the folders and parquet footers itself: which nights exist is never asked of a web service, and a
file that cannot be read is named before Spark starts a job. Spark then reads exactly these files, and when all is
written they must still be the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import AlertferryError
from alertferry.core.lake_files import FileChangedError, ListedFile, MissingError, refuse_changes
from alertferry.core.lake_nights import LakeNights, footer_memory, require_any
from alertferry.core.schema import Struct
from alertferry.core.settings import load_settings
from alertferry.core.spark_files import SparkLake
from alertferry.core.survey import PARTITION_COLUMNS
from alertferry.core.uniting import Part
from alertferry.core.widening import widened

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def open_nights(
    spark: SparkSession,
    location: str,
    nights: Sequence[date],
    *,
    documented: Struct | None = None,
    files: Sequence[ListedFile] | None = None,
) -> LakeNights:
    """Find the files of ``nights`` and read their footers, except those that are remembered.

    ``documented`` is the schema that the survey documents; ``files`` are the files where they are listed already.
    Raises `UsageError` when the lake does not exist or has none of the nights, `DamagedError` for an empty, truncated
    or unreadable file, which it names.
    """
    lake = SparkLake(spark, location)
    listed = lake.files(nights) if files is None else files
    absent = require_any(location, listed, nights)
    footers = footer_memory(load_settings().home).footers(listed, lake.read)
    filled = [file for file, footer in zip(listed, footers, strict=True) if footer.alerts]
    sizes = _column_sizes(lake, max(filled, key=lambda file: file.size)) if filled else ({}, {})
    return LakeNights(location, tuple(listed), tuple(footers), absent, documented, *sizes, is_local=lake.is_local)


def read_nights(spark: SparkSession, found: LakeNights) -> DataFrame:
    """Return the alerts of all nights with the union of their schemas; what a night lacks is null."""
    return read_files(spark, found.location, found.parts, found.schema())


def read_files(
    spark: SparkSession, location: str, parts: Sequence[tuple[Part, Sequence[ListedFile]]], schema: Struct
) -> DataFrame:
    """Return the alerts of files below a location, with one schema, and the year, month and day of their nights."""
    lake = SparkLake(spark, location)
    frames = [_read_alike(lake, part, files, schema) for part, files in parts]
    return reduce(lambda one, other: one.unionAll(other), frames)


def _read_alike(lake: SparkLake, part: Part, files: Sequence[ListedFile], schema: Struct) -> DataFrame:
    from pyspark.sql import functions as F

    frame = lake.frame(files, part.read(schema))
    if not part.changed:
        return frame
    columns = []
    for item in schema:
        stored = part.stored(item.name)
        column = F.col("`" + item.name.replace("`", "``") + "`")
        columns.append((widened(column, stored, item.type, item.name) if stored else column).alias(item.name))
    return frame.select(*columns, *PARTITION_COLUMNS)


def refuse_changed_files(spark: SparkSession, found: LakeNights) -> None:
    """List the nights again. Raises `FileChangedError` naming files that changed, vanished or appeared meanwhile.

    Raises another `AlertferryError` when the lake cannot be looked at again: nothing is known then of its files.
    """
    try:
        now = SparkLake(spark, found.location).files([*found.found, *found.absent])
    except MissingError as error:
        raise FileChangedError(f"the lake changed while it was read: {error}") from None
    except AlertferryError as error:
        raise AlertferryError(f"it is not known whether the lake changed while it was read: {error}") from None
    refuse_changes(found.files, now)


_MEASURED: dict[tuple[str, str], tuple[dict[str, float], dict[str, float]]] = {}
_MOST_MEASURED = 100


def _column_sizes(lake: SparkLake, file: ListedFile) -> tuple[dict[str, float], dict[str, float]]:
    """Return bytes per alert by root column, uncompressed and as stored, measured on one file.

    What is stored without compression is missing among the latter.
    """
    key = (file.path, file.version)
    if key not in _MEASURED:
        if len(_MEASURED) >= _MOST_MEASURED:
            _MEASURED.clear()
        _MEASURED[key] = _measure(lake.described(file))
    return _MEASURED[key]


def _measure(blocks: Sequence[Mapping[str, Any]]) -> tuple[dict[str, float], dict[str, float]]:
    sizes, stored = defaultdict[str, float](float), defaultdict[str, float](float)
    alerts = sum(block["rowCount"] for block in blocks)
    for block in blocks:
        for column in block["columns"]:
            root = _column_path(column)[0]
            sizes[root] += column["totalUncompressedSize"] / alerts
            if column["codec"] != "UNCOMPRESSED":
                stored[root] += column["totalSize"] / alerts
    return dict(sizes), dict(stored)


def _column_path(column: Mapping[str, Any]) -> list[str]:
    path = column["path"]
    return list(path) if isinstance(path, list) else str(path).strip("[]").split(", ")

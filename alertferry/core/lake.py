"""A datalake: one folder a night, ``year=YYYY/month=MM/day=DD`` (padded or not), on any Hadoop filesystem.

The driver looks at the folders and parquet footers itself: which nights exist is never asked of a web service,
and a file that cannot be read is named before Spark starts a job.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from alertferry.core.errors import DamagedError, UsageError
from alertferry.core.schema import Struct, from_spark, lacking, merge, to_ddl

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FOLDER = re.compile(r"^(year|month|day)=(\d{1,4})$")
_FOOTER_THREADS = 8
_REMEMBERED_FOOTERS = 20_000


@dataclass(frozen=True)
class LakeFile:
    """A parquet file of a night: its path, number of alerts, uncompressed bytes and schema."""

    path: str
    night: date
    alerts: int
    bytes: int
    schema: Struct


@dataclass(frozen=True)
class LakeNights:
    """The nights of a request as the lake holds them."""

    location: str
    folders: Mapping[date, tuple[str, ...]]
    files: tuple[LakeFile, ...]
    absent: tuple[date, ...]
    root_bytes: Mapping[str, float]
    stored_bytes: Mapping[str, float]

    @property
    def found(self) -> tuple[date, ...]:
        """Nights that have at least one file."""
        return tuple(sorted({file.night for file in self.files}))

    @property
    def alerts(self) -> int:
        """Number of alerts, from the footers."""
        return sum(file.alerts for file in self.files)

    @property
    def by_night(self) -> Mapping[date, int]:
        """Number of alerts of each night that has any."""
        found = Counter[date]()
        for file in self.files:
            found[file.night] += file.alerts
        return +found

    def schema(self) -> Struct:
        """Return the union of the schemas. Raises `UsageError` when two contradict each other."""
        return self._union

    @cached_property
    def _union(self) -> Struct:
        try:
            return merge(file.schema for file in self.files)
        except ValueError as error:
            raise UsageError(f"{self.location}: {error}; ask for these nights in separate jobs") from None

    def lacking(self) -> dict[str, tuple[str, ...]]:
        """Return night to the fields that others have and it lacks."""
        return self._lacking

    @cached_property
    def _lacking(self) -> dict[str, tuple[str, ...]]:
        union = self.schema()
        nights: dict[date, list[Struct]] = {}
        for file in self.files:
            nights.setdefault(file.night, []).append(file.schema)
        found = {night: tuple(lacking(merge(schemas), union)) for night, schemas in nights.items()}
        return {night.isoformat(): paths for night, paths in sorted(found.items()) if paths}


def open_nights(
    spark: SparkSession, location: str, nights: Sequence[date], footers: Footers | None = None
) -> LakeNights:
    """Find the folders and files of ``nights`` and read their footers, except those that ``footers`` remembers.

    Raises `UsageError` when the lake does not exist or has none of the nights, `DamagedError` for an empty,
    truncated or unreadable file, which it names.
    """
    hadoop = _Hadoop(spark, location)
    folders = _folders(hadoop, nights)
    statuses = [
        (night, status) for night, paths in sorted(folders.items()) for path in paths for status in hadoop.files(path)
    ]
    known = footers or Footers(spark)
    with ThreadPoolExecutor(_FOOTER_THREADS) as pool:
        files = tuple(pool.map(lambda item: known.read(*item), statuses))
    filled = {file.night for file in files}
    absent = tuple(night for night in nights if night not in filled)
    if not files:
        raise UsageError(f"the lake {location} has none of the {len(nights)} nights asked for: {_some(absent)}")
    folders = {night: paths for night, paths in folders.items() if night in filled}
    return LakeNights(location, folders, files, absent, *known.column_sizes(files))


def read_nights(spark: SparkSession, found: LakeNights) -> DataFrame:
    """Return the alerts of all nights with the union of their schemas; what a night lacks is null."""
    schema = ", ".join(f"`{field.name}` {to_ddl(field.type)}" for field in found.schema())
    folders = [folder for night in found.found for folder in found.folders[night]]
    return spark.read.schema(schema).option("basePath", found.location).parquet(*folders)


def _some(nights: Iterable[date]) -> str:
    from alertferry.core.nights import summarise

    parts = summarise(nights)
    return ", ".join(parts[:5]) + (f" and {len(parts) - 5} more ranges" if len(parts) > 5 else "")


def _folders(hadoop: _Hadoop, nights: Sequence[date]) -> dict[date, tuple[str, ...]]:
    """Walk year, month and day folders, entering only those that some night needs."""
    wanted = set(nights)
    found: dict[date, list[str]] = {}
    for year, year_path in hadoop.numbered(hadoop.root, "year", {night.year for night in wanted}):
        months = {night.month for night in wanted if night.year == year}
        for month, month_path in hadoop.numbered(year_path, "month", months):
            days = {night.day for night in wanted if (night.year, night.month) == (year, month)}
            for day, day_path in hadoop.numbered(month_path, "day", days):
                found.setdefault(date(year, month, day), []).append(day_path)
    return {night: tuple(paths) for night, paths in found.items()}


class _Hadoop:
    """The few calls of Hadoop's filesystem interface that a lake needs."""

    def __init__(self, spark: SparkSession, location: str) -> None:
        from py4j.protocol import Py4JJavaError

        self._path = spark._jvm.org.apache.hadoop.fs.Path  # type: ignore[union-attr]
        self._conf = spark._jsparkSession.sessionState().newHadoopConf()
        self.root = location
        try:
            path = self._path(location)
            self._files = path.getFileSystem(self._conf)
            exists = self._files.exists(path) and self._files.getFileStatus(path).isDirectory()
        except Py4JJavaError as error:
            said = str(error.java_exception.getMessage() or error.java_exception.getClass().getSimpleName())
            raise UsageError(f"cannot look at the lake {location}: {said}") from None
        if not exists:
            raise UsageError(f"the lake {location} is not a folder; set source.lake or ALERTFERRY_LAKE_<SURVEY>")

    def numbered(self, folder: str, name: str, wanted: set[int]) -> list[tuple[int, str]]:
        """Return (number, path) of the subfolders ``name=number`` whose number is wanted."""
        found = []
        for status in self._files.listStatus(self._path(folder)):
            match = _FOLDER.match(status.getPath().getName())
            if match and match[1] == name and int(match[2]) in wanted and status.isDirectory():
                found.append((int(match[2]), status.getPath().toString()))
        return sorted(found)

    def files(self, folder: str) -> list[Any]:
        """Return the statuses of the visible files of a folder, by name."""
        found = [
            status
            for status in self._files.listStatus(self._path(folder))
            if status.isFile() and not status.getPath().getName().startswith((".", "_"))
        ]
        return sorted(found, key=lambda status: str(status.getPath().getName()))


class Footers:
    """Reads parquet footers in the JVM, each once as long as its file stays as it is; equal schemas are one."""

    def __init__(self, spark: SparkSession) -> None:
        jvm = spark._jvm
        state = spark._jsparkSession.sessionState()
        self._conf = state.newHadoopConf()
        self._path = jvm.org.apache.hadoop.fs.Path  # type: ignore[union-attr]
        self._input = jvm.org.apache.parquet.hadoop.util.HadoopInputFile  # type: ignore[union-attr]
        self._reader = jvm.org.apache.parquet.hadoop.ParquetFileReader  # type: ignore[union-attr]
        self._metadata = jvm.org.apache.parquet.hadoop.metadata.ParquetMetadata  # type: ignore[union-attr]
        parquet = jvm.org.apache.spark.sql.execution.datasources.parquet  # type: ignore[union-attr]
        self._converter = parquet.ParquetToSparkSchemaConverter(state.conf())
        self._schemas: list[tuple[int, Any, Struct]] = []
        self._files: dict[tuple[str, int, int], LakeFile] = {}
        self._measured: tuple[LakeFile, tuple[dict[str, float], dict[str, float]]] | None = None

    def read(self, night: date, status: Any) -> LakeFile:
        """Read one footer. Raises `DamagedError` naming the file when it is empty or damaged."""
        path, size = str(status.getPath().toString()), int(status.getLen())
        version = (path, size, int(status.getModificationTime()))
        if version in self._files:
            return self._files[version]
        if size == 0:
            raise DamagedError(f"{path} is empty (0 bytes); remove it from the lake or write it again")
        with self._open(path, lambda: self._input.fromStatus(status, self._conf)) as reader:
            found = self._describe(reader, path, night)
        if len(self._files) >= _REMEMBERED_FOOTERS:
            self._files.clear()
        return self._files.setdefault(version, found)

    @contextmanager
    def _open(self, path: str, source: Callable[[], Any]) -> Iterator[Any]:
        from py4j.protocol import Py4JJavaError

        try:
            reader = self._reader.open(source())
        except Py4JJavaError as error:
            said = str(error.java_exception.getMessage()).splitlines()[0]
            raise DamagedError(f"{path} is not a whole parquet file ({said}); write it again") from None
        try:
            yield reader
        finally:
            reader.close()

    def _describe(self, reader: Any, path: str, night: date) -> LakeFile:
        size = sum(block.getTotalByteSize() for block in reader.getRowGroups())
        return LakeFile(path, night, reader.getRecordCount(), size, self._schema(reader.getFileMetaData().getSchema()))

    def _schema(self, message: Any) -> Struct:
        code = message.hashCode()
        for known_code, known, found in self._schemas:
            if known_code == code and known.equals(message):
                return found
        schema = from_spark(json.loads(self._converter.convert(message).json()))
        assert isinstance(schema, Struct)
        self._schemas.append((code, message, schema))
        return schema

    def column_sizes(self, files: Sequence[LakeFile]) -> tuple[dict[str, float], dict[str, float]]:
        """Return bytes an alert by root column, uncompressed and as stored, measured on the largest file.

        What is stored without compression is missing among the latter.
        """
        largest = max((file for file in files if file.alerts), key=attrgetter("bytes"), default=None)
        if largest is None:
            return {}, {}
        if self._measured is None or self._measured[0] is not largest:
            self._measured = largest, self._measure(largest)
        return self._measured[1]

    def _measure(self, file: LakeFile) -> tuple[dict[str, float], dict[str, float]]:
        sizes, stored = defaultdict[str, float](float), defaultdict[str, float](float)
        with self._open(file.path, lambda: self._input.fromPath(self._path(file.path), self._conf)) as reader:
            blocks = json.loads(self._metadata.toJSON(reader.getFooter()))["blocks"]
        for block in blocks:
            for column in block["columns"]:
                root = _column_path(column)[0]
                sizes[root] += column["totalUncompressedSize"] / file.alerts
                if column["codec"] != "UNCOMPRESSED":
                    stored[root] += column["totalSize"] / file.alerts
        return dict(sizes), dict(stored)


def _column_path(column: Mapping[str, Any]) -> list[str]:
    path = column["path"]
    return list(path) if isinstance(path, list) else str(path).strip("[]").split(", ")

"""Writing packets as parquet to any Hadoop filesystem, without Kafka: whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field

from alertferry.core.content import PacketOutput
from alertferry.core.errors import AlertferryError, Problem, UsageError
from alertferry.core.hooks import hookimpl
from alertferry.core.pandas_types import pandas_metadata
from alertferry.core.places import absolute, for_hadoop, on_this_disk, within
from alertferry.core.receipt import RECEIPT_FILE, RECORDS_SUFFIX
from alertferry.core.schema import Struct
from alertferry.core.steps import Alerts, Output, Report
from alertferry.core.survey import Survey
from alertferry.plugins.outputs import packing
from alertferry.plugins.outputs.measures import Measures, observed
from alertferry.plugins.outputs.packing import Packing
from alertferry.plugins.outputs.repeats import FIRST, with_first, without_repeats

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, Observation

    from alertferry.core.run import Run

_KEY = "__alertferry_key"
_CONTENT = "__alertferry_content"

_MARK = "mapreduce.fileoutputcommitter.marksuccessfuljobs"
"""Whether Hadoop marks a folder as whole by an empty file, which some readers take for a parquet file."""

_COLUMNS = "columns.parquet"
"""Before all others in the order of names, so that pandas and dask find what it says of the columns."""

_PARQUET = b"PAR1"

_LONGEST_NAME = 255 - len(b"..partial-01234567")
"""Bytes of a folder's name: a disk takes 255 for the name that it has until it is complete."""

_LONGEST_PATH = 4095 - 300
"""Bytes of its whole path: a disk takes 4,095 for those of the files that Spark writes in it."""


class Files(PacketOutput):
    """Write packets as parquet files with a receipt.

    The folder appears under its name only when everything is in it.
    """

    kind: ClassVar[str] = "files"

    path: Annotated[str, Field(min_length=1)]
    """Folder to make, as a path or URL; it must not exist yet. Relative ones start where the job was submitted."""

    def problems(self, survey: Survey, schema: Struct, added: Sequence[str]) -> Iterator[Problem]:
        """Yield unknown packets and fields, and a folder whose name no disk takes."""
        yield from super().problems(survey, schema, added)
        try:
            path = on_this_disk(absolute(self.path))
        except UsageError as error:
            yield Problem("path", str(error))
            return
        if path and len(os.fsencode(path.name)) > _LONGEST_NAME:
            yield Problem("path", f"the folder's name has more than {_LONGEST_NAME} bytes; give it a shorter one")
        elif path and len(os.fsencode(path)) > _LONGEST_PATH:
            yield Problem("path", f"has more than {_LONGEST_PATH:,} bytes from the root on; choose a shorter one")
        elif path and (link := next((each for each in (path, *path.parents) if _leads_nowhere(each)), None)):
            yield Problem("path", f"{link} is a link that leads nowhere; choose another folder")

    def problems_with_lake(self, lake: str) -> Iterator[Problem]:
        """Yield that the folder is in the lake, or the lake in it: packets would be taken for alerts."""
        folder = absolute(self.path)
        if within(folder, lake):
            yield Problem("path", f"{folder} is in the lake that is read, {lake}; choose a folder outside of it")
        elif within(lake, folder):
            yield Problem("path", f"the lake that is read, {lake}, is in {folder}; choose another folder")

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a typical folder."""
        return (cls(path="alerts", packet="medium"),)

    def write(self, alerts: Alerts, run: Run) -> Report:
        """Write beside the target, add the receipt, rename."""
        from pyspark.sql import functions as F

        folder = _Folder(run, for_hadoop(absolute(self.path)))
        folder.refuse_existing()
        packed = packing.look_for_repeats(packing.pack(self, alerts, run), run)
        manifest = packing.manifest(run, alerts, packed, folder.target, datetime.now(UTC).isoformat())
        rows, left_out = _rows(alerts, packed)
        frame, seen = observed(rows, F.col(_KEY), F.lit(0))
        try:
            with run.timed("write"):
                plain = frame.drop(_KEY, FIRST).write.option(_MARK, "false")
                plain.parquet(folder.partial, compression="zstd")
                folder.tidy()
            measured = packing.receipt(run, alerts, packed, Measures.of(seen, *left_out))
            receipt = measured.model_copy(update={"bytes": folder.size()})
            complete = manifest.model_copy(update={"state": "complete", "receipt": receipt})
            former = folder.finish(complete.to_json())
        except BaseException:  # also when interrupted: nothing half-written stays
            folder.drop()
            raise
        if former is not None:
            kept = f"the files that were in {folder.target} before are gone from there; their records are in {former}"
            run.warn("output", [Problem("path", kept)])
        return Report(destination=folder.target, receipt=receipt)


def _rows(alerts: Alerts, packed: Packing) -> tuple[DataFrame, tuple[Observation, ...]]:
    """Return the packets' columns with their key, without repeats: equal are those that are equal as Avro."""
    wanted = [packed.key.alias(_KEY), *packed.columns]
    if packed.repeated is None:
        return with_first(alerts.frame.select(*wanted), _KEY), ()
    again = alerts.frame.where(packed.repeated).select(*wanted, packed.encoded().alias(_CONTENT))
    once, left_out = without_repeats(again, _KEY, _CONTENT)
    others = with_first(alerts.frame.where(~packed.repeated).select(*wanted), _KEY)
    return others.union(once.drop(_CONTENT)), (left_out,)


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


class _Folder:
    """A folder that is written under another name and renamed when complete."""

    def __init__(self, run: Run, path: str) -> None:
        jvm = run.spark._jvm
        assert jvm is not None
        self._jvm: Any = jvm
        self._path: Any = jvm.org.apache.hadoop.fs.Path
        conf = run.spark._jsparkSession.sessionState().newHadoopConf()
        self._files = self._path(path).getFileSystem(conf)
        target = self._files.makeQualified(self._path(path))
        self.target = str(target.toString())
        around = str(target.getParent().toString()).rstrip("/")  # Hadoop joins no names with a colon
        self.partial = f"{around}/.{target.getName()}.partial-{secrets.token_hex(4)}"
        self.records = f"{around}/_{target.getName()}{RECORDS_SUFFIX}"

    def refuse_existing(self) -> None:
        if self._files.exists(self._path(self.target)):
            raise UsageError(f"output.path: {self.target} exists already; choose another folder or remove it")

    def size(self) -> int:
        """Return the bytes of the data files."""
        return sum(status.getLen() for status in self._data())

    def _data(self) -> list[Any]:
        statuses = self._files.listStatus(self._path(self.partial))
        return [status for status in statuses if not status.getPath().getName().startswith((".", "_"))]

    def tidy(self) -> None:
        """Leave nothing but alerts, and say in a file without any how pandas keeps their ids.

        Some readers open every file that they find; Hadoop puts a checksum beside each file on a local disk.
        """
        first = min(self._data(), key=lambda status: status.getLen(), default=None)
        if first is not None:
            self._write(f"{self.partial}/{_COLUMNS}", columns_only(self._footer(first)))
        if self._files.getScheme() == "file":
            raw = self._files.getRawFileSystem()
            for status in raw.listStatus(self._path(self.partial)):
                if status.getPath().getName().startswith((".", "_")):
                    raw.delete(status.getPath(), False)

    def _footer(self, status: Any) -> bytes:
        """Return the footer of a parquet file, its length included."""
        stream = self._files.open(status.getPath())
        try:
            stream.seek(status.getLen() - 8)
            length = int.from_bytes(self._take(stream, 4), "little")
            stream.seek(status.getLen() - 8 - length)
            return self._take(stream, length + 4)
        finally:
            stream.close()

    def _take(self, stream: Any, count: int) -> bytes:
        return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream, count))

    def _write(self, path: str, content: bytes) -> None:
        stream = self._files.create(self._path(path))
        try:
            stream.write(content)
        finally:
            stream.close()

    def finish(self, receipt: str) -> str | None:
        """Put the receipt beside the target, where no reader of it finds it; then let the folder appear.

        Return where the records are of a folder that was there before.
        """
        self.refuse_existing()
        former = self._keep_former()
        self._write(f"{self.records}/{RECEIPT_FILE}", receipt.encode())
        if not self._files.rename(self._path(self.partial), self._path(self.target)):
            self._files.delete(self._path(self.records), True)
            raise AlertferryError(f"{self.partial} cannot be renamed to {self.target}; check the rights on its parent")
        return former

    def _keep_former(self) -> str | None:
        """Put records aside that are there already, of a folder that was removed or moved; return where they are."""
        if not self._files.exists(self._path(self.records)):
            return None
        names = (f"{self.records}.{number}" for number in count(1))
        former = next(name for name in names if not self._files.exists(self._path(name)))
        if not self._files.rename(self._path(self.records), self._path(former)):
            raise AlertferryError(f"{self.records} cannot be renamed to {former}; check the rights on its parent")
        return former

    def drop(self) -> None:
        self._files.delete(self._path(self.partial), True)


def columns_only(footer: bytes) -> bytes:
    """Return a parquet file without rows, of the columns of another whose footer is given, with types for pandas."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    known = pq.read_metadata(pa.BufferReader(_PARQUET + footer + _PARQUET))
    schema = known.schema.to_arrow_schema().remove_metadata()
    columns = (known.schema.column(index) for index in range(known.num_columns))
    sink = pa.BufferOutputStream()
    old_times = any(column.physical_type == "INT96" for column in columns)
    with pq.ParquetWriter(sink, schema, store_schema=False, use_deprecated_int96_timestamps=old_times) as writer:
        writer.add_key_value_metadata(pandas_metadata(schema))
    return bytes(sink.getvalue())


@hookimpl
def register_outputs() -> Sequence[type[Output]]:
    """Offer ``kind: files``."""
    return [Files]

"""The files of a lake as Spark has them: listed and read in its Java, and made into a relation of exactly those files.

Spark is told which files there are. It lists nothing itself, so that nothing else can be read: not what a streaming
job's log says, not what a name with ``[`` or ``*`` matches.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from alertferry.core.catalyst import java
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.footers import Footer, checked, from_end, read_local, refusal
from alertferry.core.hadoop_errors import cause, java_text
from alertferry.core.lake_files import (
    DEEPEST,
    FileChangedError,
    ListedFile,
    MissingError,
    is_hidden,
    list_files,
    night_of,
    numbered,
    ordered,
)
from alertferry.core.places import for_hadoop
from alertferry.core.schema import Field, Primitive, Struct, to_json
from alertferry.core.survey import PARTITION_COLUMNS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_log = logging.getLogger(__name__)
_SOURCES = "org.apache.spark.sql.execution.datasources"
_NIGHT = Struct(tuple(Field(name, Primitive("int")) for name in PARTITION_COLUMNS))
_WITHOUT_CHECKSUMS = {
    "fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "fs.file.impl.disable.cache": "true",
}
"""Options by which Hadoop looks for no hidden ``.crc`` file: beside a file with a ``:`` in its name it cannot."""

LAKE_FILES = Path(__file__).parent / "encoder" / "LakeFiles.java"
_STRICT = {"ignoreCorruptFiles": "false", "ignoreMissingFiles": "false"}


@dataclass
class SparkLake:
    """A lake's folder, seen by one Spark session. Raises `UsageError` where there is none."""

    spark: SparkSession
    location: str

    def __post_init__(self) -> None:
        from py4j.protocol import Py4JJavaError

        try:
            self._path = self._jvm.org.apache.hadoop.fs.Path(for_hadoop(self.location))
            self._conf = self.spark._jsparkSession.sessionState().newHadoopConf()
            self._system = self._path.getFileSystem(self._conf)
            exists = self._system.exists(self._path) and self._system.getFileStatus(self._path).isDirectory()
        except Py4JJavaError as error:
            raise self._refused(error) from None
        if not exists:
            raise MissingError(f"the lake {self.location} is not a folder; set source.lake or ALERTFERRY_LAKE_<SURVEY>")
        self.is_local = str(self._system.getUri().getScheme()) == "file"
        if self.is_local:
            for name, value in _WITHOUT_CHECKSUMS.items():
                self._conf.set(name, value)
        self._helper = _helper(self.spark)

    @property
    def root(self) -> str:
        """The lake's folder, as the paths of its files begin."""
        qualified = self._path if self.is_local else self._system.makeQualified(self._path)
        return str(qualified.toUri().getPath() if self.is_local else qualified.toString())

    @property
    def _scheme(self) -> str:
        """What goes before a file's path."""
        return "file:" if self.is_local else ""

    @property
    def _jvm(self) -> Any:
        return self.spark._jvm

    def _refused(self, error: Any) -> AlertferryError:
        text = java_text(error.java_exception)
        known = cause(text)
        if known:
            return known.kind(f"cannot look at the lake {self.location}: {known}")
        said = str(error.java_exception.getMessage() or error.java_exception.getClass().getSimpleName())
        kind = MissingError if "FileNotFoundException" in text else UsageError
        return kind(f"cannot look at the lake {self.location}: {said.splitlines()[0]}")

    def files(self, nights: Sequence[date]) -> list[ListedFile]:
        """Return the files of nights, by night and path. Raises `UsageError`."""
        from py4j.protocol import Py4JJavaError

        if self.is_local:
            return list_files(self.root, nights)
        try:
            if self._helper is None:
                return ordered(_walked(self._system, self._path, set(nights)))
            text = self._helper.list(self._conf, self._path.toString(), "\0".join(map(str, nights)))
        except Py4JJavaError as error:
            raise self._refused(error) from None
        return ordered(
            ListedFile(path, date.fromisoformat(night), int(size), int(changed), changed)
            for night, path, size, changed in _records(text, 4)
        )

    def read(self, files: Sequence[ListedFile]) -> Sequence[Footer]:
        """Return the footers of files. Raises as `alertferry.core.footers.refusal` says, naming a file."""
        from py4j.protocol import Py4JJavaError

        if self.is_local or not files:
            return read_local(files)
        if self._helper is None:
            return [_read(self._system, file, self._jvm.org.apache.hadoop.fs.Path(file.path)) for file in files]
        try:
            text = self._helper.footers(self._conf, "\0".join(file.path for file in files))
        except Py4JJavaError as error:
            raise self._refused(error) from None
        fields = text.split("\0")[:-1]
        schemas = [base64.b64decode(field) for field in fields[2 * len(files) :]]
        pairs = zip(fields[: 2 * len(files) : 2], fields[1 : 2 * len(files) : 2], strict=True)
        return [_footer(file, *pair, schemas) for file, pair in zip(files, pairs, strict=True)]

    def frame(self, files: Sequence[ListedFile], schema: Struct) -> DataFrame:
        """Return the alerts of files as Spark reads them with a schema; then their year, month and day."""
        return frame_of(self.spark, files, schema, self._scheme, self._helper)

    def described(self, file: ListedFile) -> list[dict[str, Any]]:
        """Return what the footer of a file says of its row groups; nothing where Java cannot tell.

        It is for estimates of sizes only: what is wrong with the file is told by whoever reads its alerts.
        """
        from py4j.protocol import Py4JJavaError

        parquet = self._jvm.org.apache.parquet.hadoop
        path = self._jvm.org.apache.hadoop.fs.Path(f"{self._scheme}{file.path}")
        try:
            reader = parquet.ParquetFileReader.open(parquet.util.HadoopInputFile.fromPath(path, self._conf))
            try:
                return list(json.loads(parquet.metadata.ParquetMetadata.toJSON(reader.getFooter()))["blocks"])
            finally:
                reader.close()
        except Py4JJavaError as error:
            _log.info("the sizes of columns are not known: %s", java_text(error.java_exception))
            return []


def frame_of(
    spark: SparkSession, files: Sequence[ListedFile], schema: Struct, scheme: str, helper: Any | None
) -> DataFrame:
    """Return the alerts of files. Raises `FileChangedError` when Spark sees others.

    ``scheme`` goes before each path; what a file has of its own as year, month or day is not read.
    """
    from pyspark.sql import DataFrame

    jvm, session = spark._jvm, spark._jsparkSession
    assert jvm is not None
    types = jvm.org.apache.spark.sql.types.DataType
    nights = types.fromJson(to_json(_NIGHT))
    index = _index(spark, files, scheme, nights, helper)
    facts = "\n".join(f"{file.path} {file.size} {file.version}" for file in files)
    options = jvm.java.util.HashMap()
    # Spark takes relations of the same folders for the same, and would answer one from what it keeps of another
    odd = scheme and any(":" in file.path.rpartition("/")[2] for file in files)
    for name, value in {
        **_STRICT,
        **(_WITHOUT_CHECKSUMS if odd else {}),
        "alertferry.files": hashlib.sha256(facts.encode()).hexdigest(),
    }.items():
        options.put(name, value)
    relation = getattr(jvm, f"{_SOURCES}.HadoopFsRelation")(
        index,
        nights,
        types.fromJson(to_json(schema)),
        jvm.scala.Option.empty(),
        getattr(jvm, f"{_SOURCES}.parquet.ParquetFileFormat")(),
        jvm.org.apache.spark.api.python.PythonUtils.toScalaMap(options),
        session,
    )
    return DataFrame(session.baseRelationToDataFrame(relation), spark)


def _index(spark: SparkSession, files: Sequence[ListedFile], scheme: str, nights: Any, helper: Any | None) -> Any:
    """Return Spark's view of some files, held against them: they are what a scan of it reads."""
    from py4j.protocol import Py4JJavaError

    if helper is None:
        return _slow_index(spark, files, scheme, nights)
    fields = [
        f"{file.night.year}\0{file.night.month}\0{file.night.day}\0{scheme}{file.path}\0{file.size}\0{file.changed_ms}"
        for file in files
    ]
    try:
        return helper.index(spark._jsparkSession, "\0".join(fields), nights)
    except Py4JJavaError as error:
        raise _other_files(str(error.java_exception.getMessage())) from None


def _other_files(which: str) -> FileChangedError:
    return FileChangedError(
        f"Spark does not see the files of the lake as they were listed ({which}); run the job again when nobody "
        "writes to these nights"
    )


def _slow_index(spark: SparkSession, files: Sequence[ListedFile], scheme: str, nights: Any) -> Any:
    """Return Spark's own view of files, which looks at each of them once more."""
    jvm, gateway = spark._jvm, spark.sparkContext._gateway
    assert jvm is not None
    assert gateway is not None
    paths, partitions = jvm.java.util.ArrayList(), {}
    for file in files:
        path = jvm.org.apache.hadoop.fs.Path(scheme + file.path)
        paths.add(path)
        folder = file.path.rpartition("/")[0]
        if folder not in partitions:
            values = gateway.new_array(jvm.java.lang.Object, 3)
            values[0], values[1], values[2] = file.night.year, file.night.month, file.night.day
            row = jvm.org.apache.spark.sql.catalyst.expressions.GenericInternalRow(values)
            partitions[folder] = getattr(jvm, f"{_SOURCES}.PartitionPath")(row, path.getParent())
    found = jvm.java.util.ArrayList()
    for partition in partitions.values():
        found.add(partition)
    as_seq = jvm.org.apache.spark.api.python.PythonUtils.toSeq
    none = jvm.scala.Option.empty()
    spec = getattr(jvm, f"{_SOURCES}.PartitionSpec")(nights, as_seq(found))
    index = getattr(jvm, f"{_SOURCES}.InMemoryFileIndex")(
        spark._jsparkSession,
        as_seq(paths),
        jvm.org.apache.spark.api.python.PythonUtils.toScalaMap(jvm.java.util.HashMap()),
        none,
        getattr(getattr(jvm, f"{_SOURCES}.NoopCache$"), "MODULE$"),
        jvm.scala.Option.apply(spec),
        none,
    )
    statuses = index.allFiles().toList()
    seen = {
        (str(status.getPath().toString()), int(status.getLen()), int(status.getModificationTime()))
        for status in (statuses.apply(number) for number in range(statuses.size()))
    }
    listed = {(scheme + file.path, file.size, file.changed_ms) for file in files}
    if seen != listed:
        raise _other_files(min(seen ^ listed)[0])
    return index


_HELPERS: WeakKeyDictionary[Any, Any | None] = WeakKeyDictionary()
"""By Spark context: the object of our Java class, which knows the files that it has listed."""


def _helper(spark: SparkSession) -> Any | None:
    """Return our Java class at work; None where there is none."""
    context = spark.sparkContext
    if context not in _HELPERS:
        _HELPERS[context] = _new_helper(spark)
    return _HELPERS[context]


def _new_helper(spark: SparkSession) -> Any | None:
    """Return an object of our Java class: of the jar, else compiled here and now; None, with a warning, without it."""
    from py4j.java_gateway import JavaClass
    from py4j.protocol import Py4JError

    found = java(spark, "alertferry.LakeFiles")
    if isinstance(found, JavaClass):
        return found()
    jvm = spark._jvm
    assert jvm is not None
    try:
        compiler = jvm.org.codehaus.janino.SimpleCompiler()
        compiler.setParentClassLoader(jvm.java.lang.Thread.currentThread().getContextClassLoader())
        compiler.cook(LAKE_FILES.read_text())
        return compiler.getClassLoader().loadClass("alertferry.LakeFiles").newInstance()
    except Py4JError as error:
        _log.warning(
            "our reader of lakes cannot be compiled; files are looked at one by one, which is slow:\n%s", error
        )
        return None


def _records(text: str, fields: int) -> Iterable[Sequence[str]]:
    parts = text.split("\0")[:-1]
    return (parts[start : start + fields] for start in range(0, len(parts), fields))


def _footer(file: ListedFile, said: str, number: str, schemas: Sequence[bytes]) -> Footer:
    if number == "-1":
        raise refusal(file, said)
    return checked(file, Footer(int(said), schemas[int(number)]))


def _walked(files: Any, root: Any, nights: set[date]) -> Iterable[ListedFile]:
    """Yield the files of nights, asking for every folder and file by itself."""
    places: list[tuple[tuple[int, ...], Any]] = [((), root)]
    for name in ("year", "month", "day"):
        places = [
            ((*numbers, number), status.getPath())
            for numbers, folder in places
            for status in files.listStatus(folder)
            if (number := numbered(str(status.getPath().getName()), name)) is not None and status.isDirectory()
        ]
    for numbers, folder in places:
        night = night_of(numbers)
        if night in nights:
            yield from _below(files, night, folder, DEEPEST)


def _below(files: Any, night: date, folder: Any, depth: int) -> Iterable[ListedFile]:
    for status in files.listStatus(folder):
        if is_hidden(str(status.getPath().getName())):
            continue
        if status.isDirectory():
            if depth == 0:
                raise UsageError(f"{folder.toString()} is nested too deeply: does a link in it lead back? remove it")
            yield from _below(files, night, status.getPath(), depth - 1)
        else:
            changed = int(status.getModificationTime())
            yield ListedFile(str(status.getPath().toString()), night, int(status.getLen()), changed, str(changed))


def _read(files: Any, file: ListedFile, path: Any) -> Footer:
    """Read a footer, byte by byte as it were."""
    stream = files.open(path)
    try:

        def end(size: int) -> bytes:
            stream.seek(file.size - size)
            return bytes(stream.readNBytes(size))

        return from_end(file, end)
    finally:
        stream.close()

"""The files of a lake as Spark has them: listed and read in its Java, and made into a relation of exactly those files.

Spark is told which files there are. It lists nothing itself, so that nothing else can be read: not what a streaming
job's log says, not what a name with ``[`` or ``*`` matches.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from alertferry.core.catalyst import java
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.footers import Footer, checked, read_local, refusal
from alertferry.core.hadoop_errors import cause, java_text
from alertferry.core.lake_files import (
    FileChangedError,
    ListedFile,
    MissingError,
    fingerprint,
    is_settled,
    list_files,
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
        listed = time.time()
        try:
            text = self._helper.list(self._conf, self._path.toString(), "\0".join(map(str, nights)))
        except Py4JJavaError as error:
            raise self._refused(error) from None
        return ordered(
            ListedFile(
                path, date.fromisoformat(night), int(size), int(changed), changed, is_settled(int(changed), listed)
            )
            for night, path, size, changed in _records(text, 4)
        )

    def read(self, files: Sequence[ListedFile]) -> Sequence[Footer]:
        """Return the footers of files. Raises as `alertferry.core.footers.refusal` says, naming a file."""
        from py4j.protocol import Py4JJavaError

        if self.is_local or not files:
            return read_local(files)
        facts = "\0".join(f"{file.path}\0{file.size}\0{file.changed_ms}" for file in files)
        try:
            text = self._helper.footers(self._conf, facts)
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


def frame_of(spark: SparkSession, files: Sequence[ListedFile], schema: Struct, scheme: str, helper: Any) -> DataFrame:
    """Return the alerts of files. Raises `FileChangedError` when Spark sees others.

    ``scheme`` goes before each path; what a file has of its own as year, month or day is not read.
    """
    from pyspark.sql import DataFrame

    jvm, session = spark._jvm, spark._jsparkSession
    assert jvm is not None
    types = jvm.org.apache.spark.sql.types.DataType
    nights = types.fromJson(to_json(_NIGHT))
    index = _index(spark, files, scheme, nights, helper)
    options = jvm.java.util.HashMap()
    # Spark takes relations of the same folders for the same, and would answer one from what it keeps of another
    odd = scheme and any(":" in file.path.rpartition("/")[2] for file in files)
    for name, value in {
        **_STRICT,
        **(_WITHOUT_CHECKSUMS if odd else {}),
        "alertferry.files": fingerprint(files),
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


def _index(spark: SparkSession, files: Sequence[ListedFile], scheme: str, nights: Any, helper: Any) -> Any:
    """Return Spark's view of some files, held against them: they are what a scan of it reads."""
    from py4j.protocol import Py4JJavaError

    fields = [
        f"{file.night.year}\0{file.night.month}\0{file.night.day}\0{scheme}{file.path}\0{file.size}\0{file.changed_ms}"
        for file in files
    ]
    try:
        return helper.index(spark._jsparkSession, "\0".join(fields), nights)
    except Py4JJavaError as error:
        raise FileChangedError(
            f"Spark does not see the files of the lake as they were listed ({error.java_exception.getMessage()}); run "
            "the job again when nobody writes to these nights"
        ) from None


_HELPERS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""By Spark context: the object of our Java class, which knows the files that it has listed."""


def _helper(spark: SparkSession) -> Any:
    """Return our Java class at work. Raises `AlertferryError` where there is none."""
    context = spark.sparkContext
    if context not in _HELPERS:
        _HELPERS[context] = _new_helper(spark)
    return _HELPERS[context]


def _new_helper(spark: SparkSession) -> Any:
    """Return an object of our Java class: of the jar, else compiled here and now by Janino, which Spark needs too."""
    from py4j.java_gateway import JavaClass
    from py4j.protocol import Py4JError, Py4JJavaError

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
    except (Py4JError, TypeError) as error:  # a class that is not there is a package, which cannot be called
        why = error.java_exception.getMessage() if isinstance(error, Py4JJavaError) else error
        said = " ".join(str(why).split())[:200]
        raise AlertferryError(
            f"the reader of lakes cannot be compiled in this Spark ({said}); install the pyspark that alertferry asks "
            "for, with all of its jars"
        ) from None


def _records(text: str, fields: int) -> Iterable[Sequence[str]]:
    parts = text.split("\0")[:-1]
    return (parts[start : start + fields] for start in range(0, len(parts), fields))


def _footer(file: ListedFile, said: str, number: str, schemas: Sequence[bytes]) -> Footer:
    if number == "-1":
        raise refusal(file, said)
    return checked(file, Footer(int(said), schemas[int(number)]))

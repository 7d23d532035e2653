"""The jar of our Java classes, compiled on first use by the compiler that Spark brings."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import tempfile
from pathlib import Path

from alertferry.core.jars import pyspark_folder, run_java
from alertferry.core.locks import folder_lock

JAR_NAME = "alertferry-encoder"
"""What the name of the jar begins with."""

_SOURCES = tuple(Path(__file__).with_name(name) for name in ("AvroEncoder.java", "LakeFiles.java"))
_MAKER = Path(__file__).with_name("MakeJar.java")
_COMPILE_SECONDS = 120
_log = logging.getLogger(__name__)


def encoder_jar(home: Path) -> Path | None:
    """Return the jar of our classes for the installed Spark, making it in ``home/jars`` on first use.

    None, with a warning, where it cannot be compiled: Spark's own encoder writes the same, and takes longer; the
    reader of lakes is then compiled in each session.

    Raises
    ------
    UsageError
        Java or pyspark is missing, or the folder cannot be written to.
    """
    spark = pyspark_folder() / "jars"
    jar = home / "jars" / f"{JAR_NAME}-{_identity(spark)}.jar"
    if jar.is_file():
        return jar
    with folder_lock(jar.parent):
        return jar if jar.is_file() or _compile(spark, jar) else None


def _identity(spark: Path) -> str:
    """Return what the jar depends on, in short: our sources and the Spark they are compiled for."""
    sources = [source.read_bytes() for source in _SOURCES]
    parts = [*sources, *(jar.name.encode() for jar in sorted(spark.glob("spark-catalyst_*.jar")))]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:8]


def _compile(spark: Path, jar: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix=".compiling-", dir=jar.parent) as scratch:
        made = Path(scratch) / jar.name
        classes = ["-cp", os.fspath(spark / "*"), "org.codehaus.janino.SimpleCompiler"]
        try:
            done = run_java([*classes, str(_MAKER), "MakeJar", str(made), *map(str, _SOURCES)], _COMPILE_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning("our Java classes were not compiled within %s s; Spark's own are used", _COMPILE_SECONDS)
            return False
        if done.returncode != 0:
            _log.warning("our Java classes cannot be compiled; Spark's own are used, and are slower:\n%s", done.stderr)
            return False
        made.replace(jar)
    return True

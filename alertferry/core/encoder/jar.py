"""The jar of our encoder, compiled on first use by the compiler that Spark brings."""

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

_SOURCE = Path(__file__).with_name("AvroEncoder.java")
_MAKER = Path(__file__).with_name("MakeJar.java")
_COMPILE_SECONDS = 120
_log = logging.getLogger(__name__)


def encoder_jar(home: Path) -> Path | None:
    """Return the jar of the encoder for the installed Spark, making it in ``home/jars`` on first use.

    None, with a warning, where it cannot be compiled: Spark's own encoder does the same, and takes longer.

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
    """Return what the jar depends on, in short: our source and the Spark it is compiled for."""
    parts = [_SOURCE.read_bytes(), *(jar.name.encode() for jar in sorted(spark.glob("spark-catalyst_*.jar")))]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:8]


def _compile(spark: Path, jar: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix=".compiling-", dir=jar.parent) as scratch:
        made = Path(scratch) / jar.name
        classes = ["-cp", os.fspath(spark / "*"), "org.codehaus.janino.SimpleCompiler"]
        try:
            done = run_java([*classes, str(_MAKER), "MakeJar", str(_SOURCE), str(made)], _COMPILE_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning("the packet encoder was not compiled within %s s; Spark's own is used", _COMPILE_SECONDS)
            return False
        if done.returncode != 0:
            _log.warning("the packet encoder cannot be compiled; Spark's own is used, and is slower:\n%s", done.stderr)
            return False
        made.replace(jar)
    return True

"""The Java that Spark runs in: connectors on its class path, a start from kept classes, compiling only what is hot.

On two cores, much of a small job's time went into loading classes one by one, and into the optimising compiler working
on code that ran for a moment.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from alertferry.core.class_archive import class_archive
from alertferry.core.errors import UsageError
from alertferry.core.jars import fetch_jars, jars_at_hand, pyspark_folder, utf8_environment
from alertferry.core.locks import folder_lock

_log = logging.getLogger(__name__)

CLASS_PATH = "spark.driver.extraClassPath"
JAVA_OPTIONS = "spark.driver.extraJavaOptions"

# Ten times the JDK's own thresholds of the optimising compiler: what a long job spends its time in is compiled a
# moment later, and what a short one runs once no longer keeps a core from its tasks.
COMPILE_LATER = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)
_QUIET = "-Xlog:cds*=off"  # an archive that no longer fits is not a fault: Java starts without it
_TRAINING_SECONDS = 300


def java_conf(packages: Sequence[str], home: Path, *options: str) -> dict[str, str]:
    """Return the Spark settings of a driver's Java: its class path and its options.

    Parameters
    ----------
    packages
        Maven coordinates of the connectors, fetched on first use; then the classes that a job loads are kept too.
    home
        The user's folder.
    options
        More options for Java.

    Raises
    ------
    UsageError, AlertferryError
        As `fetch_jars`.
    """
    fetched = not jars_at_hand(packages, home)
    jars = tuple(jar.resolve() for jar in fetch_jars(packages, home))  # the archive holds paths as they were
    archive = class_archive(jars) if jars else None
    if archive is not None and not archive.exists() and (fetched or _of_another_java(archive)):
        _train(jars, archive)
    kept = (f"-XX:SharedArchiveFile={archive}", _QUIET) if archive is not None and _plain(archive) else ()
    return {
        CLASS_PATH: _class_path(jars),
        JAVA_OPTIONS: " ".join((*COMPILE_LATER, *kept, *options)),
    }


def merged(conf: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Return a configuration with what a site has given: its Java options stand behind ours, the rest replaces."""
    both = {**conf, **given}
    if JAVA_OPTIONS in conf and JAVA_OPTIONS in given:
        both[JAVA_OPTIONS] = f"{conf[JAVA_OPTIONS]} {given[JAVA_OPTIONS]}"
    return both


def _class_path(jars: Sequence[Path]) -> str:
    # on the class path, not as spark.jars: one JVM needs no copies sent to itself
    return os.pathsep.join(map(str, jars))


def _plain(archive: Path) -> bool:
    """Whether the path can stand in Java options, which Spark parts at spaces and quotes."""
    return not any(character in str(archive) for character in " \t\"'\\")


def _of_another_java(archive: Path) -> bool:
    return any(archive.parent.glob("classes-*.jsa"))


def _train(jars: Sequence[Path], archive: Path) -> None:
    """Keep the classes that a small job loads. A failure costs later starts their speed, nothing else."""
    if not _plain(archive):
        return
    with folder_lock(archive.parent):
        if archive.exists():
            return
        _log.info("preparing Spark's classes for quicker starts (once, under a minute)")
        with tempfile.TemporaryDirectory(prefix=".training-", dir=archive.parent) as scratch:
            made = Path(scratch) / archive.name
            if not _run(jars, Path(scratch), made):
                made.unlink(missing_ok=True)
                made.touch()  # Java passes over an empty one; nobody tries again
            made.replace(archive)


def _run(jars: Sequence[Path], scratch: Path, made: Path) -> bool:
    options = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.local.dir": str(scratch / "local"),
        CLASS_PATH: _class_path(jars),
        # the optimising compiler leaves nothing in the archive
        JAVA_OPTIONS: f"-XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit={made} {_QUIET}",
    }
    confs = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
    script = Path(__file__).with_name("spark_training.py")
    spark = pyspark_folder()
    own = {"SPARK_HOME": str(spark), "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    try:
        done = subprocess.run(
            [str(spark / "bin" / "spark-submit"), *confs, str(script), str(scratch)],
            cwd=scratch,
            env={**utf8_environment(), **own},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRAINING_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UsageError) as error:
        _log.debug("no classes kept: %s", error)
        return False
    if done.returncode != 0 or not made.exists():
        _log.debug("no classes kept: %s", done.stderr[-2000:])
        return False
    return True

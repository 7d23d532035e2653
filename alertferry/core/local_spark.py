"""Spark on this machine: closed to others, the connectors on its class path, a quick start.

On two cores, much of a small job's time went into loading classes one by one, and into the optimising compiler working
on code that ran for a moment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from alertferry.core.class_archive import ClassArchive, class_archive
from alertferry.core.encoder.jar import encoder_jar
from alertferry.core.jars import fetch_jars, pyspark_folder

CLASS_PATH = "spark.driver.extraClassPath"
JAVA_OPTIONS = "spark.driver.extraJavaOptions"

COMPILE_LATER = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)
"""Java options for one job: ten times the JDK's own thresholds of the optimising compiler.

What a long job spends its time in is compiled a moment later, and what a short one runs once no longer keeps a core
from its tasks. A process that answers for hours is better off with the JDK's.
"""


def _use(archive: ClassArchive) -> tuple[str, ...]:
    return archive.use


def local_conf(
    packages: Sequence[str], home: Path, *options: str, classes: Callable[[ClassArchive], tuple[str, ...]] = _use
) -> dict[str, str]:
    """Return the Spark settings of a driver that serves this machine alone.

    Parameters
    ----------
    packages
        Maven coordinates of the connectors, fetched on first use.
    home
        The user's folder.
    options
        More options for Java.
    classes
        What to do with the archive of classes, as options for Java; else it is used where there is one.

    Raises
    ------
    UsageError, AlertferryError
        As `fetch_jars`.
    """
    fetched = fetch_jars(packages, home)
    ours = encoder_jar(home) if fetched else None
    jars = tuple(jar.resolve() for jar in (*fetched, ours) if jar)  # an archive holds paths as they are
    kept = classes(class_archive(jars, sorted((pyspark_folder() / "jars").resolve().glob("*.jar")))) if jars else ()
    return {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        CLASS_PATH: os.pathsep.join(map(str, jars)),  # not as spark.jars: one JVM needs no copies sent to itself
        JAVA_OPTIONS: " ".join((*kept, *options)),
    }


def python_environment() -> dict[str, str]:
    """Return the environment variables by which Spark, and the Python that it starts, are those that run this.

    Java opens files with names outside of ASCII in a UTF-8 locale only.
    """
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    locale = {"LC_ALL": "C.UTF-8"} if sys.platform == "linux" else {}
    return {"SPARK_HOME": str(pyspark_folder()), **python, **locale}


def merged(conf: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """Return a configuration with what a site has given: its Java options stand behind ours, the rest replaces."""
    both = {**conf, **given}
    if JAVA_OPTIONS in conf and JAVA_OPTIONS in given:
        both[JAVA_OPTIONS] = f"{conf[JAVA_OPTIONS]} {given[JAVA_OPTIONS]}"
    return both

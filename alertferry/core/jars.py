"""Java libraries by Maven coordinate, fetched once per user by the Ivy that pyspark ships.

Nothing is written outside the given home: libraries go to ``home/jars``, Ivy's own cache to ``home/ivy``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.locks import folder_lock
from alertferry.core.passed_environment import passed_environment

_COORDINATE = re.compile(r"([\w.-]+):([\w.-]+):([\w.-]+)", re.ASCII)
_log = logging.getLogger(__name__)

_CONTENTS = "contents.json"
_FETCH_SECONDS = 1800

# Spark's own class path always wins over added jars, so its own modules need no second copy.
_SPARK_PROVIDES = (
    ("org.apache.spark", re.compile(r"(spark-.+_2\.\d+)-\d.*\.jar")),
    ("org.apache.hadoop", re.compile(r"(hadoop-client-.+?)-\d.*\.jar")),
    ("org.scala-lang", re.compile(r"(scala-library)-\d.*\.jar")),
)

_IVY_SETTINGS = """\
<ivysettings>
  <settings defaultResolver="central"/>
  <timeout-constraints>
    <timeout-constraint name="patient" connectionTimeout="20000" readTimeout="120000"/>
  </timeout-constraints>
  <resolvers>
    <ibiblio name="central" m2compatible="true" timeoutConstraint="patient"/>
  </resolvers>
</ivysettings>
"""


def fetch_jars(
    coordinates: Sequence[str], home: Path, *, for_spark: bool = True, ivy_settings: Path | None = None
) -> tuple[Path, ...]:
    """Return the jars of Maven coordinates and of all they need at run time, fetching them on first use.

    Parameters
    ----------
    coordinates
        ``group:artifact:version`` each; resolved together, so that versions agree.
    home
        The user's folder; jars are kept in ``home/jars`` under a name that tells the coordinates.
    for_spark
        Leave out what the installed Spark has already, as ``spark-submit --packages`` does.
    ivy_settings
        A site's own Ivy settings file (what Spark calls ``spark.jars.ivySettings``); else Maven Central.

    Raises
    ------
    UsageError
        A malformed coordinate, or Java or pyspark missing.
    AlertferryError
        A coordinate could not be resolved; the message holds Ivy's reasons.
    """
    if not coordinates:
        return ()
    wanted = tuple(dict.fromkeys(coordinates))
    shipped = _shipped_jars() if for_spark else frozenset()
    folder = home / "jars" / _folder_name(wanted, shipped)
    found = _contents(folder)
    if found:
        return found
    # One at a time, whatever the coordinates: Ivy's cache bears a single writer.
    with folder_lock(home / "jars"):
        return _contents(folder) or _fill(folder, wanted, home, shipped, ivy_settings)


def java_command() -> str:
    """Return the Java launcher: that of ``JAVA_HOME`` if set, else the one on the ``PATH``."""
    home = os.environ.get("JAVA_HOME")
    if home:
        java = Path(home) / "bin" / "java"
        if not java.is_file():
            raise UsageError(f"JAVA_HOME is {home!r}, which has no bin/java; correct or unset it")
        return str(java)
    found = shutil.which("java")
    if found is None:
        raise UsageError("no java found; install Java 17 (e.g. openjdk-17-jre-headless) or set JAVA_HOME")
    return found


def run_java(arguments: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a Java program to its end and keep what it prints.

    Raises `UsageError` without Java, `subprocess.TimeoutExpired` after ``timeout`` seconds.
    """
    return subprocess.run(
        [java_command(), *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        env=utf8_environment(),
        timeout=timeout,
        check=False,
    )


def utf8_environment() -> dict[str, str]:
    """Return what of our environment is passed on, with a locale in which Java can open files of any name."""
    return {**passed_environment(), "LC_ALL": "C.UTF-8"}


def pyspark_folder() -> Path:
    """Return the folder of the installed pyspark (Spark's home), without importing it."""
    spec = find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("pyspark is not installed; pip install 'alertferry[spark]'")
    return Path(spec.submodule_search_locations[0])


def _parse(coordinate: str) -> tuple[str, str, str]:
    match = _COORDINATE.fullmatch(coordinate)
    if match is None:
        raise UsageError(f"{coordinate!r} is not a Maven coordinate; write group:artifact:version")
    group, artifact, revision = match.groups()
    return group, artifact, revision


def _folder_name(coordinates: Sequence[str], shipped: frozenset[str]) -> str:
    readable = "+".join("-".join(_parse(coordinate)[1:]) for coordinate in coordinates)
    key = "\n".join([*coordinates, *sorted(shipped)])
    return f"{readable[:120]}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _contents(folder: Path) -> tuple[Path, ...]:
    """Return the jars of a cached folder; nothing when it is absent or has lost a file."""
    try:
        sizes = json.loads((folder / _CONTENTS).read_text())["jars"]
        complete = all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return ()
    return tuple(folder / name for name in sorted(sizes)) if complete else ()


def _fill(
    folder: Path, coordinates: Sequence[str], home: Path, shipped: frozenset[str], ivy_settings: Path | None
) -> tuple[Path, ...]:
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as scratch:
        work = Path(scratch)
        (work / "jars").mkdir()
        (work / "ivy.xml").write_text(_ivy_module(coordinates, shipped))
        (work / "settings.xml").write_text(_IVY_SETTINGS)
        _run_ivy(work, home / "ivy", ivy_settings or work / "settings.xml", coordinates)
        for jar in (work / "jars").iterdir():
            if jar.name.partition("_")[2] in shipped:
                jar.unlink()
        sizes = {jar.name: jar.stat().st_size for jar in sorted((work / "jars").iterdir())}
        contents = {"coordinates": list(coordinates), "jars": sizes}
        (work / "jars" / _CONTENTS).write_text(json.dumps(contents, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        (work / "jars").rename(folder)
    return _contents(folder)


def _shipped_jars() -> frozenset[str]:
    return frozenset(jar.name for jar in (pyspark_folder() / "jars").glob("*.jar"))


def _ivy_module(coordinates: Sequence[str], shipped: frozenset[str]) -> str:
    """Return an Ivy module that needs the coordinates; `default` is a module's jar and its run-time needs."""
    dependencies = [
        f'    <dependency org="{group}" name="{artifact}" rev="{revision}" conf="default-&gt;default"/>'
        for group, artifact, revision in map(_parse, coordinates)
    ]
    excluded = [
        f"    <exclude org={quoteattr(group)} module={quoteattr(match.group(1))}/>"
        for group, pattern in _SPARK_PROVIDES
        for match in map(pattern.fullmatch, sorted(shipped))
        if match
    ]
    return "\n".join(
        [
            '<ivy-module version="2.0">',
            '  <info organisation="alertferry" module="jars"/>',
            '  <configurations><conf name="default"/></configurations>',
            "  <dependencies>",
            *dependencies,
            *excluded,
            "  </dependencies>",
            "</ivy-module>\n",
        ]
    )


def _run_ivy(work: Path, cache: Path, settings: Path, coordinates: Sequence[str]) -> None:
    pattern = work / "jars" / "[organisation]_[artifact]-[revision](-[classifier]).[ext]"
    arguments = [
        *(f"-Divy.default.ivy.user.dir={cache}", "-jar", str(_ivy_jar())),
        *("-settings", str(settings), "-ivy", str(work / "ivy.xml"), "-confs", "default"),
        *("-retrieve", str(pattern), "-warn"),
    ]
    names = ", ".join(coordinates)
    _log.info("fetching %s (once)", names)
    try:
        done = run_java(arguments, _FETCH_SECONDS)
    except subprocess.TimeoutExpired:
        raise AlertferryError(f"cannot fetch {names}: no end after {_FETCH_SECONDS} s; try again") from None
    if done.returncode != 0:
        reasons = "\n".join(f"  {line}" for line in explain_ivy(done.stdout + "\n" + done.stderr))
        raise AlertferryError(
            f"cannot fetch {names}:\n{reasons}\n"
            "Check the coordinates and the network; behind a proxy set "
            "JAVA_TOOL_OPTIONS='-Dhttps.proxyHost=… -Dhttps.proxyPort=…'."
        )


def _ivy_jar() -> Path:
    jars = sorted((pyspark_folder() / "jars").glob("ivy-*.jar"))
    if not jars:
        raise UsageError(f"pyspark in {pyspark_folder()} has no Ivy jar; reinstall it: pip install 'alertferry[spark]'")
    return jars[-1]


def explain_ivy(output: str, limit: int = 8) -> list[str]:
    """Return the lines of Ivy's report that say what failed and why, each once, at most ``limit``."""
    missing = re.findall(r"^\s*:: (\S+)#(\S+);(\S+?)(?:!\S+)?: (.+)$", output, re.MULTILINE)
    reasons = [f"{group}:{artifact}:{revision}: {why}" for group, artifact, revision, why in missing]
    reasons += re.findall(
        r"^\s*((?:Server access error|Host \S+ not found|\[FAILED|.*(?:Exception|Error)\b|unknown).*)$",
        output,
        re.MULTILINE,
    )
    # What java says it picked up from the environment may hold a proxy's password.
    plain = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("Picked up ")]
    return list(dict.fromkeys(reasons or plain[-5:]))[:limit]

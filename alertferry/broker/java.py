"""The command lines of the broker's Java programs, which halve their start with an archive of classes."""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.jars import fetch_jars, java_command, utf8_environment

KAFKA_VERSION = "4.1.1"

KAFKA_JARS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    # Kafka's own release adds this binding; without it the broker could not log why it failed.
    "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
)

_LOG4J2 = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


def kafka_jars(home: Path) -> tuple[Path, ...]:
    """Return the jars of Apache Kafka, fetched on first use."""
    return fetch_jars(KAFKA_JARS, home, for_spark=False)


def environment() -> dict[str, str]:
    """Return the environment of the broker: without Java options meant for other programs.

    Java prints them when it starts, and a proxy's password would end in the broker's log.
    """
    unwanted = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
    return {name: value for name, value in utf8_environment().items() if name not in unwanted}


def broker_command(folder: Path, jars: Sequence[Path], heap_mib: int, archive: Path, dump: Path | None) -> list[str]:
    """Return the command that runs the broker of ``folder``, recognisable by its `marker`.

    ``archive`` holds loaded classes to start from; when ``dump`` is given the broker writes such a file when
    it ends.
    """
    classes = f"-XX:ArchiveClassesAtExit={dump}" if dump else f"-XX:SharedArchiveFile={archive}"
    options = [f"-Xmx{heap_mib}m", "-XX:+ExitOnOutOfMemoryError", classes, "-Xlog:cds*=off", marker(folder)]
    return _command(folder, jars, options, "kafka.Kafka", str(folder / "server.properties"))


def marker(folder: Path) -> str:
    """Return the argument by which the process of this folder's broker is recognised."""
    return f"-Dalertferry.broker={folder}"


def format_storage(folder: Path, jars: Sequence[Path], users: Sequence[str] = ()) -> None:
    """Give an empty data folder the identity of a new cluster, by Kafka's own tool, and the ``users`` it is told."""
    command = _command(
        *(folder, jars, ["-XX:TieredStopAtLevel=1"], "kafka.tools.StorageTool", "format"),
        *("--ignore-formatted", "--cluster-id", _cluster_id(), "--config", str(folder / "server.properties")),
        *users,
    )
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment(), check=False)
    if done.returncode != 0:
        raise failure("cannot prepare the broker's data folder", done.stdout + "\n" + done.stderr)


def failure(what: str, log: str) -> AlertferryError:
    """Return the error to raise for a broker that ended with this log; `UsageError` for a bad property."""
    lines = telling_lines(log)
    kind = UsageError if "ConfigException" in log else AlertferryError
    return kind("\n".join([f"{what}:", *(f"  {line}" for line in lines)]) if lines else f"{what}; it said nothing")


def telling_lines(log: str, limit: int = 6) -> list[str]:
    """Return the last lines of a log that say what went wrong, without stack traces, each once."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    words = ("ERROR", "FATAL", "Exception", "Error", "error", "Could not", "cannot")
    telling = [line for line in lines if any(word in line for word in words)]
    return list(dict.fromkeys(telling or lines))[-limit:]


def _command(folder: Path, jars: Sequence[Path], options: Sequence[str], *program: str) -> list[str]:
    log4j2 = folder / "log4j2.properties"
    log4j2.write_text(_LOG4J2)
    (folder / "tmp").mkdir(exist_ok=True)
    return [
        *(java_command(), "-XX:+IgnoreUnrecognizedVMOptions", "-XX:+UseParallelGC", "-XX:-UsePerfData"),
        *(f"-Djava.io.tmpdir={folder / 'tmp'}", f"-Dlog4j2.configurationFile={log4j2}"),
        *("-Djava.awt.headless=true", *options, "-cp", str(jars[0].parent / "*"), *program),
    ]


def _cluster_id() -> str:
    """Return a random identity in Kafka's notation; it must not look like an option."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return _cluster_id() if text.startswith("-") else text

"""Running a job on this machine: ``spark-submit`` of the rendered script as a process of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from alertferry.core.errors import UsageError
from alertferry.core.hooks import hookimpl
from alertferry.core.jars import fetch_jars
from alertferry.core.job import Job
from alertferry.core.settings import Settings
from alertferry.core.steps import Handle, Launcher, Status

POLL_SECONDS = 0.1
STOP_SECONDS = 20.0


class Local(Launcher):
    """Spark on this machine's cores, in a process that outlives the command that started it."""

    kind: ClassVar[str] = "local"

    cores: Annotated[int, Field(ge=1)] | None = None
    """Number of cores; all when left out."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return the usual launcher."""
        return cls(), cls(cores=1)

    def submit(self, job: Job, settings: Settings) -> Handle:
        """Render the job into a folder of its own and start ``spark-submit``."""
        from alertferry.core.render import render

        folder = settings.home / "jobs" / secrets.token_hex(16)
        folder.mkdir(parents=True, mode=0o700)
        (folder / "job.yml").write_text(job.to_yaml())
        (folder / "job.py").write_text(render(job))
        command = self._command(folder, settings)
        with (folder / "events.jsonl").open("wb") as events, (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=events,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal reaches us; we stop the job in order
            )
        details = {"pid": process.pid, "started": _started(process.pid)}
        handle = Handle(folder.name, self.kind, folder, details)
        (folder / "handle.json").write_text(json.dumps(details))
        _CHILDREN[handle.id] = process
        return handle

    def _command(self, folder: Path, settings: Settings) -> list[str]:
        options = {
            "spark.master": f"local[{self.cores or '*'}]",
            "spark.ui.enabled": "false",
            "spark.driver.memory": f"{_driver_gigabytes()}g",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.showConsoleProgress": "false",
            "spark.executor.heartbeatInterval": "1s",  # the counts of running tasks travel with it
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            # on the class path, not as spark.jars: one JVM needs no copies sent to itself
            "spark.driver.extraClassPath": os.pathsep.join(
                map(str, fetch_jars(settings.spark_packages, settings.home))
            ),
            **settings.spark_conf,
        }
        spark = _spark_home()
        confs = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
        return [str(spark / "bin" / "spark-submit"), *confs, str(folder / "job.py")]

    def status(self, handle: Handle) -> Status:
        """Return the state, trusting the script's own result line and whether the process lives."""
        result = _result(handle.folder)
        if result is not None:
            return Status(result["state"], result, result.get("error"))
        if _alive(handle):
            return Status("running")
        result = _result(handle.folder)  # it may have ended between the two looks
        if result is not None:
            return Status(result["state"], result, result.get("error"))
        return Status("failed", reason=_last_words(handle.folder))

    def events(self, handle: Handle) -> Iterator[dict[str, Any]]:
        """Yield the script's events as they come; ends when the process is gone."""
        path = handle.folder / "events.jsonl"
        with path.open() as stream:
            rest = ""
            while True:
                alive = _alive(handle)
                rest += stream.read()
                *lines, rest = rest.split("\n")
                yield from (event for event in map(_event, lines) if event)
                if not alive:
                    return
                time.sleep(POLL_SECONDS)

    def log(self, handle: Handle) -> str:
        """Return what Spark and the script said so far."""
        return (handle.folder / "log.txt").read_text(errors="replace")

    def cancel(self, handle: Handle) -> None:
        """Ask the script to stop and say so in the topic; after a while, end what is left of it."""
        if not _alive(handle):
            return
        group = handle.details["pid"]
        for pid in _drivers(group):
            _signal(pid, signal.SIGTERM)
        if not _gone(handle, STOP_SECONDS):
            _signal(-group, signal.SIGKILL)
            _gone(handle, STOP_SECONDS)


_CHILDREN: dict[str, subprocess.Popen[bytes]] = {}
"""Processes started here, to be reaped; a job is known by its folder, not by this."""


def _environment(settings: Settings) -> dict[str, str]:
    """Return the job's environment: ours, with the settings that were read from files made explicit."""
    explicit = {"ALERTFERRY_HOME": str(settings.home), "PYSPARK_PYTHON": sys.executable}
    explicit |= {"PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_HOME": str(_spark_home())}
    if settings.bootstrap_servers:
        explicit["ALERTFERRY_BOOTSTRAP_SERVERS"] = settings.bootstrap_servers
    return {**os.environ, **explicit}


def _spark_home() -> Path:
    spec = find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("running a job here needs Spark: pip install 'alertferry[spark]'")
    return Path(next(iter(spec.submodule_search_locations)))


def _driver_gigabytes() -> int:
    """Return a third of the machine's memory, between 1 and 8 GiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(8, total // 3 // 2**30))


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith('{"event"'):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _result(folder: Path) -> dict[str, Any] | None:
    path = folder / "events.jsonl"
    if not path.exists():
        return None
    events = [event for event in map(_event, path.read_text().splitlines()) if event]
    return events[-1] if events and events[-1]["event"] == "result" else None


def _last_words(folder: Path) -> str:
    lines = (folder / "log.txt").read_text(errors="replace").splitlines() if (folder / "log.txt").exists() else []
    telling = [line for line in lines if "Error" in line or "Exception" in line] or lines
    said = telling[-1].strip()[:500] if telling else "it left no log"
    return f"Spark ended without a result ({said}); the log is {folder / 'log.txt'}"


def _started(pid: int) -> float | None:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def _alive(handle: Handle) -> bool:
    """Whether the very process that was started still runs (a pid can be given to a stranger)."""
    import psutil

    child = _CHILDREN.get(handle.id)
    if child is not None:
        return child.poll() is None
    try:
        process = psutil.Process(handle.details["pid"])
        return bool(process.create_time() == handle.details["started"] and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _drivers(pid: int) -> list[int]:
    """Return the Python processes below ``spark-submit``: the script itself."""
    import psutil

    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [
        process.pid for process in below if "job.py" in " ".join(process.cmdline()) and "java" not in process.name()
    ]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(-pid, number) if pid < 0 else os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended by itself


def _gone(handle: Handle, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while _alive(handle) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    return not _alive(handle)


@hookimpl
def register_launchers() -> Sequence[type[Launcher]]:
    """Offer ``--launcher local``."""
    return [Local]

"""Running a job on this machine: ``spark-submit`` of the rendered script as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from alertferry.core import working_folder
from alertferry.core.errors import UsageError
from alertferry.core.hooks import hookimpl
from alertferry.core.jars import pyspark_folder
from alertferry.core.job import Job
from alertferry.core.jobs import new_id
from alertferry.core.jobs.abilities import FOLDER_OPTION, JOB_OPTION
from alertferry.core.jobs.events import EVENTS_FILE, LOG_FILE, read_events, result_of
from alertferry.core.jobs.processes import Process, process_of
from alertferry.core.lake_source import LakeSource
from alertferry.core.local_spark import COMPILE_LATER, local_conf, merged, python_environment
from alertferry.core.run import STARTED_WITH
from alertferry.core.settings import Settings, is_secret
from alertferry.core.steps import Handle, Launcher, Status

POLL_SECONDS = 0.1


SUBMIT_SECONDS = 60.0
"""Between a job's folder and its process there may be so much time."""

TIDY_SECONDS = 1.0
"""How long Spark has to stop in order once its script has said how the job ended."""

SILENT_SECONDS = 600.0
"""A job on another machine counts as dead when its files have not changed for so long."""

HANDLE_FILE = "handle.json"
SCRIPT_FILE = "job.py"


class Local(Launcher):
    """Spark on this machine's cores, in a process that outlives the command that started it."""

    kind: ClassVar[str] = "local"

    stop_seconds: ClassVar[float] = 5.0
    """How long a script has to say in its topic that it was cancelled, before it is ended, and this is said for it."""

    cores: Annotated[int, Field(ge=1)] | None = None
    """Number of cores; all when left out."""

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return the usual launcher."""
        return cls(), cls(cores=1)

    def submit(self, job: Job, settings: Settings) -> Handle:
        """Render the job into a folder of its own and start ``spark-submit``. Raises `UsageError` without a lake."""
        from alertferry.core.render import render

        if isinstance(job.source, LakeSource):
            job.source.location(settings)  # without a lake, Spark would say so half a minute later
        folder = _folder(settings, settings.spark_conf.get(JOB_OPTION) or new_id())
        folder.mkdir(parents=True, mode=0o700)
        (folder / "job.yml").write_text(job.to_yaml())
        (folder / SCRIPT_FILE).write_text(render(job))
        command = self._command(folder, settings)
        with (folder / EVENTS_FILE).open("wb") as events, (folder / LOG_FILE).open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=events,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal reaches us; we stop the job in order
            )
        handle = Handle(folder.name, self.kind, folder, process_of(process.pid).model_dump())
        (folder / HANDLE_FILE).write_text(json.dumps(handle.details))
        _CHILDREN[handle.id] = process
        return handle

    def find(self, id: str, settings: Settings) -> Handle | None:
        """Return the handle of a job that was submitted under an id, whether it still runs or not.

        None when it never ran; a folder that was prepared for it is removed.
        """
        folder = _folder(settings, id)
        try:
            details = json.loads((folder / HANDLE_FILE).read_text())
        except (OSError, ValueError):  # whoever submitted it had no time to write it
            details = _running(folder / SCRIPT_FILE)
        if details:
            return Handle(id, self.kind, folder, details)
        shutil.rmtree(folder, ignore_errors=True)
        return None

    def _command(self, folder: Path, settings: Settings) -> list[str]:
        options = {
            **STARTED_WITH,
            "spark.master": f"local[{self.cores or '*'}]",
            "spark.driver.memory": f"{_driver_gigabytes()}g",
            "spark.executor.heartbeatInterval": "1s",  # the counts of running tasks travel with it
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            **local_conf(
                settings.spark_packages,
                settings.home,
                *COMPILE_LATER,
                classes=lambda kept: kept.use_or_make(folder, _ended_well),
            ),
        }
        options = merged(options, settings.spark_conf)
        hidden = {name: value for name, value in options.items() if is_secret(name)}
        shown = [(name, value) for name, value in options.items() if name not in hidden]
        confs = [part for name, value in shown for part in ("--conf", f"{name}={value}")]
        return [
            str(pyspark_folder() / "bin" / "spark-submit"),
            *_private_conf(folder, hidden),
            *confs,
            str(folder / "job.py"),
        ]

    def status(self, handle: Handle) -> Status:
        """Return the state, trusting the script's own result line and whether the process lives."""
        alive = _alive(handle)
        result = result_of(handle.folder / EVENTS_FILE)  # behind the first look: it may end between the two
        if result is not None:
            return Status(result["state"], result, result.get("error"))
        return Status("running") if alive else Status("failed", reason=_last_words(handle.folder))

    def events(self, handle: Handle) -> Iterator[dict[str, Any]]:
        """Yield the script's events as they come; ends when the process is gone."""
        position = 0
        while True:
            alive = _alive(handle)
            found, position = read_events(handle.folder / EVENTS_FILE, position)
            yield from found
            if not alive:
                return
            time.sleep(POLL_SECONDS)

    def log(self, handle: Handle) -> str:
        """Return what Spark and the script said so far."""
        return (handle.folder / LOG_FILE).read_text(errors="replace")

    def cancel(self, handle: Handle) -> None:
        """Ask the script to stop and say so in the topic; after a while, or interrupted, end what is left."""
        if not _alive(handle):
            return
        if not _process(handle).here:
            raise UsageError(f"job {handle.id} runs on {_process(handle).host}; cancel it there")
        group, asked = handle.details["pid"], set[int]()
        end = time.monotonic() + self.stop_seconds
        try:
            while _alive(handle) and time.monotonic() < end:
                for pid in {*_drivers(group)} - asked:  # Spark may still be on its way to start the script
                    asked.add(pid)
                    _signal(pid, signal.SIGTERM)
                if result_of(handle.folder / EVENTS_FILE) is not None:  # all is said; Spark may wait for its broker
                    end = min(end, time.monotonic() + TIDY_SECONDS)
                time.sleep(POLL_SECONDS)
        finally:
            if _alive(handle):
                _signal(-group, signal.SIGKILL)
                _gone(handle, self.stop_seconds)


_CHILDREN: dict[str, subprocess.Popen[bytes]] = {}
"""Processes started here, to be reaped; a job is known by its folder, not by this."""


def _environment(settings: Settings) -> dict[str, str]:
    """Return the job's environment: ours, with the settings that were read from files made explicit."""
    explicit = {"ALERTFERRY_HOME": str(settings.home), **python_environment()}
    explicit[working_folder.VARIABLE] = settings.spark_conf.get(FOLDER_OPTION) or working_folder.resolved("")
    explicit |= {f"ALERTFERRY_LAKE_{survey.upper()}": lake for survey, lake in settings.lakes.items()}
    if settings.bootstrap_servers:
        explicit["ALERTFERRY_BOOTSTRAP_SERVERS"] = settings.bootstrap_servers
    return {**working_folder.environment(), **explicit}


def _private_conf(folder: Path, options: Mapping[str, str]) -> list[str]:
    """Return the arguments that name a file of options: those on the command line can be read by everybody here."""
    if not options:
        return []
    file = folder / "spark.conf"
    lines = [f"{name}={value}".replace("\\", "\\\\").replace("\n", "\\n") for name, value in options.items()]
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
        stream.write("\n".join(lines) + "\n")
    return ["--load-spark-defaults", "--properties-file", str(file)]


def _driver_gigabytes() -> int:
    """Return a third of the machine's memory, between 1 and 8 GiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(8, total // 3 // 2**30))


def _last_words(folder: Path) -> str:
    # Python's own may stand among the events
    lines = [line for name in (LOG_FILE, EVENTS_FILE) for line in _lines(folder / name) if not line.startswith("{")]
    telling = [line for line in lines if "Error" in line or "Exception" in line] or lines
    said = telling[-1].strip()[:500] if telling else "its log does not say why"
    return f"Spark ended without a result ({said}); see `alertferry jobs log {folder.name}`"


def _lines(path: Path) -> list[str]:
    """Return the lines of a log, without what is routine."""
    found = path.read_text(errors="replace").splitlines() if path.exists() else []
    return [line for line in found if line.strip() and " INFO " not in line]


def _folder(settings: Settings, id: str) -> Path:
    return settings.home / "jobs" / id


def _running(script: Path) -> dict[str, Any] | None:
    """Return the details of the ``spark-submit`` that runs a script, found among the processes of this machine."""
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(ProcessLookupError):  # it ended while it was looked at
            if str(script) in (process.info["cmdline"] or []) and os.getpgid(process.pid) == process.pid:
                return process_of(process.pid).model_dump()
    return None


def _process(handle: Handle) -> Process:
    return Process.model_validate(handle.details)


def _ended_well(folder: Path) -> bool | None:
    """Whether the job of a folder is complete and its processes gone; None while one runs, or is about to."""
    try:
        details = json.loads((folder / HANDLE_FILE).read_text())
    except FileNotFoundError:
        return None if folder.is_dir() and time.time() - folder.stat().st_mtime < SUBMIT_SECONDS else False
    if _alive(Handle(folder.name, Local.kind, folder, details)):
        return None
    result = result_of(folder / EVENTS_FILE)
    return result is not None and result["state"] == "complete"


def _alive(handle: Handle) -> bool:
    """Whether the very process that was started still runs (a pid can be given to a stranger)."""
    for job_id, child in list(_CHILDREN.items()):
        if child.poll() is not None:  # a child that nobody asks after would stay in the table of processes
            _CHILDREN.pop(job_id, None)
    process = _process(handle)
    return process.alive if process.here else _changed_lately(handle.folder)


def _changed_lately(folder: Path) -> bool:
    """Tell whether a job on another machine, of which only the files can be seen, has written something lately."""
    try:
        latest = max((folder / name).stat().st_mtime for name in (EVENTS_FILE, LOG_FILE))
    except OSError:
        return False
    return time.time() - latest < SILENT_SECONDS


def _drivers(pid: int) -> list[int]:
    """Return the Python processes below ``spark-submit``: the script itself."""
    import psutil

    found = []
    try:
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it ended while it was looked at
                if SCRIPT_FILE in " ".join(process.cmdline()) and "java" not in process.name():
                    found.append(process.pid)
    except psutil.NoSuchProcess:
        pass  # all of it ended
    return found


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

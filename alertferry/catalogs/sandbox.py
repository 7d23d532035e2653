"""Runs the parser of a foreign file (a catalogue, a map) in a process of its own, and takes back what it read.

The process gets the open file and nothing else: no name, no environment, no network, no other file. Memory, time and
the size of what it gives back are limited, and at most two such processes run at a time for one `ALERTFERRY_HOME`,
whoever starts them; the others wait in the order in which they came.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import mmap
import os
import secrets
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import alertferry
from alertferry.catalogs.display import shown
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.locks import try_lock
from alertferry.core.passed_environment import passed_environment
from alertferry.core.settings import Settings, load_settings

if TYPE_CHECKING:
    import pyarrow as pa

_MIB = 1024 * 1024
_DEATHS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGKILL)
_MAX_REPORT_BYTES = 16 * _MIB
_MAX_LOG_BYTES = _MIB
_MAX_RESULT_BYTES = 2 * 1024 * _MIB
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR", "VIRTUAL_ENV")
# Blocks of memory that are freed go back to the system, instead of counting against the limit.
_RETURNED = {"MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "131072"}
_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Limits:
    """What one parser may take: memory of its own and size of a file that it writes in bytes, time in seconds.

    ``seconds`` are of processor time; on the clock it may take twice as long, as the machine may have other work.
    """

    memory_bytes: int = 1024 * _MIB
    file_bytes: int = _MAX_RESULT_BYTES
    seconds: int = 60


@dataclass(frozen=True)
class Answer:
    """What the parser said: the fields of its report, the rows (None when there are none), the file's digest."""

    report: dict[str, Any]
    table: pa.Table | None
    sha256: str


def parse(path: str | os.PathLike[str], task: str, order: Mapping[str, Any], max_bytes: int) -> Answer:
    """Let a confined process do a task of `alertferry.catalogs.parser` with a file.

    Parameters
    ----------
    path
        A regular file of at most ``max_bytes``.
    task, order
        The name of the task, and what it takes beside the file, as plain JSON types.
    max_bytes
        The most that a gzipped file may expand to, too.

    Raises
    ------
    UsageError
        The file cannot be used; the message goes on after the file's name.
    """
    settings = load_settings()
    limits = Limits(settings.parser_memory_mb * _MIB, max(max_bytes, _MAX_RESULT_BYTES), settings.parser_seconds)
    with ExitStack() as stack:
        file = stack.enter_context(_opened(path, max_bytes))
        stack.enter_context(turn(_waiting_room(settings), settings.parsers_at_once))
        scratch, result, report, log = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(4))
        before = _identity(file)
        process = _start((file, scratch.fileno(), result.fileno(), report.fileno()), log)
        try:
            whole = {"limits": asdict(limits), "task": task, "max_bytes": max_bytes, "order": dict(order)}
            sha256 = _converse(process, file, whole, limits)
        finally:
            _end(process)
        if _identity(file) != before:
            raise UsageError("changed while it was read; try again when it is complete")
        fields = _fields(report, process.returncode, limits, log)
        return Answer(fields, _table(result), sha256)


@contextmanager
def _opened(path: str | os.PathLike[str], max_bytes: int) -> Iterator[int]:
    """Give the descriptor of a regular file within the limit."""
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UsageError("no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot be opened: {reason}") from None
    try:
        facts = os.fstat(descriptor)
        if stat.S_ISDIR(facts.st_mode):
            raise UsageError("is a folder; give one file")
        if not stat.S_ISREG(facts.st_mode):
            raise UsageError("is not a regular file")
        if facts.st_size == 0:
            raise UsageError("is empty")
        if facts.st_size > max_bytes:
            raise UsageError(f"has {facts.st_size:,} bytes; at most {max_bytes:,} are allowed")
        yield descriptor
    finally:
        os.close(descriptor)


# ---- turns --------------------------------------------------------------------------------------------------------


def _waiting_room(settings: Settings) -> Path:
    """Return the folder of those who wait; beside the temporary files where `ALERTFERRY_HOME` cannot be written to."""
    room = settings.home / "parsers"
    with suppress(OSError):
        room.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(room, os.W_OK | os.X_OK):
            return room
    room = Path(tempfile.gettempdir()) / f"alertferry-parsers-{os.getuid()}"
    room.mkdir(exist_ok=True, mode=0o700)
    return room


@contextmanager
def turn(room: Path, at_once: int) -> Iterator[None]:
    """Wait until fewer than ``at_once`` of those who came before are left.

    Everyone has a file in ``room``, named by the time of coming and locked while its process lives, so that nobody
    waits for one who died. Raises `AlertferryError` after ten minutes.
    """
    name = f"{time.time_ns():020d}-{secrets.token_hex(8)}"
    ticket = room / name
    with (room / f".{name}").open("x") as file:
        # Named only once it is locked: a ticket without a lock is of one who died, and is removed by whoever sees it.
        fcntl.flock(file, fcntl.LOCK_EX)
        Path(file.name).rename(ticket)
        try:
            _wait(room, name, at_once)
            yield
        finally:
            ticket.unlink(missing_ok=True)


def _wait(room: Path, name: str, at_once: int) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while sum(_is_held(other) for other in sorted(room.iterdir()) if other.name < name) >= at_once:
        if time.monotonic() > until:
            raise AlertferryError("other catalogues and maps have been read for ten minutes; try again later")
        time.sleep(_LOOK_SECONDS)


def _is_held(ticket: Path) -> bool:
    if ticket.name.startswith("."):
        return False
    try:
        with ticket.open() as file:
            if not try_lock(file):
                return True
            ticket.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return False


# ---- the process --------------------------------------------------------------------------------------------------


def _start(files: tuple[int, ...], log: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-B", "-m", "alertferry.catalogs.parser", *map(str, files)]
    return subprocess.Popen(
        command,
        cwd="/",
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=log,
        pass_fds=files,
        start_new_session=True,
    )


def environment() -> dict[str, str]:
    """Return an environment without secrets and with few threads, each of which would claim memory."""
    kept = {name: value for name, value in passed_environment().items() if name in _KEPT_VARIABLES}
    packages = [*(entry for entry in sys.path if entry), str(Path(alertferry.__file__).parent.parent)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_IO_THREADS"), "2")
    memory = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system", **_RETURNED}
    kept |= {"HOME": "/nonexistent", **memory, **threads}
    return kept | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(packages)), "PYTHONUTF8": "1"}


def _converse(process: subprocess.Popen[bytes], file: int, order: Mapping[str, Any], limits: Limits) -> str:
    """Send the order, digest the file meanwhile, and wait."""
    assert process.stdin is not None
    began = time.monotonic()
    try:
        process.stdin.write(json.dumps(order).encode())
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died at once; its exit code and log say why
    sha256 = _sha256(file)
    try:
        process.wait(max(1.0, 2 * limits.seconds - (time.monotonic() - began)))
    except subprocess.TimeoutExpired:
        raise UsageError(_too_slow(limits)) from None
    return sha256


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()


def _sha256(descriptor: int) -> str:
    digest = hashlib.sha256()
    at = 0
    while block := os.pread(descriptor, _MIB, at):
        digest.update(block)
        at += len(block)
    return digest.hexdigest()


def _identity(descriptor: int) -> tuple[int, int]:
    facts = os.fstat(descriptor)
    return facts.st_size, facts.st_mtime_ns


# ---- what it said -------------------------------------------------------------------------------------------------


def _fields(report: IO[bytes], code: int, limits: Limits, log: IO[bytes]) -> dict[str, Any]:
    """Return the report, or raise what went wrong."""
    report.seek(0)
    text = report.read(_MAX_REPORT_BYTES + 1)
    if len(text) > _MAX_REPORT_BYTES:
        raise UsageError(f"has so much to be told of it ({len(text):,} bytes) that it is no file of this kind")
    if code != 0 or not text:
        log.seek(0)
        explain_death(code, limits, log.read(_MAX_LOG_BYTES).decode("utf-8", "replace").strip())
    outcome = json.loads(text)
    if outcome.get("memory"):
        raise UsageError(_too_large(limits))
    if "error" in outcome:
        raise UsageError(outcome["error"])
    fields: dict[str, Any] = outcome["report"]
    return fields


def explain_death(code: int, limits: Limits, text: str) -> NoReturn:
    """Raise the error for a parser that ended with an exit code, having written ``text``."""
    if -code in (signal.SIGXCPU, signal.SIGXFSZ):
        raise UsageError(_too_slow(limits) if -code == signal.SIGXCPU else "expands beyond the limit of a file")
    what = text.rpartition("what():")[2].strip() if "what():" in text else ""
    if what and "bad_alloc" not in what:
        raise UsageError(f"is damaged: {shown(what, 300)}")
    if any(word in text for word in ("MemoryError", "bad_alloc", "memory allocation")) or -code in _DEATHS:
        raise UsageError(_too_large(limits))
    last = text.splitlines()[-1] if text else "it said nothing"
    raise AlertferryError(f"the process that reads foreign files ended with code {code}: {shown(last, 300)}")


def _too_slow(limits: Limits) -> str:
    return (
        f"could not be read within {limits.seconds:,} s; save it as Parquet, or have ALERTFERRY_PARSER_SECONDS raised "
        "where this runs"
    )


def _too_large(limits: Limits) -> str:
    return (
        f"cannot be read within {limits.memory_bytes / 2**30:.1f} GiB of memory, or is damaged; save it as Parquet "
        "with fewer columns or rows, or have ALERTFERRY_PARSER_MEMORY_MB raised where this runs"
    )


def _table(result: IO[bytes]) -> pa.Table | None:
    """Return the rows, mapped from a file without a name; checked, since a stranger's file shaped them."""
    import pyarrow as pa

    size = os.fstat(result.fileno()).st_size
    if size == 0:
        return None
    if size > _MAX_RESULT_BYTES:
        raise UsageError(
            f"gives {size:,} bytes of rows; at most {_MAX_RESULT_BYTES:,} can be used: carry fewer columns"
        )
    mapped = mmap.mmap(result.fileno(), 0, access=mmap.ACCESS_READ)
    table = pa.ipc.open_file(pa.py_buffer(mapped)).read_all()
    table.validate(full=True)
    return table

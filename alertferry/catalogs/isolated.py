"""Runs the parser of catalogues in a process of its own and takes back what it read."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import alertferry
from alertferry.catalogs.display import shown
from alertferry.catalogs.limits import Limits, limits_for
from alertferry.catalogs.request import Request
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.passed_environment import passed_environment

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_BYTES = 1024 * 1024
_DEATHS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGKILL)
_MAX_REPORT_BYTES = 256 * 1024 * 1024
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Answer:
    """What the parser said: the fields of its report, the rows (None when there are none to use), and the digest."""

    report: dict[str, Any]
    table: pa.Table | None
    sha256: str


def parse_isolated(path: str | os.PathLike[str], request: Request) -> Answer:
    """Read a catalogue in a confined process; `UsageError` without the catalogue's name when it cannot be used."""
    with ExitStack() as stack:
        catalogue = stack.enter_context(_opened(path, request.max_bytes))
        limits = limits_for(request, os.fstat(catalogue).st_size, os.pread(catalogue, 2, 0) == b"\x1f\x8b")
        scratch, result, report, log = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(4))
        before = _identity(catalogue)
        files = (catalogue, scratch.fileno(), result.fileno(), report.fileno())
        process = _start(files, log)
        try:
            sha256 = _converse(process, catalogue, request, limits)
        finally:
            _end(process)
        if _identity(catalogue) != before:
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
    """Return an environment without secrets and with few threads, each of which would claim address space."""
    kept = {name: value for name, value in passed_environment().items() if name in _KEPT_VARIABLES}
    packages = [*(entry for entry in sys.path if entry), str(Path(alertferry.__file__).parent.parent)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_IO_THREADS"), "2")
    kept |= {"HOME": "/nonexistent", "MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system", **threads}
    return kept | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(packages)), "PYTHONUTF8": "1"}


def _converse(process: subprocess.Popen[bytes], catalogue: int, request: Request, limits: Limits) -> str:
    """Send the request, digest the file meanwhile, and wait."""
    order = json.dumps({"limits": asdict(limits), "request": request.to_json()}).encode()
    assert process.stdin is not None
    try:
        process.stdin.write(order)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died at once; its exit code and log say why
    sha256 = _sha256(catalogue)
    try:
        process.wait(limits.wall_seconds)
    except subprocess.TimeoutExpired:
        raise UsageError(f"could not be read within {limits.wall_seconds:,} s; save it as Parquet") from None
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
    while block := os.pread(descriptor, _BLOCK_BYTES, at):
        digest.update(block)
        at += len(block)
    return digest.hexdigest()


def _identity(descriptor: int) -> tuple[int, int]:
    facts = os.fstat(descriptor)
    return facts.st_size, facts.st_mtime_ns


def _fields(report: IO[bytes], code: int, limits: Limits, log: IO[bytes]) -> dict[str, Any]:
    """Return the report, or raise what went wrong."""
    report.seek(0)
    text = report.read(_MAX_REPORT_BYTES)
    if code != 0 or not text:
        log.seek(0)
        explain_death(code, limits, log.read(_BLOCK_BYTES).decode("utf-8", "replace").strip())
    outcome = json.loads(text)
    if outcome.get("memory"):
        raise UsageError(_too_large(limits))
    if "error" in outcome:
        raise UsageError(outcome["error"])
    fields: dict[str, Any] = outcome["report"]
    return fields


def explain_death(code: int, limits: Limits, text: str) -> NoReturn:
    """Raise the error for a parser that ended with an exit code, having written ``text``."""
    if -code == signal.SIGXCPU:
        raise UsageError(f"took more than {limits.cpu_seconds:,} s of processor time; save it as Parquet")
    what = text.rpartition("what():")[2].strip() if "what():" in text else ""
    if what and "bad_alloc" not in what:
        raise UsageError(f"is damaged: {shown(what, 300)}")
    if "MemoryError" in text or "bad_alloc" in text or -code in _DEATHS:
        raise UsageError(_too_large(limits))
    last = text.splitlines()[-1] if text else "it said nothing"
    raise AlertferryError(f"the process that reads catalogues ended with code {code}: {shown(last, 300)}")


def _too_large(limits: Limits) -> str:
    return (
        f"cannot be read within {limits.memory_bytes / 2**30:.1f} GiB of memory, or is damaged; "
        "save it as Parquet with fewer columns, or allow more rows (max_rows)"
    )


def _table(result: IO[bytes]) -> pa.Table | None:
    """Return the rows, mapped from a file without a name; checked, since a stranger's file shaped them."""
    import pyarrow as pa

    if os.fstat(result.fileno()).st_size == 0:
        return None
    mapped = mmap.mmap(result.fileno(), 0, access=mmap.ACCESS_READ)
    table = pa.ipc.open_file(pa.py_buffer(mapped)).read_all()
    table.validate(full=True)
    return table

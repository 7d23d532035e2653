"""How much memory and time the reading of one catalogue may take."""

from __future__ import annotations

from dataclasses import dataclass

from alertferry.catalogs.request import Request

_MIB = 1024 * 1024
_FIXED_MEMORY = 1024 * _MIB
_MEMORY_PER_ROW = 320
_FIXED_CPU_SECONDS = 30
_BYTES_PER_CPU_SECOND = 5 * _MIB
_GZIP_EXPANDS = 20


@dataclass(frozen=True)
class Limits:
    """Address space and result in bytes; processor time and elapsed time in seconds."""

    memory_bytes: int
    result_bytes: int
    cpu_seconds: int
    wall_seconds: int


def limits_for(request: Request, file_bytes: int, gzipped: bool) -> Limits:
    """Return limits that an honest catalogue of this size stays far below."""
    content = min(request.max_bytes, file_bytes * (_GZIP_EXPANDS if gzipped else 1))
    cpu = _FIXED_CPU_SECONDS + content // _BYTES_PER_CPU_SECOND
    memory = _FIXED_MEMORY + _MEMORY_PER_ROW * request.max_rows
    return Limits(memory, max(memory, request.max_bytes), cpu, 30 + 3 * cpu)

"""Writing large files past the page cache.

What is synced has to be on the disk before anything goes on, so the system's copy of it only costs: fresh memory, the
copying, and the pages of others that have to make room. On the machine of `docs/performance.md` two gigabytes took 5 to
7 s by way of that copy, and 1.1 to 1.7 s without.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections import deque
from typing import Any

PIECE_BYTES = 4 << 20
"""What is written at a time. A file that is smaller is written as usual."""

BLOCK_BYTES = 4096
"""Direct writes begin and end at multiples of the disk's blocks, of which this is one for all disks."""

_DIRECT = getattr(os, "O_DIRECT", 0)

_spare: deque[mmap.mmap] = deque(maxlen=8)
"""Buffers for the next files; whole pages, as direct writes need them."""


class DirectWriter:
    """Writes one regular file from its beginning; directly where the file system lets it, else as usual.

    Nothing is sure to be in the file before `finish`, nor on the disk before it is synced.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = _buffer()
        self._filled = 0
        self._direct = False

    def write(self, part: Any) -> None:
        """Add bytes, of which no reference is kept. Raises `OSError`."""
        rest = memoryview(part).cast("B")
        while rest:
            taken = rest[: PIECE_BYTES - self._filled]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            rest = rest[len(taken) :]
            if self._filled == PIECE_BYTES:
                self._direct = self._direct or self._switch(_DIRECT)
                self._put(0, PIECE_BYTES)
                self._filled = 0

    def finish(self) -> None:
        """Write what is left. Raises `OSError`."""
        blocks = self._filled - self._filled % BLOCK_BYTES if self._direct else 0
        self._put(0, blocks)
        self._usual()
        self._put(blocks, self._filled)
        _spare.append(self._buffer)

    def _put(self, start: int, end: int) -> None:
        with memoryview(self._buffer) as view:
            while start < end:
                try:
                    start += os.write(self._descriptor, view[start:end])
                except OSError:
                    if not self._direct:
                        raise
                    self._usual()  # some file systems only say now that they cannot; a real fault comes up again

    def _usual(self) -> None:
        if self._direct:
            self._direct = False
            self._switch(0)

    def _switch(self, flag: int) -> bool:
        """Set or clear direct writing; tell whether it is on."""
        try:
            flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags & ~_DIRECT | flag)
        except OSError:
            return False
        return bool(flag)


def _buffer() -> mmap.mmap:
    try:
        return _spare.pop()
    except IndexError:
        return mmap.mmap(-1, PIECE_BYTES)

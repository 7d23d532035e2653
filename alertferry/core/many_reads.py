"""Reading a little of each of many files, as quick as the place where they are allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

THREADS = 8
TOGETHER = 128
"""Files of one task: a task for each takes four times as long as to read it."""

WAITING_SECONDS = 0.0005
"""Time on the clock that a file takes beyond the processor's from which threads are quicker: on a disk of this machine
they take turns with Python's lock, and are twice as slow as one."""


def read_many(items: Sequence[_Item], read: Callable[[Sequence[_Item]], _Found]) -> Iterator[_Found]:
    """Yield what ``read`` returns of some items, and of the next ones, in order; with threads where it waits for disks.

    Raises what ``read`` does.
    """
    parts = [items[start : start + TOGETHER] for start in range(0, len(items), TOGETHER)]
    for number, part in enumerate(parts):
        clock, processor = time.perf_counter(), time.thread_time()
        found = read(part)
        waited = time.perf_counter() - clock - (time.thread_time() - processor)
        yield found
        if waited > WAITING_SECONDS * len(part):
            with ThreadPoolExecutor(THREADS) as pool:
                yield from pool.map(read, parts[number + 1 :])
            return

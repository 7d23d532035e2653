"""The time of the server's one thread, shared between users: whoever asks for much waits, the others do not.

Bokeh does what a page asks for in the order in which it comes. Each user has a small store of seconds, which fills
slowly; when it is empty, their next message is read later.
"""

from __future__ import annotations

import asyncio
import time
import types
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any

STORE_SECONDS = 1.0
"""Work that a user may cause at once."""

SHARE = 0.08
"""Part of the thread's time that a user's store is filled with."""

_MOST_KEPT = 10_000


@dataclass
class _Store:
    left: float = STORE_SECONDS
    filled: float = 0.0


class Shares:
    """The stores of all users."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stores: OrderedDict[Any, _Store] = OrderedDict()

    def _store(self, user: Any) -> _Store:
        found, now = self._stores.setdefault(user, _Store(filled=self._clock())), self._clock()
        found.left = min(STORE_SECONDS, found.left + (now - found.filled) * SHARE)
        found.filled = now
        self._stores.move_to_end(user)
        while len(self._stores) > _MOST_KEPT:
            self._stores.popitem(last=False)
        return found

    def charge(self, user: Any, seconds: float) -> None:
        """Take from a user's store."""
        self._store(user).left -= seconds

    def debt(self, user: Any) -> float:
        """Return for how many seconds nothing more is done for a user."""
        return max(0.0, -self._store(user).left) / SHARE

    async def turn(self, user: Any) -> None:
        """Wait until a user may ask for more."""
        while (debt := self.debt(user)) > 0:
            await asyncio.sleep(min(debt, 5.0))

    async def do(self, user: Any, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for a user's turn, then do some work of theirs and charge the time that it takes of the thread."""
        try:
            await self.turn(user)
        except BaseException:
            work.close()
            raise
        return await _timed(work, lambda seconds: self.charge(user, seconds))


SHARES = Shares()


@types.coroutine
def _timed(work: Coroutine[Any, Any, Any], charge: Callable[[float], None]) -> Generator[Any, Any, Any]:
    """Run a coroutine; tell how long each of its steps keeps the thread, without what others do in between."""
    step, value = work.send, None
    while True:
        started = time.perf_counter()
        try:
            waited = step(value)
        except StopIteration as done:
            return done.value
        finally:
            charge(time.perf_counter() - started)
        try:
            step, value = work.send, (yield waited)
        except BaseException as error:  # handed on to the work, as its own await would
            step, value = work.throw, error

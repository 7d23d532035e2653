"""The time of the server's one thread, shared between users.

Bokeh does what pages ask for in the order in which it comes, and all that has come before it looks again. Here one
thing is begun at a time, and whoever has had the least of the thread lately comes first. Who is alone never waits.

To make a page takes a quarter of a second, a click on it some hundredths: so clicks come before pages, of which one is
begun each half second where clicks never end, and the time that pages took is not held against the clicks of a user.
"""

from __future__ import annotations

import asyncio
import time
import types
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any

HALF_LIFE_SECONDS = 10.0
"""How soon half of what a user has had is forgotten."""

ROUNDS = 8
"""Rounds of the loop before the next one begins: a message comes in three parts, and what is done for it is handed on
twice or more, each in a round of its own; whoever is so far waits too when it is chosen. A round without work takes
some 20 µs."""

PAGE_SECONDS = 0.5
"""How often a page that is being made goes on although somebody's click waits."""

_MOST_KEPT = 10_000


@dataclass(frozen=True)
class Making:
    """A user as somebody whose page is being made."""

    user: Any


@dataclass
class _Had:
    seconds: float
    counted: float


class Shares:
    """What each user has had lately, and who waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._had: OrderedDict[Any, _Had] = OrderedDict()
        self._waiting: list[tuple[Any, asyncio.Future[None]]] = []
        self._choosing = False
        self._last_page = float("-inf")

    def had(self, user: Any) -> float:
        """Return the seconds that a user has had lately; the older, the less they count."""
        found = self._had.get(user)
        return found.seconds * 0.5 ** ((self._clock() - found.counted) / HALF_LIFE_SECONDS) if found else 0.0

    def charge(self, user: Any, seconds: float) -> None:
        """Count what a user has had."""
        self._had[user] = _Had(self.had(user) + seconds, self._clock())
        self._had.move_to_end(user)
        while len(self._had) > _MOST_KEPT:
            self._had.popitem(last=False)

    async def turn(self, user: Any) -> None:
        """Wait for a user's turn to begin something."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((user, future))
        if not self._choosing:
            self._choosing = True
            loop.call_soon(self._choose, loop)
        await future

    def _choose(self, loop: asyncio.AbstractEventLoop, rounds: int = 0) -> None:
        """Let the next one begin; those who come after it are chosen when it has given the thread back."""
        if rounds:
            loop.call_soon(self._choose, loop, rounds - 1)
            return
        self._waiting = [item for item in self._waiting if not item[1].done()]
        self._choosing = bool(self._waiting)
        if self._waiting:
            chosen = min(self._waiting, key=self._rank)
            self._waiting.remove(chosen)
            if isinstance(chosen[0], Making):
                self._last_page = self._clock()
            chosen[1].set_result(None)
            loop.call_soon(self._choose, loop, ROUNDS)

    def _rank(self, item: tuple[Any, asyncio.Future[None]]) -> tuple[bool, float]:
        page, due = isinstance(item[0], Making), self._clock() - self._last_page >= PAGE_SECONDS
        return page != due, self.had(item[0])

    async def do(self, user: Any, work: Coroutine[Any, Any, Any]) -> Any:
        """Do some work of a user, each step of it in their turn, and count the time that it takes of the thread.

        A step ends where the work waits: of ten pages that are being made, no two go on one after the other while
        somebody else waits.
        """
        return await self._in_turns(user, work)

    @types.coroutine
    def _in_turns(self, user: Any, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        step, value = work.send, None
        while True:
            try:
                yield from self.turn(user).__await__()
            except BaseException as error:  # given up meanwhile: handed on to the work, as its own await would
                step, value = work.throw, error
            started = time.thread_time()  # what other processes take of the machine is nobody's fault here
            try:
                waited = step(value)
            except StopIteration as done:
                return done.value
            finally:
                self.charge(user, time.thread_time() - started)
            try:
                step, value = work.send, (yield waited)
            except BaseException as error:  # the same
                step, value = work.throw, error


SHARES = Shares()

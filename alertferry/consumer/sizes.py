"""How much memory messages take once they are decoded, told before they are.

A null takes as much room in a column as a value. So one byte in an array of structs that may be null can become
thousands, and a message of a megabyte, gigabytes. Nearly all messages are cleared by the number of bytes that can be
such a null, which takes no time; large ones that are not are walked through, and none that would be too large is
decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isqrt
from random import getrandbits
from typing import Any

from alertferry.consumer.fastpath import ReadError
from alertferry.consumer.schema_check import Judged

MOST_BYTES = 512 << 20
"""Memory for one decoded message. A full packet with all its history takes less than a megabyte."""

USUAL_RATIO = 72
"""Messages that become at most so many times their size are decoded as many together as is quickest.

The surveys' packets become 1 to 3 times as large; the count of bytes that could be a null, most of them none in an
array, says up to 51 times.
"""

CAREFUL_RATIO = 8
"""Of others, so many together as become so many times the size of a usual slice."""

MOST_DEPTH = 300
"""Records, arrays, maps and unions inside each other, where a type contains itself; each takes a frame or two here."""


class Sizes:
    """Tells of messages of one schema how large they become."""

    def __init__(self, judged: Judged) -> None:
        self._shape = judged.shape
        self._codes = [bytes([code]) for code in sorted(judged.shape.wide_codes)]
        self._walk = _Walk.of(judged.schema)

    def weights(self, messages: Sequence[bytes]) -> list[int]:
        """Return the size of each message, and more of one that may grow beyond the usual."""
        shape = self._shape
        if not self._codes and min(map(len, messages), default=0) * (USUAL_RATIO - shape.ratio) >= shape.width:
            return list(map(len, messages))
        return [_weight(len(message), self._usual(message)) for message in messages]

    def refused(self, messages: Sequence[bytes | None]) -> dict[int, str]:
        """Return the index of every message that must not be decoded, and why."""
        shape, reasons = self._shape, {}
        largest = max(map(len, filter(None, messages)), default=0)
        if not shape.recursive and shape.width + (shape.ratio + shape.wide) * largest <= MOST_BYTES:
            return {}
        for index, message in enumerate(messages):
            if message is not None and (shape.recursive or self._most(message) > MOST_BYTES):
                try:
                    self._walk.through(message)
                except ReadError as error:
                    reasons[index] = str(error)
        return reasons

    def _most(self, message: bytes) -> int:
        """Return how many bytes a message can take at most, by a count that never is too low."""
        return self._grown(len(message), sum(map(message.count, self._codes)))

    def _usual(self, message: bytes) -> int:
        """Return about how many bytes a message can take at most; of a large one, only a sample of it is counted.

        Counting all bytes would take a tenth of the time of decoding them. Nobody can arrange a message to look small:
        the sample begins anywhere, and its step is one of several primes.
        """
        if len(message) < SAMPLED_BYTES or not self._codes:
            return self._most(message)
        step = _STEPS[getrandbits(3)]
        sample = message[getrandbits(6) :: step]
        hits = sum(map(sample.count, self._codes))
        return self._grown(len(message), step * (hits + 2 * isqrt(hits) + 1))

    def _grown(self, size: int, nulls: int) -> int:
        shape = self._shape
        return shape.width + shape.ratio * size + shape.wide * nulls


def _weight(size: int, grown: int) -> int:
    return size if grown <= USUAL_RATIO * size else grown // CAREFUL_RATIO


SAMPLED_BYTES = 4096
_STEPS = (61, 67, 71, 73, 79, 83, 89, 97)

_Step = Callable[["_Walk", int, int], int]
"""Passes over a value: from its position, at a depth, to the position after it."""


class _Walk:
    """One way through a message, by the schema alone (Avro 1.11, Binary encoding). Counts what it would take."""

    def __init__(self, step: _Step, message: bytes = b"") -> None:
        self._step = step
        self.message = message
        self.bytes = 0

    @classmethod
    def of(cls, schema: dict[str, Any]) -> _Walk:
        return cls(_Steps({}).made(schema)[0])

    def through(self, message: bytes) -> None:
        """Raise `ReadError` for a message that is too large, or too deep; decoders find whatever else is wrong."""
        try:
            self._step(_Walk(self._step, message), 0, 0)
        except IndexError:
            return  # it ends too early

    def long(self, at: int) -> tuple[int, int]:
        """Return a number and the position after it. Raises `IndexError` at the end."""
        value = shift = 0
        while True:
            byte = self.message[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80 or shift > 63:
                return (value >> 1) ^ -(value & 1), at

    def take(self, size: int) -> None:
        self.bytes += size
        if self.bytes > MOST_BYTES:
            raise ReadError(f"it would take more than {MOST_BYTES >> 20} MiB of memory once decoded")

    def skip(self, at: int, size: int) -> int:
        if not 0 <= size <= len(self.message) - at:
            raise IndexError
        self.take(size)
        return at + size


@dataclass(frozen=True)
class _Steps:
    """Makes the steps of a schema that was judged; named types are looked up when they are met."""

    known: dict[str, tuple[_Step, int]]

    def made(self, schema: Any) -> tuple[_Step, int]:
        """Return the step of a type, and the bytes of one value in a column."""
        if isinstance(schema, str):
            return _PRIMITIVE_STEPS[schema] if schema in _PRIMITIVE_STEPS else self.named(schema)
        if isinstance(schema, list):
            return self.union(schema)
        kind = schema["type"]
        if kind == "record":
            return self.record(schema)
        if kind in ("array", "map"):
            return self.repeated(schema)
        if kind in ("enum", "fixed"):
            size = schema.get("size", 0) if kind == "fixed" else 0
            self.known[schema["name"]] = (_long_step if kind == "enum" else _sized(size), max(4, size))
            return self.known[schema["name"]]
        return _PRIMITIVE_STEPS[kind]

    def named(self, name: str) -> tuple[_Step, int]:
        def step(walk: _Walk, at: int, depth: int) -> int:
            return self.known[name][0](walk, at, depth)  # by now: within itself a type is not made yet

        return step, self.known[name][1]

    def record(self, schema: dict[str, Any]) -> tuple[_Step, int]:
        steps: list[_Step] = []

        def step(walk: _Walk, at: int, depth: int) -> int:
            below = _below(depth)
            for inner in steps:
                at = inner(walk, at, below)
            return at

        self.known[schema["name"]] = (step, 0)
        made = [self.made(field["type"]) for field in schema["fields"]]
        steps += [inner for inner, _ in made]
        self.known[schema["name"]] = (step, sum(size for _, size in made))
        return self.known[schema["name"]]

    def union(self, branches: list[Any]) -> tuple[_Step, int]:
        made = [self.made(branch) for branch in branches]

        def step(walk: _Walk, at: int, depth: int) -> int:
            index, at = walk.long(at)
            if not 0 <= index < len(made):
                raise IndexError
            return made[index][0](walk, at, _below(depth))

        return step, max(width for _, width in made)

    def repeated(self, schema: dict[str, Any]) -> tuple[_Step, int]:
        is_map = schema["type"] == "map"
        inner, width = self.made(schema["values" if is_map else "items"])

        def step(walk: _Walk, at: int, depth: int) -> int:
            below = _below(depth)
            while True:
                count, at = walk.long(at)
                if count == 0:
                    return at
                if count < 0:
                    _, at = walk.long(at)
                for _ in range(abs(count)):
                    walk.take(width + 4)
                    at = inner(walk, _text_step(walk, at, depth) if is_map else at, below)

        return step, 4


def _below(depth: int) -> int:
    """Return the depth of what is inside a value. Raises `ReadError` when it is too deep."""
    if depth >= MOST_DEPTH:
        raise ReadError(f"its values are nested more than {MOST_DEPTH} deep")
    return depth + 1


def _sized(size: int) -> _Step:
    return lambda walk, at, _depth: walk.skip(at, size)


def _long_step(walk: _Walk, at: int, _depth: int) -> int:
    return walk.long(at)[1]


def _text_step(walk: _Walk, at: int, _depth: int) -> int:
    size, at = walk.long(at)
    return walk.skip(at, size)


_PRIMITIVE_STEPS: dict[str, tuple[_Step, int]] = {
    "null": (lambda _walk, at, _depth: at, 0),
    "boolean": (_sized(1), 1),
    "int": (_long_step, 4),
    "long": (_long_step, 8),
    "float": (_sized(4), 4),
    "double": (_sized(8), 8),
    "bytes": (_text_step, 4),
    "string": (_text_step, 4),
}

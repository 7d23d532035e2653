"""Messages to Arrow, exactly: readable ones as batches of the topic's one schema, the others named and set aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from alertferry.consumer.fastpath import FastReader, ReadError, slice_bytes
from alertferry.consumer.framing import slices
from alertferry.consumer.schema_check import judge
from alertferry.consumer.schemas import arrow_schema, arrow_type, parse_schema
from alertferry.consumer.sizes import Sizes
from alertferry.consumer.slowpath import SlowReader, clear
from alertferry.core.errors import AlertferryError

if TYPE_CHECKING:
    import pyarrow as pa

Reader = Callable[[Sequence[bytes]], Any]


@dataclass
class Decoded:
    """What became of a list of messages.

    ``results`` are in the order of the messages; ``bad`` maps the index of an unreadable message to the reason.
    """

    results: list[Any] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)


class Decoder:
    """Turns messages of one topic into record batches of its Arrow schema.

    The fast reader is used wherever its types are exactly those of the schema; single messages that it refuses are
    given to fastavro, which has the last word on what is unreadable.
    """

    def __init__(self, schema_json: str) -> None:
        avro = parse_schema(schema_json)
        self.schema = arrow_schema(schema_json)
        self._final = arrow_type(avro)
        fast = FastReader(avro)
        self._slow = SlowReader(avro)
        self.sizes = Sizes(judge(schema_json))
        self._many: Reader = fast.read if fast.matches(avro) else self._slow.read
        self.fast = self._many == fast.read

    def decode(self, messages: Sequence[bytes | None], weights: Sequence[int] | None = None) -> Decoded:
        """Return the record batches of the readable messages, and which messages are unreadable.

        ``weights`` are those of `Sizes`, where they are known already.
        """
        found = _salvage(messages, self._many, self._slow.read, self.sizes, weights)
        found.results = [self._batch(structs) for structs in found.results]
        return found

    def _batch(self, structs: pa.StructArray) -> pa.RecordBatch:
        import pyarrow as pa

        if not structs.type.equals(self._final):
            structs = self._cast(structs)
        columns = [structs.field(index) for index in range(structs.type.num_fields)]
        if not columns:
            return pa.RecordBatch.from_struct_array(structs)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _cast(self, structs: pa.StructArray) -> pa.StructArray:
        import pyarrow as pa

        try:
            return structs.cast(self._final)
        except pa.ArrowInvalid as error:
            raise AlertferryError(
                f"decoded alerts do not fit the topic's schema ({error}); please report this with the topic's schema"
            ) from None


class Checker:
    """Finds unreadable messages without keeping what it decodes: for files that hold messages as they are."""

    def __init__(self, schema_json: str) -> None:
        avro = parse_schema(schema_json)
        fast = FastReader(avro)
        self._slow = SlowReader(avro)
        self.sizes = Sizes(judge(schema_json))
        self._many: Reader = fast.check if fast.usable else self._slow.check

    def bad(self, messages: Sequence[bytes | None], weights: Sequence[int] | None = None) -> dict[int, str]:
        """Return the index and the reason of every unreadable message."""
        return _salvage(messages, self._many, self._slow.check, self.sizes, weights).bad


def _salvage(
    messages: Sequence[bytes | None], many: Reader, one: Reader, sizes: Sizes, weights: Sequence[int] | None
) -> Decoded:
    found = Decoded()
    found.bad = sizes.refused(messages)
    if None in messages:
        found.bad |= {index: "the message has no value" for index, message in enumerate(messages) if message is None}
    start = 0
    for stop in (*sorted(found.bad), len(messages)):
        present = cast("Sequence[bytes]", messages[start:stop])
        own = weights[start:stop] if weights is not None else sizes.weights(present)
        for first, last in slices(present, slice_bytes(present), own):
            _attempt(present[first:last], start + first, many, one, found)
        start = stop + 1
    return found


def _attempt(messages: Sequence[bytes], first: int, many: Reader, one: Reader, found: Decoded) -> None:
    """Read messages together; where that fails, halve them until the unreadable ones stand alone."""
    try:
        found.results.append(many(messages))
        return
    except ReadError:
        if len(messages) == 1:
            _read_single(messages, first, one, found)
            return
    half = len(messages) // 2
    _attempt(messages[:half], first, many, one, found)
    _attempt(messages[half:], first + half, many, one, found)


def _read_single(messages: Sequence[bytes], index: int, one: Reader, found: Decoded) -> None:
    try:
        found.results.append(one(messages))
    except ReadError as error:
        found.bad[index] = clear(str(error))

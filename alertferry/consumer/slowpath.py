"""Decoding by fastavro, one message at a time: for schemas and messages that the fast reader refuses."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from alertferry.consumer.fastpath import ReadError
from alertferry.consumer.schemas import Avro, arrow_type, storage_schema

if TYPE_CHECKING:
    import pyarrow as pa

Convert = Callable[[Any], Any]

MOST_DECIMAL_BYTES = 64
"""Twice what the largest decimal of parquet needs: leading zeros are no error."""

LONGEST_REASON = 300


class SlowReader:
    """Decodes messages of one schema with fastavro; decides whether a message is readable at all.

    Most topics never need it, so fastavro is imported by the first message.
    """

    def __init__(self, schema: Avro) -> None:
        self._schema = storage_schema(schema)
        # decimals as their bytes: fastavro would take minutes for one of some megabytes
        self._plain = storage_schema(schema, decimals=False)
        self._type: pa.DataType | None = None

    @cached_property
    def _decode(self) -> Callable[[io.BytesIO], Any]:
        import fastavro

        parsed = fastavro.parse_schema(self._plain)
        return lambda stream: fastavro.schemaless_reader(stream, parsed, None)

    def record(self, message: bytes) -> Any:
        """Return one message's record. Raises `ReadError` when the bytes are not exactly one record."""
        stream, decode = io.BytesIO(message), self._decode
        try:
            record = decode(stream)
        except Exception as error:  # fastavro raises whatever the bytes lead it to
            raise ReadError(_reason(error)) from None
        if stream.tell() != len(message):
            raise ReadError(f"{len(message) - stream.tell()} bytes are left over after the record")
        return record

    def read(self, messages: Sequence[bytes]) -> pa.StructArray:
        """Return one struct a message, with dates and times as integers. Raises `ReadError` at the first bad one."""
        import pyarrow as pa

        records = [self.record(message) for message in messages]
        if self._type is None:
            kind = arrow_type(self._schema, storage=True)
            self._convert = _converter(kind)
            self._type = kind  # last: another thread then has both
        if self._convert is not None:
            records = [self._convert(record) for record in records]
        try:
            return pa.array(records, self._type)
        except (pa.ArrowException, ValueError, OverflowError, TypeError) as error:
            raise ReadError(_reason(error)) from None

    def check(self, messages: Sequence[bytes]) -> None:
        """Raise `ReadError` unless every message is readable."""
        for message in messages:
            self.record(message)


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError) or "string index" in str(error):
        return "the bytes end before the record does"
    if isinstance(error, IndexError):
        return "the bytes name a type that the schema does not have"
    return clear(f"{type(error).__name__}: {error}")


def clear(reason: str) -> str:
    """Return a reason that an engine gave, in one short line: it may quote the message."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in reason[:1000]).split())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}…"


def _converter(kind: pa.DataType) -> Convert | None:
    """Return what turns fastavro's maps into the pairs that Arrow wants, or None where there are none."""
    import pyarrow as pa

    if pa.types.is_map(kind):
        return partial(_pairs, _converter(kind.item_type))
    if pa.types.is_decimal(kind):
        return partial(_decimal, kind.scale)
    if pa.types.is_list(kind):
        inside = _converter(kind.value_type)
        return partial(_items, inside) if inside else None
    if pa.types.is_struct(kind):
        inner = {field.name: convert for field in kind if (convert := _converter(field.type))}
        return partial(_fields, inner) if inner else None
    return None


def _decimal(scale: int, value: bytes | None) -> Decimal | None:
    if value is None:
        return None
    if len(value) > MOST_DECIMAL_BYTES:
        raise ReadError(f"a decimal number has {len(value):,} bytes")
    return Decimal(int.from_bytes(value, "big", signed=True)).scaleb(-scale, Context(prec=200))


def _pairs(convert: Convert | None, value: Any) -> Any:
    if value is None:
        return None
    return [(key, convert(item) if convert else item) for key, item in value.items()]


def _items(convert: Convert, value: Any) -> Any:
    return None if value is None else [convert(item) for item in value]


def _fields(inner: dict[str, Convert], value: Any) -> Any:
    if value is None:
        return None
    return {**value, **{name: convert(value[name]) for name, convert in inner.items()}}

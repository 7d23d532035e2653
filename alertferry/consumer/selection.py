"""Keeping some columns of the packets: exact paths of the topic's schema, named as a job names its fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from alertferry.consumer.schemas import column_at, field_at, fields_to
from alertferry.core.columns import Content, name_columns, role_column
from alertferry.core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa


def plan(wanted: Sequence[str], schema: pa.Schema, alert_id: str | None) -> tuple[str, ...]:
    """Return the paths to keep, in the order of the packet: the wanted ones, and the alert id for `verify`.

    Raises `UsageError` that names every unknown field with its nearest names.
    """
    known = dict.fromkeys(_paths(schema))
    chosen = dict.fromkeys(path for path in map(str.strip, wanted) if path)
    unknown = [path for path in chosen if path not in known]
    if unknown:
        raise UsageError("\n".join(f"--select: no field {path!r}{_hint(path, schema, known)}" for path in unknown))
    if not chosen:
        raise UsageError("--select names no field; leave it out to keep all")
    if alert_id in known and column_of(tuple(chosen), alert_id) is None:
        chosen[str(alert_id)] = None
    return tuple(path for path in known if path in chosen)


def column_of(paths: tuple[str, ...], alert_id: str | None) -> str | None:
    """Return where the alert id stands in files of these paths (all columns when empty), as a dotted path."""
    if alert_id is None or not paths:
        return alert_id
    return role_column(name_columns(paths), alert_id)


class Selection:
    """The chosen columns of one schema; with no paths, all of them."""

    def __init__(self, paths: Sequence[str], schema: pa.Schema) -> None:
        import pyarrow as pa

        self._contents = name_columns(paths)
        self.schema = pa.schema([_field(schema, content) for content in self._contents]) if paths else schema

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the chosen columns of a batch; a leaf is null where any of the structs around it is."""
        import pyarrow as pa

        if not self._contents:
            return batch
        return pa.RecordBatch.from_arrays([column_at(batch, item.path) for item in self._contents], schema=self.schema)


def _hint(path: str, schema: pa.Schema, known: Iterable[str]) -> str:
    """Return the nearest names; for a field inside a list, how far a path may go."""
    import pyarrow as pa

    root, *below = path.split(".")
    for depth in range(len(below)):
        around = ".".join([root, *below[:depth]])
        field = field_at(schema, around)
        if around in known and field is not None and pa.types.is_list(field.type):
            return f"; {around!r} is a list, which is kept as a whole: name {around!r}"
    return did_you_mean(path, known)


def _paths(fields: Any, before: str = "") -> Iterable[str]:
    """Yield every path that may be chosen, structs before what is in them."""
    import pyarrow as pa

    for field in fields:
        yield before + field.name
        if pa.types.is_struct(field.type):
            yield from _paths(field.type, f"{before}{field.name}.")


def _field(schema: pa.Schema, content: Content) -> pa.Field:
    import pyarrow as pa

    around = fields_to(schema, content.path)
    return pa.field(content.name, around[-1].type, any(field.nullable for field in around))

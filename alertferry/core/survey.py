"""What a survey is: the roles of its columns, its packets, its field documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from alertferry.core.errors import did_you_mean
from alertferry.core.paths import as_part
from alertferry.core.schema import Field, Primitive, Struct, find
from alertferry.core.time_scales import TIME_SCALES, TimeScale

PARTITION_COLUMNS = ("year", "month", "day")
"""Columns that come from the folder names; in a packet only when asked for by name."""


@dataclass(frozen=True, kw_only=True)
class Packet:
    """A predefined content: dotted ``fields`` in order, and/or all root columns but some.

    ``roots`` adds every root column of the lake except those named in ``without`` (an entry ending with ``*``
    excludes all that start with it), after ``fields``. Fields that the lake lacks are left out. ``derived`` names
    columns of `Survey.derived` that belong to it, where they can be derived.
    """

    description: str
    fields: tuple[str, ...] = ()
    roots: bool = False
    without: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()

    def paths(self, schema: Struct) -> tuple[str, ...]:
        """Return the dotted paths of this packet in a lake of this schema."""
        named = [path for path in self.fields if find(schema, path)]
        rest = [as_part(name) for name in schema.names if self.roots and not self._excludes(name)]
        return tuple(dict.fromkeys([*named, *rest]))

    def _excludes(self, name: str) -> bool:
        if name in PARTITION_COLUMNS:
            return True
        return any(name == item or (item.endswith("*") and name.startswith(item[:-1])) for item in self.without)


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A root column of text, a class, not in the lake: a job adds it when one of its steps or its packet has it.

    ``needs`` are the columns it is derived from; ``build`` names the function that adds it, ``module:function``,
    which takes the alerts and returns them all, with the column. ``unavailable``, where given, names a function that
    returns why it cannot be derived here, or an empty text.
    """

    name: str
    description: str
    needs: tuple[str, ...]
    build: str
    unavailable: str = ""

    @property
    def field(self) -> Field:
        """The column."""
        return Field(self.name, Primitive("string"))

    def lacking(self, schema: Struct) -> tuple[str, ...]:
        """Return the columns it needs that a schema has not."""
        return tuple(path for path in self.needs if find(schema, path) is None)

    def obstacle(self, schema: Struct) -> str:
        """Return why it cannot be derived from alerts of a schema; empty when it can."""
        absent = ", ".join(self.lacking(schema))
        if absent:
            return f"no column {absent} on these nights"
        return str(called(self.unavailable)()) if self.unavailable else ""


def with_partitions(schema: Struct) -> Struct:
    """Return a schema with the columns of the night, which lakes keep in the names of folders."""
    extra = tuple(Field(name, Primitive("int")) for name in PARTITION_COLUMNS if not schema.get(name))
    return Struct(schema.fields + extra)


def called(name: str) -> Callable[..., Any]:
    """Return the function that ``module:function`` names."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A survey: which column plays which role, and which packets can be asked for.

    Attributes
    ----------
    name
        As in ``kind:`` of the source, in topic names and in ``ALERTFERRY_LAKE_<NAME>``.
    alert_id, object_id, ra, dec, time
        Dotted columns. Positions are ICRS degrees; ``time`` is the time of observation.
    time_scale
        Form and scale of ``time``: ``jd`` or ``mjd``, of ``utc``, ``tai``, ``tt`` or ``tcb``, as ``mjd-tai``.
    packets
        Predefined contents by name.
    history
        Root columns that repeat earlier alerts of the same object.
    cutouts
        Root columns that hold image stamps: what a packet that is too large can be sent without.
    field_table
        Package and file name of the field documentation (see `alertferry.core.field_table`).
    derived
        Columns that are added on demand.
    values
        The values that a field can have, by its dotted path, where these are few and documented (bands).
    """

    name: str
    title: str
    alert_id: str
    object_id: str
    ra: str
    dec: str
    time: str
    time_scale: TimeScale
    packets: Mapping[str, Packet]
    history: tuple[str, ...] = ()
    cutouts: tuple[str, ...] = ()
    field_table: tuple[str, str] | None = None
    derived: tuple[Derived, ...] = ()
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.time_scale not in TIME_SCALES:
            near = did_you_mean(str(self.time_scale), TIME_SCALES) or f"; there are: {', '.join(TIME_SCALES)}"
            raise ValueError(f"survey {self.name!r}: no time scale {self.time_scale!r}{near}")

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def documented(self) -> Struct:
        """The documented schema: what `check` knows when no lake can be looked at."""
        from alertferry.core.documented import documented_schema

        return documented_schema(*self.field_table) if self.field_table else Struct(())

    @property
    def roles(self) -> dict[str, str]:
        """Role to dotted column."""
        return {role: getattr(self, role) for role in ("alert_id", "object_id", "ra", "dec", "time")}

    def to_derive(self, schema: Struct, mentions: Callable[[str], bool]) -> tuple[Derived, ...]:
        """Return what a step mentions, the schema has not, and can be derived from it."""
        return tuple(
            item
            for item in self.derived
            if mentions(item.name) and schema.get(item.name) is None and not item.obstacle(schema)
        )

    def with_derived(self, schema: Struct, mentions: Callable[[str], bool]) -> Struct:
        """Return the schema with the columns that a step makes the job derive."""
        return Struct(schema.fields + tuple(item.field for item in self.to_derive(schema, mentions)))

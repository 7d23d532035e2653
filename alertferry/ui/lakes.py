"""What the lakes hold, for every session at once: nights and counts, schemas, tags, fields. Read without Spark.

Everything here is cached for the whole process; a night's count is read again when its files change.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Any, TypeVar

from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.field_table import load_fields
from alertferry.core.lake_source import lake_location
from alertferry.core.local_lake import SIMULATED, count_nights, local_path, night_files
from alertferry.core.registry import default_registry
from alertferry.core.schema import Struct, paths
from alertferry.core.settings import load_settings
from alertferry.core.survey import Survey
from alertferry.tags.provider import Kind, Tag, describe

FRESH_SECONDS = 30.0
"""How long a look at the folders of a lake is good for."""

_MOST_VALUES = 200
_MOST_FAULTS = 3

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class NightCount:
    """A night of a lake with its number of alerts; ``alerts`` is None when something of it cannot be read."""

    night: date
    alerts: int | None


@dataclass(frozen=True)
class Lake:
    """What a look at a lake shows; ``reason`` says why nights, or some of their numbers of alerts, are not known.

    ``simulated``: nobody has observed its alerts.
    """

    nights: tuple[NightCount, ...] = ()
    reason: str = ""
    simulated: bool = False

    @property
    def counts(self) -> dict[date, int]:
        """Number of alerts of each night of which it is known."""
        return {item.night: item.alerts for item in self.nights if item.alerts is not None}

    @property
    def unknown(self) -> set[date]:
        """Nights whose number of alerts is not known, as something of them cannot be read."""
        return {item.night for item in self.nights if item.alerts is None}


@dataclass(frozen=True)
class FieldFact:
    """A field that packets can contain; ``bytes`` is its mean size in the lake, uncompressed, where known."""

    path: str
    type: str
    unit: str
    description: str
    bytes: float | None


class Cache:
    """Values that are made once, by one thread, and kept for a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: dict[Any, tuple[float, Any]] = {}
        self._locks: dict[Any, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: Any, make: Callable[[], _Value]) -> _Value:
        """Return the value of a key, made now if it is missing or too old."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            found = self._values.get(key)
            if found is None or time.monotonic() - found[0] > self._seconds:
                made = make()
                found = (time.monotonic(), made)
                self._forget_old()
                self._values[key] = found
        value: _Value = found[1]
        return value

    def at_hand(self, key: Any) -> tuple[Any, bool]:
        """Return what is known of a key without making anything, and whether it is fresh; None when nothing is."""
        found = self._values.get(key)
        return (None, False) if found is None else (found[1], time.monotonic() - found[0] <= self._seconds)

    def _forget_old(self) -> None:
        if len(self._values) >= _MOST_VALUES:
            with self._guard:
                self._values.clear()
                self._locks.clear()

    def clear(self) -> None:
        """Forget every value."""
        with self._guard:
            self._values.clear()


_LAKES = Cache(FRESH_SECONDS)
_SCHEMAS = Cache(FRESH_SECONDS)


def forget() -> None:
    """Look at everything anew."""
    _LAKES.clear()
    _SCHEMAS.clear()
    for function in (field_bytes, fields_of, types_of, tags_of):
        function.cache_clear()


@cache
def surveys() -> dict[str, Survey]:
    """Return the surveys that can be asked, by kind of source."""
    registry = default_registry()
    return {kind: registry.get("source", kind).survey for kind in registry.steps["source"]}


def location_of(kind: str, lake: str | None = None) -> str:
    """Return the path or URL of a survey's lake, or of the one that a job names, by the rule of jobs.

    Raises `UsageError` when none is known.
    """
    return lake_location(surveys()[kind], lake, load_settings())


def look(kind: str, lake: str | None = None) -> Lake:
    """Return the nights of a survey's lake with their numbers of alerts."""
    return _LAKES.get((kind, lake), lambda: _look(kind, lake))


def look_at_hand(kind: str, lake: str | None = None) -> tuple[Lake, bool]:
    """Return what is known of a lake without looking, and whether that is fresh."""
    found, fresh = _LAKES.at_hand((kind, lake))
    return found or Lake(reason="looking at the lake …"), fresh


def _look(kind: str, lake: str | None) -> Lake:
    try:
        root = local_path(location_of(kind, lake))
        if root is None:
            return Lake(reason="this lake is on another machine; name the nights, they are looked up when the job runs")
        counted, hidden = count_nights(root)
    except UsageError as error:
        return Lake(reason=str(error))
    found = tuple(NightCount(night, count if isinstance(count, int) else None) for night, count in counted.items())
    faults = [f"{night} cannot be read: {why}" for night, why in counted.items() if not isinstance(why, int)]
    faults += [f"there may be more nights: {why}" for why in hidden]
    if len(faults) > _MOST_FAULTS:
        faults[_MOST_FAULTS:] = [f"and {len(faults) - _MOST_FAULTS} more, which `alertferry nights {kind}` names"]
    reason = "; ".join(faults) or ("" if found else "there is no data in this lake yet")
    return Lake(found, reason, (root / SIMULATED).exists())


def schema_of(kind: str, asked: Sequence[str], lake: str | None = None) -> Struct:
    """Return the union of the schemas of some nights, or the documented one where there is nothing to look at."""
    return _SCHEMAS.get((kind, lake, tuple(asked)), lambda: _schema(kind, asked, lake))


def schema_at_hand(kind: str, asked: Sequence[str], lake: str | None = None) -> tuple[Struct, bool]:
    """Return the fields of some nights as far as they are known without looking, and whether they are just those.

    Until somebody has looked, they are those of the newest night, or the documented ones.
    """
    found, fresh = _SCHEMAS.at_hand((kind, lake, tuple(asked)))
    return found or _SCHEMAS.at_hand((kind, lake, ()))[0] or surveys()[kind].documented, fresh


def _schema(kind: str, asked: Sequence[str], lake: str | None) -> Struct:
    source = default_registry().get("source", kind)
    wanted = list(asked) or [str(night) for night in newest_nights(kind, lake, 1)]
    try:
        glance = source(nights=wanted, lake=lake).glance(load_settings()) if wanted else None
    except (AlertferryError, ValueError):
        glance = None
    return glance.schema if glance and glance.schema else surveys()[kind].documented


def newest_nights(kind: str, lake: str | None, most: int) -> list[date]:
    """Return the newest nights that have alerts which can be read, the newest last."""
    return [night for night, count in look(kind, lake).counts.items() if count][-most:]


@lru_cache(maxsize=64)
def tags_of(kind: str, unit: Kind, schema: Struct) -> tuple[Tag, ...]:
    """Return the tags or the blocks of a survey on nights of this schema, those that can be used first."""
    found = describe(surveys()[kind].name, unit, schema)
    return tuple(sorted(found, key=lambda tag: (not tag.available, tag.name)))


@lru_cache(maxsize=32)
def types_of(kind: str, schema: Struct) -> dict[str, str]:
    """Return the type of every field by its dotted path, derivable columns included."""
    derived = {item.name: "string" for item in surveys()[kind].derived if not item.lacking(schema)}
    return {path: str(field.type) for path, field in paths(schema)} | derived


@lru_cache(maxsize=32)
def fields_of(kind: str, schema: Struct, lake: str | None = None) -> tuple[FieldFact, ...]:
    """Return every field of these nights with what is known of it, in the order of the lake."""
    survey = surveys()[kind]
    docs = {doc.path: doc for doc in (load_fields(*survey.field_table) if survey.field_table else ())}
    sizes = field_bytes(kind, lake)
    found = []
    for path, of_type in types_of(kind, schema).items():
        doc = docs.get(path)
        words = (doc.unit, doc.description) if doc else ("", _derived_text(survey, path))
        found.append(FieldFact(path, _short(of_type), *words, sizes.get(path)))
    return tuple(found)


def _derived_text(survey: Survey, path: str) -> str:
    return next((item.description for item in survey.derived if item.name == path), "")


def _short(of_type: str) -> str:
    """Return a type without what is inside: ``array<struct>`` for an array of structs."""
    head = of_type.partition("<")[0]
    if head in ("struct", "map"):
        return head
    if head == "array":
        return "array<struct>" if of_type.startswith("array<struct") else of_type[:24]
    return of_type


@cache
def field_bytes(kind: str, lake: str | None = None) -> dict[str, float]:
    """Return the mean bytes an alert of every field and of all that holds it, from the footer of the newest file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        newest = newest_nights(kind, lake, 1)
        root = local_path(location_of(kind, lake)) if newest else None
        files = night_files(root, newest[0]) if root else []
        return _footer_bytes(pq.read_metadata(files[0])) if files else {}
    except (OSError, pa.ArrowException, UnicodeDecodeError, UsageError):  # gone meanwhile, or damaged
        return {}


def _footer_bytes(footer: Any) -> dict[str, float]:
    total: dict[str, float] = {}
    for group in range(footer.num_row_groups):
        for index in range(footer.num_columns):
            column = footer.row_group(group).column(index)
            parts = [part for part in column.path_in_schema.split(".") if part not in ("list", "element", "array")]
            for depth in range(1, len(parts) + 1):
                path = ".".join(parts[:depth])
                total[path] = total.get(path, 0.0) + column.total_uncompressed_size / max(1, footer.num_rows)
    return total


def content_bytes(kind: str, output: Any, schema: Struct, lake: str | None = None) -> float | None:
    """Return about how many bytes a packet of this content has; None when nothing is known."""
    sizes, packet = field_bytes(kind, lake), output.get("packet")
    packets = surveys()[kind].packets
    chosen = packets[packet].paths(schema) if packet in packets else tuple(output.get("fields") or ())
    known = [sizes[path] for path in chosen if path in sizes]
    return sum(known) if known else None

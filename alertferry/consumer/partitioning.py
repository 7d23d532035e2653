"""Dividing files by a value of the alerts: folders ``key=value`` as Hive names them.

Every column stays in the files, so nothing depends on how a reader takes the names of folders. For the same reason no
key is called like a column: pyarrow refuses a folder whose names and files disagree about a type.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import xxhash

from alertferry.consumer.schemas import column_at, field_at
from alertferry.core.columns import name_columns
from alertferry.core.errors import UsageError, did_you_mean
from alertferry.core.paths import split_path
from alertferry.core.time_scales import TIME_SCALES, utc_days

if TYPE_CHECKING:
    import pyarrow as pa

    from alertferry.core.receipt import Manifest

NULL = "__null__"
"""Folder of alerts without a value. Hive's own word makes pyarrow fail: it cannot unite dictionaries with nulls."""

_SPECIAL = {NULL: "%5F_null__", "": "__empty__", "__empty__": "%5F_empty__"}
"""What would be taken for the folder of nulls, and a text of no length, for which readers have different rules."""

LONGEST_BYTES = 180
"""Longer values are cut and end with their hash: names of folders have 255 bytes at most."""

CLASS_COLUMNS = ("finkclass", "tnsclass", "tns_type_recomputed", "classId")
"""What packets may have as the class of an alert, the first of which divides: Fink's, the TNS's, that of ELASTiCC."""

_TIMES = {"jd": "jd-utc", "candidate.jd": "jd-utc", "midpointMjdTai": "mjd-tai", "diaSource.midpointMjdTai": "mjd-tai"}
"""Where the peer's packets have the time of observation: its topics do not say."""

_MOST_DAYS = 1_000_000
"""Some 2,700 years: no alert lies further from 1970."""

_MJD_1970 = 40587


@dataclass(frozen=True)
class Partitioning:
    """How files are divided: by the column ``path``, into folders of ``keys``; ``scale`` is that of a time."""

    by: str
    path: str
    keys: tuple[str, ...]
    scale: str | None = None

    def folders(self, batches: list[pa.RecordBatch]) -> list[str]:
        """Return the folder of each row, relative to the delivery folder."""
        return [folder for batch in batches for folder in self._of(column_at(batch, self.path))]

    def _of(self, column: pa.Array) -> list[str]:
        import pyarrow.compute as pc

        values = _days(column, self.scale) if self.scale else column
        coded = pc.dictionary_encode(values, null_encoding="encode")
        names = [self._named(value) for value in coded.dictionary.to_pylist()]
        return [names[code] for code in coded.indices.to_pylist()]

    def _named(self, value: Any) -> str:
        if self.scale is None:
            return f"{self.keys[0]}={encoded(value)}"
        parts = [NULL] * 3 if value is None else [f"{value.year:04d}", f"{value.month:02d}", f"{value.day:02d}"]
        return "/".join(f"{key}={part}" for key, part in zip(self.keys, parts, strict=True))


def encoded(value: Any) -> str:
    """Return a value as part of a folder's name, percent-encoded: no value can name another place."""
    if value is None:
        return NULL
    text = str(value).lower() if isinstance(value, bool) else str(value)
    name = quote(text.encode(errors="surrogatepass"), safe="")
    if text in _SPECIAL:
        name = _SPECIAL[text]
    if len(name) <= LONGEST_BYTES:
        return name
    cut = re.sub("%[0-9A-F]?$", "", name[: LONGEST_BYTES - 20])
    return f"{cut}~{xxhash.xxh64_hexdigest(text.encode())}"


def plan(by: str, schema: pa.Schema, manifest: Manifest | None, select: Sequence[str] = ()) -> Partitioning:
    """Return how to divide the files of a topic.

    Parameters
    ----------
    by
        ``time`` (the date of observation, UTC), ``class``, or the dotted name of a column with text, whole numbers or
        booleans.
    schema
        Arrow schema of the packets.
    manifest
        What the topic says about itself.
    select
        Paths of the columns that stay in the files; all when empty.

    Raises `UsageError` when the packets have no such column, or one whose values make no folders.
    """
    taken = {name.lower() for name in (*schema.names, *(item.name for item in name_columns(select)))}
    if by == "time":
        path, scale = _time(schema, manifest)
        return Partitioning(by, path, tuple(_key(key, taken) for key in ("year", "month", "day")), scale)
    path = _class(schema) if by == "class" else by
    field = field_at(schema, path)
    if field is None:
        near = did_you_mean(path, list(_leaves(schema)))
        raise UsageError(f"--partition-by {by}: the packets have no column {path!r}{near}")
    if not _divides(field.type):
        raise UsageError(
            f"--partition-by {by}: the column {path!r} holds {field.type}; text, whole numbers and true or false "
            "divide files"
        )
    return Partitioning(by, path, (_key("class" if by == "class" else "_".join(split_path(path)), taken),))


def _class(schema: pa.Schema) -> str:
    found = next((path for path in CLASS_COLUMNS if field_at(schema, path) is not None), None)
    if found is None:
        raise UsageError(
            "--partition-by class: the packets have no class; full, medium and light packets of ZTF have one, others "
            "when the job's fields name finkclass (ZTF), or, where the site has a catalogue of the TNS, tnsclass (ZTF) "
            "or tns_type_recomputed (LSST); or divide by another column"
        )
    return found


def _time(schema: pa.Schema, manifest: Manifest | None) -> tuple[str, str]:
    if manifest is not None and manifest.time_scale and _is_number(schema, manifest.time):
        if manifest.time_scale not in TIME_SCALES:
            known = ", ".join(TIME_SCALES)
            raise UsageError(
                f"--partition-by time: the topic's times are {manifest.time_scale!r}, and known are {known}; divide by "
                "another column"
            )
        return str(manifest.time), manifest.time_scale
    found = next((path for path in _TIMES if _is_number(schema, path)), None)
    if found is None:
        raise UsageError(
            "--partition-by time: the packets hold no time of observation; add it to the job's fields, or divide by "
            "another column"
        )
    return found, _TIMES[found]


def _key(name: str, taken: Collection[str]) -> str:
    key = re.sub(r"\W", "_", name)
    return f"by_{key.lstrip('_')}" if key.lower() in taken or key.startswith("_") else key


def _days(column: pa.Array, scale: str) -> pa.Array:
    """Return times as dates of UTC; null where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    days = pc.subtract(utc_days(column, scale), _MJD_1970)
    usable = pc.less(pc.abs(days), _MOST_DAYS)  # false for infinities and for what is no number
    return pc.if_else(usable, days, None).cast(pa.int32()).cast(pa.date32())


def _is_number(schema: pa.Schema, path: str | None) -> bool:
    import pyarrow as pa

    field = field_at(schema, path) if path else None
    return field is not None and (pa.types.is_floating(field.type) or pa.types.is_integer(field.type))


def _divides(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return any(test(kind) for test in (pa.types.is_string, pa.types.is_integer, pa.types.is_boolean))


def _leaves(schema: Any, before: str = "") -> list[str]:
    import pyarrow as pa

    found: list[str] = []
    for field in schema:
        name = before + field.name
        found += _leaves(field.type, f"{name}.") if pa.types.is_struct(field.type) else [name]
    return found

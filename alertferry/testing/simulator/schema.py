"""The Arrow schemas of the simulated lakes, built from the surveys' field tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pyarrow as pa

from alertferry.core.errors import UsageError, did_you_mean
from alertferry.core.field_table import FieldDoc, load_fields

VERSIONS: Mapping[str, tuple[str, ...]] = {"ztf": ("2021", "2025.01", "2025.06"), "lsst": ("10.0", "10.0+")}
DEFAULT_VERSION: Mapping[str, str] = {"ztf": "2025.06", "lsst": "10.0"}

# In 2021 the broker appended its columns in another order, and wrote one of them as required.
_ROOT_ORDER = {
    ("ztf", "2021"): (
        *("candid", "schemavsn", "publisher", "objectId", "candidate", "prv_candidates"),
        *("cutoutScience", "cutoutTemplate", "cutoutDifference", "timestamp", "cdsxmatch"),
        *("rf_snia_vs_nonia", "snn_snia_vs_nonia", "snn_sn_vs_all", "roid", "nalerthist", "rf_kn_vs_nonkn"),
        *("fink_broker_version", "fink_science_version", "tracklet", "mulens"),
    )
}
_REQUIRED = {("ztf", "2021"): {"mulens"}}

_LEAVES = {
    "long": pa.int64(),
    "int": pa.int32(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "binary": pa.binary(),
    "timestamp": pa.timestamp("us"),
}


def check_version(survey: str, version: str | None) -> str:
    """Return the schema version to write: ``version``, or the survey's default.

    Raises `UsageError` for a survey or a version that cannot be simulated.
    """
    if survey not in VERSIONS:
        raise UsageError(
            f"no survey {survey!r} to simulate; there are {', '.join(VERSIONS)}{did_you_mean(survey, VERSIONS)}"
        )
    if version is not None and version not in VERSIONS[survey]:
        raise UsageError(f"no schema version {version!r} of {survey}; there are {', '.join(VERSIONS[survey])}")
    return version or DEFAULT_VERSION[survey]


@cache
def lake_schema(survey: str, version: str) -> pa.Schema:
    """Return the schema of the lake of ``survey`` in ``version``: names, order, types and nullability."""
    documented = load_fields("alertferry.plugins.sources", f"{survey}_fields.tsv")
    present = [field for field in documented if version in field.versions]
    inside: dict[str, list[FieldDoc]] = {}
    for field in present:
        inside.setdefault(field.path.rpartition(".")[0], []).append(field)
    order = _ROOT_ORDER.get((survey, version))
    if order:
        inside[""].sort(key=lambda field: order.index(field.path))
    required = _REQUIRED.get((survey, version), set())
    return pa.schema(_arrow_field(field, inside, required) for field in inside[""])


def _arrow_field(field: FieldDoc, inside: Mapping[str, list[FieldDoc]], required: Iterable[str] = ()) -> Any:
    name = field.path.rpartition(".")[2]
    children = [_arrow_field(child, inside) for child in inside.get(field.path, [])]
    nullable = field.nullable and field.path not in required
    return pa.field(name, _arrow_type(field.type, children), nullable=nullable)


def _arrow_type(kind: str, children: list[Any]) -> Any:
    if kind.startswith("array<"):
        return pa.list_(pa.field("element", _arrow_type(kind[6:-1], children)))
    if kind.startswith("map<string,"):
        return pa.map_(pa.string(), _arrow_type(kind[11:-1], children))
    return pa.struct(children) if kind == "struct" else _LEAVES[kind]

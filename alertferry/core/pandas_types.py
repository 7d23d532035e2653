"""Telling pandas, in the files themselves, which types keep every digit.

Without it pandas makes floats of whole numbers as soon as one of them is null, and an identifier above 2^53 is then
another one. The pandas metadata of parquet names the type of every column, and pandas, dask and fastparquet follow it.
It speaks of whole columns only: for what is inside structs and lists, see `loses_digits`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_NULLABLE = {
    "bool": "boolean",
    **{f"{sign}int{bits}": f"{sign.upper()}Int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_FLOATS = {"float": "float32", "double": "float64"}
_WORDS = {"string": "unicode", "binary": "bytes"}


def pandas_metadata(schema: pa.Schema) -> dict[str, str]:
    """Return the metadata of a parquet file that says how pandas keeps columns of this schema exact.

    Whole numbers and booleans that may be null become pandas' nullable types (``Int64``, ``boolean``); everything else
    is what pandas makes of it anyway. Write such files without Arrow's own schema (``store_schema=False``): parquet
    says as much, and the first polars fails over the maps of that schema.
    """
    said = {
        "index_columns": [],
        "column_indexes": [],
        "columns": [_column(field) for field in schema],
        "creator": {"library": "alertferry"},
    }
    return {"pandas": json.dumps(said, separators=(",", ":"))}


def _column(field: pa.Field) -> dict[str, Any]:
    import pyarrow as pa

    kind = str(field.type)
    seen, stored, more = _WORDS.get(kind, "object"), "object", None
    if kind in _NULLABLE:
        seen, stored = kind, _NULLABLE[kind] if field.nullable else kind
    elif kind in _FLOATS:
        seen = stored = _FLOATS[kind]
    elif pa.types.is_timestamp(field.type):
        # pandas takes the unit from the column itself; fastparquet wants the time zone told
        seen, stored = ("datetimetz", "datetime64[ns]") if field.type.tz else ("datetime", "datetime64[ns]")
        more = {"timezone": field.type.tz} if field.type.tz else None
    return {"name": field.name, "field_name": field.name, "pandas_type": seen, "numpy_type": stored, "metadata": more}


def loses_digits(schema: pa.Schema) -> bool:
    """Tell whether pandas' own types lose digits of such alerts: structs or lists hold long integers that may be null.

    pandas turns these into floats whatever the file says; its Arrow types (``dtype_backend="pyarrow"``) do not.
    """
    return any(_holds_nullable_long(field) for field in schema)


def _holds_nullable_long(field: pa.Field) -> bool:
    import pyarrow as pa

    around = pa.types.is_struct(field.type) and field.nullable  # what is in it is null wherever it is
    for inner in (field.type.field(index) for index in range(field.type.num_fields)):
        nullable = inner.nullable or around
        if (nullable and str(inner.type).endswith("int64")) or _holds_nullable_long(inner.with_nullable(nullable)):
            return True
    return False


def pandas_call(folder: str, schema: pa.Schema | None) -> str:
    """Return the call of pandas that reads a delivered folder and keeps every digit.

    ``schema`` is that of its files; None where it is not known, as for a job that has not run.
    """
    more = ', dtype_backend="pyarrow"' if schema is None or loses_digits(schema) else ""
    return f"pd.read_parquet({folder!r}{more})"

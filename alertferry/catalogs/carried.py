"""Columns that travel with a source, with the types of the file.

A text file has no types: a column of such a file becomes integers or floating-point numbers when that loses nothing
(no leading zeros, at least one decimal point, no other text), else it stays text. The types that ECSV declares hold
where all values are of them.
"""

from __future__ import annotations

from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

_INTEGER = r"^-?(?:0|[1-9]\d{0,17})$"
_FLOAT = r"(?i)^[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$|^nan$"


_DECLARED = {f"{kind}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
_DECLARED |= {"float16": "float32", "float32": "float32", "float64": "float64", "bool": "bool"}


def typed(text: pa.Array, declared: str = "text") -> pa.Array:
    """Return a column of a text file as int64, float64 or text, whichever all its values allow; empty is null.

    ``declared`` is the type that the header says, as ECSV calls it.
    """
    text = pc.if_else(pc.equal(text, ""), None, text)
    if text.null_count == len(text) or declared == "string":
        return text
    if declared in _DECLARED:
        with suppress(pa.ArrowInvalid):
            return pc.cast(pc.utf8_lower(pc.utf8_trim_whitespace(text)), pa.type_for_alias(_DECLARED[declared]))
    if _all_match(text, _INTEGER):
        return pc.cast(text, pa.int64())
    if _all_match(text, _FLOAT) and pc.any(pc.match_substring(text, ".")).as_py():
        return pc.cast(text, pa.float64())
    return text


def plain(column: pa.Array) -> pa.Array:
    """Return a column without dictionary encoding, and texts as plain strings."""
    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return column.cast(plain_type(column.type))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that `plain` gives a column of some type."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind


def _all_match(text: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.fill_null(pc.match_substring_regex(text, pattern), True)).as_py())

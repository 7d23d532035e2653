"""Turning pydantic's errors into sentences with a job file's own paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError

from alertferry.core.errors import Problem, did_you_mean

_BOUNDS = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}

_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "date_type": "a date",
    "is_instance_of": "a step",
    "string_unicode": "text without half characters (surrogates)",
    "int_parsing_size": "a smaller number",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "path_type": "the name of a file",
    "datetime_type": "a time",
}

_SIZES = {
    "too_short": "must have at least {min_length} entries, got {actual_length}",
    "too_long": "must have at most {max_length} entries, got {actual_length}",
    "string_too_short": "must have at least {min_length} characters, got {got}",
    "string_too_long": "must have at most {max_length} characters, got {got}",
    "multiple_of": "must be a multiple of {multiple_of}, got {got}",
}

_LONGEST = 80


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[Problem]:
    """Return one `Problem` for each error of ``model``, its path below ``prefix``."""
    return [
        Problem(_path(prefix, item["loc"]), sentence(item, model))
        for item in error.errors(include_url=False, include_context=True)
    ]


def _path(prefix: str, location: tuple[Any, ...]) -> str:
    path = prefix
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else str(part)
    return path


def sentence(item: Any, model: type[BaseModel]) -> str:
    """Return one of pydantic's errors in the words of who wrote the value."""
    kind, got, context = item["type"], shown(item["input"]), item.get("ctx", {})
    if kind in _BOUNDS:
        return f"must be {_BOUNDS[kind]} {_bound(next(iter(context.values())))}, got {got}"
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        known = list(model.model_fields)
        near = did_you_mean(str(item["loc"][-1]), known) or f"; there are: {', '.join(known) or 'none'}"
        return f"no such option{near}"
    if kind == "literal_error":
        return f"must be {context['expected']}, got {got}"
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, got {got}"
    if kind in ("string_too_short", "too_short") and not item["input"]:
        return "is empty"
    if kind in _SIZES:
        length = context.get("actual_length")
        return _SIZES[kind].format(got=got, **{**context, "actual_length": "more" if length is None else length})
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    allowed = f"; {rule}" if (rule := _rule(item["loc"], model)) else ""
    return f"cannot be used, got {got}{allowed}"


def _rule(location: tuple[Any, ...], model: type[BaseModel]) -> str:
    """Return what an option's own words say about it."""
    option = model.model_fields.get(str(location[0])) if location else None
    said = (option.description or "").strip() if option else ""
    return said.partition(". ")[0].partition("\n")[0].rstrip(".")


def _bound(limit: Any) -> str:
    """Return a limit as people write it: 0, not 0.0."""
    return str(int(limit)) if isinstance(limit, float) and limit.is_integer() else str(limit)


def shown(value: Any) -> str:
    """Return what stands in a file as messages show it: as it would be written there, and not longer than a line."""
    text = _written(value, _LONGEST)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _written(value: Any, room: int) -> str:
    """Return a value as text; of what is far too long, only the beginning is looked at."""
    if isinstance(value, str):
        return repr(value[: room + 1])
    if isinstance(value, Mapping):
        parts = (f"{_written(key, room)}: {_written(item, room)}" for key, item in islice(value.items(), room))
        return f"{{{_joined(parts, room)}}}"
    if isinstance(value, list | tuple):
        return f"[{_joined((_written(item, room) for item in islice(value, room)), room)}]"
    if isinstance(value, int) and abs(value) >= 10**room:
        return "a number of too many digits"
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else repr(value)
    )


def _joined(parts: Iterator[str], room: int) -> str:
    text = ""
    for part in parts:
        text += ", " * bool(text) + part
        if len(text) > room:
            break
    return text

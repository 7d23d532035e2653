"""Turning pydantic's errors into sentences with a job file's own paths."""

from __future__ import annotations

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
}


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[Problem]:
    """Return one `Problem` for each error of ``model``, its path below ``prefix``."""
    return [
        Problem(_path(prefix, item["loc"]), _sentence(item, model))
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


def _sentence(item: Any, model: type[BaseModel]) -> str:
    kind, got, context = item["type"], _show(item["input"]), item.get("ctx", {})
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
    if kind == "too_short":
        return f"must have at least {context['min_length']} entries, got {context['actual_length']}"
    if kind == "value_error":
        return str(context["error"])
    return f"{item['msg'][:1].lower()}{item['msg'][1:]}, got {got}"


def _bound(limit: Any) -> str:
    """Return a limit as people write it: 0, not 0.0."""
    return str(int(limit)) if isinstance(limit, float) and limit.is_integer() else str(limit)


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."

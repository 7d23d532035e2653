"""Turns what Spark says about a condition into one short sentence and a place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from alertferry.core.conditions.allowed import why_not
from alertferry.core.conditions.tree import Span
from alertferry.core.errors import did_you_mean

_TOO_DEEP = "the condition is nested too deeply for Spark; split it into several conditions"
_UNREADABLE = "Spark cannot read this condition; simplify it"
_LONGEST_MESSAGE = 300


def explain(error: BaseException, text: str, fields: Iterable[str] = ()) -> tuple[str, Span]:
    """Return a message for an error that Spark raised about ``text``, and the place (offset, length).

    ``fields`` are the dotted paths of the fields there are, for suggestions. Never returns a Java stack trace.
    """
    condition, parameters = _spark_details(error)
    span = _context_span(error) or _position_span(error, text) or _name_span(parameters, text)
    if condition == "FAILED_TO_PARSE_TOO_COMPLEX" or "StackOverflowError" in str(getattr(error, "java_exception", "")):
        return _TOO_DEEP, (0, 1)
    if not condition:
        return _first_sentence(error), span
    return _message(condition, parameters, list(fields)) or _first_sentence(error), span


def _spark_details(error: BaseException) -> tuple[str, Mapping[str, str]]:
    """Return Spark's error condition and its parameters; empty when the error is not one of Spark's."""
    try:
        condition = error.getCondition()  # type: ignore[attr-defined]
        parameters = error.getMessageParameters()  # type: ignore[attr-defined]
    except Exception:  # py4j raises many kinds; the plain message is shown instead
        return "", {}
    return str(condition or ""), dict(parameters or {})


def _context_span(error: BaseException) -> Span | None:
    try:
        contexts: list[Any] = error.getQueryContext()  # type: ignore[attr-defined]
        start, stop = int(contexts[0].startIndex()), int(contexts[0].stopIndex())
    except Exception:  # as above: without a position the whole condition is marked
        return None
    return (start, max(1, stop - start + 1)) if start >= 0 else None


def _position_span(error: BaseException, text: str) -> Span | None:
    """Return the place that a syntax error names: ``(line 1, pos 5)``, the line from 1, the place in it from 0."""
    match = re.search(r"\(line ([0-9]+), pos ([0-9]+)\)", _said(error))
    if not match:
        return None
    lines = text.split("\n")
    before = sum(len(line) + 1 for line in lines[: int(match[1]) - 1])
    return before + int(match[2]), 1


def _name_span(given: Mapping[str, str], text: str) -> Span:
    """Return where the name that Spark speaks of stands in the text, else the whole text."""
    name = _plain(given.get("fieldName", ""))
    found = (
        re.search(rf"(?<![\w.]){re.escape(name)}\b|(?<=\.){re.escape(name)}\b", text, re.IGNORECASE) if name else None
    )
    return (found.start(), len(name)) if found else (0, len(text.rstrip()) or 1)


def _message(condition: str, given: Mapping[str, str], fields: list[str]) -> str:
    """Return the sentence for one of Spark's error conditions; empty when there is none of our own."""
    if condition.startswith("UNRESOLVED_COLUMN"):
        name = _plain(given.get("objectName", ""))
        return f"no field '{name}'{did_you_mean(name, fields)}"
    if condition == "FIELD_NOT_FOUND":
        name = _plain(given.get("fieldName", ""))
        return f"no field '{name}' in there{did_you_mean(name, _plain(given.get('fields', '')).split(', '))}"
    if condition.startswith("WRONG_NUM_ARGS"):
        name, wanted, got = (given.get(key, "") for key in ("functionName", "expectedNum", "actualNum"))
        return f"{_plain(name).lower()}() takes {wanted} argument{'s' * (wanted != '1')}, got {got}"
    if condition == "UNRESOLVED_ROUTINE":
        return why_not(_plain(given.get("routineName", "")))
    if condition == "PARSE_SYNTAX_ERROR":
        return f"syntax error at {given.get('error', '')}{given.get('hint', '')}"
    if condition == "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES":
        return _different_types(given)
    if condition == "INVALID_EXTRACT_BASE_FIELD_TYPE":
        return f"{given.get('base', '')} is {given.get('other', '')}: it has no fields or elements"
    return ""


def _different_types(given: Mapping[str, str]) -> str:
    left, right = (given.get(side, "").strip('"') for side in ("left", "right"))
    hint = "; for a history write exists(history, x -> ...)" if "ARRAY" in left + right else ""
    return f"{_short(left)} and {_short(right)} cannot be compared or combined{hint}"


def _short(kind: str) -> str:
    return kind if len(kind) <= 60 else kind[:60] + "..."


def _plain(name: str) -> str:
    return name.replace("`", "")


def _said(error: BaseException) -> str:
    return str(getattr(error, "_desc", "") or "")


def _first_sentence(error: BaseException) -> str:
    """Return the first line of Spark's own message, without its codes; a fixed text for errors of another kind."""
    said = _said(error).strip()
    if not said.startswith("["):
        return _UNREADABLE
    line = re.sub(r"^\[[A-Z0-9_.]+\]\s*", "", said.split("\n")[0])
    line = re.sub(r"\s*SQLSTATE: \w+.*$", "", line)
    line = re.sub(r'^Cannot resolve "(.*?)" due to data type mismatch: ', r"\1: ", line)
    return line[:_LONGEST_MESSAGE]

"""Forms made from the models of steps: each option as an entry that shows it as text, and reads it from text.

What cannot be read stays in the draft as it was typed; the model then says what is wrong with it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from alertferry.core.errors import AlertferryError
from alertferry.core.safe_yaml import load_mapping
from alertferry.core.steps import Step

Plain = Mapping[str, Any]
Kind = Literal["text", "lines", "choice", "ticks", "switch", "value"]

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WHOLE = re.compile(r"[-+]?\d{1,77}")
_UNITS = ("arcsec", "arcmin", "deg", "mas", "mag", "days", "hours", "minutes", "seconds", "bytes", "rows")
_DEPTH = 4
MOST_YAML = 4_000
"""Characters of a text that may be YAML: longer ones are read as JSON, as a page may not wait for the reading."""
_ABSENT: Any = object()


@dataclass(frozen=True)
class Entry:
    """An option as a form has it. ``path`` leads to it through models within, as ``cone.ra``.

    ``kind`` is how it is entered: a line of text, several of one each, one of some or several of some choices, on or
    off, or a value written as in a job file. ``numbers`` and ``words`` say which of them it takes; ``more`` that few
    need it.
    """

    path: str
    label: str
    about: str = ""
    kind: Kind = "text"
    choices: tuple[tuple[str, str], ...] = ()
    hint: str = ""
    required: bool = False
    more: bool = False
    numbers: bool = False
    words: bool = True
    values: tuple[Any, ...] = ()
    default: Any = None

    def to_page(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        found = asdict(self)
        return {name: found[name] for name in ("path", "label", "about", "kind", "choices", "hint", "required", "more")}


@lru_cache(maxsize=64)
def entries_of(step: type[Step]) -> tuple[Entry, ...]:
    """Return the entries of a step's options, in their order; the filters within a group are none."""
    try:
        schema = step.model_json_schema()
    except Exception:  # a type of a plugin that has no schema
        schema = {"properties": {name: _bare(field) for name, field in step.model_fields.items()}}
    needed = schema.get("required", ())
    found = list[Entry]()
    for name, option in schema.get("properties", {}).items():
        if not (name == "of" and name in step.nested):
            found += _entries(name, option, schema.get("$defs", {}), name in needed, ())
    return tuple(found)


def _bare(field: Any) -> dict[str, Any]:
    return {"description": field.description or ""}


def _entries(path: str, option: Plain, known: Plain, required: bool, above: tuple[str, ...]) -> Iterator[Entry]:
    ways = [way for way in _ways(option, known) if way.get("type") != "null"]
    name = label(path.rpartition(".")[2], option.get("title", ""))
    default = option.get("default")
    about = _plain(option.get("description") or (ways[0].get("description", "") if len(ways) == 1 else ""))
    entry = Entry(path, ": ".join((*above, name)), about, "value", required=required, default=default)
    inner = ways[0].get("properties") if len(ways) == 1 and ways[0].get("type") == "object" else None
    if inner and len(above) < _DEPTH:
        needed = ways[0].get("required", ())
        for key, part in inner.items():
            yield from _entries(f"{path}.{key}", part, known, required and key in needed, (*above, name))
        return
    if default not in (None, "", [], {}):
        entry = replace(entry, hint=f"{_written(default)} if left empty")
    yield _typed(entry, ways)


def _typed(entry: Entry, ways: Sequence[Plain]) -> Entry:
    """Return an entry with what its types say."""
    types = {str(way.get("type")) for way in ways}
    listed = [value for way in ways for value in way.get("enum", [way["const"]] if "const" in way else ())]
    if listed and all("enum" in way or "const" in way for way in ways):
        return _of_few(entry, listed)
    if types == {"boolean"}:
        if isinstance(entry.default, bool):
            return replace(entry, kind="switch", hint="")
        return _of_few(entry, [True, False])
    if types == {"array"} and len(ways) == 1:
        items = ways[0].get("items")
        inner = _typed(replace(entry, default=None), [items]) if isinstance(items, Mapping) else entry
        if inner.kind == "choice":
            chosen = tuple((text, text) for text in map(_written, inner.values))
            return replace(entry, kind="ticks", choices=chosen, values=inner.values)
        if inner.kind == "text":
            return replace(entry, kind="lines", numbers=inner.numbers, words=inner.words)
        return entry
    if types <= {"string", "number", "integer"} and types and not listed:
        numbers = bool(types & {"number", "integer"})
        return replace(entry, kind="text", numbers=numbers, words="string" in types)
    return entry


def _of_few(entry: Entry, values: Sequence[Any]) -> Entry:
    rest = [value for value in values if value != entry.default or entry.default is None]
    if entry.default is not None:
        first = f"{_said(entry.default)} (default)"
    else:
        first = "choose one" if entry.required else "as usual"
    choices = (("", first), *((_written(value), _said(value)) for value in rest))
    return replace(entry, kind="choice", choices=choices, values=tuple(rest), hint="")


def _ways(option: Plain, known: Plain, depth: int = 0) -> list[Plain]:
    """Return what an option may be, references resolved."""
    if "$ref" in option and depth < 20:
        return _ways(known.get(str(option["$ref"]).rpartition("/")[2], {}), known, depth + 1)
    for name in ("anyOf", "oneOf", "allOf"):
        if name in option and depth < 20 and (name != "allOf" or len(option[name]) == 1):
            return [way for part in option[name] for way in _ways(part, known, depth + 1)]
    return [option]


def label(name: str, title: str = "") -> str:
    """Return the plugin's own title of an option, or its name in words, with its unit."""
    if title and title != name.replace("_", " ").title():
        return title
    start, _, unit = name.rpartition("_")
    words = f"{start} ({unit})" if start and unit in _UNITS else name
    text = words.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _plain(text: str) -> str:
    """Return an option's documentation as text: one paragraph, without marks."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].replace("`", "").split())


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else _written(value).replace("_", " ")


def _written(value: Any) -> str:
    """Return a value in one line, as a job file may hold it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return repr(value).removesuffix(".0")
    return json.dumps(value, ensure_ascii=False, default=str)


def shown(entry: Entry, options: Plain) -> str:
    """Return what an entry shows for the options of a step."""
    value = _at(options, entry.path)
    if entry.kind == "switch" and value is _ABSENT:
        value = entry.default
    if value is _ABSENT or value is None:
        return ""
    if entry.kind in ("lines", "ticks") and _fits_lines(entry, value):
        return "\n".join(_scalar(entry, item) for item in ([value] if isinstance(value, str) else value))
    if entry.kind == "choice" and value == entry.default:
        return ""
    if entry.kind == "value" and isinstance(value, str) and _data(value) != value:
        return json.dumps(value, ensure_ascii=False)
    return _scalar(entry, value) if entry.kind == "text" else _written(value)


def with_text(entry: Entry, options: Plain, text: str) -> dict[str, Any]:
    """Return the options of a step with what was entered; an empty text takes the option away."""
    if entry.kind == "lines" and not _fits_lines(entry, _at(options, entry.path)):
        entry = replace(entry, kind="value")
    return _put(options, entry.path.split("."), _read(entry, text))


def texts(entries: Sequence[Entry], options: Plain) -> dict[str, str]:
    """Return what all entries show, by their paths."""
    return {entry.path: shown(entry, options) for entry in entries}


def _fits_lines(entry: Entry, value: Any) -> bool:
    """Tell whether a value is what lines of text can say."""
    if value is _ABSENT or value is None or isinstance(value, str):
        return True
    if not isinstance(value, list | tuple):
        return False
    return all(isinstance(item, str | int | float) and _is_line(_scalar(entry, item)) for item in value)


def _is_line(text: str) -> bool:
    return text == text.strip() and len(text.splitlines()) == 1


def _scalar(entry: Entry, value: Any) -> str:
    """Return a text or a number; a text that would be read as a number stands in quotes."""
    text = _written(value)
    plain = not isinstance(value, str) or not (entry.numbers and entry.words)
    if not plain and (not text.strip() or _value_of(entry, text) != value):
        return f'"{text}"'
    return text


def _value_of(entry: Entry, text: str) -> Any:
    bare = text.strip()
    if entry.numbers:
        if entry.words and len(bare) > 1 and bare[0] == bare[-1] == '"':
            return bare[1:-1]
        if _WHOLE.fullmatch(bare):
            return int(bare)
        if _NUMBER.fullmatch(bare) and math.isfinite(float(bare)):
            return float(bare)
    return text


def _read(entry: Entry, text: str) -> Any:
    if not text.strip() and (entry.kind != "text" or not text or entry.numbers):
        return _ABSENT
    if entry.kind == "switch":
        value = text == "true"
        return _ABSENT if value == entry.default else value
    if entry.kind == "choice":
        return next((value for value in entry.values if _written(value) == text), text)
    if entry.kind == "ticks":
        known = {_written(value): value for value in entry.values}
        return [known.get(line, line) for line in text.splitlines() if line]
    if entry.kind == "lines":
        return [_value_of(entry, line.strip()) for line in text.splitlines() if line.strip()]
    if entry.kind == "value":
        return _data(text)
    return _value_of(entry, text)


def _data(text: str) -> Any:
    """Return a value that is written as in a job file, also as JSON; what is none stays text."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    if len(text) > MOST_YAML:
        return text
    try:
        found = load_mapping(f"value: {text}" if "\n" not in text else "value:\n  " + text.replace("\n", "\n  "))
    except AlertferryError:
        return text
    return found["value"] if set(found) == {"value"} else text


def _at(options: Plain, path: str) -> Any:
    value: Any = options
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return _ABSENT
        value = value[name]
    return value


def _put(options: Plain, path: Sequence[str], value: Any) -> dict[str, Any]:
    first, rest, found = path[0], path[1:], dict(options)
    if rest:
        inner = found.get(first)
        value = _put(inner if isinstance(inner, Mapping) else {}, rest, value) or _ABSENT
    if value is _ABSENT:
        found.pop(first, None)
    else:
        found[first] = value
    return found


def at_fault(entries: Sequence[Entry], options: Sequence[str]) -> list[str]:
    """Return the paths of entries that problems are about, given the options that these name."""
    bare = [re.sub(r"\[\d+\].*$", "", option) for option in options]
    return [entry.path for entry in entries if entry.path in bare or any(entry.path.startswith(f"{o}.") for o in bare)]

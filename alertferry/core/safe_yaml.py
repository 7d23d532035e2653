"""Reading YAML that a stranger wrote: plain data only, within bounds, nothing guessed.

Scalars are text, numbers (``1``, ``1.5``, ``1e-3``), ``true``, ``false`` and null; dates stay text, ``NO`` stays
``NO``. Aliases, tags and duplicate keys are refused, with their line.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from alertferry.core.errors import JobError, Problem, UsageError
from alertferry.core.problems import shown

MAX_BYTES = 64 * 1024
MAX_DEPTH = 48
"""Levels of lists and mappings: two for each of 20 groups of filters, and what is around and within them."""

MAX_BITS = 256
"""Of a whole number: more than any id or count has."""

_SURROGATE = re.compile("[\ud800-\udfff]")


_Safe: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
"""Where there is one in C, it takes a seventh of the time: meanwhile nothing else of Python goes on."""


class _Loader(_Safe):  # type: ignore[misc]
    """SafeLoader with YAML 1.2's core types and no duplicate keys."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's own attribute


_NUMBERS = list("-+0123456789.")
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), _NUMBERS)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    _NUMBERS,
)


def _number(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node))


def _whole(_: _Loader, node: yaml.ScalarNode) -> int:
    if len(node.value) > MAX_BITS:  # Python refuses to read thousands of digits, by an error of its own
        line = node.start_mark.line + 1
        raise JobError([Problem(f"line {line}", f"a number of more than {MAX_BITS} bits stands here")])
    return int(node.value)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise JobError([Problem(f"line {line}", f"keys must be text, got {shown(key)}")])
        if key in seen:
            raise JobError([Problem(f"line {line}", f"key {shown(key)} stands here a second time; keep one")])
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_file(file: Path, what: str = "job file") -> bytes:
    """Return what a file holds, ``-`` being standard input, and no more than is ever looked at. Raises `UsageError`."""
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1) if sys.stdin else b""
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise UsageError(f"cannot read the {what} {file}: it is a folder; name the file in it") from None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "that is no name of a file"
        raise UsageError(f"cannot read the {what} {file}: {said}") from None


def load_mapping(text: str | bytes, what: str = "job file") -> dict[str, Any]:
    """Read one YAML mapping. Raises `JobError` saying what is refused and on which line."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > MAX_BYTES:
        raise JobError([Problem("", f"the {what} is too long: at most {MAX_BYTES:,} bytes are read")])
    try:
        decoded = raw.decode()
    except UnicodeDecodeError as error:
        raise JobError([Problem("", f"the {what} is not UTF-8 text: see its byte {error.start + 1:,}")]) from None
    try:
        _scan(decoded)
        data = yaml.load(decoded, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise JobError([_unreadable(error, what)]) from None
    except RecursionError:
        raise JobError([Problem("", f"the {what} is nested too deeply")]) from None
    check_mapping(data, what)
    return dict(data)


def check_mapping(data: Any, what: str) -> None:
    """Raise `JobError` for data that no file could hold: no mapping, too much, too deep, or not text.

    It looks at no more than the limits allow.
    """
    if not isinstance(data, dict):
        raise JobError([Problem("", f"the {what} must be a mapping of keys to values, got {_name(data)}")])
    left, waiting = MAX_BYTES, [(data, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise JobError([Problem("", f"the {what} is nested more than {MAX_DEPTH} levels deep")])
        inner: list[Any] = []
        if isinstance(value, dict):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            inner = list(value)
        elif isinstance(value, str) and _SURROGATE.search(value):
            raise JobError([Problem("", f"the {what} holds half a character (a surrogate): {shown(value)}")])
        elif isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise JobError([Problem("", f"the {what} holds a number of more than {MAX_BITS} bits")])
        left -= len(value) if isinstance(value, str) else 1 + len(inner)
        if left < 0:
            raise JobError([Problem("", f"the {what} is too long; a file of at most {MAX_BYTES:,} bytes is read")])
        waiting += [(item, depth + 1) for item in inner]


def _name(data: Any) -> str:
    return {type(None): "nothing", list: "a list", str: "text"}.get(type(data), type(data).__name__)


def _scan(text: str) -> None:
    """Refuse aliases, tags and deep nesting before any of it is built."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = f"line {event.start_mark.line + 1}" if event.start_mark else ""
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise JobError([Problem(line, "anchors (&) and aliases (*) are not allowed; quote text that starts so")])
        tag = getattr(event, "tag", None)
        if tag:
            raise JobError([Problem(line, f"the tag {shown(tag)} is not allowed; quote text that starts with '!'")])
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise JobError([Problem(line, f"nested more than {MAX_DEPTH} levels deep")])


def _unreadable(error: yaml.YAMLError, what: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return Problem(where, f"the {what} is not valid YAML: {said}")


class _Dumper(yaml.SafeDumper):
    """Writes only what `load_mapping` reads back unchanged."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Quote text that a plain scalar would not carry unchanged: control characters and odd line ends."""
    style = None if text.isprintable() or text.isascii() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump_mapping(data: dict[str, Any]) -> str:
    """Write a mapping so that `load_mapping` gives it back: keys in order, short lists on one line."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)

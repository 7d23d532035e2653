"""Reading YAML that a stranger wrote: plain data only, within bounds, nothing guessed.

Scalars are text, numbers (``1``, ``1.5``, ``1e-3``), ``true``, ``false`` and null; dates stay text, ``NO`` stays
``NO``. Aliases, tags and duplicate keys are refused, with their line.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from alertferry.core.errors import JobError, Problem

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20


class _Loader(yaml.SafeLoader):
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


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise JobError([Problem(f"line {line}", f"keys must be text, got {key!r}")])
        if key in seen:
            raise JobError([Problem(f"line {line}", f"key {key!r} stands here a second time; keep one")])
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_mapping(text: str | bytes, what: str = "job file") -> dict[str, Any]:
    """Read one YAML mapping. Raises `JobError` saying what is refused and on which line."""
    try:
        raw = text.encode() if isinstance(text, str) else text
        decoded = raw.decode()
    except UnicodeError as error:
        raise JobError([Problem("", f"the {what} is not UTF-8 text: {error}")]) from None
    if len(raw) > MAX_BYTES:
        raise JobError([Problem("", f"the {what} has {len(raw)} bytes; at most {MAX_BYTES} are read")])
    try:
        _scan(decoded)
        data = yaml.load(decoded, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise JobError([_unreadable(error, what)]) from None
    except RecursionError:
        raise JobError([Problem("", f"the {what} is nested too deeply")]) from None
    if not isinstance(data, dict):
        raise JobError([Problem("", f"the {what} must be a mapping of keys to values, got {_name(data)}")])
    return data


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
            raise JobError([Problem(line, f"the tag {tag!r} is not allowed; quote text that starts with '!'")])
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

"""Reading installed Python files as text: what they define, import and say. Nothing is imported or run.

Tags and blocks come from packages whose import takes seconds and may do anything; listing and checking them must not.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_PARSING = threading.Lock()
"""Python 3.11 counts the depth of a tree once for all threads: two that parse at a time break each other."""


@dataclass(frozen=True)
class Function:
    """A top-level function: its arguments, docstring, text without docstring, and the names it uses.

    A used name is a pair: ``("b_good_quality", "")``, or ``("fb", "b_good_quality")`` for ``fb.b_good_quality``.
    """

    arguments: tuple[str, ...]
    doc: str
    text: str
    uses: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Module:
    """A module as its file describes it.

    ``imports`` maps a local name to the dotted name it stands for; ``constants`` maps a name to its source text and
    ``literals`` to its value, where that is plain.
    """

    name: str
    doc: str
    functions: Mapping[str, Function]
    constants: Mapping[str, str]
    literals: Mapping[str, Any]
    imports: Mapping[str, str]


def package_folder(name: str) -> Path | None:
    """Return the folder of an installed package, or None when there is none."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


@cache
def read_module(dotted: str) -> Module | None:
    """Read a module's file; None when it is not installed or is no Python."""
    file = _file(dotted)
    if file is None:
        return None
    text = file.read_text(encoding="utf-8")
    try:
        with _PARSING:
            tree = ast.parse(text)
    except SyntaxError:
        return None
    lines = text.splitlines()
    constants = {target.id: node for node in tree.body for target in _assigned(node)}
    return Module(
        name=dotted,
        doc=ast.get_docstring(tree) or "",
        functions={node.name: _function(node, lines) for node in tree.body if isinstance(node, ast.FunctionDef)},
        constants={name: ast.unparse(node) for name, node in constants.items()},
        literals={name: value for name, node in constants.items() for value in _literal(node)},
        imports=dict(_imports(tree, dotted, file.name == "__init__.py")),
    )


def _file(dotted: str) -> Path | None:
    top, *rest = dotted.split(".")
    folder = package_folder(top)
    if folder is None:
        return None
    place = folder.joinpath(*rest)
    found = (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())
    return next(found, None)


def _assigned(node: ast.stmt) -> Iterator[ast.Name]:
    if isinstance(node, ast.Assign):
        yield from (target for target in node.targets if isinstance(target, ast.Name))


def _literal(node: ast.stmt) -> Iterator[Any]:
    assert isinstance(node, ast.Assign)
    try:
        yield ast.literal_eval(node.value)
    except ValueError:
        return


def _function(node: ast.FunctionDef, lines: list[str]) -> Function:
    doc = ast.get_docstring(node)
    without = range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1) if doc else range(0)
    numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return Function(
        arguments=tuple(item.arg for item in (*node.args.posonlyargs, *node.args.args)),
        doc=doc or "",
        text="\n".join(lines[number - 1].rstrip() for number in numbers if number not in without),
        uses=frozenset(_uses(node)),
    )


def _uses(node: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for item in ast.walk(node):
        if isinstance(item, ast.Attribute) and isinstance(item.value, ast.Name):
            yield item.value.id, item.attr
        elif isinstance(item, ast.Name):
            yield item.id, ""


def _imports(tree: ast.Module, module: str, is_package: bool) -> Iterator[tuple[str, str]]:
    """Yield what the module always imports; imports inside functions and `try` may well be optional."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, module, is_package)
            yield from ((alias.asname or alias.name, f"{origin}.{alias.name}") for alias in node.names)


def _origin(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    up = node.level - is_package
    return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])


def imported_packages(dotted: str, family: str, without: frozenset[str]) -> frozenset[str]:
    """Return the top-level packages that importing a module needs, all the way down.

    Modules of packages whose name starts with ``family`` are followed; those in ``without`` are left out.
    """
    found: set[str] = set()
    seen: set[str] = set(without)
    todo = [dotted]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        module = read_module(name) or read_module(name.rpartition(".")[0])
        if not name.startswith(family) or module is None:
            found.add(name.split(".")[0])
        elif not any(name == item or name.startswith(item + ".") for item in without):
            todo += module.imports.values()
    return frozenset(found)


def is_installed(package: str) -> bool:
    """Tell whether a top-level package could be imported."""
    return package in sys.stdlib_module_names or find_spec(package) is not None


def fingerprint(dotted: str, function: str, family: str) -> str:
    """Return 16 hex digits that change when a function, or anything of its family that it uses, changes.

    The SHA-256 runs over the source without docstrings of the function, the functions it calls and the constants it
    reads, as far as they stand in packages whose name starts with ``family``.
    """
    parts: dict[str, str] = {}
    todo = [(dotted, function)]
    while todo:
        place, name = todo.pop()
        module = read_module(place)
        if module is None or f"{place}.{name}" in parts:
            continue
        if name in module.functions:
            parts[f"{place}.{name}"] = module.functions[name].text
            todo += _targets(module, module.functions[name], family)
        elif name in module.constants:
            parts[f"{place}.{name}"] = module.constants[name]
    text = "\n".join(f"{name}\n{parts[name]}" for name in sorted(parts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _targets(module: Module, function: Function, family: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of everything of the family that a function may reach."""
    for name, attribute in function.uses:
        dotted = module.imports.get(name, "")
        if dotted.startswith(family):
            place = f"{dotted}.{attribute}" if attribute else dotted
            yield (place.rpartition(".")[0], place.rpartition(".")[2])
        elif not attribute:
            yield module.name, name

"""A fingerprint of all code that answers may depend on: ours, that of plugins, and the versions of what is installed.

Nothing is imported for it, and it is the same in every process of an installation: it looks where Python looks for
installed packages, not at the folder that a program happens to start in.
"""

from __future__ import annotations

import hashlib
import os
import re
import site
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path

GROUPS = ("alertferry", "alertferry.tags")
"""Entry points that lead to code of ours and of plugins."""

_EDITABLE = re.compile(r'"editable"\s*:\s*true')
_METADATA = (".dist-info", ".egg-info")


def code_fingerprint() -> str:
    """Return another text when a file of a plugin, what is installed, or Python is another one."""
    roots = _roots()
    facts = [sys.version, sys.executable, *sorted(_installed(roots))]
    found = list(distributions(path=roots))
    for name in sorted({name for distribution in found if _counts(distribution) for name in _modules(distribution)}):
        facts += [f"{file} {size} {changed}" for file, size, changed in sorted(_files(name, roots))]
    return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _roots() -> list[str]:
    """Return the folders that packages are installed in, and those that they name as further ones."""
    given = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sites = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    return list(dict.fromkeys([*given, *sites, *(folder for place in sites for folder in _further(Path(place)))]))


def _further(place: Path) -> Iterator[str]:
    """Yield the folders that the ``.pth`` files of a place name: so do editable installations."""
    for file in sorted(place.glob("*.pth")):
        for line in _text(file).splitlines():
            folder = os.path.join(place, line.strip())
            if line.strip() and not line.startswith(("#", "import ", "import\t")) and os.path.isdir(folder):
                yield folder


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""  # an installation that is just being replaced


def _installed(roots: Iterable[str]) -> Iterator[str]:
    """Yield names and versions of all that is installed, as the names of its folders have them."""
    for root in roots:
        try:
            yield from (f"{root}/{name}" for name in os.listdir(root) if name.endswith((*_METADATA, ".pth")))
        except OSError:
            continue


def _counts(distribution: Distribution) -> bool:
    """Tell whether files of a distribution count: those of plugins, and of what is installed to be edited."""
    if any(point.group in GROUPS for point in distribution.entry_points):
        return True
    return bool(_EDITABLE.search(distribution.read_text("direct_url.json") or ""))


def _modules(distribution: Distribution) -> Iterator[str]:
    """Yield the top-level modules of a distribution."""
    yield from (point.module.partition(".")[0] for point in distribution.entry_points if point.group in GROUPS)
    yield from (distribution.read_text("top_level.txt") or "").split()
    for file in distribution.files or ():
        top = file.parts[0]
        if file.suffix == ".py" and not top.startswith(("..", "__")):
            yield top.removesuffix(".py")


def _files(module: str, roots: list[str]) -> Iterator[tuple[str, int, int]]:
    """Yield the files of a module or package with their sizes and times of change."""
    try:
        spec = PathFinder.find_spec(module, roots) or find_spec(module)  # the second: finders of editable installations
    except (ImportError, ValueError, AttributeError):
        return
    folders = list(spec.submodule_search_locations or ()) if spec else []
    single = [spec.origin] if spec and spec.origin and not folders else []
    for file in (*single, *(path for folder in folders for path in _below(folder))):
        try:
            facts = os.stat(file)
        except OSError:
            continue
        yield file, facts.st_size, facts.st_mtime_ns


def _below(folder: str) -> Iterator[str]:
    """Yield everything in a package but what Python has compiled: plugins have tables beside their code."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        yield from (os.path.join(place, name) for name in names if not name.startswith("."))

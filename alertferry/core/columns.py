"""Columns of a packet by exact dotted path, each with the name it gets: one rule for jobs and for the consumer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Content:
    """One column of the packet: where it comes from and how it is called there."""

    path: str
    name: str

    @property
    def root(self) -> str:
        """Root column it is read from."""
        return self.path.partition(".")[0]


def bytes_of(roots: Iterable[str], sizes: Mapping[str, float]) -> float:
    """Return the bytes of root columns together; those of unknown size count as nothing."""
    return sum(sizes.get(root, 0.0) for root in set(roots))


def name_columns(chosen: Iterable[str]) -> tuple[Content, ...]:
    """Name each path by its last part; those that would share a name get their whole path, joined by ``_``.

    Root columns always keep their name. Names are compared without regard to case, as Spark does.
    """
    wanted = list(chosen)
    counts = Counter(path.rpartition(".")[2].lower() for path in wanted)
    names = []
    for path in wanted:
        leaf = path.rpartition(".")[2]
        alone = counts[leaf.lower()] == 1 or "." not in path
        names.append(Content(path, leaf if alone else path.replace(".", "_")))
    return _unique(names)


def _unique(contents: list[Content]) -> tuple[Content, ...]:
    """Lengthen a qualified name that happens to be a column's own, until all differ."""
    taken: set[str] = {content.name.lower() for content in contents if "." not in content.path}
    unique = []
    for content in contents:
        name = content.name
        while "." in content.path and name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        unique.append(Content(content.path, name))
    return tuple(unique)


def role_column(contents: Iterable[Content], path: str) -> str | None:
    """Return where a role's column (``diaSource.ra``) stands in the packet, as a dotted path, or None."""
    for content in contents:
        if path == content.path:
            return content.name
        if path.startswith(content.path + "."):
            return content.name + path[len(content.path) :]
    return None

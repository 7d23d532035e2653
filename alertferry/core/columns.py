"""Columns of a packet by exact dotted path, each with the name it gets: one rule for jobs and for the consumer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alertferry.core.paths import join_path, split_path


@dataclass(frozen=True)
class Content:
    """One column of the packet: where it comes from and how it is called in parquet; `avro_name` says how in Avro."""

    path: str
    name: str

    @property
    def root(self) -> str:
        """Root column it is read from."""
        return split_path(self.path)[0]

    @property
    def is_root(self) -> bool:
        """Whether it is a root column, which always keeps its name."""
        return len(split_path(self.path)) == 1


def bytes_of(roots: Iterable[str], sizes: Mapping[str, float]) -> float:
    """Return the bytes of root columns together; those of unknown size count as nothing."""
    return sum(sizes.get(root, 0.0) for root in set(roots))


def name_columns(chosen: Iterable[str]) -> tuple[Content, ...]:
    """Name each path by its last part; those that would share a name get their whole path, joined by ``_``.

    Root columns always keep their name. Names are compared without regard to case, as Spark does.
    """
    wanted = [split_path(path) for path in chosen]
    counts = Counter(names[-1].lower() for names in wanted)
    contents = []
    for names in wanted:
        alone = counts[names[-1].lower()] == 1 or len(names) == 1
        contents.append(Content(join_path(names), names[-1] if alone else "_".join(names)))
    return _unique(contents)


def _unique(contents: list[Content]) -> tuple[Content, ...]:
    """Lengthen a qualified name that happens to be a column's own, until all differ."""
    taken: set[str] = {content.name.lower() for content in contents if content.is_root}
    unique = []
    for content in contents:
        name = content.name
        while not content.is_root and name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        unique.append(Content(content.path, name))
    return tuple(unique)


def role_column(contents: Iterable[Content], path: str) -> str | None:
    """Return where a role's column (``diaSource.ra``) stands in the packet, as a path, or None."""
    wanted = split_path(path)
    for content in contents:
        names = split_path(content.path)
        if wanted[: len(names)] == names:
            return join_path([content.name, *wanted[len(names) :]])
    return None

"""The fields that a condition may name, by dotted path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alertferry.core.conditions.kinds import UNKNOWN, Shape, shape_of
from alertferry.core.errors import did_you_mean

MOST_HINTS = 5
"""Unknown fields that get a suggestion: each takes some 20 ms of comparing names."""


class Fields:
    """The known fields: dotted paths, without regard to case, and every path above them."""

    def __init__(self, schema: Mapping[str, str]) -> None:
        self.types = {path.lower(): kind for path, kind in schema.items()}
        self.names = list(schema)
        self.parents = {path[:dot] for path in self.types for dot in _dots(path)}
        self.roots = {path.partition(".")[0] for path in self.types}
        self._hints: dict[str, str] = {}

    def shape(self, segments: Sequence[str]) -> Shape:
        """Return the shape of a documented path; that of the field itself, wherever it stands."""
        kind = self.types.get(".".join(segments).lower())
        return shape_of(kind) if kind else UNKNOWN

    def problem(self, segments: Sequence[str]) -> str:
        """Return what is wrong with a path, or an empty string when it is known or cannot be judged."""
        if not self.types or any("." in segment or "`" in segment for segment in segments):
            return ""
        for end in range(1, len(segments) + 1):
            path = ".".join(segments[:end]).lower()
            if path in self.types or path in self.parents:
                continue
            above = ".".join(segments[: end - 1]).lower()
            if end == 1 or self._has_no(above):
                shown = ".".join(segments[:end])
                return f"no field '{shown}'{self._hint(shown)}"
            return ""
        return ""

    def _hint(self, path: str) -> str:
        if path not in self._hints and len(self._hints) < MOST_HINTS:
            self._hints[path] = did_you_mean(path, self.names)
        return self._hints.get(path, "")

    def _has_no(self, parent: str) -> bool:
        """Return whether every field below ``parent`` is known, so that another one cannot exist."""
        kind = self.types.get(parent, "").lower()
        scalar = shape_of(kind)[0] in ("number", "text", "truth", "time", "binary")
        return "map" not in kind and (parent in self.parents or scalar)


def _dots(path: str) -> Iterator[int]:
    return (index for index, character in enumerate(path) if character == ".")

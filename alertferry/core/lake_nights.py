"""The nights of a request as a lake holds them: files, numbers of alerts, and one schema for all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path

from alertferry.core.errors import UsageError
from alertferry.core.footers import Footer, FooterMemory
from alertferry.core.lake_files import ListedFile, fingerprint
from alertferry.core.nights import shortened, summarise
from alertferry.core.receipt import Conversion
from alertferry.core.schema import Struct, lacking
from alertferry.core.survey import PARTITION_COLUMNS
from alertferry.core.uniting import Part, differences, parts_of, unite_files


@dataclass(frozen=True)
class LakeNights:
    """The nights of a request as the lake holds them.

    ``footers`` are those of ``files``, in their order. ``root_bytes`` and ``stored_bytes`` are bytes per alert by root
    column, uncompressed and compressed. ``is_local`` says whether the files are on a disk of this machine, as whoever
    opened the lake knows. ``partial``: there are more files, which nobody looked at, and they may have other fields.
    """

    location: str
    files: tuple[ListedFile, ...]
    footers: tuple[Footer, ...]
    absent: tuple[date, ...] = ()
    documented: Struct | None = None
    root_bytes: Mapping[str, float] = field(default_factory=dict)
    stored_bytes: Mapping[str, float] = field(default_factory=dict)
    is_local: bool = False
    partial: bool = False

    @cached_property
    def found(self) -> tuple[date, ...]:
        """Nights that have at least one file."""
        return tuple(sorted({file.night for file in self.files}))

    @cached_property
    def alerts(self) -> int:
        """Number of alerts, from the footers."""
        return sum(footer.alerts for footer in self.footers)

    @cached_property
    def identity(self) -> str:
        """Fingerprint of the files; empty when one was so young when it was listed that it may change unseen."""
        return fingerprint(self.files) if all(file.settled for file in self.files) else ""

    @property
    def by_night(self) -> Mapping[date, int]:
        """Number of alerts of each night that has any."""
        found = Counter[date]()
        for file, footer in zip(self.files, self.footers, strict=True):
            found[file.night] += footer.alerts
        return +found

    def schema(self) -> Struct:
        """Return the union of the schemas. Raises `UsageError` naming files when they do not go together."""
        return self._union

    @cached_property
    def _kinds(self) -> Mapping[bytes, list[int]]:
        """Numbers of the files that have a schema, by its bytes."""
        found = defaultdict[bytes, list[int]](list)
        for number, footer in enumerate(self.footers):
            found[footer.described].append(number)
        return found

    def _schema_of(self, numbers: Sequence[int]) -> Struct:
        return self.footers[numbers[0]].schema

    @cached_property
    def _union(self) -> Struct:
        """The union of all files' schemas without the columns of the night, which are not read, whatever they are."""
        named = [
            (self.files[numbers[0]].path, _without_night(self._schema_of(numbers))) for numbers in self._kinds.values()
        ]
        return unite_files(named, self.documented)

    def lacking(self) -> dict[str, tuple[str, ...]]:
        """Return night to the fields that others have and it lacks."""
        return self._lacking

    @cached_property
    def _lacking(self) -> dict[str, tuple[str, ...]]:
        absent: dict[date, list[tuple[str, ...]]] = defaultdict(list)
        for numbers in self._kinds.values():
            paths = tuple(lacking(self._schema_of(numbers), self._union))
            for night in {self.files[number].night for number in numbers}:
                absent[night].append(paths)
        found = {
            night: [path for path in some[0] if all(path in other for other in some)] for night, some in absent.items()
        }
        return {str(night): tuple(paths) for night, paths in sorted(found.items()) if paths}

    def converted(self) -> tuple[Conversion, ...]:
        """Return the columns that are read as another type than some files have."""
        found: dict[tuple[str, str, str], set[date]] = defaultdict(set)
        for numbers in self._kinds.values():
            schema, nights = self._schema_of(numbers), {self.files[number].night for number in numbers}
            for change in differences(schema, self._union):
                found[change] |= nights
            for item in schema:
                if item.name.lower() in PARTITION_COLUMNS:
                    found[item.name, str(item.type), "the folder's name"] |= nights
        return tuple(
            Conversion(field=path, stored=stored, read=read, nights=tuple(summarise(nights)))
            for (path, stored, read), nights in found.items()
        )

    @cached_property
    def parts(self) -> list[tuple[Part, list[ListedFile]]]:
        """Files that Spark reads alike, with what must be done to their columns."""
        return parts(self.files, self.footers, self._union)


def _without_night(schema: Struct) -> Struct:
    return Struct(tuple(item for item in schema if item.name.lower() not in PARTITION_COLUMNS))


def parts(
    files: Sequence[ListedFile], footers: Sequence[Footer], wanted: Struct
) -> list[tuple[Part, list[ListedFile]]]:
    """Return the files that Spark reads alike to get a wanted schema, with what must be done to their columns."""
    known = {
        footer.described: parts_of(footer.schema, wanted)
        for footer in {item.described: item for item in footers}.values()
    }
    found: dict[Part, list[ListedFile]] = {}
    for file, footer in zip(files, footers, strict=True):
        found.setdefault(known[footer.described], []).append(file)
    return list(found.items())


def require_any(location: str, files: Sequence[ListedFile], nights: Sequence[date]) -> tuple[date, ...]:
    """Return the nights without a file. Raises `UsageError` when none has any."""
    filled = {file.night for file in files}
    absent = tuple(night for night in nights if night not in filled)
    if not files:
        asked = "no data for the night" if len(nights) == 1 else f"none of the {len(nights)} nights"
        raise UsageError(f"the lake {location} has {asked} asked for: {shortened(absent)}")
    return absent


@cache
def footer_memory(home: Path) -> FooterMemory:
    """Return what this process remembers of footers."""
    return FooterMemory(home)

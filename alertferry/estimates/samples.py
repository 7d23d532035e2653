"""Samples of nights, kept under ``<home>/samples``: drawn once, and again when a night's files change.

A night's sample of one tier is a folder ``<survey>/<lake>/<tier>/year=/month=/day=`` with its parts and a small record
that is written last. Names carry the fingerprint of the night's files, so that what is out of date is never read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from alertferry.core.errors import UsageError
from alertferry.core.locks import folder_lock
from alertferry.estimates.drawing import Drawn, draw
from alertferry.estimates.listing import NightFiles
from alertferry.estimates.tiers import Tier, chunk_ends

FORMAT = 1
STALE_SECONDS = 900.0
"""How long files that were replaced stay, for those who still read them."""

UNUSED_SECONDS = 30 * 86_400.0
_THREADS = 2


class Part(BaseModel):
    """One part of a sample: its rows, and the files they are in."""

    model_config = ConfigDict(frozen=True)

    rows: int
    files: tuple[str, ...]


class NightSample(BaseModel):
    """The sample of a night: ``alerts`` of the whole night, and the parts that were drawn.

    ``groups`` counts the row groups drawn from, 0 when all were read.
    """

    model_config = ConfigDict(frozen=True)

    night: date
    alerts: int
    groups: int
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)

    def first(self, rows: int) -> NightSample:
        """Return as many parts as hold at most ``rows`` rows; at least one."""
        kept, total = list[Part](), 0
        for part in self.parts:
            total += part.rows
            if kept and total > rows:
                break
            kept.append(part)
        return self.model_copy(update={"parts": tuple(kept)})


@dataclass(frozen=True)
class Wanted:
    """What to keep of each night: the tier, the root columns to leave out, the number of alerts."""

    tier: Tier
    absent: frozenset[str]
    rows: int


class SampleStore:
    """The samples of one lake."""

    def __init__(self, home: Path, survey: str, location: str) -> None:
        self._top = home / "samples"
        self.root = self._top / survey / hashlib.sha256(location.encode()).hexdigest()[:12]

    def ready(self, nights: Sequence[NightFiles], wanted: Wanted) -> bool:
        """Tell whether every night has its sample."""
        return all(self._known(night, wanted) for night in nights)

    def folder(self, tier: Tier) -> Path:
        """Return where the nights of a tier are."""
        return self.root / tier.name

    def samples(
        self, nights: Sequence[NightFiles], wanted: Wanted, say: Callable[[str], None]
    ) -> Mapping[date, NightSample]:
        """Return the sample of every night, drawing those that are missing or out of date.

        Raises `DamagedError` naming a file that cannot be read, `UsageError` when the home cannot be written to.
        """
        found = {night.night: self._known(night, wanted) for night in nights}
        missing = [night for night in nights if found[night.night] is None]
        if missing:
            with folder_lock(self.folder(wanted.tier)), ThreadPoolExecutor(_THREADS) as pool:
                self._prune()
                drawn = pool.map(lambda night: self._known(night, wanted) or self._draw(night, wanted), missing)
                for number, (night, sample) in enumerate(zip(missing, drawn, strict=True)):
                    found[night.night] = sample
                    say(f"looking at night {night.night}, {number + 1} of {len(missing)}, for a sample")
        return {night: sample for night, sample in found.items() if sample is not None}

    @contextlib.contextmanager
    def found(self, alerts: Iterable[tuple[date, pa.Table]]) -> Iterator[tuple[Path, list[NightSample]]]:
        """Keep some alerts while the block runs: give the root of their folders, and samples that hold them."""
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".found-", dir=self.root) as folder:
            parts: dict[date, list[Part]] = {}
            for number, (night, table) in enumerate(alerts):
                path = Path(folder) / _partition(night) / f"{number}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(table, path, use_deprecated_int96_timestamps=True)
                parts.setdefault(night, []).append(Part(rows=table.num_rows, files=(str(path),)))
            yield (
                Path(folder),
                [NightSample(night=night, alerts=0, groups=0, parts=tuple(of)) for night, of in parts.items()],
            )

    def _night_folder(self, tier: Tier, night: date) -> Path:
        return self.folder(tier) / _partition(night)

    def _record(self, night: NightFiles, wanted: Wanted) -> Path:
        facts = f"{FORMAT} {wanted.rows} {sorted(wanted.absent)}"
        name = f"{night.fingerprint}-{hashlib.sha256(facts.encode()).hexdigest()[:8]}.json"
        return self._night_folder(wanted.tier, night.night) / name

    def _known(self, night: NightFiles, wanted: Wanted) -> NightSample | None:
        """Return the sample if it is there, whole and of these files; using it keeps it from being removed."""
        record = self._record(night, wanted)
        try:
            sample = NightSample.model_validate_json(record.read_bytes())
            os.utime(record)
        except (OSError, ValidationError):
            return None
        whole = all(Path(file).exists() for part in sample.parts for file in part.files)
        return sample if whole else None

    def _draw(self, night: NightFiles, wanted: Wanted) -> NightSample:
        drawn = draw(night, wanted.absent, wanted.rows, wanted.tier.read_bytes)
        record = self._record(night, wanted)
        try:
            record.parent.mkdir(parents=True, exist_ok=True)
            parts = _write(drawn, record.with_suffix(""))
            sample = NightSample(night=night.night, alerts=drawn.alerts, groups=drawn.groups, parts=parts)
            _replace(record, sample.model_dump_json().encode())
        except OSError as error:
            raise UsageError(f"cannot keep a sample under {record.parent}: {error.strerror}") from None
        _remove_old(record.parent, record.stem)
        return sample

    def _prune(self) -> None:
        """Remove samples that nobody asked for in a long time."""
        for folder in self._top.glob("*/*/*/year=*/month=*/day=*"):
            with contextlib.suppress(OSError):
                newest = max((item.stat().st_mtime for item in folder.iterdir()), default=0.0)
                if time.time() - newest > UNUSED_SECONDS:
                    shutil.rmtree(folder)


def _partition(night: date) -> Path:
    return Path(f"year={night.year:04d}", f"month={night.month:02d}", f"day={night.day:02d}")


def _write(drawn: Drawn, base: Path) -> tuple[Part, ...]:
    """Write the parts; their names are only known to the record, which comes last."""
    parts, start = [], 0
    for number, end in enumerate(chunk_ends(drawn.rows)):
        files = []
        for index, (table, order) in enumerate(zip(drawn.tables, drawn.order, strict=True)):
            chosen = np.flatnonzero((order >= start) & (order < end))
            if len(chosen):
                path = base.with_name(f"{base.name}-{number}-{index}.parquet")
                partial = path.with_name(f".{path.name}.{os.getpid()}")
                rows = table.take(chosen[np.argsort(order[chosen])])
                pq.write_table(
                    rows, partial, compression="snappy", use_deprecated_int96_timestamps=drawn.int96, version="2.6"
                )
                partial.rename(path)
                files.append(str(path))
        parts.append(Part(rows=end - start, files=tuple(files)))
        start = end
    return tuple(parts)


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.rename(path)


def _remove_old(folder: Path, current: str) -> None:
    """Remove what belongs to another state of the night, once nobody can be reading it: using it touches its record."""
    used: dict[str, float] = {}
    for item in folder.iterdir():
        with contextlib.suppress(OSError):
            used[_state(item)] = max(used.get(_state(item), 0.0), item.stat().st_mtime)
    for item in folder.iterdir():
        with contextlib.suppress(OSError):
            if _state(item) != current and time.time() - used.get(_state(item), 0.0) > STALE_SECONDS:
                item.unlink()


def _state(item: Path) -> str:
    """Return the part of a file's name that tells the state of the night it was made of."""
    return "-".join(item.name.lstrip(".").partition(".")[0].split("-")[:2])

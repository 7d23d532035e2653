"""Looking at the nights of a job: what the footers say, remembered while the files stay the same."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alertferry.core.footers import read_local
from alertferry.core.lake import open_nights, read_files, read_nights
from alertferry.core.lake_files import ListedFile
from alertferry.core.lake_nights import LakeNights, parts
from alertferry.core.lake_source import LakeSource
from alertferry.core.settings import Settings
from alertferry.core.spark_files import SparkLake
from alertferry.core.steps import Alerts
from alertferry.estimates.listing import NightFiles, by_night
from alertferry.estimates.samples import NightSample
from alertferry.estimates.tiers import Tier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

_REMEMBERED = 32


@dataclass(frozen=True)
class Nights:
    """The nights of a job: their files, and what Spark found in them."""

    source: LakeSource
    files: tuple[NightFiles, ...]
    lake: LakeNights

    def whole(self, spark: SparkSession) -> Alerts:
        """Return all alerts, as the job reads them."""
        return self.source.alerts(self.lake, read_nights(spark, self.lake))

    def sampled(self, spark: SparkSession, root: Path, samples: Sequence[NightSample]) -> Alerts:
        """Return the alerts of samples, with the schema of the lake; what a sample leaves out is null."""
        return self.source.alerts(self.lake, _read_files(spark, self.lake, root, samples))


def _read_files(spark: SparkSession, lake: LakeNights, root: Path, samples: Sequence[NightSample]) -> DataFrame:
    files = [
        ListedFile(path, sample.night, status.st_size, status.st_mtime_ns // 1_000_000, str(status.st_mtime_ns))
        for sample in samples
        for part in sample.parts
        for path in part.files
        for status in (os.stat(path),)
    ]
    return read_files(spark, str(root), parts(files, read_local(files), lake.schema()), lake.schema())


@dataclass
class Looker:
    """Looks at nights; reads footers only when a file is new or has changed."""

    _known: OrderedDict[tuple[str, ...], LakeNights] = field(default_factory=OrderedDict)
    _chosen: OrderedDict[tuple[str, ...], tuple[Tier, int]] = field(default_factory=OrderedDict)

    def look(self, spark: SparkSession, source: LakeSource, settings: Settings) -> Nights:
        """Return the nights of a job. Raises `UsageError` when the lake has none, `DamagedError` naming a file."""
        location, asked = source.location(settings), source.requested()
        lake = SparkLake(spark, location)
        listed = lake.files(asked)
        files = by_night(location if lake.is_local else lake.root, lake.root, listed)
        key = (location, source.survey.name, *map(str, asked), *(night.fingerprint for night in files))
        found = self._known.get(key)
        if found is None:
            found = open_nights(spark, location, asked, documented=source.survey.documented, files=listed)
        if found.identity:  # else a file may change and keep its fingerprint
            self._known[key] = found
            self._known.move_to_end(key)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return Nights(source, files, found)

    def chosen(self, shape: tuple[str, ...], default: tuple[Tier, int]) -> tuple[Tier, int]:
        """Return the samples that the last job of a shape was counted on: their tier, about how many alerts of them."""
        return self._chosen.get(shape, default)

    def choose(self, shape: tuple[str, ...], samples: tuple[Tier, int]) -> None:
        """Remember the samples for the next job of this shape."""
        self._chosen[shape] = samples
        self._chosen.move_to_end(shape)
        while len(self._chosen) > _REMEMBERED:
            self._chosen.popitem(last=False)

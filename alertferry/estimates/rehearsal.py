"""Answering what nobody asked, so that whoever asks first need not wait for a cold Java.

A Java that has just started plans and runs a query many times slower than one that has done a few hundred. The
questions here touch every kind of filter, over small simulated nights of both surveys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertferry.core.job import Job
from alertferry.core.local_lake import glance
from alertferry.core.schema import Struct
from alertferry.core.settings import Settings
from alertferry.core.survey import Survey

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from alertferry.tags.provider import Kind

NIGHTS = (date(2026, 1, 1), date(2026, 1, 2))
ALERTS_PER_NIGHT = 200

_KINDS: tuple[Kind, ...] = ("tag", "block")

SOURCES = "name,ra,dec\nVega,279.2347,38.7837\nM 31,10.6847,41.2688\n3C 273,187.2779,2.0524\n"


def rehearsal(spark: SparkSession, settings: Settings, folder: Path) -> Iterator[None]:
    """Answer one question each time it is asked to go on; ``folder`` holds what that takes."""
    from alertferry.estimates.answer import Answerer

    own = settings.model_copy(update={"home": folder / "home"})
    answerer = Answerer(spark, exact_alerts=0)
    for job in _jobs(folder):
        answerer.estimate(job, own, _hush)
        yield
        answerer.preview(job, own, 10, _hush)
        yield
    answerer.close()


def _hush(remark: str) -> None:
    """Say nothing: nobody is there to hear it."""


def _jobs(folder: Path) -> Iterator[Job]:
    """Yield jobs of each survey in turn."""
    scenes = [_Scene.made(survey, folder) for survey in _surveys()]
    for number in range(4):
        for scene in scenes:
            source = {"kind": scene.survey.name, "nights": list(map(str, NIGHTS)), "lake": scene.lake}
            filters = scene.filters(number)
            output = {"kind": "kafka", "packet": scene.packet(number)}
            yield Job.from_dict({"source": source, "filters": filters, "output": output})


def _surveys() -> list[Survey]:
    from alertferry.plugins.sources import lsst, ztf

    return [ztf.Ztf.survey, lsst.Lsst.survey]


@dataclass(frozen=True)
class _Scene:
    """A survey, the path of a lake of it, the lake's schema, the path of a catalogue."""

    survey: Survey
    lake: str
    schema: Struct
    catalog: str

    @classmethod
    def made(cls, survey: Survey, folder: Path) -> _Scene:
        from alertferry.testing.simulator import simulate

        lake, catalog = folder / survey.name, folder / "sources.csv"
        simulate(survey.name, lake, NIGHTS, ALERTS_PER_NIGHT, cutouts=False)
        catalog.write_text(SOURCES)
        return cls(survey, str(lake), glance(lake, NIGHTS).schema(), str(catalog))

    def packet(self, number: int) -> str:
        """Return small packets and large ones in turn."""
        names = list(self.survey.packets)
        return names[number % len(names)]

    def filters(self, number: int) -> list[dict[str, Any]]:
        """Return the filters of one of four jobs."""
        sql = {"kind": "sql", "where": [f"{self.survey.ra} > 5", f"abs({self.survey.dec}) < 85"]}
        cone = {"kind": "region", "cone": {"ra": 180, "dec": 0, "radius_deg": 170}}
        polygon = {"kind": "region", "polygon": [[10, -60], [200, -60], [100, 80]]}
        apart = {"kind": "crossmatch", "catalog": self.catalog, "radius_arcsec": 2, "keep": "none"}
        match = {**apart, "keep": "nearest", "columns": ["name"]}
        named = [{"kind": f"{kind}s", "any_of": self._names(kind)} for kind in _KINDS if self._names(kind)]
        jobs: list[list[dict[str, Any]]] = [
            [sql, *named],
            [apart, {"kind": "not", "of": [polygon]}],
            [{"kind": "any", "of": [cone, sql]}],
            [cone, match],
        ]
        return jobs[number]

    def _names(self, kind: Kind) -> list[str]:
        from alertferry.tags.provider import describe

        found = [tag for tag in describe(self.survey.name, kind, self.schema) if tag.available]
        return [tag.name for tag in sorted(found, key=lambda tag: not tag.native)][:2]

"""Jobs as users might write them, at random: filters of every kind, alone and combined, of every selectivity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from alertferry.core.job import Job
from alertferry.core.schema import from_arrow
from alertferry.tags.provider import describe

NUMBERS = {
    "lsst": ("diaSource.snr", "diaSource.psfFlux", "diaSource.ra", "diaSource.dec", "diaSource.reliability"),
    "ztf": ("candidate.magpsf", "candidate.ra", "candidate.dec", "candidate.rb", "candidate.jd"),
}
SECTIONS = {"lsst": "diaSource", "ztf": "candidate"}
PACKETS = {"lsst": ("light-static", "light-sso", "medium"), "ztf": ("light", "medium")}
SHARES = (0.0, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.9, 0.999)


@dataclass
class JobMaker:
    """Makes jobs over one lake; thresholds are quantiles of what the lake holds."""

    survey: str
    lake: Path
    nights: tuple[str, ...]
    folder: Path
    random: np.random.Generator

    def __post_init__(self) -> None:
        section = SECTIONS[self.survey]
        wanted = [f"{section}.{name.partition('.')[2]}" for name in NUMBERS[self.survey]]
        tables = [pq.ParquetFile(file).read(columns=wanted) for file in sorted(self.lake.rglob("*.parquet"))]
        rows = [row[section] for table in tables for row in table.to_pylist()]
        self.rows: list[dict[str, Any]] = rows
        schema = from_arrow(pq.read_schema(next(self.lake.rglob("*.parquet"))))
        self.tags = {
            kind: [tag.name for tag in describe(self.survey, kind, schema) if tag.available and tag.native]
            for kind in ("tag", "block")
        }
        self._catalogs = 0

    def job(self) -> Job:
        """Return a job over some of the nights, with one to three filters."""
        count = int(self.random.integers(1, len(self.nights) + 1))
        nights = sorted(self.random.choice(self.nights, count, replace=False).tolist())
        filters = [self.filter() for _ in range(int(self.random.integers(1, 4)))]
        for number, step in enumerate(filters):
            if step["kind"] == "crossmatch":
                step["name"] = f"match{number}"
        output = {"kind": "kafka", "packet": str(self.random.choice(PACKETS[self.survey]))}
        source = {"kind": self.survey, "nights": nights, "lake": str(self.lake)}
        return Job.from_dict({"source": source, "filters": filters, "output": output})

    def filter(self, deep: bool = True) -> dict[str, Any]:
        """Return one filter as a job file holds it."""
        kinds = ["sql", "sql", "region"] + (["any", "not", "crossmatch"] if deep else [])
        kinds += [f"{kind}s" for kind, names in self.tags.items() if len(names) > 1]
        return getattr(self, f"_{self.random.choice(kinds)}")()

    def _sql(self) -> dict[str, Any]:
        return {"kind": "sql", "where": [self._line() for _ in range(int(self.random.integers(1, 3)))]}

    def _line(self) -> str:
        path = str(self.random.choice(NUMBERS[self.survey]))
        values = [row[path.partition(".")[2]] for row in self.rows]
        known = [value for value in values if value is not None]
        share = float(self.random.choice(SHARES))
        if self.random.random() < 0.5:
            return f"{path} > {float(np.quantile(known, 1 - share))!r}"
        return f"{path} <= {float(np.quantile(known, share))!r}"

    def _tags(self) -> dict[str, Any]:
        return {"kind": "tags", **self._choice("tag")}

    def _blocks(self) -> dict[str, Any]:
        return {"kind": "blocks", **self._choice("block")}

    def _choice(self, kind: str) -> dict[str, list[str]]:
        names = self.random.choice(self.tags[kind], 2, replace=False).tolist()
        option = str(self.random.choice(["any_of", "none_of"]))
        return {option: names} if self.random.random() < 0.7 else {"all_of": names[:1], "none_of": names[1:]}

    def _region(self) -> dict[str, Any]:
        row = self._alert()
        radius = float(self.random.choice([0.5, 5, 30, 90]))
        return {"kind": "region", "cone": {"ra": row["ra"], "dec": row["dec"], "radius_deg": radius}}

    def _any(self) -> dict[str, Any]:
        return {"kind": "any", "of": [self.filter(deep=False), self.filter(deep=False)]}

    def _not(self) -> dict[str, Any]:
        return {"kind": "not", "of": [self.filter(deep=False)]}

    def _crossmatch(self) -> dict[str, Any]:
        self._catalogs += 1
        file = self.folder / f"{self.survey}-{self._catalogs}.csv"
        sources = [self._alert() for _ in range(int(self.random.choice([1, 30, 300])))]
        lines = [f"s{number},{row['ra']!r},{row['dec']!r}" for number, row in enumerate(sources)]
        file.write_text("\n".join(["id,ra,dec", *lines]) + "\n")
        keep = str(self.random.choice(["nearest", "all", "none"]))
        radius = float(self.random.choice([1.5, 600, 3600]))
        return {"kind": "crossmatch", "catalog": str(file), "radius_arcsec": radius, "keep": keep}

    def _alert(self) -> dict[str, float]:
        return self.rows[int(self.random.integers(len(self.rows)))]

"""The lakes of the benchmarks: simulated once into a folder that is kept, one night after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from alertferry.core.job import Job
from alertferry.testing.simulator import simulate

FIRST = date(2026, 3, 1)
FULL_PER_NIGHT, LIGHT_PER_NIGHT = 5_000, 100_000


@dataclass(frozen=True)
class Case:
    """Packets of one kind from so many alerts; ``wide`` lakes have cutouts and histories."""

    survey: str
    packet: str
    alerts: int
    wide: bool

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"{self.survey} {self.packet}"

    def job(self, root: Path, per_night: int, **output: str) -> Job:
        """Return the job, its lake written where it is not there yet."""
        nights = [FIRST + timedelta(days=day) for day in range(max(1, self.alerts // per_night))]
        lake = root / f"{self.survey}-{'full' if self.wide else 'light'}-{per_night}"
        for night in nights:
            if not list(lake.glob(f"year={night.year}/month={night.month:02d}/day={night.day:02d}/*.parquet")):
                simulate(self.survey, lake, [night], per_night, cutouts=self.wide, history=self.wide)
        source = {"kind": self.survey, "nights": f"{nights[0]}..{nights[-1]}", "lake": str(lake)}
        return Job.from_dict({"source": source, "output": {"kind": "kafka", "packet": self.packet, **output}})


@dataclass(frozen=True)
class Published:
    """A topic that a case was published to, kept for those who consume it."""

    case: Case
    servers: str
    topic: str
    bytes: int

    @property
    def megabytes(self) -> float:
        """Size of its packets."""
        return self.bytes / 1e6


def per_night(case: Case, scale: float) -> int:
    """Return the number of alerts of each night: a share of the usual for small runs."""
    return max(1, int((FULL_PER_NIGHT if case.wide else LIGHT_PER_NIGHT) * min(scale, 1)))

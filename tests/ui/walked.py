"""The dashboard that walkers walk: three surveys, jobs of every kind, a launcher without Spark, users who sign in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from alertferry import service
from alertferry.core import working_folder
from alertferry.core.access import Access, Site
from alertferry.core.job import Job
from alertferry.core.jobs import ACTIVE
from alertferry.core.jobs.entry import Context
from alertferry.core.jobs.store import NewJob, Store
from alertferry.core.jobs.tables import JOBS, reading
from alertferry.core.registry import default_registry
from alertferry.core.settings import load_settings
from alertferry.ui import lakes as looked_at
from tests.publishing import Publisher, keyed, light_alerts
from tests.ui.browsing import Dashboard, serving

ME, OTHER = "ann", "bob"
ROOT = Path(__file__).parents[2]
ACCESS = Access(ME, "page", Site(confined=True))
FOREIGN = "a job of somebody else"


@dataclass
class Walked:
    """A dashboard with its store of jobs, which is also looked into from outside."""

    dashboard: Dashboard
    files: dict[str, Path]
    estimates: bool

    @property
    def store(self) -> Store:
        return Store.open(load_settings())

    def jobs(self) -> dict[str, Any]:
        """Return every job by its id, whoever's it is; read as it stands in the table."""
        wanted = select(JOBS.c.id, JOBS.c.owner, JOBS.c.state, JOBS.c.cancel_asked, JOBS.c.job)
        with reading(self.store.engine) as connection:
            return {row.id: row for row in connection.execute(wanted)}

    def log(self, after: int = 0) -> str:
        """Return what the server has said after so many bytes."""
        with self.dashboard.log.open("rb") as stream:
            stream.seek(after)
            return stream.read().decode(errors="replace")

    def log_bytes(self) -> int:
        return self.dashboard.log.stat().st_size


def _job(name: str | None, night: str = "2026-03-01") -> Job:
    source, output = {"kind": "lsst", "nights": [night]}, {"kind": "kafka", "packet": "light-static"}
    filters = [{"kind": "sql", "where": ["diaSource.snr > 5"]}, {"kind": "region", "cone": CONE}]
    data = {"version": 1, "source": source, "filters": filters, "output": output}
    return Job.from_dict(data | ({"name": name} if name else {}))


CONE = {"ra": 150.5, "dec": 2.25, "radius_deg": 20.0}


def _fill(store: Store, bootstrap: str) -> None:
    """Put jobs of every kind into the store, as they stand when their launchers are done with them."""
    context, now = Context(working_folder=working_folder.resolved("")), time.time()

    def add(name: str | None, state: str, owner: str = ME, **values: Any) -> None:
        entry = store.add(NewJob(_job(name), context, "small", f"walked-{now:.0f}-unused", owner))
        store.change(entry.record.id, ("queued",), state=state, started=now, ended=now, log_kept=False, **values)

    def result(alerts: int, **values: Any) -> dict[str, Any]:
        """Publish a topic; return what the store knows of a complete job with it."""
        job = Publisher.create(bootstrap, f"walked-{now:.0f}-{alerts}", partitions=1)
        messages = keyed(light_alerts(alerts))
        job.begin(1)
        job.send(messages)
        receipt = job.finish([key for key, _ in messages if key])
        steps = json.dumps([{"name": "lsst", "alerts": 60}, {"name": "sql", "alerts": alerts}])
        known = {"topic": job.topic, "destination": job.topic, "alerts": alerts, "bytes": 90 * alerts, "steps": steps}
        known |= {"receipt": receipt.model_dump_json(), "expires": now + 86_400, "exit_code": 0, "seconds": 2.5}
        return known | values

    finished = result(20)
    add("finished", "complete", **finished)
    add("nothing passed", "complete", **result(0))
    add("far too large", "complete", **result(50, bytes=300_000_000))
    add(None, "complete", **finished)
    problems = json.dumps([{"path": "output.fields[0]", "message": "no field 'x'"}])
    add("it failed", "failed", reason="output.fields[0]: no field 'x'", exit_code=2, problems=problems)
    add("given up", "cancelled", reason="it was cancelled", exit_code=1)
    add("kept too long", "complete", topic="walked-gone", alerts=7, expired=True)
    add(FOREIGN, "complete", owner=OTHER, **finished)


def _starwatch(root: Path) -> Path:
    """Write two nights of ten alerts of the example survey."""
    kind = pa.struct([("ra", pa.float64()), ("dec", pa.float64()), ("mjd", pa.float64()), ("mag", pa.float32())])
    for day in (1, 2):
        folder = root / "year=2026" / "month=03" / f"day={day:02d}"
        folder.mkdir(parents=True)
        seen = [{"ra": 36.0 * i, "dec": 8.0 * i - 40, "mjd": 61100.0 + day, "mag": 2.0 + i} for i in range(10)]
        ids = [100 * day + i for i in range(10)]
        columns = {"alertId": ids, "starId": [f"HR {i}" for i in range(10)], "detection": pa.array(seen, kind)}
        pq.write_table(pa.table(columns), folder / "part.parquet")
    return root


def _plugins(folder: Path) -> Path:
    """Install the launcher without Spark and the example survey, as pip would."""
    for name, module in (("small_jobs", "tests.small_jobs"), ("starwatch", "starwatch")):
        metadata = folder / f"{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[alertferry]\n{name} = {module}\n")
    return folder


def _files(folder: Path) -> dict[str, Path]:
    """Write what is uploaded: good, broken and swapped files."""
    folder.mkdir()
    texts = {
        "sources.csv": "Name,RA,Dec\nS0,150.0,2.0\nS1,36.5,-12.25\n",
        "wrong.csv": "<b>name</b>,b\n1,2\n",
        "bad rows.csv": "id,ra,dec\n1,400,2\n2,10,abc\n3,36.5,-12.25\n",
        "job.yml": _job("from a file", "2026-03-02").to_yaml(),
        "broken.yml": "version: 1\nsource: {kind: lsst, nights: [\n",
        "empty.txt": "",
        "noise.fits": "SIMPLE  =                    T" + "\x00" * 3000,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in texts}


@contextmanager
def walked(folder: Path, lakes: dict[str, Path], bootstrap: str, estimates: bool = False) -> Iterator[Walked]:
    """Serve a dashboard to be walked; here and there, the same plugins, lakes and settings count."""
    home, packages, starwatch = folder / "home", _plugins(folder / "packages"), ROOT / "examples" / "starwatch"
    lakes = {**lakes, "starwatch": _starwatch(folder / "starwatch")}
    config = home / "config" / "alertferry"
    config.mkdir(parents=True)
    (config / "alertferry.toml").write_text('launcher = "small"\nmax_jobs_per_hour = 100000\nmax_running_jobs = 2\n')
    (folder / "users.json").write_text(json.dumps({ME: ME, OTHER: OTHER}))
    with pytest.MonkeyPatch.context() as patch:
        for path in (packages, starwatch):
            patch.syspath_prepend(str(path))
        patch.setenv("PYTHONPATH", f"{packages}:{starwatch}:{ROOT}")
        patch.setenv("ALERTFERRY_HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", bootstrap)
        patch.setenv(working_folder.VARIABLE, str(home / "uploads"))
        for survey, lake in lakes.items():
            patch.setenv(f"ALERTFERRY_LAKE_{survey.upper()}", str(lake))
        default_registry.cache_clear()
        looked_at.forget()
        options = ["--basic-auth", str(folder / "users.json"), *([] if estimates else ["--no-estimates"])]
        try:
            _fill(Store.open(load_settings()), bootstrap)
            with serving(home, lakes, bootstrap, *options) as dashboard:
                found = Walked(dashboard, _files(folder / "files"), estimates)
                try:
                    yield found
                finally:
                    for job, entry in found.jobs().items():
                        if entry.state in (*ACTIVE, "queued"):
                            with suppress(Exception):  # it may end meanwhile
                                service.cancel_job(job)
        finally:
            default_registry.cache_clear()
            looked_at.forget()

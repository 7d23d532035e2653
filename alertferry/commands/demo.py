"""`demo`: a lake, a broker, a job, a download and its proof, for both surveys, on this machine."""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from alertferry.commands.output import Json, answer, err, note, say, size_text
from alertferry.commands.paths import a_path
from alertferry.core.errors import DamagedError

NIGHTS = (date(2026, 3, 1), date(2026, 3, 2))

JOBS: dict[str, dict[str, Any]] = {
    "lsst": {
        "filters": [{"kind": "sql", "where": ["diaSource.snr > 5", "diaSource.band IN ('g', 'r', 'i')"]}],
        "output": {"kind": "kafka", "packet": "light-static"},
    },
    "ztf": {
        "filters": [{"kind": "sql", "where": ["candidate.drb > 0.5"]}],
        "output": {"kind": "kafka", "packet": "full"},
    },
}
"""What the demonstration asks for: one light and one full packet, each with a condition."""


def demo(
    folder: Annotated[Path, typer.Option("--folder", parser=a_path, help="Where lakes, jobs and files go.")] = Path(
        "alertferry-demo"
    ),
    alerts: Annotated[int, typer.Option(min=2, help="Alerts to simulate for each survey.")] = 2000,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Show the whole way on simulated alerts: lake, Spark job, Kafka topic, files, proof."""
    from alertferry.broker import running_broker, status
    from alertferry.core.settings import load_settings

    home = load_settings().home
    folder = Path(os.path.realpath(folder))
    found = status(home)
    if found:
        results = [_carry(survey, folder, alerts) for survey in JOBS]
    else:
        note("starting Apache Kafka here (the first time, its jars are fetched: about a minute)")
        with running_broker(home):
            results = [_carry(survey, folder, alerts) for survey in JOBS]
    answer({"ok": True, "surveys": results})
    say(f"\nEverything is in {folder}. Next: edit {folder / 'lsst.yml'} and `alertferry run` it, with a broker from")
    say("`alertferry broker start`.")


def _carry(survey: str, folder: Path, alerts: int) -> dict[str, Any]:
    from alertferry import service
    from alertferry.consumer import consume, verify
    from alertferry.core.job import Job
    from alertferry.current import current_settings

    err().rule(f"[bold]{survey}")
    lake = _lake(survey, folder, alerts)
    job = Job.from_dict({"name": f"demo-{survey}", "source": _source(survey, lake), **JOBS[survey]})
    (folder / f"{survey}.yml").write_text(job.to_yaml())
    with err().status(f"Spark reads {alerts:,} alerts, selects and publishes"):
        outcome = service.run(job)
    steps = " → ".join(f"{step['alerts']:,}" for step in outcome.steps)
    say(f"published  {steps} alerts, {size_text(outcome.bytes)}, topic {outcome.topic}, {outcome.seconds:.1f} s")
    files = folder / f"{survey}-files"
    shutil.rmtree(files, ignore_errors=True)
    delivery = consume(str(outcome.topic), files, settings=current_settings())
    say(f"fetched    {delivery.message}")
    proof = verify(files)
    say(f"verified   {proof}")
    _show(files)
    if not proof.ok:
        raise DamagedError("; ".join(proof.problems))
    return {"survey": survey, "topic": outcome.topic, "alerts": proof.alerts, "ok": proof.ok, "files": str(files)}


def _source(survey: str, lake: Path) -> dict[str, Any]:
    return {"kind": survey, "nights": [f"{NIGHTS[0]}..{NIGHTS[-1]}"], "lake": str(lake)}


def _lake(survey: str, folder: Path, alerts: int) -> Path:
    from alertferry.testing.simulator import simulate

    lake = folder / f"{survey}-lake"
    shutil.rmtree(lake, ignore_errors=True)
    with err().status(f"simulating {alerts:,} {survey} alerts"):
        made = simulate(survey, lake, NIGHTS, alerts // len(NIGHTS))
    say(f"simulated  {made.alerts:,} alerts in {len(made.nights)} nights, {size_text(made.bytes)}, {lake}")
    return lake


def _show(files: Path) -> None:
    import pandas as pd
    import pyarrow.dataset as ds

    from alertferry.core.pandas_types import pandas_call

    table = pd.read_parquet(files)
    call = pandas_call(str(files), ds.dataset(files).schema)
    say(f"in pandas  {len(table):,} rows × {table.shape[1]} columns: {call}")
    wanted = [
        name for name in ("diaSourceId", "objectId", "ra", "dec", "band", "psfFlux", "cdsxmatch") if name in table
    ]
    say(table[wanted].head(3).to_string(index=False))

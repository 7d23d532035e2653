"""`check`, `render` and `run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from alertferry.commands.output import MODE, Json, answer, err, note, say, size_text
from alertferry.commands.paths import a_path
from alertferry.commands.stored import tell_submitted
from alertferry.core.errors import CancelledError, JobError, Problem

JobFile = Annotated[
    Path, typer.Argument(parser=a_path, metavar="JOB.yml", help="The job file; - reads standard input.")
]


def check(job: JobFile, json: Json = False) -> None:  # noqa: ARG001 - read by its callback
    """Say everything that is wrong with a job file, without starting Spark."""
    from alertferry import service
    from alertferry.core.check import Findings
    from alertferry.core.job import MalformedJobError

    try:
        found = service.examine(service.read_job(job))
    except MalformedJobError as error:
        found = service.examine(error)
    except JobError as error:
        found = Findings(list(error.problems))
    notes = [*found.warnings, *found.unchecked]
    lists = {"problems": found.problems, "warnings": notes}
    answer({"ok": not found.problems, **{name: [item.as_json for item in items] for name, items in lists.items()}})
    for problem in found.problems:
        note(str(problem))
    for warning in notes:
        note(f"note: {warning}")
    if found.problems:
        raise typer.Exit(JobError(found.problems).exit_code)
    file = "standard input" if str(job) == "-" else job
    result = "nothing is wrong in what can be checked without Spark" if found.unchecked else "no problem found"
    say(f"{file}: {result}" + (f", but {len(notes)} note{'s' * (len(notes) != 1)}" if notes else ""))


def render(job: JobFile) -> None:
    """Print the Spark script of a job."""
    from alertferry import service
    from alertferry.core.render import render as rendered

    sys.stdout.write(rendered(service.read_job(job)))


def run(
    job: JobFile,
    launcher: Annotated[str | None, typer.Option(help="How to run it: local, or a plugin's.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Submit it and return; see `alertferry jobs`.")] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Publish ten of its alerts only: it proves topic, rights and client.")
    ] = False,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Run a job: read the lake, select, publish, and show the receipt."""
    from alertferry import service

    request = service.read_job(job)
    if detach:
        tell_submitted(service.submit(request, launcher=launcher, test=test))
        return
    try:
        with _Follower() as follower:
            outcome = service.run(request, launcher, follower.on_event, test=test)
    except KeyboardInterrupt as interrupt:
        raise CancelledError(str(interrupt) or "cancelled before anything of the job ran") from None
    receipt = outcome.receipt
    answer(
        {
            "state": outcome.state,
            "topic": outcome.topic,
            "destination": outcome.destination,
            "alerts": outcome.alerts,
            "bytes": outcome.bytes,
            "seconds": outcome.seconds,
            "steps": list(outcome.steps),
            "receipt": receipt.model_dump(mode="json") if receipt else None,
            "id": outcome.id,
        }
    )
    _tell(outcome)


def _tell(outcome: Any) -> None:
    verb = "published to topic" if outcome.topic else "written to"
    size, seconds = size_text(outcome.bytes), outcome.seconds
    say(f"{outcome.alerts:,} alerts ({size}) {verb} {outcome.destination} in {seconds:.1f} s")
    for step in outcome.steps:
        say(f"  {step['name']:<20} {step['alerts']:>12,} alerts left")
    for remark in outcome.receipt.remarks:
        say(f"  {remark}")
    _tell_nights(outcome.receipt.nights)
    if parts := [f"{name} {seconds:.1f} s" for name, seconds in outcome.receipt.timings.items() if seconds >= 0.05]:
        say(f"  time: {', '.join(parts)}")
    if outcome.alerts == 0:
        where = "the topic and its schema exist, and are empty" if outcome.topic else "the files hold only their schema"
        say(f"No alert passed every filter: {where}. `alertferry estimate` tells which step removes them, and why.")
    if outcome.topic and outcome.alerts:
        say(f"\nFetch them with:\n  alertferry consume {outcome.topic} --outdir {outcome.topic}")


def _tell_nights(nights: Any) -> None:
    from datetime import date

    from alertferry.core.nights import summarise

    if nights.absent:
        absent = summarise(date.fromisoformat(night) for night in nights.absent)
        say(f"  not in the lake: {', '.join(absent)}")
    for night, fields in nights.lacking.items():
        shown = ", ".join(fields[:4]) + (f" and {len(fields) - 4} more" if len(fields) > 4 else "")
        say(f"  {night} lacks {len(fields)} fields of other nights (null there): {shown}")


class _Follower:
    """Shows the events of a running job as one moving line."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            console=err(),
            disable=MODE.json or not err().is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("starting Spark", total=None, counts="")

    def __enter__(self) -> _Follower:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def on_event(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "queued":
                ahead = event["ahead"]
                waiting = f"waiting for {ahead} other job{'s' * (ahead != 1)}"
                self._bar.update(self._task, description=waiting if ahead else "starting Spark")
                note(waiting) if ahead else None
            case "note":
                note(f"note: {Problem(event['path'], event['message'])}")
            case "step":
                count = "" if event["alerts"] is None else f"{event['alerts']:,} alerts in the nights asked for"
                self._bar.update(self._task, description=event["name"], counts=count)
            case "topic":
                note(f"topic {event['topic']}: you can consume it from now on")
            case "progress":
                self._progress(event)

    def _progress(self, event: dict[str, Any]) -> None:
        parts = [f"{event['alerts_read']:,} read"]
        if event["alerts_published"] is not None:
            parts.append(f"{event['alerts_published']:,} published")
        parts.append(f"{event['rate']:,.0f} alerts/s")
        if event["eta_seconds"] is not None:
            parts.append(f"about {event['eta_seconds']:.0f} s left")
        total, done = event["alerts_total"], event["alerts_read"]
        self._bar.update(self._task, description=event["stage"], total=total, completed=done, counts=", ".join(parts))

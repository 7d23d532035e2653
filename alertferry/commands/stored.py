"""`jobs`: the jobs that were submitted: running, waiting and over."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from alertferry.commands.output import MODE, Json, answer, err, note, out, say, size_text

if TYPE_CHECKING:
    from alertferry.core.jobs import JobRecord

jobs = typer.Typer(no_args_is_help=True, help="Jobs that were submitted: running, waiting and over.")

JobId = Annotated[str, typer.Argument(metavar="ID", help="The id of a job, or the beginning of one.")]

SHORT = 8
"""Letters of an id that lists show: enough to tell a user's jobs apart."""

STYLES = {
    "queued": "yellow",
    "starting": "cyan",
    "running": "cyan",
    "complete": "green",
    "failed": "red",
    "cancelled": "magenta",
}


def as_json(record: JobRecord) -> dict[str, Any]:
    """Return what `--json` says of a job: everything but the script, which `jobs show --script` prints."""
    return record.model_dump(mode="json", exclude={"script"})


@jobs.command("list")
def list_(
    state: Annotated[list[str] | None, typer.Option(help="Only jobs in this state; may be given again.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """List jobs, newest first."""
    from rich.table import Table

    from alertferry import service

    found = service.list_jobs(states=state or (), limit=limit)
    _keep_going(found)
    answer({"jobs": [as_json(record) for record in found]})
    table = Table(box=None, header_style="bold")
    for heading in ("id", "state", "submitted", "job"):
        table.add_column(heading, no_wrap=True)
    for heading in ("alerts", "took"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("result", overflow="fold")
    for record in found:
        table.add_row(*_row(record))
    if found and not MODE.json:
        out().print(table)
    note(
        f"{len(found)} job{'s' * (len(found) != 1)}" if found else "no such job yet; `alertferry run JOB.yml` makes one"
    )


def _keep_going(found: list[JobRecord]) -> None:
    """See to it that what waits is started, also after everything was switched off."""
    if any(record.state == "queued" for record in found):
        from alertferry import keeper
        from alertferry.core.settings import load_settings

        keeper.begin(load_settings().home)


def _row(record: JobRecord) -> tuple[str, ...]:
    alerts = "" if record.alerts is None else f"{record.alerts:,}"
    state = f"[{STYLES[record.state]}]{record.state}[/]"
    called = escape(record.name or record.survey)
    return record.id[:SHORT], state, _when(record.submitted), called, alerts, _took(record.seconds), _result(record)


def _result(record: JobRecord) -> str:
    if record.state == "complete":
        return escape(record.destination or "") + (" (expired)" if record.expired else "")
    if record.over:
        return escape((record.reason or "").partition("\n")[0])
    return escape(_progress(record))


def _progress(record: JobRecord) -> str:
    if record.progress is None:
        return record.topic or ""
    read, total = record.progress["alerts_read"], record.progress["alerts_total"]
    share = f" of {total:,}" if total else ""
    return f"{read:,}{share} alerts read, {record.progress['rate']:,.0f} alerts/s"


def _when(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


@jobs.command()
def show(
    job: JobId,
    script: Annotated[bool, typer.Option("--script", help="Print the Spark script of the job instead.")] = False,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Show a job: what was asked for, how far it is, what came of it."""
    from alertferry import service

    record = service.find_job(job)
    _keep_going([record])
    answer(as_json(record) | ({"script": record.script} if script else {}))
    if script and not MODE.json:
        sys.stdout.write(record.script)
        return
    for name, value in _facts(record):
        say(f"{name:<10} {value}")
    for step in record.steps:
        left = "" if step["alerts"] is None else f"{step['alerts']:>12,} alerts left"
        say(f"  {step['name']:<20} {left}")
    say(f"\n{record.job.rstrip()}")
    if record.state == "complete" and record.topic and not record.expired:
        say(f"\nFetch the alerts with:\n  alertferry consume {record.topic} --outdir {record.topic}")


def _facts(record: JobRecord) -> list[tuple[str, str]]:
    size = "" if record.bytes is None else f" ({size_text(record.bytes)})"
    facts = {
        "job": record.id,
        "name": record.name,
        "owner": record.owner,
        "state": record.state,
        "because": record.reason,
        "submitted": _when(record.submitted),
        "started": _when(record.started),
        "ended": _when(record.ended),
        "took": _took(record.seconds),
        "progress": "" if record.over else _progress(record),
        "result": record.destination,
        "topic": record.topic if record.topic != record.destination else None,
        "alerts": None if record.alerts is None else f"{record.alerts:,}{size}",
        "of these": "; ".join(record.receipt.remarks) if record.receipt else "",
        "expires" if not record.expired else "expired": _when(record.expires),
    }
    return [(name, value) for name, value in facts.items() if value]


@jobs.command()
def log(
    job: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is over.")] = False,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Print the log of a job: what Spark and the script said."""
    from alertferry import service

    record = service.find_job(job)
    text = service.job_log(record.id)
    answer({"id": record.id, "state": record.state, "log": text})
    if MODE.json:
        return
    sys.stdout.write(text)
    while follow and not record.over:
        time.sleep(0.5)
        record, before, text = service.show_job(record.id), text, service.job_log(record.id)
        sys.stdout.write(_behind(before, text))
        sys.stdout.flush()
    if not text:
        note("nothing yet" if not record.over else "it ended before Spark was started")


def _behind(before: str, now: str) -> str:
    """Return what a log has now behind what it had before; the beginning of a long log is not there any more."""
    last = before[-2000:]
    start = now.rfind(last) if last else -1
    return now[start + len(last) :] if start >= 0 else now


@jobs.command()
def cancel(job: JobId, json: Json = False) -> None:  # noqa: ARG001 - read by its callback
    """Stop a job; its topic then says that it is not complete."""
    from alertferry import service

    before = service.find_job(job)
    with err().status("stopping it", spinner="dots"):
        record = service.cancel_job(before.id)
    answer(as_json(record))
    if before.over:
        say(f"job {record.id[:SHORT]} was {record.state} already; nothing to cancel")
    elif record.state == "cancelled":
        say(f"job {record.id[:SHORT]} is cancelled; nothing of it runs any more")
    else:
        say(f"job {record.id[:SHORT]} ended as {record.state} before it could be stopped")


@jobs.command()
def delete(job: JobId, json: Json = False) -> None:  # noqa: ARG001 - read by its callback
    """Delete a job that is over, with its log; what it has published stays until it expires."""
    from alertferry import service

    record = service.find_job(job)
    service.delete_job(record.id)
    answer({"id": record.id, "deleted": True})
    say(f"job {record.id[:SHORT]} is deleted" + (f"; its topic {record.topic} stays" if record.topic else ""))


@jobs.command()
def resubmit(
    job: JobId,
    nights: Annotated[
        str | None, typer.Option(help="Other nights: dates and ranges FIRST..LAST, separated by commas.")
    ] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Submit a job once more, for other nights if you name them."""
    from alertferry import service

    asked = [part.strip() for part in (nights or "").split(",") if part.strip()]
    tell_submitted(service.resubmit_job(service.find_job(job).id, nights=asked))


def tell_submitted(record: JobRecord) -> None:
    """Say that a job was submitted, and see to it that it will be started though nobody waits for it."""
    from alertferry import keeper
    from alertferry.core.settings import load_settings

    keeper.begin(load_settings().home)
    answer({"id": record.id, "state": record.state})
    short = record.id[:SHORT]
    say(f"submitted as job {record.id}\n  alertferry jobs show {short}\n  alertferry jobs log {short} --follow")

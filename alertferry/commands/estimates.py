"""`estimate` and `preview`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alertferry.commands.jobs import JobFile
from alertferry.commands.output import MODE, Json, answer, err, note, out, say, size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertferry.estimates import Diagnosis, Estimate, FieldFacts, Preview

SHOWN_CHARACTERS = 60


def estimate(job: JobFile, json: Json = False) -> None:  # noqa: ARG001 - read by its callback
    """Say how many alerts and bytes a job will carry, with 95 % intervals, and what each step leaves."""
    from alertferry import service

    request = service.read_job(job)
    with _waiting() as remark:
        found = service.estimate(request, say=remark)
    answer(found.model_dump(mode="json"))
    if not MODE.json:
        _print_estimate(found)


def preview(
    job: JobFile,
    rows: Annotated[int, typer.Option(min=1, max=100, help="Number of records.")] = 10,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Show some records exactly as a job will deliver them."""
    from alertferry import service

    request = service.read_job(job)
    with _waiting() as remark:
        found = service.preview(request, rows, say=remark)
    answer(found.model_dump(mode="json"))
    if not MODE.json:
        _print_preview(found)


@contextmanager
def _waiting() -> Iterator[Callable[[str], None]]:
    """Show the last remark while an answer is made."""
    with err().status("looking at the lake") as status:
        if err().is_terminal and not MODE.json:
            yield status.update
        else:
            status.stop()
            yield note


def _print_estimate(found: Estimate) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    table.add_column("step", no_wrap=True)
    for heading in ("alerts left", "at least", "at most"):
        table.add_column(heading, justify="right", no_wrap=True)
    for step in found.steps:
        table.add_row(step.name, *(f"{count:,}" for count in (step.alerts, step.low, step.high)))
    out().print(table)
    say(f"\n{_alerts(found)}, {_bytes(found)}")
    for remark in found.notes:
        say(f"  {remark}")
    if found.doctor:
        _print_diagnosis(found.doctor)


def _alerts(found: Estimate) -> str:
    if found.exact:
        return f"{found.alerts:,} alerts, all counted"
    return f"about {found.alerts:,} alerts ({found.low:,} to {found.high:,}, 95 % sure)"


def _bytes(found: Estimate) -> str:
    size, low, high = (size_text(count) for count in (found.bytes, found.bytes_low, found.bytes_high))
    if (low, high) != (size, size):
        size += f" ({low} to {high})"
    return size + (f", {size_text(round(found.bytes_per_alert))} each" if found.bytes_per_alert else "")


def _print_diagnosis(doctor: Diagnosis) -> None:
    say(f"\n{doctor.message}")
    for line in doctor.lines:
        say(f"  {line.line}\n    fulfilled by {line.passing:,} alone ({line.share:.2%})")
        for fact in line.fields:
            say(f"    {_fact(fact)}")


def _fact(fact: FieldFacts) -> str:
    values = "" if fact.min is None else f"{fact.min} to {fact.max}, "
    nan = f", NaN in {fact.nan_share:.1%}" if fact.nan_share else ""
    return f"{fact.path}: {values}null in {fact.null_share:.1%}{nan}"


def _print_preview(found: Preview) -> None:
    for number, record in enumerate(found.records, 1):
        say(f"{number}.")
        for column in found.columns:
            say(f"  {column.name} ({column.type}): {_short(record[column.name], column.type)}")
    for remark in found.notes:
        say(remark)
    if found.doctor:
        _print_diagnosis(found.doctor)
    elif not found.records:
        say("no record to show: no alert looked at passes every filter")


def _short(value: Any, kind: str) -> str:
    if kind.startswith("bytes") and value is not None:
        return f"{value:,} bytes"
    text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"

"""`fields`, `tags` and `nights`: what can be used in a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from alertferry.commands.output import Json, answer, note, out, say

if TYPE_CHECKING:
    from alertferry.tags.provider import Kind, Tag

KINDS: tuple[Kind, ...] = ("tag", "block")

SurveyName = Annotated[str, typer.Argument(metavar="SURVEY", help="ztf, lsst, or a plugin's.")]


def fields(
    survey: SurveyName,
    search: Annotated[str, typer.Option("--search", "-s", help="Only fields whose name or description has this.")] = "",
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """List packets and fields of a survey, with type, unit and description."""
    from rich.table import Table

    from alertferry.core.field_table import load_fields
    from alertferry.core.registry import default_registry

    known = default_registry().get("source", survey).survey
    docs = load_fields(*known.field_table) if known.field_table else ()
    wanted = [doc for doc in docs if search.lower() in f"{doc.path} {doc.description}".lower()]
    packets = {name: packet.description for name, packet in known.packets.items()}
    answer({"survey": known.name, "packets": packets, "roles": known.roles, "fields": [_as_dict(d) for d in wanted]})
    for name, description in packets.items():
        say(f"packet {name:<13} {description}")
    table = Table("field", "type", "unit", "description", box=None, header_style="bold")
    for doc in wanted:
        table.add_row(doc.path, doc.type, doc.unit, doc.description)
    if not _json():
        out().print(table)
        note(f"{len(wanted)} of {len(docs)} fields")


def _as_dict(doc: Any) -> dict[str, Any]:
    return {"path": doc.path, "type": doc.type, "unit": doc.unit, "description": doc.description}


def _json() -> bool:
    from alertferry.commands.output import MODE

    return MODE.json


def tags(
    survey: SurveyName,
    lake: Annotated[
        str | None,
        typer.Option(help="Path of the lake, or its name in the settings, if not the survey's own."),
    ] = None,
    nights: Annotated[
        list[str] | None, typer.Option(help="Nights that must have the columns; all of the lake when left out.")
    ] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """List tags and blocks: what they are, what they read, and whether they can be used on these nights."""
    from alertferry.core.registry import default_registry
    from alertferry.tags.provider import describe

    source = default_registry().get("source", survey)
    known, seen = source.survey, _lake_schema(source, lake, nights)
    found = [tag for kind in KINDS for tag in describe(known.name, kind, seen or known.documented)]
    answer({"survey": known.name, "tags": [_tag_dict(tag) for tag in found]})
    if not _json():
        _print_tags(found)
    looked = "the nights of the lake" if seen else "the documented fields; give --lake to see what your nights have"
    note(f"{sum(tag.available for tag in found)} of {len(found)} can be used; compared with {looked}")


def _lake_schema(source: Any, lake: str | None, nights: list[str] | None) -> Any:
    """Return the schema of the nights asked for, of all nights of the lake, or None without a lake to look at."""
    from alertferry.commands.ranges import read_nights
    from alertferry.core.lake_source import lake_location
    from alertferry.core.local_lake import local_path
    from alertferry.core.local_lake import nights as nights_of
    from alertferry.core.settings import load_settings

    settings, survey = load_settings(), source.survey
    location = lake_location(survey, lake, settings) if lake or survey.name in settings.lakes else None
    root = local_path(location) if location else None
    asked = [night for text in nights or () for night in read_nights(text)]
    wanted = [str(night) for night in asked or (nights_of(root) if root else ())]
    glance = source(nights=wanted, lake=location).glance(settings) if wanted else None
    return glance.schema if glance else None


def _tag_dict(tag: Tag) -> dict[str, Any]:
    shown = {name: getattr(tag, name) for name in ("name", "kind", "description", "needs", "available", "reason")}
    return shown | {"native": tag.native}


def _print_tags(found: list[Tag]) -> None:
    """Print what is available with what it reads, then what is not with the reason."""
    from rich.table import Table

    for kind in KINDS:
        table = Table(box=None, header_style="bold")
        table.add_column(kind, no_wrap=True)
        for heading in ("description", "reads", "runs"):
            table.add_column(heading)
        for tag in (tag for tag in found if tag.kind == kind and tag.available):
            roots = dict.fromkeys(column.partition(".")[0] for column in tag.needs)
            table.add_row(tag.name, escape(tag.description), ", ".join(roots), "native" if tag.native else "in Python")
        if table.row_count:
            out().print(table)
    for tag in found:
        if tag.reason:
            say(f"unavailable: {tag.name}: {tag.reason}")


def nights(
    survey: SurveyName,
    lake: Annotated[
        str | None,
        typer.Option(help="Path of the lake, or its name in the settings, if not the survey's own."),
    ] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """List the nights of a lake and their numbers of alerts, from the files themselves.

    Exit code 4 when something of a night cannot be read: the others are listed nevertheless.
    """
    from alertferry.core.errors import DamagedError, Problem, UsageError
    from alertferry.core.lake_source import lake_location
    from alertferry.core.local_lake import count_nights, glance, local_path
    from alertferry.core.registry import default_registry
    from alertferry.core.settings import load_settings

    known = default_registry().get("source", survey).survey
    location = lake_location(known, lake, load_settings())
    root = local_path(location)
    if root is None:
        raise UsageError(f"{location} is not on this machine; `alertferry run` looks at it, this command cannot")
    found, hidden = count_nights(root)
    counts = {night: count for night, count in found.items() if isinstance(count, int)}
    filled, column = [night for night, count in counts.items() if count], known.alert_id.partition(".")[0]
    if filled and column.lower() not in map(str.lower, glance(root, filled[-1:]).schema().names):
        raise UsageError(f"{root} holds no alerts of {known.title}: its newest files have no column {column}")
    problems = [Problem("", f"there may be more nights: {error}") for error in hidden]
    problems += [Problem(str(night), str(error)) for night, error in found.items() if night not in counts]
    listed = [{"night": str(night), "alerts": counts.get(night)} for night in found]
    said = {"ok": not problems, "problems": [problem.as_json for problem in problems]}
    answer({"survey": known.name, "lake": str(root), "nights": listed} | said)
    for night in found:
        say(f"{night}  {f'{counts[night]:,}' if night in counts else 'not known':>12}")
    unknown = len(found) - len(counts)
    say(f"{len(found)} nights, {sum(counts.values()):,} alerts" + (f" without those of {unknown}" if unknown else ""))
    for problem in problems:
        note(str(problem))
    if problems:
        raise typer.Exit(DamagedError.exit_code)

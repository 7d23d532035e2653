"""`fields` and `nights`: what can be used in a job."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from alertferry.commands.output import Json, answer, note, out, say

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
        out.print(table)
        note(f"{len(wanted)} of {len(docs)} fields")


def _as_dict(doc: Any) -> dict[str, Any]:
    return {"path": doc.path, "type": doc.type, "unit": doc.unit, "description": doc.description}


def _json() -> bool:
    from alertferry.commands.output import MODE

    return MODE.json


def nights(
    survey: SurveyName,
    lake: Annotated[str | None, typer.Option(help="Path of the lake; the configured one when left out.")] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """List the nights of a lake and their numbers of alerts, from the files themselves."""
    from alertferry.core.errors import UsageError
    from alertferry.core.local_lake import count_alerts, local_path, night_files
    from alertferry.core.local_lake import nights as nights_of
    from alertferry.core.registry import default_registry
    from alertferry.core.settings import load_settings

    known = default_registry().get("source", survey).survey
    location = lake or load_settings().lakes.get(known.name)
    if not location:
        raise UsageError(f"no lake is known for {survey}: set ALERTFERRY_LAKE_{survey.upper()} or give --lake")
    root = local_path(location)
    if root is None:
        raise UsageError(f"{location} is not on this machine; `alertferry run` looks at it, this command cannot")
    found = [(night, count_alerts(night_files(root, night))) for night in nights_of(root)]
    answer({"survey": known.name, "lake": str(root), "nights": [{"night": str(n), "alerts": c} for n, c in found]})
    for night, count in found:
        say(f"{night}  {count:>12,}")
    say(f"{len(found)} nights, {sum(count for _, count in found):,} alerts")

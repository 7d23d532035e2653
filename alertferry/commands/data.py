"""`consume` and `verify`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alertferry.commands.output import Json, answer, say
from alertferry.commands.paths import a_path
from alertferry.core.errors import UsageError

if TYPE_CHECKING:
    from alertferry.consumer import Delivery

_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


class Format(StrEnum):
    """File formats of the consumer."""

    PARQUET = "parquet"
    AVRO = "avro"


def consume(
    topic: Annotated[str, typer.Argument(help="The topic, as `alertferry run` printed it.")],
    outdir: Annotated[Path, typer.Option(parser=a_path, help="Folder for the files; one folder a topic.")],
    format: Annotated[Format, typer.Option(help="parquet, or avro containers.")] = Format.PARQUET,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after exactly this many alerts.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that fetch side by side; by default what the topic is worth.")
    ] = None,
    from_beginning: Annotated[bool, typer.Option(help="Drop what was fetched and start again.")] = False,
    dump_schemas: Annotated[bool, typer.Option(help="Also write the Avro and Arrow schemas.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds without news until giving up for now.")] = 60.0,
    survey: Annotated[str | None, typer.Option(help="Survey, for topics that do not name it.")] = None,
    partition_by: Annotated[
        str | None, typer.Option(metavar="time|class|FIELD", help="Divide the files into folders by this.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="K/N", help="Fetch only part K of N; folders of all parts merge by copying.")
    ] = None,
    follow: Annotated[bool, typer.Option(help="Wait for the end of a job that publishes, however long.")] = False,
    select: Annotated[
        list[str] | None, typer.Option(metavar="FIELDS", help="Keep only these columns (a,b.c; may be repeated).")
    ] = None,
    batch: Annotated[
        list[str] | None,
        typer.Option(metavar="ALERTS|SIZE", help="Largest file: 20000 (alerts) or 64MB (of messages); or both."),
    ] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Carry a topic's alerts into files: each exactly once, however often this is stopped and run again."""
    from alertferry.commands.bars import consuming
    from alertferry.consumer import consume as fetch
    from alertferry.consumer.starting import start_quickly
    from alertferry.current import current_settings

    sizes = batch_sizes(batch or ())
    start_quickly()
    with consuming() as progress:
        delivery = fetch(
            topic,
            outdir,
            settings=current_settings(),
            format=format.value,
            limit=limit,
            workers=workers,
            from_beginning=from_beginning,
            dump_schemas=dump_schemas,
            timeout=timeout,
            survey=survey,
            partition_by=partition_by,
            shard=shard,
            follow=follow,
            select=[field for part in select or () for field in part.split(",")],
            progress=progress,
            **sizes,
        )
    answer(delivery.to_dict())
    say(delivery.message)
    if hint := how_to_open(delivery):
        say(hint)
    raise typer.Exit(delivery.exit_code)


def how_to_open(delivery: Delivery) -> str | None:
    """Return how to open what was fetched; None where there is nothing to open, or not all of it is to be trusted."""
    files = [path for path in delivery.files if path.suffix == ".parquet"]
    if not files or delivery.state == "damaged":
        return None
    import pyarrow.parquet as pq

    from alertferry.core.pandas_types import pandas_call

    return f"open it in Python: {pandas_call(str(delivery.folder), pq.read_schema(files[0]))}"


def batch_sizes(texts: Sequence[str]) -> dict[str, int]:
    """Read the sizes of a file: ``20000`` is a number of alerts, ``64MB`` bytes of messages.

    Raises `UsageError` for anything else.
    """
    sizes: dict[str, int] = {}
    for text in texts:
        match = re.fullmatch(r"([1-9]\d{0,11}) ?([kMG]?B)?", text.strip())
        if match is None:
            raise UsageError(f"--batch {text}: write a number of alerts (20000), or bytes with a unit (64MB, 1GB)")
        unit = match[2]
        name = "batch_bytes" if unit else "batch_alerts"
        sizes[name] = int(match[1]) * (_UNITS[unit] if unit else 1)
    return sizes


def verify(
    folder: Annotated[
        Path, typer.Argument(parser=a_path, metavar="DIR", help="A folder that consume or a files job wrote.")
    ],
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Compare a folder's files with the receipt: counts, duplicates, digest of the alert ids, checksums."""
    from alertferry.consumer import verify as compare

    found = compare(folder)
    answer(
        {
            "ok": found.ok,
            "alerts": found.alerts,
            "distinct": found.distinct,
            "repeats": found.repeats,
            "shard": found.shard,
            "missing": found.missing,
            "duplicates": found.duplicates,
            "digest_ok": found.digest_ok,
            "problems": list(found.problems),
        }
    )
    for problem in found.problems:
        say(problem)
    say(str(found))
    raise typer.Exit(0 if found.ok else 4)

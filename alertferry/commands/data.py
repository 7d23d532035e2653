"""`consume` and `verify`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from alertferry.commands.output import Json, answer, say


class Format(StrEnum):
    """File formats of the consumer."""

    PARQUET = "parquet"
    AVRO = "avro"


def consume(
    topic: Annotated[str, typer.Argument(help="The topic, as `alertferry run` printed it.")],
    outdir: Annotated[Path, typer.Option(help="Folder for the files; one folder a topic.")],
    format: Annotated[Format, typer.Option(help="parquet, or avro containers.")] = Format.PARQUET,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after exactly this many alerts.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that fetch side by side.")] = 1,
    from_beginning: Annotated[bool, typer.Option(help="Drop what was fetched and start again.")] = False,
    dump_schemas: Annotated[bool, typer.Option(help="Also write the Avro and Arrow schemas.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds without news until giving up for now.")] = 60.0,
    survey: Annotated[str | None, typer.Option(help="Survey, for topics that do not name it.")] = None,
    partition_by: Annotated[
        str | None, typer.Option(metavar="time|class|FIELD", help="Divide the files into folders by this.")
    ] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Carry a topic's alerts into files: each exactly once, however often this is stopped and run again."""
    from alertferry import service
    from alertferry.commands.bars import consuming
    from alertferry.consumer import consume as fetch

    with consuming() as progress:
        delivery = fetch(
            topic,
            outdir,
            settings=service.current_settings(),
            format=format.value,
            limit=limit,
            workers=workers,
            from_beginning=from_beginning,
            dump_schemas=dump_schemas,
            timeout=timeout,
            survey=survey,
            partition_by=partition_by,
            progress=progress,
        )
    answer(
        {
            "state": delivery.state,
            "alerts": delivery.alerts,
            "files": list(map(str, delivery.files)),
            "duplicates_dropped": delivery.duplicates_dropped,
            "bad": delivery.bad,
            "message": delivery.message,
        }
    )
    say(delivery.message)
    raise typer.Exit(delivery.exit_code)


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that consume or a files job wrote.")],
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Compare a folder's files with the receipt: counts, duplicates, digest of the alert ids, checksums."""
    from alertferry.consumer import verify as compare

    found = compare(folder)
    answer(
        {
            "ok": found.ok,
            "alerts": found.alerts,
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

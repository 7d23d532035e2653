"""`import-fink`: a portal's configuration file becomes a job file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from alertferry.commands.output import MODE, Json, answer, note
from alertferry.commands.paths import a_path
from alertferry.core.errors import UsageError
from alertferry.core.safe_yaml import read_file


def import_fink(
    file: Annotated[
        Path,
        typer.Argument(
            parser=a_path, metavar="FILE", help="Configuration file (YAML) of Fink's portal; - is standard input."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(parser=a_path, help="Write the job here instead of on standard output.")
    ] = None,
    nights: Annotated[str | None, typer.Option(help="Nights to take instead of the file's dates.")] = None,
    radius_arcsec: Annotated[float | None, typer.Option(help="Match the file's catalogue, with this radius.")] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Turn a configuration file of Fink's Data Transfer into a job file, and say what could not be taken over."""
    from alertferry import finkjob

    asked = [part.strip() for part in (nights or "").split(",") if part.strip()]
    found = finkjob.import_fink(
        read_file(file, "configuration"), name=file.stem, nights=asked, radius_arcsec=radius_arcsec
    )
    for remark in found.remarks:
        note(str(remark))
    text = found.to_yaml()
    if out:
        _write(out, text)
        note(f"{out} is written; next: alertferry check {out}")
    elif not MODE.json:
        sys.stdout.write(text)
    answer({"job": found.job.to_dict(), "yaml": text, "remarks": [vars(remark) for remark in found.remarks]})


def _write(out: Path, text: str) -> None:
    try:
        with out.open("x") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{out} exists already; choose another name or remove it") from None
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from None

"""All commands together, as `alertferry --help` lists them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alertferry import __version__
from alertferry.commands import data, estimates, jobs, machine, stored, surveys
from alertferry.commands.catalog import catalog
from alertferry.commands.dashboard import ui
from alertferry.commands.demo import demo
from alertferry.commands.fink import import_fink
from alertferry.commands.output import fail
from alertferry.core.errors import AlertferryError

app = typer.Typer(
    name="alertferry",
    help="Carry astronomical alerts from a survey's datalake to your disk.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    demo,
    jobs.check,
    jobs.render,
    jobs.run,
    estimates.estimate,
    estimates.preview,
    import_fink,
    data.consume,
    data.verify,
    surveys.fields,
    surveys.tags,
    surveys.nights,
    catalog,
    machine.plugins,
    ui,
):
    app.command()(command)
app.add_typer(stored.jobs, name="jobs")
app.add_typer(machine.broker, name="broker")
app.add_typer(machine.lake, name="lake")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
    """Carry astronomical alerts from a survey's datalake to your disk."""


def run() -> None:
    """Run the command line: users' mistakes end in a sentence and an exit code, never in a traceback."""
    try:
        app()
    except AlertferryError as error:
        sys.exit(fail(error))

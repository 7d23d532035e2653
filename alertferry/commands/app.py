"""All commands together, as `alertferry --help` lists them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from alertferry import __version__
from alertferry.commands.output import fail
from alertferry.core.errors import AlertferryError

COMMANDS = {
    "demo": "demo",
    "check": "jobs",
    "render": "jobs",
    "run": "jobs",
    "estimate": "estimates",
    "preview": "estimates",
    "import-fink": "fink",
    "consume": "data",
    "verify": "data",
    "fields": "surveys",
    "tags": "surveys",
    "nights": "surveys",
    "catalog": "catalog",
    "plugins": "machine",
    "ui": "dashboard",
}
"""The module of each command, in the order of the help."""

GROUPS = {"jobs": "stored", "broker": "machine", "lake": "machine"}


def application(called: str | None = None) -> typer.Typer:
    """Return the command line: with all commands, or with none but the one that is called, if there is such a one.

    Preparing all of them takes longer than many a command.
    """
    app = typer.Typer(
        name="alertferry",
        help="Carry astronomical alerts from a survey's datalake to your disk.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    known = called in COMMANDS or called in GROUPS
    for name, module in COMMANDS.items():
        if not known or name == called:
            app.command(name)(_member(module, name))
    for name, module in GROUPS.items():
        if not known or name == called:
            app.add_typer(_member(module, name), name=name)
    return app


def _member(module: str, name: str) -> Any:
    return getattr(import_module(f"alertferry.commands.{module}"), name.replace("-", "_"))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _root(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
    """Carry astronomical alerts from a survey's datalake to your disk."""


def run(app: typer.Typer) -> None:
    """Run the command line: users' mistakes end in a sentence and an exit code, never in a traceback."""
    try:
        app()
    except AlertferryError as error:
        sys.exit(fail(error))

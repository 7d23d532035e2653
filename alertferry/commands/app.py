"""All commands together, as `alertferry --help` lists them."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import sys
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer

from alertferry import __version__
from alertferry.commands.output import fail, note
from alertferry.core.blame import LOG, failure
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

MOST_KEPT = 100_000
"""Characters of earlier tracebacks that stay."""

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
    """Run the command line: whatever goes wrong ends in a sentence and an exit code, never in a traceback."""
    try:
        app()
    except AlertferryError as error:
        _end(fail(error))
    except Exception as error:  # a fault of ours: a user gets a sentence, the file of errors the traceback
        _end(fail(failure(error)))
    except SystemExit as ended:
        _end(ended.code)


def own_process() -> None:
    """Prepare the process of a command: streams that may be closed, SIGTERM, a file for tracebacks."""
    _open_streams()
    signal.signal(signal.SIGTERM, _interrupt)
    LOG.addHandler(_ErrorsFile())
    LOG.propagate = False


def _open_streams() -> None:
    """Let a command run that was started with a closed stream: Python has none then, and everything would fail."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the process lives


def _end(code: Any) -> NoReturn:
    """End with an exit code; when the answer cannot be written, because the disk is full, say so."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again, and shows a traceback
        if error.errno != errno.EPIPE and not code:
            code = fail(failure(error))
    sys.exit(code)


def _interrupt(*_: object) -> None:
    """Take SIGTERM for Ctrl-C: what was begun is cancelled, and says so."""
    raise KeyboardInterrupt


class _ErrorsFile(logging.Handler):
    """Keeps tracebacks in a file of the home: they are for authors, and no command shows any."""

    def emit(self, record: logging.LogRecord) -> None:
        from alertferry.core.settings import load_settings

        with contextlib.suppress(AlertferryError, OSError):
            settings = load_settings()
            settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = settings.home / "errors.log"
            text = settings.redact(logging.Formatter("%(asctime)s %(message)s").format(record))
            before = file.read_text(errors="replace")[-MOST_KEPT:] if file.exists() else ""
            file.write_text(before + text + "\n")
            note(f"the whole story is in {file}")

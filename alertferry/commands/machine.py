"""`broker`, `lake` and `plugins`: what runs and is installed on this machine."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from alertferry.commands.output import Json, answer, err, note, say, size_text
from alertferry.commands.paths import a_path

broker = typer.Typer(no_args_is_help=True, help="A real Apache Kafka on this machine, for laptops and tests.")
lake = typer.Typer(no_args_is_help=True, help="Datalakes.")

FEW_ALERTS = 100
"""Nights with fewer are simulated as one file."""


@broker.command("start")
def broker_start(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; a free one when left out.")] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Start the broker, or say where it runs already."""
    from alertferry.broker import start
    from alertferry.core.settings import load_settings

    with err().status("starting Apache Kafka (the first time, its jars are fetched)"):
        info = start(load_settings().home, port)
    _tell(info)


@broker.command("stop")
def broker_stop(json: Json = False) -> None:  # noqa: ARG001 - read by its callback
    """Stop the broker; its topics are kept."""
    from alertferry.broker import stop
    from alertferry.core.settings import load_settings

    stopped = stop(load_settings().home)
    answer({"running": False, "stopped": stopped})
    say("stopped; its topics are kept" if stopped else "no broker was running")


@broker.command("status")
def broker_status(json: Json = False) -> None:  # noqa: ARG001 - read by its callback
    """Say whether the broker runs, and where."""
    from alertferry.broker import status
    from alertferry.core.settings import load_settings

    info = status(load_settings().home)
    if info is None:
        answer({"running": False})
        say("not running; start it with `alertferry broker start`")
    else:
        _tell(info)


def _tell(info: Any) -> None:
    answer(
        {"running": True, "bootstrap_servers": info.bootstrap_servers, "pid": info.pid, "port": info.port}
        | {"folder": str(info.folder), "log": str(info.log)}
    )
    say(f"Apache Kafka runs at {info.bootstrap_servers} (process {info.pid}); topics in {info.folder}, log {info.log}")


@lake.command("simulate")
def simulate(
    survey: Annotated[str, typer.Argument(metavar="SURVEY", help="ztf or lsst.")],
    folder: Annotated[Path, typer.Argument(parser=a_path, metavar="DIR", help="Folder of the lake.")],
    nights: Annotated[str, typer.Option(help="Nights: dates and ranges, separated by commas.")],
    alerts_per_night: Annotated[int, typer.Option(min=0, help="Number of alerts in each night.")] = 1000,
    files_per_night: Annotated[
        int | None, typer.Option(help="Number of files in each night; 2, or 1 for nights below 100 alerts.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same lake.")] = 0,
    version: Annotated[str | None, typer.Option(help="Schema version; the newest when left out.")] = None,
    cutouts: Annotated[bool, typer.Option(help="With image stamps.")] = True,
    history: Annotated[bool, typer.Option(help="With earlier alerts of the same objects.")] = True,
    source: Annotated[
        Path | None, typer.Option("--from", parser=a_path, help="Amplify this real lake instead.")
    ] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Write a lake of simulated alerts in the survey's true schema, or amplify a real one."""
    from alertferry.commands.bars import counting
    from alertferry.commands.ranges import read_nights
    from alertferry.testing.simulator import amplify, simulate

    wanted = read_nights(nights)
    files = files_per_night if files_per_night is not None else 1 + (alerts_per_night >= FEW_ALERTS)
    with counting("writing", len(wanted) * alerts_per_night) as progress:
        if source is None:
            made = simulate(
                survey,
                folder,
                wanted,
                alerts_per_night,
                files_per_night=files,
                seed=seed,
                version=version,
                cutouts=cutouts,
                history=history,
                progress=progress,
            )
        else:
            made = amplify(
                source, folder, wanted, alerts_per_night, files_per_night=files, seed=seed, progress=progress
            )
    answer(
        {"folder": str(made.folder), "nights": list(map(str, made.nights)), "alerts": made.alerts, "bytes": made.bytes}
    )
    say(f"{made.alerts:,} alerts in {len(made.nights)} nights ({size_text(made.bytes)}) in {made.folder}")


def plugins(json: Json = False) -> None:  # noqa: ARG001 - read by its callback
    """List every plugin: what it offers, where it comes from, and which of them fail."""
    from alertferry.core.registry import Registry

    registry, broken = Registry.load_what_works()
    files = {plugin.name: _file(plugin.module) for plugin in registry.plugins}
    found = [entry for steps in registry.steps.values() for entry in steps.values()]
    answer(
        {
            "plugins": [
                {
                    "role": entry.role,
                    "kind": entry.kind,
                    "plugin": entry.plugin,
                    "distribution": entry.distribution,
                    "version": entry.version,
                    "file": files[entry.plugin],
                    "summary": _summary(entry.step),
                }
                for entry in found
            ],
            "failed": [vars(item) for item in broken],
        }
    )
    for entry in found:
        say(f"{entry.role:<9} {entry.kind:<12} {entry.distribution} {entry.version:<8} {_summary(entry.step)}")
    others = [plugin for plugin in registry.plugins if plugin.distribution != "alertferry"]
    for plugin in others:
        say(f"{plugin.distribution} {plugin.version}: plugin {plugin.name!r}, {files[plugin.name]}")
    for item in broken:
        note(f"failed: {item.message}")
    note(f"{len(found)} steps of {len(registry.plugins)} plugins")
    if broken:
        raise typer.Exit(1)


def _file(plugin: Any) -> str:
    """Return the file of a plugin, which is a module or an instance of a class."""
    return str(getattr(plugin, "__file__", None) or getattr(import_module(type(plugin).__module__), "__file__", ""))


def _summary(step: type) -> str:
    return (step.__doc__ or "").strip().splitlines()[0] if step.__doc__ else ""

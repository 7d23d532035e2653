"""`catalog`: look at a catalogue of sources before a job uses it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from alertferry.catalogs.angle_units import spoken
from alertferry.catalogs.display import options_called
from alertferry.catalogs.model import MAX_BYTES, repeats_text
from alertferry.commands.output import MODE, Json, answer, note, out, say
from alertferry.commands.paths import a_path
from alertferry.commands.ranges import read_nights
from alertferry.core.errors import UsageError

if TYPE_CHECKING:
    from alertferry.catalogs import Preview

BAD_ROWS_SHOWN = 10


def catalog(
    file: Annotated[
        Path,
        typer.Argument(
            parser=a_path,
            help="csv, tsv, ECSV, MRT, IPAC, Parquet, VOTable or FITS, also with gzip; - is standard input.",
        ),
    ],
    ra: Annotated[str | None, typer.Option(help="Column of right ascension, if not the guessed one.")] = None,
    dec: Annotated[str | None, typer.Option(help="Column of declination.")] = None,
    id: Annotated[str | None, typer.Option(help="Column of the identifier; # for the row number.")] = None,
    radius: Annotated[str | None, typer.Option(help="Column of radii in arcsec.")] = None,
    table: Annotated[str | None, typer.Option(help="Table of a file with several: name or number.")] = None,
    format: Annotated[str | None, typer.Option(help="Format, where the content does not tell.")] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of the coordinates: deg, hour, rad, arcmin, arcsec.")] = None,
    ra_unit: Annotated[str | None, typer.Option(help="Unit of right ascension.")] = None,
    dec_unit: Annotated[str | None, typer.Option(help="Unit of declination.")] = None,
    survey: Annotated[
        str | None, typer.Option(help="Compare with the lake of this survey; else with all known.")
    ] = None,
    lake: Annotated[
        str | None,
        typer.Option(help="Path of the lake, or its name in the settings, if not the survey's own."),
    ] = None,
    nights: Annotated[str | None, typer.Option(help="Nights to compare with; all of the lake when left out.")] = None,
    json: Json = False,  # noqa: ARG001 - read by its callback
) -> None:
    """Preview a catalogue: first rows, columns found, rows that cannot be used, duplicates, overlap with a lake."""
    from alertferry.catalogs import preview_catalog

    with _in_options(), _regular(file) as (path, name):
        seen = preview_catalog(
            path,
            name=name,
            ra=ra,
            dec=dec,
            id=id,
            radius=radius,
            table=table,
            format=format,
            unit=unit,
            ra_unit=ra_unit,
            dec_unit=dec_unit,
        )
    warnings = tuple(map(as_options, seen.warnings))
    seen = replace(seen, problem=as_options(seen.problem) if seen.problem else seen.problem, warnings=warnings)
    overlaps = _overlaps(seen, survey, lake, nights)
    answer(_as_dict(seen) | {"overlap_percent": overlaps})
    if not MODE.json:
        _print(seen, overlaps)
    if seen.problem:
        note(f"error: {seen.name} cannot be used as it stands: {seen.problem}")
        raise typer.Exit(UsageError.exit_code)  # the answer has been given: JSON is one document


@contextmanager
def _regular(file: Path) -> Iterator[tuple[Path, str | None]]:
    """Give a file and what to call it, None its own name; of standard input a copy: catalogues are read to and fro."""
    if str(file) != "-":
        yield file, None
        return
    with NamedTemporaryFile() as copy:
        left = MAX_BYTES + 1  # one byte more than is taken says that there is more
        while left and (part := sys.stdin.buffer.read(min(left, 1 << 20))):
            copy.write(part)
            left -= len(part)
        copy.flush()
        yield Path(copy.name), "standard input"


@contextmanager
def _in_options() -> Iterator[None]:
    """Tell what is wrong with a catalogue by the options of this command."""
    try:
        yield
    except UsageError as error:
        raise UsageError(as_options(str(error))) from None


_OPTIONS = ("ra", "dec", "id", "radius", "table", "format", "unit", "ra_unit", "dec_unit")


def as_options(text: str) -> str:
    """Return a message about a catalogue with the options of a job (``ra_unit: hour``) as this command has them."""

    def option(name: str, value: str, heads: bool) -> str:
        if name not in _OPTIONS:
            return f"{name}: {value}".rstrip()
        return f"--{name.replace('_', '-')}{':' if heads else ''} {value}".rstrip()

    return options_called(text, option)


def _overlaps(seen: Preview, survey: str | None, lake: str | None, nights: str | None) -> dict[str, float]:
    """Return by survey how much of the catalogue's sky has alerts; only surveys whose lake is on this machine."""
    from alertferry.catalogs.footprint import lake_cells, overlap_percent
    from alertferry.core.lake_source import lake_location
    from alertferry.core.local_lake import local_path, night_files
    from alertferry.core.local_lake import nights as nights_of
    from alertferry.core.registry import default_registry
    from alertferry.core.settings import load_settings

    if lake and not survey:
        raise UsageError("--lake needs --survey: whose alerts are they?")
    settings, registry, found = load_settings(), default_registry(), {}
    for name in [survey] if survey else registry.steps["source"]:
        known = registry.get("source", name).survey
        asked = survey or known.name in settings.lakes
        root = local_path(lake_location(known, lake, settings)) if asked else None
        if root is None or seen.moc is None:
            continue
        chosen = read_nights(nights) if nights else nights_of(root)
        files = [path for night in chosen for path in night_files(root, night)]
        found[known.name] = round(overlap_percent(seen.moc, lake_cells(files, known.ra, known.dec)), 2)
    return found


def _as_dict(seen: Preview) -> dict[str, Any]:
    guess = {"ra": seen.guess.ra, "dec": seen.guess.dec, "id": seen.guess.id, "unclear": dict(seen.guess.unclear)}
    plain = ("name", "format", "sha256", "rows", "usable_rows", "problem", "warnings", "bad_row_count")
    counts = ("duplicate_ids", "duplicate_positions", "ra_range_deg", "dec_range_deg", "radius_range_arcsec")
    names = [column.name for column in seen.columns]
    return {name: getattr(seen, name) for name in (*plain, *counts)} | {
        "guess": guess,
        "used": dict(seen.used),
        "units": {role: {"unit": unit, "why": why} for role, (unit, why) in seen.units.items()},
        "columns": [{"name": c.name, "type": c.type, "unit": c.unit, "ucd": c.ucd} for c in seen.columns],
        "first_rows": [dict(zip(names, row, strict=True)) for row in seen.first_rows],
        "bad_rows": [vars(row) for row in seen.bad_rows],
        "sky_percent": None if seen.moc is None else round(100 * float(seen.moc.sky_fraction), 4),
    }


def _print(seen: Preview, overlaps: dict[str, float]) -> None:
    from rich.table import Table

    say(f"{seen.name}: {seen.format}, {seen.rows:,} rows, {seen.usable_rows:,} usable")
    table = Table(box=None, header_style="bold")
    for column in seen.columns:
        table.add_column(escape(column.name), no_wrap=True, max_width=24)
    for row in seen.first_rows:
        table.add_row(*(escape("" if value is None else value) for value in row))
    out().print(table)
    say("")
    for role, name in seen.used.items():
        say(f"{role:<7} {name}{_unit(seen, role)}")
    for role, names in seen.guess.unclear.items():
        say(f"{role:<7} could be {', '.join(names)}; name one with --{role}")
    _print_sky(seen, overlaps)
    _print_faults(seen)


def _unit(seen: Preview, role: str) -> str:
    if role not in seen.units:
        return ""
    unit, why = seen.units[role]
    return f"  in {spoken(unit)}, as {why}"


def _print_sky(seen: Preview, overlaps: dict[str, float]) -> None:
    if seen.ra_range_deg and seen.dec_range_deg:
        (west, east), (south, north) = seen.ra_range_deg, seen.dec_range_deg
        say(f"sky     ra {west:.4f} to {east:.4f}, dec {south:+.4f} to {north:+.4f} degrees")
    if seen.radius_range_arcsec:
        say("radius  {:g} to {:g} arcsec".format(*seen.radius_range_arcsec))
    for name, percent in overlaps.items():
        say(f"overlap {percent:g} % of the catalogue's sky has alerts of {name}")
        if percent == 0:
            note(f"no source is near an alert of {name}: a crossmatch with these nights will be empty")


def _print_faults(seen: Preview) -> None:
    for repeated in repeats_text(seen.duplicate_ids, seen.duplicate_positions):
        note(repeated)
    for row in seen.bad_rows[:BAD_ROWS_SHOWN]:
        note(f"cannot be used: {row}")
    if seen.bad_row_count > BAD_ROWS_SHOWN:
        note(f"cannot be used: {seen.bad_row_count - BAD_ROWS_SHOWN:,} more rows (all with --json, up to 1,000)")
    if seen.bad_row_count:
        note("a job refuses these rows, or leaves them out with on_bad_rows: drop")
    for warning in seen.warnings:
        note(warning)

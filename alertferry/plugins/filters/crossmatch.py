"""Matching alerts with the astronomer's own catalogue, by position."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr, field_validator, model_validator

from alertferry.catalogs.angle_units import given_unit
from alertferry.core.errors import JobError, Problem, UsageError
from alertferry.core.file_option import FileOption
from alertferry.core.hooks import hookimpl
from alertferry.core.projection import quote
from alertferry.core.schema import Array, Primitive, Struct, from_arrow
from alertferry.core.schema import Field as SchemaField
from alertferry.core.steps import Alerts, Filter
from alertferry.core.survey import Survey
from alertferry.core.working_folder import identity, resolved

if TYPE_CHECKING:
    from alertferry.catalogs import Catalog
    from alertferry.catalogs.cell_table import CellTable
    from alertferry.catalogs.counterparts import Position

ColumnName = Annotated[StrictStr, Field(min_length=1)]
AngleUnit = Annotated[StrictStr, AfterValidator(given_unit)]
_Format = Annotated[
    Literal["csv", "tsv", "ecsv", "mrt", "ipac", "simbad", "parquet", "votable", "fits"],
    BeforeValidator(lambda value: value.removesuffix("+gzip") if isinstance(value, str) else value),
]
"""A preview adds ``+gzip`` to the name of a format, which then may be given so."""

SMALL_BYTES = 8 * 1024 * 1024
"""A catalogue up to this size is read when the job is checked: bad rows show before Spark starts."""


class Crossmatch(Filter):
    """Keep alerts that have a counterpart in a catalogue, or those that have none.

    The counterpart becomes the column `xmatch`: `id`, `separation_arcsec`, `rank` (1 is the nearest; of equally near
    sources the first in the catalogue) and the columns to include. An alert without a position has no counterpart.
    """

    kind: ClassVar[str] = "crossmatch"
    cost: ClassVar[int] = 10
    keeps_rows: ClassVar[bool] = True

    catalog: FileOption
    """File of sources: csv, tsv, ECSV, MRT, IPAC, SIMBAD's lists, Parquet, VOTable or FITS, also with gzip."""

    table: StrictStr | StrictInt | None = None
    """Which table of a file with several: its name, or its number from 1."""

    format: _Format | None = None
    """Format of the file, where its content does not tell."""

    ra: ColumnName | None = None
    """Column of right ascension; detected when left out, as `dec` and `id` are."""

    dec: ColumnName | None = None
    """Column of declination."""

    id: ColumnName | None = None
    """Column of the identifier; `#` for the number of the row, which also serves where no column looks like one."""

    unit: AngleUnit | None = None
    """Unit of `ra` and `dec`, whatever the file says: `deg`, `rad`, `arcmin`, `arcsec` or `mas`; `hour` is of `ra`."""

    ra_unit: AngleUnit | None = None
    """Unit of `ra` alone."""

    dec_unit: AngleUnit | None = None
    """Unit of `dec` alone."""

    radius_arcsec: Annotated[float, Field(gt=0, le=3600)] | None = None
    """One radius for all sources, in arcsec, at most a degree; the edge belongs to the disc."""

    radius: ColumnName | None = None
    """Column with a radius for each source, instead of `radius_arcsec`; in arcsec unless the file says otherwise."""

    keep: Literal["nearest", "all", "none"] = "nearest"
    """The nearest counterpart, all of them as a list, or only the alerts that have none."""

    columns: tuple[ColumnName, ...] = ()
    """Columns of the catalogue to include."""

    pmra: ColumnName | None = None
    """Column of the proper motion in right ascension, times cos(dec), in mas/yr; sources are then followed to the
    time of each alert."""

    pmdec: ColumnName | None = None
    """Column of the proper motion in declination, in mas/yr."""

    epoch: float | ColumnName | None = None
    """Julian year of the catalogue's positions, or its column; for proper motions."""

    on_bad_rows: Literal["fail", "drop"] = "fail"
    """Refuse a catalogue with rows that cannot be used, or leave these out and count them in the receipt."""

    max_rows: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000_000
    """Refuse a catalogue with more rows."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z]\w{0,63}$")] = "xmatch"
    """Name of the column that is added; a second crossmatch in a job needs another."""

    @field_validator("columns", mode="before")
    @classmethod
    def _as_list(cls, columns: Any) -> Any:
        return (columns,) if isinstance(columns, str) else columns

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.radius_arcsec is None) == (self.radius is None):
            raise ValueError("needs a radius: either radius_arcsec: NUMBER or radius: COLUMN, not both")
        if (self.ra is None) != (self.dec is None):
            raise ValueError("ra and dec go together: name both columns or neither")
        if len({self.pmra is None, self.pmdec is None, self.epoch is None}) > 1:
            raise ValueError("pmra, pmdec and epoch go together: name all three or none")
        if self.keep == "none" and self.columns:
            raise ValueError("columns cannot be included with keep: none, as there is no counterpart")
        return self

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return one of each way to keep, with a catalogue that is installed with the package."""
        file = str(Path(__file__).with_name("example_sources.csv"))
        return (
            cls(catalog=file, radius_arcsec=3600, columns=("kind",)),
            cls(catalog=file, ra="ra", dec="dec", id="name", radius="radius_arcsec", keep="all"),
            cls(catalog=file, radius_arcsec=1.5, keep="none"),
        )

    def problems(self, survey: Survey, schema: Struct) -> Iterator[Problem]:  # noqa: ARG002 - roles always exist
        """Yield what is wrong with the catalogue; the rows of a large one are looked at when the job runs."""
        from alertferry.catalogs.cell_table import field_names
        from alertferry.catalogs.display import shown

        if self.keep != "none" and schema.get(self.name):
            yield Problem("name", f"the alerts have a column {self.name!r} already; add the match under another name")
        try:
            field_names(self.columns)
        except UsageError as error:
            yield Problem("columns", str(error))
            return
        try:
            if Path(resolved(self.catalog)).stat().st_size <= SMALL_BYTES:
                self._types(self._catalog())
        except FileNotFoundError:
            yield Problem("catalog", f"no such file: {shown(self.catalog, 200)}")
        except OSError as error:
            yield Problem("catalog", f"{shown(self.catalog, 200)} cannot be read: {error.strerror}")
        except JobError as error:
            yield from error.problems

    def warnings(self, survey: Survey, schema: Struct) -> Iterator[Problem]:  # noqa: ARG002 - roles always exist
        """Yield what is remarkable in the catalogue; the rows of a large one are looked at where Spark runs."""
        try:
            if Path(resolved(self.catalog)).stat().st_size > SMALL_BYTES and not _spark_is_here():
                return
            catalog = self._catalog()
        except (OSError, JobError):  # `problems` tells, or the job when it reads the rows
            return
        for warning in catalog.remarks():
            yield Problem("catalog", warning)

    def adds(self) -> tuple[SchemaField, ...]:
        """Return the column of counterparts; carried columns of a catalogue not read yet count as text."""
        if self.keep == "none":
            return ()
        fixed = (
            SchemaField("id", Primitive("string")),
            SchemaField("separation_arcsec", Primitive("double")),
            SchemaField("rank", Primitive("int")),
        )
        match = Struct((*fixed, *self._carried()))
        return (SchemaField(self.name, Array(match) if self.keep == "all" else match),)

    def originals(self) -> Mapping[str, str]:
        """Return the names in the catalogue of carried columns that have another one in a match."""
        names = dict(zip(self.columns, (field.name for field in self._carried()), strict=False))
        return {f"{self.name}.{name}": column for column, name in names.items() if name != column}

    def apply(self, alerts: Alerts) -> Alerts:
        """Match the alerts. Raises `JobError` when the catalogue cannot be used."""
        from alertferry.catalogs.cell_table import field_names
        from alertferry.catalogs.counterparts import HITS, matches, with_hits, without_hits

        table, position = self._table(alerts), self._position(alerts)
        if self.keep == "none":
            return replace(alerts, frame=without_hits(alerts.frame, position, table), count=None)
        found = with_hits(alerts.frame, position, table, self.keep)
        match = matches(field_names(self.columns), self.keep)
        return replace(alerts, frame=found.withColumn(self.name, match).drop(HITS), count=None)

    def report(self, before: Alerts, read: Alerts) -> dict[str, Any]:
        """Return the match seen from the catalogue: a pass over the positions of the alerts, and one for coverage."""
        from alertferry.catalogs.tally import tally

        table, positions = self._table(before), (self._position(before), self._position(read))
        return {"crossmatch": tally(self._catalog(), table, self.keep, (before.frame, read.frame), positions)}

    def _catalog(self) -> Catalog:
        """Read the catalogue, once while the file stays the same. Raises `JobError`."""
        from alertferry.catalogs.display import shown

        try:
            place = resolved(self.catalog)
            reading = tuple((name, getattr(self, name)) for name in _READING)
            return _read(place, identity(place), reading)
        except OSError as error:
            raise JobError([Problem("catalog", f"{shown(self.catalog, 200)}: {error.strerror}")]) from None
        except UsageError as error:
            raise JobError([Problem("catalog", str(error))]) from None

    def _types(self, catalog: Catalog) -> tuple[SchemaField, ...]:
        """Return the carried columns. Raises `JobError` for those that hold no plain values."""
        import pyarrow as pa

        from alertferry.catalogs.cell_table import field_names, spark_array

        names, found = field_names(self.columns), []
        for index, name in enumerate(names):
            try:
                found.append(pa.field(name, spark_array(catalog.columns.column(index)).type))
            except UsageError as error:
                raise JobError([Problem(f"columns[{index}]", f"{self.columns[index]!r} {error}")]) from None
        return from_arrow(pa.schema(found)).fields

    def _carried(self) -> tuple[SchemaField, ...]:
        from alertferry.catalogs.cell_table import field_names

        try:
            names = field_names(self.columns)
            if not names:
                return ()
            if Path(resolved(self.catalog)).stat().st_size <= SMALL_BYTES:
                return self._types(self._catalog())
            return tuple(SchemaField(name, Primitive("string")) for name in names)
        except (OSError, UsageError):  # `problems` tells
            return ()

    def _table(self, alerts: Alerts) -> CellTable:
        from alertferry.catalogs.cell_table import cell_table

        catalog = self._catalog()
        self._types(catalog)
        return cell_table(catalog, self.radius_arcsec, self._years(alerts))

    def _years(self, alerts: Alerts) -> tuple[float, float] | None:
        from alertferry.catalogs.epochs import years_of

        return years_of(alerts.nights.found) if self.pmra is not None else None

    def _position(self, alerts: Alerts) -> Position:
        from pyspark.sql import functions as F

        from alertferry.catalogs.counterparts import Position
        from alertferry.catalogs.epochs import julian_year

        survey, years = alerts.survey, self._years(alerts)
        time = F.col(quote(survey.time))
        year = None if years is None else julian_year(time, survey.time_scale, years)
        return Position(quote(survey.ra), quote(survey.dec), year)


_READING = (
    *("ra", "dec", "id", "radius", "columns", "pmra", "pmdec", "epoch", "on_bad_rows", "max_rows"),
    *("table", "format", "unit", "ra_unit", "dec_unit"),
)
"""Options that a catalogue is read with; the others say what is done with its sources."""


def _spark_is_here() -> bool:
    """Tell whether this process runs Spark, and will read every row of the catalogue anyway."""
    sql = sys.modules.get("pyspark.sql")
    return sql is not None and sql.SparkSession.getActiveSession() is not None


@lru_cache(maxsize=2)
def _read(path: str, known: tuple[int, ...], reading: tuple[tuple[str, Any], ...]) -> Catalog:  # noqa: ARG001 - a changed file is read again
    from alertferry.catalogs import read_catalog

    return read_catalog(path, **dict(reading))


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: crossmatch``."""
    return [Crossmatch]

"""Selecting a part of the sky: cone, box, polygon, coverage map, or the credible region of a probability map."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from alertferry.core.errors import JobError, Problem, UsageError
from alertferry.core.file_option import FileOption, NamesFile
from alertferry.core.frames import root_names
from alertferry.core.hooks import hookimpl
from alertferry.core.projection import quote
from alertferry.core.schema import Struct
from alertferry.core.steps import HIDDEN, Alerts, Filter, Predicate
from alertferry.core.survey import Survey
from alertferry.core.working_folder import identity, resolved

if TYPE_CHECKING:
    from pyspark.sql import Column

    from alertferry.catalogs.coverage import Coverage
    from alertferry.catalogs.healpix import Stage

Ra = Annotated[float, Field(ge=-360, le=360)]
Dec = Annotated[float, Field(ge=-90, le=90)]

SHAPES = ("cone", "box", "polygon", "moc", "skymap")


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Cone(_Shape):
    """All positions up to a distance from a centre, the edge included."""

    ra: Ra
    """Right ascension of the centre in degrees."""

    dec: Dec
    """Declination of the centre in degrees."""

    radius_deg: Annotated[float, Field(gt=0, le=180)]
    """Radius in degrees."""


class Box(_Shape):
    """All positions between two meridians and two parallels, the edges included."""

    ra: tuple[Ra, Ra]
    """Right ascension in degrees, from the first eastwards to the second: [350, 10] goes across 0."""

    dec: tuple[Dec, Dec]
    """Declination in degrees, from south to north."""

    @field_validator("ra")
    @classmethod
    def _is_wide(cls, ra: tuple[float, float]) -> tuple[float, float]:
        if ra[0] == ra[1]:
            raise ValueError(f"spans nothing from {ra[0]} to {ra[1]}; the whole circle is [0, 360]")
        return ra

    @field_validator("dec")
    @classmethod
    def _is_high(cls, dec: tuple[float, float]) -> tuple[float, float]:
        if dec[0] >= dec[1]:
            raise ValueError(f"must be [SOUTH, NORTH], got {list(dec)}")
        return dec


def _is_moc_text(text: str) -> bool:
    from alertferry.catalogs.coverage import is_moc_text

    return is_moc_text(text)


class Region(Predicate):
    """Keep alerts within a part of the sky, given in one of five ways.

    The edges of cones and boxes belong to them; on an edge of a polygon, rounding decides. Positions are ICRS degrees.
    An alert without a position is in no region.
    """

    kind: ClassVar[str] = "region"

    cone: Cone | None = None
    """`{ra: 150.1, dec: 2.2, radius_deg: 1.5}`."""

    box: Box | None = None
    """`{ra: [350, 10], dec: [-5, 5]}`: from west to east, from south to north."""

    polygon: tuple[tuple[Ra, Dec], ...] | None = None
    """Corners `[[ra, dec], ...]`, joined by great circles; the inside is the smaller side."""

    moc: Annotated[str, Field(min_length=1), NamesFile(unless=_is_moc_text)] | None = None
    """A multi-order coverage map: a file (FITS, JSON or text), or its text, as `3/1-4 5/77`."""

    skymap: FileOption | None = None
    """A HEALPix map of probability (FITS, also multi-order), as those of gravitational-wave events."""

    credible_level: Annotated[float, Field(gt=0, le=1)] = 0.9
    """For `skymap`: the probability that the region must hold."""

    @field_validator("polygon")
    @classmethod
    def _encloses(cls, polygon: tuple[tuple[float, float], ...] | None) -> tuple[tuple[float, float], ...] | None:
        if polygon is not None:
            from alertferry.catalogs.polygons import flat_polygon

            flat_polygon(polygon)
        return polygon

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        given = [name for name in SHAPES if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise ValueError(f"needs exactly one of {', '.join(SHAPES)}; got {got}")
        if "credible_level" in self.model_fields_set and self.skymap is None:
            raise ValueError("credible_level goes with skymap only")
        return self

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return one of each that needs no file."""
        return (
            cls(cone=Cone(ra=150.1, dec=2.2, radius_deg=1.5)),
            cls(box=Box(ra=(350, 10), dec=(-5, 5))),
            cls(polygon=((120, -10), (180, -20), (230, 40), (150, 50))),
            cls(moc="1/30-40 2/3 3/77"),
        )

    def problems(self, survey: Survey, schema: Struct) -> Iterator[Problem]:  # noqa: ARG002 - roles always exist
        """Yield what a look at the file shows; its content is read when the job runs."""
        from alertferry.catalogs.coverage import check_map_file, is_moc_text, read_moc

        for option in ("moc", "skymap"):
            value = getattr(self, option)
            try:
                if value is not None and option == "moc" and is_moc_text(value):
                    read_moc(value)
                elif value is not None:
                    check_map_file(resolved(value))
            except UsageError as error:
                yield Problem(option, str(error))

    def condition(self, survey: Survey) -> Column:
        """Return whether alerts are inside, in one expression; slow for polygons and maps, which want `staged`."""
        from alertferry.catalogs import shapes
        from alertferry.catalogs.healpix import inlined

        ra, dec = _position(survey)
        if self.cone:
            return shapes.in_cone(ra, dec, (self.cone.ra, self.cone.dec), self.cone.radius_deg)
        if self.box:
            return shapes.in_box(ra, dec, self.box.ra, self.box.dec)
        return inlined(self._stages(survey), "inside", self._given(_constant))

    @property
    def effort(self) -> int:
        """Cones and boxes are plain conditions; the others take several steps."""
        return 0 if self.cone or self.box else 5

    def staged(self, alerts: Alerts) -> Alerts:
        """Compute polygons and maps in steps, as a hidden column."""
        from alertferry.catalogs.healpix import staged

        if self.cone or self.box or self._column in root_names(alerts.frame):
            return alerts
        frame = staged(alerts.frame, self._stages(alerts.survey), {"inside": self._column}, self._given(_subquery))
        return replace(alerts, frame=frame)

    def checked(self, alerts: Alerts) -> Column:
        """Return the hidden column of `staged` where it is there, else the whole expression."""
        from pyspark.sql import functions as F

        return F.col(self._column) if self._column in root_names(alerts.frame) else self.condition(alerts.survey)

    @property
    def _column(self) -> str:
        return f"{HIDDEN}region_{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]}"

    def _stages(self, survey: Survey) -> list[Stage]:
        from alertferry.catalogs import shapes
        from alertferry.catalogs.polygons import flat_polygon

        ra, dec = _position(survey)
        if self.polygon is not None:
            return shapes.polygon_stages(ra, dec, flat_polygon(self.polygon))
        return shapes.coverage_stages(ra, dec, self._coverage())

    def _given(self, array: Callable[[Coverage], Column]) -> dict[str, Column]:
        return {"bounds": array(self._coverage())} if self.polygon is None else {}

    def _coverage(self) -> Coverage:
        """Read the map. Raises `JobError` with the option's name."""
        from alertferry.catalogs.display import shown

        option = "skymap" if self.skymap is not None else "moc"
        text = str(getattr(self, option))
        try:
            if option == "moc" and _is_moc_text(text):
                return _read(option, text, self.credible_level, ())
            place = resolved(text)
            return _read(option, place, self.credible_level, identity(place))
        except UsageError as error:
            raise JobError([Problem(option, str(error))]) from None
        except OSError as error:
            raise JobError([Problem(option, f"{shown(text, 200)}: {error.strerror}")]) from None


def _position(survey: Survey) -> tuple[Column, Column]:
    from pyspark.sql import functions as F

    return F.col(quote(survey.ra)), F.col(quote(survey.dec))


@lru_cache(maxsize=4)
def _read(option: str, given: str, level: float, known: tuple[int, ...]) -> Coverage:  # noqa: ARG001
    """Read a map at an absolute path, or the text of a MOC; again when ``known``, its file's identity, is another."""
    from alertferry.catalogs.coverage import read_moc, read_skymap

    return read_skymap(given, level) if option == "skymap" else read_moc(given)


def _subquery(coverage: Coverage) -> Column:
    """Return the bounds as a constant that travels once: an array in a row of its own."""
    import pyarrow as pa
    from pyspark.sql import SparkSession

    bounds = pa.array([coverage.bounds], pa.list_(pa.int64()))
    return SparkSession.active().createDataFrame(pa.table({"bounds": bounds})).scalar()


def _constant(coverage: Coverage) -> Column:
    """Return the bounds as a constant in the plan, for lambdas, which take no subquery."""
    from pyspark.sql import functions as F

    return F.from_json(F.lit(json.dumps(coverage.bounds.tolist())), "array<bigint>")


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: region``."""
    return [Region]

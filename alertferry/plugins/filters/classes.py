"""Selecting by class: what Fink's classifiers and SIMBAD say an object is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import BeforeValidator, StringConstraints, model_validator

from alertferry.core.errors import JobError, Problem, did_you_mean
from alertferry.core.hooks import hookimpl
from alertferry.core.nights import as_list
from alertferry.core.schema import Struct
from alertferry.core.steps import Alerts, Filter, Predicate
from alertferry.core.survey import Survey
from alertferry.tags.finkclass import FINK_CLASSES, NAME, finkclass
from alertferry.tags.simbad import labels, spellings

if TYPE_CHECKING:
    from pyspark.sql import Column

SIMBAD_PREFIX = "(SIMBAD) "
"""What may stand before a label of SIMBAD, as in the menus of Fink's portal."""

Labels = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], BeforeValidator(as_list)]


class Class(Predicate):
    """Keep alerts by class: Fink's own (`SN candidate`, `Solar System MPC`), or an object type of SIMBAD.

    A type of SIMBAD may be given in the spelling before or since June 2022 (`RRLyr`, `RRLyrae`); both are found.
    The class is then a column of the output, `finkclass`.
    """

    kind: ClassVar[str] = "class"

    any_of: Labels = ()
    """Classes of which an alert must have one."""

    none_of: Labels = ()
    """Classes that an alert must not have."""

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if not self.any_of and not self.none_of:
            raise ValueError("names nothing; give any_of or none_of: [CLASS, ...]")
        return self

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a selection of candidates, and one that leaves out variable stars."""
        return (
            cls(any_of=("SN candidate", "Early SN Ia candidate", "Ambiguous", "Unknown")),
            cls(none_of=("RRLyrae", "(SIMBAD) EB*", "Solar System MPC")),
        )

    def mentions(self, name: str) -> bool:
        """Tell whether the class is decided by a derivable column."""
        return name == NAME

    def problems(self, survey: Survey, schema: Struct) -> Iterator[Problem]:
        """Yield unknown classes with the nearest, and what the class cannot be derived from."""
        if schema.get(NAME) is None:
            derived = next((item for item in survey.derived if item.name == NAME), None)
            if derived is None:
                yield Problem("", f"{survey.name} has no classes; select by tags, blocks or sql")
                return
            absent = ", ".join(derived.lacking(schema))
            if absent:
                yield Problem("", f"{NAME} cannot be derived: no column {absent} on these nights")
        known = (*FINK_CLASSES, *labels())
        for option in ("any_of", "none_of"):
            for index, label in enumerate(getattr(self, option)):
                if label.removeprefix(SIMBAD_PREFIX) not in known:
                    near = did_you_mean(label.removeprefix(SIMBAD_PREFIX), known)
                    yield Problem(f"{option}[{index}]", f"no class {label!r}{near or _whole_list()}")

    def condition(self, survey: Survey) -> Column:  # noqa: ARG002 - the class has one definition
        """Return the condition on the derived class."""
        return self._among(finkclass())

    def checked(self, alerts: Alerts) -> Column:
        """Return the condition on these alerts, never null. Raises `JobError` when they have no class."""
        from pyspark.sql import functions as F

        problems = list(self.problems(alerts.survey, alerts.schema))
        if problems:
            raise JobError(problems)
        there = alerts.schema.get(NAME) is not None
        return self._among(F.coalesce(F.col(NAME), F.lit("")) if there else finkclass())

    def bound(self, alerts: Alerts) -> Column:
        """Return the condition on these alerts, which is never null anyway."""
        return self.checked(alerts)

    def _among(self, column: Column) -> Column:
        wanted = [column.isin(*_values(self.any_of))] if self.any_of else []
        unwanted = [~column.isin(*_values(self.none_of))] if self.none_of else []
        return reduce(and_, [*wanted, *unwanted])


def _values(chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the values of the column that are meant, each type of SIMBAD in both spellings."""
    plain = (label.removeprefix(SIMBAD_PREFIX) for label in chosen)
    return tuple(dict.fromkeys(spelling for label in plain for spelling in spellings(label)))


def _whole_list() -> str:
    own = ", ".join(FINK_CLASSES)
    return f"; there are {own}, and the object types of SIMBAD"


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: class``."""
    return [Class]

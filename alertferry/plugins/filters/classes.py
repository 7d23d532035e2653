"""Selecting by class: what Fink's classifiers and SIMBAD say an object is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import BeforeValidator, StringConstraints, model_validator

from alertferry.core.errors import JobError, Problem, did_you_mean
from alertferry.core.hooks import hookimpl
from alertferry.core.nights import as_list
from alertferry.core.schema import Struct
from alertferry.core.steps import Alerts, Filter, Predicate
from alertferry.core.survey import Survey
from alertferry.tags import tns
from alertferry.tags.finkclass import FINK_CLASSES, NAME, finkclass
from alertferry.tags.simbad import labels, spellings

if TYPE_CHECKING:
    from pyspark.sql import Column

SIMBAD_PREFIX = "(SIMBAD) "
"""What may stand before a label of SIMBAD, as in the menus of Fink's portal."""

OPTIONS = ("any_of", "none_of")

Labels = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], BeforeValidator(as_list)]


class Class(Predicate):
    """Keep alerts by class: Fink's own (`SN candidate`, `Solar System MPC`), or a type of SIMBAD or TNS.

    A type of SIMBAD may be given in the spelling before or since June 2022 (`RRLyr`, `RRLyrae`); both are found. Types
    of TNS are written `(TNS) SN Ia`. The classes used are then columns of the output, `finkclass` and `tnsclass`.
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
        return name in self._columns()

    def _columns(self) -> list[str]:
        return [column for column in (NAME, tns.NAME) if any(self._of(option, column) for option in OPTIONS)]

    def _of(self, option: str, column: str) -> list[str]:
        """Return the classes of an option that a column decides, as they are written there."""
        named = [label for label in getattr(self, option) if label.startswith(tns.PREFIX) == (column == tns.NAME)]
        if column == tns.NAME:
            return [spelling for label in named for spelling in (label, label.removeprefix(tns.PREFIX))]
        plain = (label.removeprefix(SIMBAD_PREFIX) for label in named)
        return list(dict.fromkeys(spelling for label in plain for spelling in spellings(label)))

    def problems(self, survey: Survey, schema: Struct) -> Iterator[Problem]:
        """Yield unknown classes with the nearest, and what the class cannot be derived from."""
        for column in self._columns():
            if schema.get(column) is None:
                derived = next((item for item in survey.derived if item.name == column), None)
                if derived is None:
                    yield Problem("", f"{survey.name} has no classes; select by tags, blocks or sql")
                    return
                obstacle = derived.obstacle(schema)
                if obstacle:
                    lacks = bool(derived.lacking(schema))
                    yield Problem("", f"{column} cannot be derived: {obstacle}", lacks_field=lacks)
        for option in OPTIONS:
            for index, label in enumerate(getattr(self, option)):
                said = _unknown(label)
                if said:
                    yield Problem(f"{option}[{index}]", said)

    def condition(self, survey: Survey) -> Column:  # noqa: ARG002 - the class has one definition
        """Return the condition on the derived class; that of TNS must be a column already."""
        from pyspark.sql import functions as F

        return self._join({NAME: finkclass(), tns.NAME: F.col(tns.NAME)})

    def checked(self, alerts: Alerts) -> Column:
        """Return the condition on these alerts, never null. Raises `JobError` when they have no class."""
        from pyspark.sql import functions as F

        problems = list(self.problems(alerts.survey, alerts.schema))
        if problems:
            raise JobError(problems)
        there = {name: F.coalesce(F.col(name), F.lit("")) for name in self._columns() if alerts.schema.get(name)}
        return self._join({NAME: finkclass(), **there})

    def bound(self, alerts: Alerts) -> Column:
        """Return the condition on these alerts, which is never null anyway."""
        return self.checked(alerts)

    def apply(self, alerts: Alerts) -> Alerts:
        """Keep the alerts of these classes."""
        return super().apply(alerts.derive(lambda name: name == tns.NAME and self.mentions(name)))

    def _join(self, columns: Mapping[str, Column]) -> Column:
        def among(option: str) -> list[Column]:
            return [columns[name].isin(*chosen) for name in self._columns() if (chosen := self._of(option, name))]

        wanted, unwanted = among("any_of"), among("none_of")
        return reduce(and_, [*([reduce(or_, wanted)] if wanted else []), *(~column for column in unwanted)])


def _unknown(label: str) -> str | None:
    """Return what is wrong with a class, with the nearest that there is."""
    if label.startswith(tns.PREFIX):
        name, whole = label.removeprefix(tns.PREFIX), f"; there are {', '.join(tns.TNS_TYPES)}"
        known: tuple[str, ...] = tns.TNS_TYPES
    else:
        name, known, whole = label.removeprefix(SIMBAD_PREFIX), (*FINK_CLASSES, *labels()), _whole_list()
    return None if name in known else f"no class {label!r}{did_you_mean(name, known) or whole}"


def _whole_list() -> str:
    own = ", ".join(FINK_CLASSES)
    return f"; there are {own}, and the object types of SIMBAD"


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: class``."""
    return [Class]

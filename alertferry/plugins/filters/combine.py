"""Combining predicates: ``all``, ``any`` and ``not``, nested as deep as needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, SerializeAsAny, field_validator

from alertferry.core.errors import JobError, Problem, below
from alertferry.core.hooks import hookimpl
from alertferry.core.schema import Struct
from alertferry.core.steps import Alerts, Filter, Predicate
from alertferry.core.survey import Survey
from alertferry.plugins.filters.sql import Sql

if TYPE_CHECKING:
    from pyspark.sql import Column


class _Combination(Predicate):
    """A predicate made of others."""

    nested: ClassVar[tuple[str, ...]] = ("of",)

    of: Annotated[tuple[SerializeAsAny[Filter], ...], Field(min_length=1)]
    """Filters that decide alert by alert: tags, blocks, sql, region, class, all, any, not."""

    @field_validator("of")
    @classmethod
    def _decides(cls, of: tuple[Filter, ...]) -> tuple[Filter, ...]:
        for step in of:
            if not isinstance(step, Predicate):
                raise ValueError(f"{step.kind!r} adds columns and cannot stand here; put it in the job's filters")
        return of

    @property
    def effort(self) -> int:
        """That of the most expensive member."""
        return max(step.effort for step in self._predicates())

    def mentions(self, name: str) -> bool:
        """Tell whether a member mentions a derivable column."""
        return any(step.mentions(name) for step in self.of)

    def problems(self, survey: Survey, schema: Struct) -> Iterator[Problem]:
        """Yield the problems of all members, each below its place."""
        for index, step in enumerate(self.of):
            yield from below(f"of[{index}]", step.problems(survey, schema))

    def warnings(self, survey: Survey, schema: Struct) -> Iterator[Problem]:
        """Yield the warnings of all members, each below its place."""
        for index, step in enumerate(self.of):
            yield from below(f"of[{index}]", step.warnings(survey, schema))

    def unchecked(self, survey: Survey, schema: Struct) -> Iterator[Problem]:
        """Yield what only Spark can check of all members, each below its place."""
        for index, step in enumerate(self.of):
            yield from below(f"of[{index}]", step.unchecked(survey, schema))

    def condition(self, survey: Survey) -> Column:
        """Return the combination of the members' conditions."""
        from pyspark.sql import functions as F

        return self._join([F.coalesce(step.condition(survey), F.lit(False)) for step in self._predicates()])

    def staged(self, alerts: Alerts) -> Alerts:
        """Add the hidden columns of all members."""
        for step in self._predicates():
            alerts = step.staged(alerts)
        return alerts

    def checked(self, alerts: Alerts) -> Column:
        """Return the combination of the members' conditions on these alerts; never null, as no member is."""
        bound, problems = [], list[Problem]()
        for index, step in enumerate(self._predicates()):
            try:
                bound.append(step.bound(alerts))
            except JobError as error:
                problems += below(f"of[{index}]", error.problems)
        if problems:
            raise JobError(problems)
        return self._join(bound)

    def _predicates(self) -> list[Predicate]:
        return [step for step in self.of if isinstance(step, Predicate)]

    def _join(self, conditions: list[Column]) -> Column:
        return reduce(or_, conditions)


class AllOf(_Combination):
    """Keep alerts that every one of the filters would keep, for use inside of ``any`` and ``not``.

    The filters of a job are joined so anyway.
    """

    kind: ClassVar[str] = "all"

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return one in a group."""
        one, other = Sql(where=("month = 1",)), Sql(where=("day = 1",))
        return (cls(of=(one, NoneOf(of=(other,)))),)

    def _join(self, conditions: list[Column]) -> Column:
        return reduce(and_, conditions)


class AnyOf(_Combination):
    """Keep alerts that at least one of the filters would keep."""

    kind: ClassVar[str] = "any"

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a plain one and a nested one."""
        one, other = Sql(where=("month = 1",)), Sql(where=("day = 1",))
        return cls(of=(one, other)), cls(of=(one, NoneOf(of=(other,))))


class NoneOf(_Combination):
    """Keep alerts that none of the filters would keep: exactly the complement of ``any``, nulls included."""

    kind: ClassVar[str] = "not"

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return a plain one."""
        return (cls(of=(Sql(where=("month = 1",)),)),)

    def _join(self, conditions: list[Column]) -> Column:
        return ~reduce(or_, conditions)


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: all``, ``kind: any`` and ``kind: not``."""
    return [AllOf, AnyOf, NoneOf]

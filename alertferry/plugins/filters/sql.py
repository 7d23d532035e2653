"""Conditions in Spark SQL, through the gate of `alertferry.core.conditions`: users' text is never trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, field_validator

from alertferry.core.conditions import ConditionError, lint, split_lines
from alertferry.core.errors import JobError, Problem
from alertferry.core.hooks import hookimpl
from alertferry.core.schema import Struct, paths, to_ddl
from alertferry.core.steps import Alerts, Filter, Predicate
from alertferry.core.survey import Survey, with_partitions

if TYPE_CHECKING:
    from pyspark.sql import Column


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Sql(Predicate):
    """Keep alerts that fulfil every condition, in Spark's expression language.

    Structs by dots (``diaSource.psfFlux > 13500``), arrays by ``exists(prvDiaSources, x -> x.psfFlux > 10)``, maps by
    ``mangrove['lum_dist'] > 0``. A comparison with null or NaN is unknown, and what is unknown counts as false.
    """

    kind: ClassVar[str] = "sql"

    where: Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
    """Conditions that must all hold; one entry may hold several, separated by ``;``."""

    @field_validator("where")
    @classmethod
    def _has_conditions(cls, where: tuple[str, ...]) -> tuple[str, ...]:
        for text in where:
            try:
                empty = not split_lines(text)
            except ConditionError:
                continue  # `problems` says where the text goes wrong
            if empty:
                raise ValueError(f"holds no condition: {text!r}")
        return where

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return conditions that any survey can answer."""
        return (cls(where=("year >= 2019", "month BETWEEN 1 AND 12")),)

    def mentions(self, name: str) -> bool:
        """Tell whether a derivable column stands in a condition."""
        return any(re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) for text in self.where)

    def problems(self, survey: Survey, schema: Struct) -> Iterator[Problem]:  # noqa: ARG002
        """Yield what can be seen without Spark: refused text, unknown functions and fields."""
        known = {path: str(field.type) for path, field in paths(schema)}
        for index, text in enumerate(self.where):
            try:
                found = [problem for part in split_lines(text) for problem in lint(part, known)]
            except ConditionError as error:
                found = [error.problem]
            for problem in found:
                yield Problem(f"where[{index}]", f"line {problem.line}, column {problem.column}: {problem.message}")

    def condition(self, survey: Survey) -> Column:
        """Return all conditions joined by AND, for alerts with the fields that the survey documents."""
        from pyspark.sql import SparkSession

        fields = to_ddl(with_partitions(survey.documented))
        return self.checked(Alerts(SparkSession.active().createDataFrame([], fields), survey))

    def checked(self, alerts: Alerts) -> Column:
        """Return all conditions joined by AND, checked against the alerts' schema."""
        from alertferry.core.conditions import compile_filter

        compiled, problems = [], []
        for index, part in self._parts():
            try:
                compiled.append(compile_filter(alerts.frame, part))
            except ConditionError as error:
                problems.append(Problem(f"where[{index}]", str(error)))
        if problems:
            raise JobError(problems)
        return reduce(and_, compiled)

    def _parts(self) -> Iterator[tuple[int, str]]:
        for index, text in enumerate(self.where):
            for part in split_lines(text):
                yield index, part


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: sql``."""
    return [Sql]

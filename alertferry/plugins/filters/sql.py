"""Conditions in Spark SQL, through the gate of `alertferry.core.conditions`: users' text is never trusted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, field_validator

from alertferry.core.conditions import ConditionError, ConditionProblem, split_lines
from alertferry.core.conditions.fields import Fields
from alertferry.core.conditions.hints import Bound
from alertferry.core.conditions.lint import Opinion, excluding, opinion
from alertferry.core.conditions.scan import MAX_CONDITIONS, MAX_TEXT
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
        for index, text in enumerate(where):
            if len(text) > MAX_TEXT:
                raise ValueError(f"[{index}] has {len(text):,} characters, more than {MAX_TEXT:,}; divide it")
        count = sum(len(split_lines(text)) for text in where)
        if count > MAX_CONDITIONS:
            raise ValueError(f"holds {count:,} conditions, more than {MAX_CONDITIONS}")
        for text in where:
            if not split_lines(text):
                raise ValueError(f"holds no condition: {text!r}")
        return where

    @classmethod
    def examples(cls) -> tuple[Self, ...]:
        """Return conditions that any survey can answer."""
        return (cls(where=("year >= 2019", "month BETWEEN 1 AND 12")),)

    def mentions(self, name: str) -> bool:
        """Tell whether a derivable column stands in a condition."""
        return any(re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) for text in self.where)

    def problems(self, survey: Survey, schema: Struct) -> Iterator[Problem]:
        """Yield what can be seen without Spark: refused text, unknown functions and fields."""
        for index, _, said in self._opinions(survey, schema):
            yield from _told(index, said.problems)

    def warnings(self, survey: Survey, schema: Struct) -> Iterator[Problem]:
        """Yield what no alert fulfils."""
        earlier = list[tuple[Bound, str]]()
        for index, part, said in self._opinions(survey, schema):
            found = list(said.warnings)
            for bound in said.bounds:
                other = next((text for known, text in earlier if known.contradicts(bound)), None)
                if other:
                    found.append(excluding(part, bound, other))
                    break
            earlier += [(bound, part[bound.start : bound.end]) for bound in said.bounds]
            yield from _told(index, found)

    def unchecked(self, survey: Survey, schema: Struct) -> Iterator[Problem]:
        """Yield the parts of conditions that only Spark can check."""
        for index, _, said in self._opinions(survey, schema):
            yield from _told(index, said.unchecked)

    def _opinions(self, survey: Survey, schema: Struct) -> Iterator[tuple[int, str, Opinion]]:
        fields = Fields({path: str(field.type) for path, field in paths(schema)})
        values = {path.lower(): known for path, known in survey.values.items()}
        for index, part in self._parts():
            yield index, part, opinion(part, fields, values=values)

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


def _told(index: int, found: Iterable[ConditionProblem]) -> Iterator[Problem]:
    for item in found:
        said = f"line {item.line}, column {item.column}: {item.message}"
        yield Problem(f"where[{index}]", said, lacks_field=item.lacks_field)


@hookimpl
def register_filters() -> Sequence[type[Filter]]:
    """Offer ``kind: sql``."""
    return [Sql]

"""Selecting by named verdicts: what the filters `tags` and `blocks` share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import BeforeValidator, StringConstraints, model_validator

from alertferry.core.columns import bytes_of
from alertferry.core.errors import JobError, Problem, UsageError
from alertferry.core.nights import as_list
from alertferry.core.schema import Struct
from alertferry.core.steps import Alerts, Predicate
from alertferry.core.survey import PARTITION_COLUMNS, Survey
from alertferry.tags.provider import Kind, Tag, find_tag, verdict

if TYPE_CHECKING:
    from pyspark.sql import Column

BATCH_BYTES = 64 * 1024 * 1024
"""Aim for the alerts that a Python function gets at once: wide columns in small batches, or workers run out."""

LISTS = ("all_of", "any_of", "none_of")

Names = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], BeforeValidator(as_list)]


class Choice(Predicate):
    """A selection by names: all of some, any of some, none of some. A missing verdict counts as false."""

    unit: ClassVar[Kind]
    cost: ClassVar[int] = 10

    all_of: Names = ()
    """Names that must all be true."""

    any_of: Names = ()
    """Names of which at least one must be true."""

    none_of: Names = ()
    """Names that must all be false: exactly the alerts that `any_of` leaves."""

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if not any(self._lists().values()):
            raise ValueError("names nothing; give all_of, any_of or none_of: [NAME, ...]")
        both = sorted({*self.all_of} & {*self.none_of})
        if both:
            raise ValueError(f"{both[0]!r} is in all_of and in none_of, which no alert can fulfil")
        return self

    def _lists(self) -> dict[str, tuple[str, ...]]:
        return {name: getattr(self, name) for name in LISTS}

    def problems(self, survey: Survey, schema: Struct) -> Iterator[Problem]:
        """Yield unknown names with the nearest, and why others cannot be used."""
        for option, names in self._lists().items():
            for index, name in enumerate(names):
                said, lacks_field = self._fault(survey, schema, name)
                if said:
                    yield Problem(f"{option}[{index}]", said, lacks_field=lacks_field)

    def _fault(self, survey: Survey, schema: Struct, name: str) -> tuple[str, bool]:
        """Return what is wrong with a name, and whether it is a field that it reads; an empty text for nothing."""
        try:
            tag = find_tag(survey.name, self.unit, name, schema)
        except UsageError as error:
            return str(error), False
        if tag.available:
            return "", False
        others = f"`alertferry tags {survey.name}` lists the others"
        lacks_field = find_tag(survey.name, self.unit, name, survey.documented).available
        return f"the {self.unit} {name!r} cannot be used: {tag.reason}; {others}", lacks_field

    def condition(self, survey: Survey) -> Column:
        """Return the condition on alerts of the documented schema."""
        return self._join({name: self._verdict(survey, survey.documented, name) for name in self._names()})

    def checked(self, alerts: Alerts) -> Column:
        """Return the condition on these alerts, never null. Raises `JobError` for what cannot be used on them.

        On nights that lack a column which others of the same job have, a tag that reads it is false.
        """
        problems = list(self.problems(alerts.survey, alerts.schema))
        if problems:
            raise JobError(problems)
        self._size_batches(alerts)
        return self._join({name: self._known_verdict(alerts, name) for name in self._names()})

    def bound(self, alerts: Alerts) -> Column:
        """Return the condition on these alerts, which is never null anyway."""
        return self.checked(alerts)

    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for names in self._lists().values() for name in names))

    def _join(self, verdicts: Mapping[str, Column]) -> Column:
        conditions = [verdicts[name] for name in self.all_of]
        if self.any_of:
            conditions.append(reduce(or_, [verdicts[name] for name in self.any_of]))
        if self.none_of:
            conditions.append(~reduce(or_, [verdicts[name] for name in self.none_of]))
        return reduce(and_, conditions)

    def _verdict(self, survey: Survey, schema: Struct, name: str) -> Column:
        return verdict(find_tag(survey.name, self.unit, name, schema), schema)

    def _known_verdict(self, alerts: Alerts, name: str) -> Column:
        tag = find_tag(alerts.survey.name, self.unit, name, alerts.schema)
        blind = [night for night, paths in alerts.nights.lacking.items() if _reads(tag, paths)]
        found = verdict(tag, alerts.schema)
        return found & ~_of_nights(blind) if blind else found

    def _size_batches(self, alerts: Alerts) -> None:
        """Let Spark hand over fewer alerts at once where Python functions read wide columns."""
        setting = "spark.sql.execution.arrow.maxRecordsPerBatch"
        roots = {column.partition(".")[0] for tag in self._python(alerts) for column in tag.needs}
        wide = bytes_of(roots, alerts.root_bytes)
        if wide:
            conf = alerts.frame.sparkSession.conf
            most = int(conf.get(setting) or 10_000)
            conf.set(setting, str(max(16, min(most, int(BATCH_BYTES / wide)))))

    def _python(self, alerts: Alerts) -> list[Tag]:
        found = [find_tag(alerts.survey.name, self.unit, name, alerts.schema) for name in self._names()]
        return [tag for tag in found if not tag.native]


def _reads(tag: Tag, paths: Iterable[str]) -> bool:
    """Tell whether a tag reads any of the columns, or a field of them."""
    return any(column == path or column.startswith(path + ".") for column in tag.needs for path in paths)


def _of_nights(nights: Iterable[str]) -> Column:
    """Return whether an alert is of one of these nights, by the folder it came from."""
    from pyspark.sql import functions as F

    year, month, day = (F.col(name).cast("int") for name in PARTITION_COLUMNS)
    return (year * 10_000 + month * 100 + day).isin([int(night.replace("-", "")) for night in nights])

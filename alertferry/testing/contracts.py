"""What every plugin must fulfil, as plain pytest classes: subclass one and set ``step``.

A plugin author's whole test file::

    from alertferry.testing import PredicateContract
    from alertferry.testing.fixtures import alerts, lake, spark  # noqa: F401

    from sieve import Sieve

    class TestSieve(PredicateContract):
        step = Sieve
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import ValidationError

from alertferry.core.receipt import format_digest, ids_digest
from alertferry.core.render import as_source
from alertferry.core.run import Run
from alertferry.core.safe_yaml import dump_mapping, load_mapping
from alertferry.core.steps import Alerts, Filter, Output, Predicate, Source, Step
from alertferry.core.survey import with_partitions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class StepContract:
    """Every kind of step: a name, options that explain themselves, examples that survive a job file."""

    step: ClassVar[type[Step]]
    """The class under test."""

    def test_there_are_examples(self) -> None:
        """`examples()` returns at least one instance of the class."""
        assert self.step.examples()
        assert all(type(example) is self.step for example in self.step.examples())

    def test_examples_survive_a_job_file(self) -> None:
        """Options written as YAML and read back make an equal step."""
        for example in self.step.examples():
            if not example.nested:
                options = load_mapping(dump_mapping({"options": example.options()}))["options"]
                assert self.step(**options) == example

    def test_examples_can_be_rendered(self) -> None:
        """A rendered script can build the example: plain values only."""
        for example in self.step.examples():
            assert as_source(example).startswith(f"{self.step.__qualname__}(")

    def test_every_option_has_help(self) -> None:
        """Each field has a docstring: it is the help of the command line and of the dashboard."""
        lacking = [name for name, field in self.step.model_fields.items() if not field.description]
        assert not lacking, f"no docstring below the field: {', '.join(lacking)}"

    def test_an_unknown_option_is_refused(self) -> None:
        """A misspelt option is an error, never ignored."""
        example = self.step.examples()[0]
        fields = {name: getattr(example, name) for name in self.step.model_fields}
        with pytest.raises(ValidationError):
            self.step(**(fields | {"an_option_that_nobody_has": 1}))

    def test_the_class_says_what_it_is(self) -> None:
        """The docstring's first line is a sentence; the class adds its own, not its parent's."""
        first = (inspect.getdoc(self.step) or "").splitlines()[0]
        assert self.step.__doc__
        assert first.endswith("."), first


class SourceContract(StepContract):
    """A source: a survey whose roles exist in its documented schema."""

    step: ClassVar[type[Source]]

    def test_roles_are_documented_fields(self) -> None:
        """Alert id, object id, position and time stand in the field documentation, where there is one."""
        from alertferry.core.schema import find

        survey = self.step.survey
        if survey.documented.fields:
            lacking = [path for path in survey.roles.values() if find(survey.documented, path) is None]
            assert not lacking

    def test_packets_have_columns_and_a_description(self) -> None:
        """Every predefined packet selects something and says what."""
        survey = self.step.survey
        for name, packet in survey.packets.items():
            assert packet.description, name
            if survey.documented.fields:
                assert packet.paths(survey.documented), name

    def test_nights_are_days_in_order(self) -> None:
        """`requested()` is sorted and has no night twice."""
        for example in self.step.examples():
            nights = example.requested()
            assert list(nights) == sorted(set(nights))
            assert all(isinstance(night, date) for night in nights)


class FilterContract(StepContract):
    """A filter: selects, keeps what it does not select by, and never invents alerts.

    Needs the fixture ``alerts``: a list of `Alerts`, one for each survey to try (see
    `alertferry.testing.fixtures`). Examples are tried on the surveys whose schema they fit.
    """

    step: ClassVar[type[Filter]]

    def cases(self, alerts: Sequence[Alerts]) -> list[tuple[Filter, Alerts]]:
        """Return every example with every survey it fits; there must be one."""
        found = [(step, some) for step in self.step.examples() for some in alerts if _fits(step, some)]
        assert found, "no example fits any survey"
        return found

    def test_it_needs_no_spark_to_be_checked(self, alerts: Sequence[Alerts]) -> None:
        """`problems()` answers from the documented schema alone."""
        for some in alerts:
            documented = with_partitions(some.survey.documented)
            for example in self.step.examples():
                list(example.problems(some.survey, documented))

    def test_it_never_adds_alerts(self, alerts: Sequence[Alerts]) -> None:
        """What is selected is a part of what was there, each alert at most as often."""
        for step, some in self.cases(alerts):
            before, after = _ids(some), _ids(step.apply(some))
            assert set(after) <= set(before)
            assert len(after) == len(set(after)) or len(before) > len(set(before))

    def test_it_keeps_every_column_and_type(self, alerts: Sequence[Alerts]) -> None:
        """Columns may be added where `adds()` says so; none is lost, renamed or changed."""
        for step, some in self.cases(alerts):
            before, after = some.frame.schema.jsonValue(), step.apply(some).frame.schema.jsonValue()
            kept = {field["name"]: field["type"] for field in after["fields"]}
            assert all(kept.get(field["name"]) == field["type"] for field in before["fields"])
            added = [name for name in kept if name not in {field["name"] for field in before["fields"]}]
            assert added == [field.name for field in step.adds()]

    def test_no_alert_is_no_problem(self, alerts: Sequence[Alerts]) -> None:
        """An empty set of alerts gives an empty selection."""
        for step, some in self.cases(alerts):
            assert _ids(step.apply(some.where(_never()))) == []

    def test_it_selects_the_same_whatever_the_layout(self, alerts: Sequence[Alerts]) -> None:
        """The selection does not depend on partitions or on the order of alerts."""
        for step, some in self.cases(alerts):
            other = _relaid(some)
            assert sorted(_ids(step.apply(some))) == sorted(_ids(step.apply(other)))


class PredicateContract(FilterContract):
    """A predicate: true or false for every alert, so that its negation selects exactly the rest."""

    step: ClassVar[type[Predicate]]

    def test_it_is_never_null(self, alerts: Sequence[Alerts]) -> None:
        """The bound condition is boolean, and decides for every alert."""
        for step, some in self.cases(alerts):
            assert isinstance(step, Predicate)
            decided = some.frame.select(step.bound(some).alias("kept"))
            assert decided.schema["kept"].dataType.simpleString() == "boolean"
            assert decided.where("kept IS NULL").count() == 0

    def test_it_and_its_negation_part_the_alerts(self, alerts: Sequence[Alerts]) -> None:
        """Each alert is selected by the predicate or by its negation, never by both."""
        for step, some in self.cases(alerts):
            assert isinstance(step, Predicate)
            condition = step.bound(some)
            kept, rest = _ids(some.where(condition)), _ids(some.where(~condition))
            assert sorted([*kept, *rest]) == sorted(_ids(some))


class OutputContract(StepContract):
    """An output: every alert arrives once, none is a result too, and the receipt proves both.

    Needs the fixtures ``spark`` and ``lakes`` (see `alertferry.testing.fixtures`), and whatever the output writes to:
    `here` turns an example into one that writes where a test may.
    """

    step: ClassVar[type[Output]]

    def here(self, example: Output, folder: Path) -> Output:
        """Return the example, writing below ``folder`` if it has a ``path``."""
        if "path" not in type(example).model_fields:
            return example
        return example.model_copy(update={"path": str(folder / "delivered")})

    def cases(self, lakes: Mapping[str, Path]) -> list[tuple[Output, Source]]:
        """Return every example with the first survey it fits; there must be one."""
        from alertferry.core.registry import default_registry

        sources = [
            default_registry().get("source", survey)(nights=[f"{NIGHTS[0]}..{NIGHTS[-1]}"], lake=str(lake))
            for survey, lake in lakes.items()
        ]
        fitting = {step: [source for source in sources if _writes(step, source)] for step in self.step.examples()}
        found = [(step, some[0]) for step, some in fitting.items() if some]
        assert found, "no example fits any survey"
        return found

    def test_every_alert_is_in_the_receipt(
        self, spark: SparkSession, lakes: Mapping[str, Path], tmp_path: Path
    ) -> None:
        """The receipt counts what was selected, and its digest is that of the selected ids."""
        for number, (step, source) in enumerate(self.cases(lakes)):
            run = Run(spark)
            alerts = run.read(source)
            report = run.write(alerts, self.here(step, tmp_path / str(number)))
            ids = [str(found).encode() for found in _ids(alerts)]
            assert (report.receipt.alerts, report.receipt.digest) == (len(ids), format_digest(ids_digest(ids)))

    def test_no_alert_is_a_result_too(self, spark: SparkSession, lakes: Mapping[str, Path], tmp_path: Path) -> None:
        """A job that selects nothing ends with a receipt that says so."""
        step, source = self.cases(lakes)[0]
        run = Run(spark)
        nothing = run.read(source).where(_never())
        report = run.write(nothing, self.here(step, tmp_path))
        assert (report.receipt.alerts, report.receipt.digest) == (0, format_digest(0))


def _writes(step: Output, source: Source) -> bool:
    return not list(step.problems(source.survey, with_partitions(source.survey.documented), ()))


def _fits(step: Filter, alerts: Alerts) -> bool:
    return not list(step.problems(alerts.survey, alerts.schema))


def _ids(alerts: Alerts) -> list[Any]:
    return [row[0] for row in alerts.frame.select(alerts.survey.alert_id).collect()]


def _never() -> Any:
    from pyspark.sql import functions as F

    return F.lit(False)


def _relaid(alerts: Alerts) -> Alerts:
    from dataclasses import replace

    frame: DataFrame = alerts.frame.repartition(3, alerts.survey.alert_id)
    return replace(alerts, frame=frame)


NIGHTS = (date(2026, 3, 1), date(2026, 3, 1) + timedelta(days=1))
"""Nights of the simulated lakes that the fixtures make."""

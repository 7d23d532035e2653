"""Everything that can be said about a job without a JVM."""

from __future__ import annotations

from collections.abc import Iterator

from alertferry.core.access import COMMAND_LINE, Access
from alertferry.core.errors import DamagedError, Problem, UsageError, below
from alertferry.core.job import Job
from alertferry.core.registry import Registry
from alertferry.core.schema import Field, Primitive, Struct
from alertferry.core.settings import Settings
from alertferry.core.survey import PARTITION_COLUMNS


def check_job(job: Job, registry: Registry, settings: Settings, access: Access = COMMAND_LINE) -> list[Problem]:
    """Return every problem of a well-formed job: nights, fields, conditions, and what the site objects to.

    Fields are looked up in the lake where it is on this machine, else in the survey's documentation.
    """
    problems: list[Problem] = []
    schema = job.source.survey.documented
    try:
        glance = job.source.glance(settings)
        schema = glance.schema if glance and glance.schema else schema
    except (UsageError, DamagedError) as error:
        problems.append(Problem("source", str(error)))
    problems += _steps(job, _with_partitions(schema))
    problems += registry.check_job(job, access)
    return problems


def _with_partitions(schema: Struct) -> Struct:
    extra = tuple(Field(name, Primitive("int")) for name in PARTITION_COLUMNS if not schema.get(name))
    return Struct(schema.fields + extra)


def _steps(job: Job, schema: Struct) -> Iterator[Problem]:
    survey, added = job.source.survey, list[str]()
    for index, step in enumerate(job.filters):
        schema = survey.with_derived(schema, step.mentions)
        yield from below(f"filters[{index}]", step.problems(survey, schema))
        schema = Struct(schema.fields + step.adds())
        added += [field.name for field in step.adds()]
    schema = survey.with_derived(schema, job.output.mentions)
    yield from below("output", job.output.problems(survey, schema, added))

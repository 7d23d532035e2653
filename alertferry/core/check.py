"""Everything that can be said about a job without a JVM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from alertferry.core.errors import DamagedError, JobError, Problem, UsageError, below
from alertferry.core.job import Job
from alertferry.core.registry import Registry
from alertferry.core.safe_yaml import MAX_BYTES
from alertferry.core.schema import Field, Primitive, Struct
from alertferry.core.settings import Settings
from alertferry.core.survey import PARTITION_COLUMNS


def check_job(job: Job, registry: Registry, settings: Settings) -> list[Problem]:
    """Return every problem of a well-formed job: nights, fields, conditions, and what the site objects to.

    Fields are looked up in the lake where it is on this machine, else in the survey's documentation.
    """
    excess = list(_excess(job, settings))
    if excess:
        return excess  # nothing that costs time for each night, or for each step, is looked at
    problems: list[Problem] = []
    schema = job.source.survey.documented
    try:
        glance = job.source.glance(settings)
        schema = glance.schema if glance and glance.schema else schema
    except (UsageError, DamagedError) as error:
        problems.append(Problem("source", str(error)))
    problems += _steps(job, _with_partitions(schema))
    problems += registry.check_job(job)
    return problems


def _excess(job: Job, settings: Settings) -> Iterator[Problem]:
    """Yield what of a job is more than its file, or the site, allows."""
    nights = len(job.source.requested())
    if nights > settings.max_nights:
        most = f"at most {settings.max_nights:,} are allowed here (ALERTFERRY_MAX_NIGHTS)"
        yield Problem("source", f"asks for {nights:,} nights; {most}, so ask for fewer at a time")
    size = len(job.to_yaml().encode())
    if size > MAX_BYTES:
        yield Problem("", f"the job file would have {size:,} bytes; at most {MAX_BYTES:,} are read: shorten its lists")


def _with_partitions(schema: Struct) -> Struct:
    extra = tuple(Field(name, Primitive("int")) for name in PARTITION_COLUMNS if not schema.get(name))
    return Struct(schema.fields + extra)


def _steps(job: Job, schema: Struct) -> Iterator[Problem]:
    survey, added = job.source.survey, list[str]()
    for index, step in enumerate(job.filters):
        schema = survey.with_derived(schema, step.mentions)
        yield from below(f"filters[{index}]", _found(step.problems, survey, schema))
        schema = Struct(schema.fields + step.adds())
        added += [field.name for field in step.adds()]
    schema = survey.with_derived(schema, job.output.mentions)
    yield from below("output", _found(job.output.problems, survey, schema, added))


def _found(problems: Callable[..., Iterable[Problem]], *about: Any) -> list[Problem]:
    """Return what a step says of itself; an error that it raises instead counts as its one problem."""
    try:
        return list(problems(*about))
    except JobError as error:
        return list(error.problems)
    except (UsageError, DamagedError) as error:
        return [Problem("", str(error))]

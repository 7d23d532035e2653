"""Everything that can be said about a job without a JVM."""

from __future__ import annotations

from dataclasses import dataclass, field

from alertferry.core.errors import DamagedError, Problem, UsageError, below
from alertferry.core.job import Job
from alertferry.core.registry import Registry
from alertferry.core.schema import Struct
from alertferry.core.settings import Settings
from alertferry.core.survey import with_partitions


@dataclass(frozen=True)
class Findings:
    """What was found in a job, each with its place in the job file.

    ``problems`` keep it from running; ``warnings`` are about what may be asked for but is surely not meant.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def check_job(job: Job, registry: Registry, settings: Settings) -> list[Problem]:
    """Return the problems that `examine_job` finds."""
    return examine_job(job, registry, settings).problems


def examine_job(job: Job, registry: Registry, settings: Settings) -> Findings:
    """Return every problem of a well-formed job (nights, fields, conditions, what the site objects to), and warnings.

    Fields are looked up in the lake where it is on this machine, else in the survey's documentation.
    """
    found, glance = Findings(), None
    try:
        glance = job.source.glance(settings)
        found.warnings.extend(below("source", job.source.warnings(glance)))
    except (UsageError, DamagedError) as error:
        found.problems.append(Problem("source", str(error)))
    schema = glance.schema if glance and glance.schema else job.source.survey.documented
    _look_at_steps(job, with_partitions(schema), found)
    found.problems.extend(registry.check_job(job))
    return found


def _look_at_steps(job: Job, schema: Struct, found: Findings) -> None:
    survey, added = job.source.survey, list[str]()
    for index, step in enumerate(job.filters):
        schema = survey.with_derived(schema, step.mentions)
        problems = list(below(f"filters[{index}]", step.problems(survey, schema)))
        found.problems.extend(problems)
        found.warnings.extend([] if problems else below(f"filters[{index}]", step.warnings(survey, schema)))
        schema = Struct(schema.fields + step.adds())
        added += [field.name for field in step.adds()]
    schema = survey.with_derived(schema, job.output.mentions)
    problems = list(below("output", job.output.problems(survey, schema, added)))
    found.problems.extend(problems)
    found.warnings.extend([] if problems else below("output", job.output.warnings(survey, schema, added)))

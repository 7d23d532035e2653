"""Everything that can be said about a job without a JVM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alertferry.core.access import COMMAND_LINE, Access
from alertferry.core.blame import problem_of
from alertferry.core.errors import AlertferryError, DamagedError, JobError, Problem, UsageError, below
from alertferry.core.job import Job, MalformedJobError, Readable
from alertferry.core.lake_source import lake_problems
from alertferry.core.registry import Registry
from alertferry.core.safe_yaml import MAX_BYTES
from alertferry.core.schema import Struct
from alertferry.core.settings import Settings
from alertferry.core.steps import Filter, Glance, Output, Source, Step
from alertferry.core.survey import Survey, with_partitions


@dataclass(frozen=True)
class Findings:
    """What was found in a job, each with its place in the job file.

    ``problems`` keep it from running; ``warnings`` are about what may be asked for but is surely not meant.
    ``unchecked`` are parts that only Spark can check.
    """

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    unchecked: list[Problem] = field(default_factory=list)


def check_job(
    job: Job | MalformedJobError, registry: Registry, settings: Settings, access: Access = COMMAND_LINE
) -> list[Problem]:
    """Return the problems that `examine_job` finds."""
    return examine_job(job, registry, settings, access).problems


def examine_job(
    job: Job | MalformedJobError, registry: Registry, settings: Settings, access: Access = COMMAND_LINE
) -> Findings:
    """Return every problem of a job (nights, fields, conditions, what the site objects to), and warnings.

    Fields are looked up in the lake where it is on this machine, else in the survey's documentation. Of a job with
    steps that cannot be read, the others are looked at.
    """
    if isinstance(job, MalformedJobError):
        return Findings([*job.problems, *_of_rest(job.rest, settings)])
    try:
        excess = list(_excess(job, settings))
        # else nothing that costs time for each night, or for each step, is looked at
        return Findings(excess) if excess else _examined(job, registry, settings, access)
    except Exception as error:  # a plugin may fail in any way
        if isinstance(error, AlertferryError):
            raise
        return Findings([problem_of(error)])


def _of_rest(rest: Readable, settings: Settings) -> list[Problem]:
    """Return the problems of those steps of a job file that can be read, where others cannot."""
    found, glance, source = Findings(), None, rest.steps.get("source")
    if rest.survey is None:
        return []  # nothing is known of fields
    try:
        if isinstance(source, Source) and not list(_too_many_nights(source, settings)):
            glance = _glance(source, settings, found)
        schema = glance.schema if glance and glance.schema else rest.survey.documented
        _look_at_steps(rest.survey, rest.steps, with_partitions(schema), found)
    except Exception as error:  # a plugin may fail in any way
        return [*found.problems, problem_of(error)]
    if glance and glance.partial:
        _leave_unseen_fields_to_spark(found)
    doubt = "" if source else "; looked for among the documented fields, as the source cannot be read"
    doubt += f"; {rest.adding}, which cannot be read, may add it" if rest.adding else ""
    return [replace(item, message=f"{item.message}{doubt}") if item.lacks_field else item for item in found.problems]


def _glance(source: Source, settings: Settings, found: Findings) -> Glance | None:
    """Look at the lake, and add what is wrong with it."""
    try:
        glance = source.glance(settings)
        found.warnings.extend(below("source", source.warnings(glance)))
        return glance
    except (UsageError, DamagedError) as error:
        found.problems.append(Problem("source", str(error), error.exit_code))
        return None


def _examined(job: Job, registry: Registry, settings: Settings, access: Access) -> Findings:
    found = Findings()
    glance = _glance(job.source, settings, found)
    schema = glance.schema if glance and glance.schema else job.source.survey.documented
    _look_at_steps(job.source.survey, job.steps, with_partitions(schema), found)
    found.problems.extend(below("output", lake_problems(job.source, job.output, settings)))
    if glance and glance.partial:
        _leave_unseen_fields_to_spark(found)
    found.problems.extend(registry.check_job(job, access))
    return found


def _leave_unseen_fields_to_spark(found: Findings) -> None:
    """Make problems of fields into what is not checked: files that were not looked at may have them."""
    for problem in [item for item in found.problems if item.lacks_field]:
        found.problems.remove(problem)
        said = f"{problem.message}, in the files that were looked at; there are too many to look at all without Spark"
        found.unchecked.append(replace(problem, message=said))


def _too_many_nights(source: Source, settings: Settings) -> Iterator[Problem]:
    nights = len(source.requested())
    if nights > settings.max_nights:
        most = f"at most {settings.max_nights:,} are allowed here (ALERTFERRY_MAX_NIGHTS)"
        yield Problem("source", f"asks for {nights:,} nights; {most}, so ask for fewer at a time")


def _excess(job: Job, settings: Settings) -> Iterator[Problem]:
    """Yield what of a job is more than its file, or the site, allows."""
    yield from _too_many_nights(job.source, settings)
    size = len(job.to_yaml().encode())
    if size > MAX_BYTES:
        yield Problem("", f"the job file would have {size:,} bytes; at most {MAX_BYTES:,} are read: shorten its lists")


def _look_at_steps(survey: Survey, steps: Mapping[str, Step], schema: Struct, found: Findings) -> None:
    added = list[str]()
    for place, step in steps.items():
        if isinstance(step, Filter):
            schema = survey.with_derived(schema, step.mentions)
            _look_at_step(step, place, found, survey, schema)
            schema = Struct(schema.fields + step.adds())
            added += [field.name for field in step.adds()]
    output = steps.get("output")
    if isinstance(output, Output):
        schema = survey.with_derived(schema, output.derives(survey))
        _look_at_step(output, "output", found, survey, schema, added)


def _look_at_step(step: Filter | Output, place: str, found: Findings, *about: Any) -> None:
    """Add what a step says of itself: its problems, or else its warnings and what only Spark can check."""
    problems = list(below(place, _said(step.problems, *about)))
    found.problems.extend(problems)
    if not problems:
        found.warnings.extend(below(place, step.warnings(*about)))
        if isinstance(step, Filter):
            found.unchecked.extend(below(place, step.unchecked(*about)))


def _said(problems: Callable[..., Iterable[Problem]], *about: Any) -> list[Problem]:
    """Return what a step says of itself; an error that it raises instead counts as its one problem."""
    try:
        return list(problems(*about))
    except JobError as error:
        return list(error.problems)
    except (UsageError, DamagedError) as error:
        return [Problem("", str(error))]
    except Exception as error:  # a plugin's filter may fail in any way
        return [problem_of(error)]

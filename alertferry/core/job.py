"""The job: a source, filters in order, an output. YAML, command line, Python and wizard are faces of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SerializeAsAny, StringConstraints, ValidationError

from alertferry.core.blame import problem_of
from alertferry.core.errors import JobError, Problem, did_you_mean
from alertferry.core.problems import explain, shown
from alertferry.core.receipt import job_hash
from alertferry.core.registry import Registry, default_registry
from alertferry.core.safe_yaml import check_mapping, dump_mapping, load_mapping
from alertferry.core.steps import Filter, Output, Predicate, Source, Step
from alertferry.core.survey import Survey

MAX_NAME = 200
"""Characters of a job's name."""

MAX_STEPS = 200
"""Filters of a job: more than a person writes, and few enough for Spark to plan."""

MAX_LIMIT = 1_000_000_000

TEST_ALERTS = 10
"""Alerts of a test job."""

_TEST = "Test of "

_NAME = re.compile(r"[\w .,:+@()-]+")


def _plain_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"holds letters, digits, spaces and . , : + - @ ( ) _ only, got {shown(name)}")
    return name


Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME), AfterValidator(_plain_name)]
Limit = Annotated[int, Field(strict=True, ge=1, le=MAX_LIMIT)]


@dataclass(frozen=True)
class Readable:
    """The steps of a job file that can be read, by their places in it (``filters[1]``), where others cannot.

    ``survey`` is that of the source's kind, as far as it is known; ``adding`` is the place of the first filter that
    cannot be read and may add columns.
    """

    steps: Mapping[str, Step]
    survey: Survey | None
    adding: str | None


class MalformedJobError(JobError):
    """A job file has steps that cannot be read; ``rest`` are the others."""

    def __init__(self, problems: Iterable[Problem], rest: Readable) -> None:
        super().__init__(problems)
        self.rest = rest


class Job(BaseModel):
    """What to carry: alerts of a source that pass every filter, at most ``limit`` of them, to an output.

    Build it from steps, from a mapping or from YAML; all three check it completely and raise `JobError` with
    every problem at once. A job holds no secret and names no machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    name: Name | None = None
    source: SerializeAsAny[Source]
    filters: tuple[SerializeAsAny[Filter], ...] = Field(default=())
    limit: Limit | None = None
    output: SerializeAsAny[Output]

    @classmethod
    def from_yaml(cls, text: str | bytes, registry: Registry | None = None) -> Self:
        """Read a job file (at most 64 KiB, no aliases, no tags, no duplicate keys)."""
        return cls.from_dict(load_mapping(text), registry)

    @classmethod
    def from_dict(cls, data: dict[str, Any], registry: Registry | None = None) -> Self:
        """Read a job from plain data; kinds are looked up in ``registry``."""
        check_mapping(data, "job")
        reader = _Reader(registry or default_registry())
        parts = reader.parts(data)
        if reader.problems:
            raise MalformedJobError(reader.problems, reader.rest(data))
        try:
            return cls(**parts)
        except ValidationError as error:
            raise JobError(explain(error, cls)) from None

    @property
    def steps(self) -> dict[str, Step]:
        """All steps, by their places in the job file."""
        filters = {f"filters[{index}]": step for index, step in enumerate(self.filters)}
        return {"source": self.source, **filters, "output": self.output}

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain data, defaults left out."""
        data: dict[str, Any] = {"version": self.version}
        if self.name:
            data["name"] = self.name
        data["source"] = self.source.to_dict()
        if self.filters:
            data["filters"] = [step.to_dict() for step in self.filters]
        if self.limit:
            data["limit"] = self.limit
        data["output"] = self.output.to_dict()
        return data

    def to_yaml(self) -> str:
        """Return the job file; `from_yaml` gives the same job back."""
        return dump_mapping(self.to_dict())

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical job: equal for equal requests."""
        return job_hash(self.to_dict())

    @property
    def is_test(self) -> bool:
        """Whether this is the test of a job (`as_test`)."""
        return bool(self.name and self.name.startswith(_TEST) and self.limit and self.limit <= TEST_ALERTS)

    def as_test(self) -> Self:
        """Return the test of this job: some ten of its alerts, in a topic and under a name that say so.

        Raises `JobError` for a job that makes no topic: there is nothing that a test of it would prove.
        """
        if self.output.kind != "kafka":
            said = "a test job publishes a topic, and this one writes files; to try it, give it a `limit`"
            raise JobError([Problem("output.kind", f"{said} and another folder")])
        name = (self.name or "an unnamed job").removeprefix(_TEST)
        limit = min(self.limit or TEST_ALERTS, TEST_ALERTS)
        return self.model_copy(update={"name": f"{_TEST}{name}"[:MAX_NAME], "limit": limit})


class _Reader:
    """Turns plain data into step objects and gathers every problem on the way."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.problems: list[Problem] = []
        self._steps = 0
        self._read: dict[str, Step] = {}

    def parts(self, data: dict[str, Any]) -> dict[str, Any]:
        known = Job.model_fields
        for key in data:
            if key not in known:
                self._report(key, f"no such key{did_you_mean(key, known)}; a job has {', '.join(known)}")
        parts: dict[str, Any] = {key: data[key] for key in ("version", "name", "limit") if key in data}
        if data.get("version", 1) != 1:
            self._report("version", f"must be 1, got {shown(data['version'])}; this alertferry reads version 1 only")
        for role in ("source", "output"):
            if role in data:
                parts[role] = self.step(role, data[role], role)
            else:
                self._report(role, f"is required: {role}: {{kind: ...}}")
        parts["filters"] = self.steps("filter", data.get("filters") or (), "filters")
        self._check_plain({key: data[key] for key in ("name", "limit") if key in data})
        return parts

    def rest(self, data: dict[str, Any]) -> Readable:
        """Return the steps of ``data`` that could be read."""
        source, filters = data.get("source"), data.get("filters")
        kind = source.get("kind") if isinstance(source, dict) else getattr(source, "kind", None)
        known = self.registry.steps["source"].get(kind) if isinstance(kind, str) else None
        survey = known.step.survey if known and issubclass(known.step, Source) else None
        items = filters if isinstance(filters, list | tuple) else ()
        places = {f"filters[{index}]": item for index, item in enumerate(items)}
        unread = (place for place, item in places.items() if place not in self._read and not self._only_decides(item))
        return Readable(self._read, survey, next(unread, None))

    def _only_decides(self, data: Any) -> bool:
        kind = data.get("kind") if isinstance(data, dict) else None
        known = self.registry.steps["filter"].get(kind) if isinstance(kind, str) else None
        return known is not None and issubclass(known.step, Predicate)

    def _check_plain(self, values: dict[str, Any]) -> None:
        try:
            _Plain(**values)
        except ValidationError as error:
            self.problems.extend(explain(error, _Plain))

    def steps(self, role: str, items: Any, path: str) -> tuple[Step, ...]:
        if not isinstance(items, list | tuple):
            self._report(path, f"must be a list of steps, got {shown(items)}")
            return ()
        self._steps += len(items)
        if self._steps > MAX_STEPS:
            self._report(path, f"a job has at most {MAX_STEPS} filters, those within others counted")
            return ()
        read = [self.step(role, item, f"{path}[{index}]") for index, item in enumerate(items)]
        return tuple(step for step in read if step is not None)

    def step(self, role: str, data: Any, path: str) -> Step | None:
        if isinstance(data, Step):
            return self._keep(data, path)
        if not isinstance(data, dict):
            self._report(path, f"must be a mapping with a kind, got {shown(data)}")
            return None
        if not isinstance(data.get("kind"), str):
            self._report(f"{path}.kind", f"is required; there are: {self._kinds(role)}")
            return None
        known = self.registry.steps[role]
        if data["kind"] not in known:
            near = did_you_mean(data["kind"], known) or f"; there are: {self._kinds(role)}"
            self._report(f"{path}.kind", f"no {role} {shown(data['kind'])}{near}")
            return None
        return self._build(known[data["kind"]].step, data, path)

    def _build(self, step: type[Step], data: dict[str, Any], path: str) -> Step | None:
        options = {key: value for key, value in data.items() if key != "kind"}
        if not all(isinstance(key, str) for key in options):
            self._report(path, "options must be named by text")
            return None
        before = len(self.problems)
        for name in step.nested:
            if isinstance(options.get(name), list | tuple):
                options[name] = self.steps("filter", options[name], f"{path}.{name}")
            elif isinstance(options.get(name), dict):
                options[name] = (self.step("filter", options[name], f"{path}.{name}"),)
        if len(self.problems) > before:
            return None
        try:
            return self._keep(step(**options), path)
        except ValidationError as error:
            self.problems.extend(explain(error, step, path))
        except Exception as error:  # a plugin's model may fail in any way
            self.problems.append(problem_of(error, path))
        return None

    def _keep(self, step: Step, path: str) -> Step:
        """Remember a step that was read, in place of those within it."""
        self._read = {place: inner for place, inner in self._read.items() if not place.startswith(f"{path}.")}
        self._read[path] = step
        return step

    def _kinds(self, role: str) -> str:
        return ", ".join(sorted(self.registry.steps[role])) or "none"

    def _report(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))


class _Plain(BaseModel):
    """What a job has beside its steps."""

    name: Name | None = None
    limit: Limit | None = None

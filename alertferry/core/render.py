"""From a job to a PySpark script that a person can review.

Whatever the template prints passes through `as_source`: step classes become calls, plain values their ``repr``.
Nothing else can be printed, so that no value of a job can become code.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from alertferry.core.errors import UsageError
from alertferry.core.job import Job
from alertferry.core.steps import Step


class Code(str):
    """Text that may be printed as it is: a dotted name, or hex digits of a hash."""

    __slots__ = ()

    @classmethod
    def name(cls, dotted: str) -> Code:
        """Return a dotted Python name. Raises `UsageError` for anything else."""
        parts = dotted.split(".")
        if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
            raise UsageError(f"{dotted!r} cannot be imported by a rendered job")
        return cls(dotted)


def render(job: Job) -> str:
    """Return the script of a job: the same job gives the same bytes."""
    steps = [job.source, *job.filters, job.output]
    imports = sorted({("alertferry.core.run", "Run"), ("alertferry.core.submit", "submit"), *_imports(steps)})
    return _template().render(
        imports=[(Code.name(module), Code.name(name)) for module, name in imports],
        hash=Code(f"{int(job.hash, 16):064x}"),
        name=job.name,
        source=job.source,
        filters=job.filters,
        limit=job.limit,
        output=job.output,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("alertferry.core"),
        undefined=StrictUndefined,
        finalize=as_source,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python, not HTML; `finalize` quotes everything
    )
    return environment.get_template("job.py.jinja")


def _imports(steps: list[Any]) -> Iterator[tuple[str, str]]:
    for step in steps:
        yield type(step).__module__, type(step).__qualname__
        for option in step.nested:
            yield from _imports(list(getattr(step, option)))


def as_source(value: Any) -> str:
    """Return Python source that evaluates to ``value``. Raises `TypeError` for anything that is not plain data."""
    match value:
        case Code():
            return str(value)
        case None | bool() | int() | str():
            return repr(value)
        case float() if math.isfinite(value):
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(as_source(item) for item in value)}]"
        case dict():
            return "{" + ", ".join(f"{as_source(key)}: {as_source(item)}" for key, item in value.items()) + "}"
        case Step():
            return _call(value)
    raise TypeError(f"a rendered job cannot hold {value!r}")


def _call(step: Step) -> str:
    options = step.options() | {name: getattr(step, name) for name in step.nested}
    arguments = ", ".join(f"{Code.name(name)}={as_source(value)}" for name, value in options.items())
    return f"{Code.name(type(step).__qualname__)}({arguments})"

"""The hooks a plugin may implement. A plugin author imports one name: `alertferry.hookimpl`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pluggy

from alertferry.core.errors import Problem

if TYPE_CHECKING:
    from alertferry.core.access import Access
    from alertferry.core.job import Job
    from alertferry.core.steps import Filter, Launcher, Output, Source

PROJECT = "alertferry"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_sources() -> Sequence[type[Source]]:  # type: ignore[empty-body]
    """Return the surveys this plugin can read."""


@hookspec
def register_filters() -> Sequence[type[Filter]]:  # type: ignore[empty-body]
    """Return the selections this plugin offers."""


@hookspec
def register_outputs() -> Sequence[type[Output]]:  # type: ignore[empty-body]
    """Return the destinations this plugin can write to."""


@hookspec
def register_launchers() -> Sequence[type[Launcher]]:  # type: ignore[empty-body]
    """Return the ways this plugin can run a job."""


@hookspec
def check_job(job: Job, context: Access) -> Iterable[Problem]:  # type: ignore[empty-body]
    """Return what a site objects to in this job (number of nights, quotas); nothing lets it pass.

    ``context`` says who asks (``user``), by which way (``channel``) and what the ``site`` lets them. A plugin that
    needs none of it says ``check_job(job)``.
    """

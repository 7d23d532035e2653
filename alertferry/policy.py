"""What a job may name, where a site serves others than the user of its machine: their own uploads, the site's lakes.

The service applies it to the very job that it acts on, each time that it acts: when it checks, estimates, previews,
submits, submits again, or looks at a catalogue, a map or a lake.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from alertferry import uploads
from alertferry.core.access import COMMAND_LINE, Access
from alertferry.core.errors import Problem, UsageError, below
from alertferry.core.file_option import named_in, nested_in
from alertferry.core.job import Job, Readable
from alertferry.core.registry import Registry
from alertferry.core.settings import Settings
from alertferry.core.steps import Step
from alertferry.core.working_folder import resolved

OWN = "alertferry"
"""Our own distribution, whose steps declare every option that names a file."""


def objections(job: Job | Readable, access: Access, settings: Settings, registry: Registry) -> list[Problem]:
    """Return what the steps of a job name that whoever asks may not; nothing for the user of this machine."""
    if not access.confined:
        return []
    found = list[Problem]()
    for place, step in job.steps.items():
        found += below(place, _of_step(step, access, settings, registry))
    output = job.steps.get("output")
    if output and not may_deliver_by(output.kind, access):
        found.append(Problem("output.kind", "the dashboard delivers by Kafka only; use kind: kafka"))
    return found


def may_deliver_by(output: str, access: Access) -> bool:
    """Tell whether whoever asks may use an output: those of the user of this machine, by Kafka elsewhere."""
    return output == "kafka" or not access.confined


def _of_step(step: Step, access: Access, settings: Settings, registry: Registry) -> Iterator[Problem]:
    ours = registry.of(step).distribution == OWN
    for found in named_in(step):
        if found.names == "file" and uploads.named(found.value, access.user) is None:
            yield Problem(found.path, uploads.NOT_YOURS)
        elif found.names == "lake" and found.value not in settings.lakes:
            yield Problem(found.path, _other_lake(settings))
        elif found.names == "text" and not ours and _looks_like_a_file(found.value):
            yield Problem(found.path, f"looks like the name of a file; {uploads.NOT_YOURS}")
    for place, inner in nested_in(step):
        yield from below(place, _of_step(inner, access, settings, registry))


def _other_lake(settings: Settings) -> str:
    names = ", ".join(sorted(settings.lakes)) or "none"
    return f"the dashboard reads the site's own lakes only; leave it out, or name one of: {names}"


def _looks_like_a_file(text: str) -> bool:
    """Tell whether a text of a plugin's step, undeclared, leads to a file of this machine or to another one."""
    if text.startswith(("/", "~", "file:")) or "://" in text or ".." in Path(text).parts:
        return True
    try:
        return os.path.lexists(resolved(text))
    except (OSError, ValueError):
        return False


def is_admin(access: Access, settings: Settings) -> bool:
    """Tell whether somebody sees and cancels the jobs of all users: those whom the settings name."""
    return access.user is not None and access.user in settings.admins


def may_delete(access: Access, owner: str | None) -> bool:
    """Tell whether somebody may delete a job of this owner: their own, and on the server's command line any."""
    return access.user == owner or access == COMMAND_LINE


def file_for(text: str, access: Access) -> str:
    """Return where a file is that a job names. Raises `UsageError` when whoever asks may not name it."""
    return str(uploads.file_of(text, access.user)) if access.confined else resolved(text)


def lake_for(lake: str | None, access: Access, settings: Settings) -> str | None:
    """Return a lake as the job names it. Raises `UsageError` when whoever asks may not name it."""
    if lake is not None and access.confined and lake not in settings.lakes:
        raise UsageError(_other_lake(settings))
    return lake

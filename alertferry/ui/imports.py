"""Opening a configuration: a job file of ours, or one of Fink's portal."""

from __future__ import annotations

from alertferry.core.job import Job
from alertferry.core.safe_yaml import load_mapping
from alertferry.finkjob import import_fink
from alertferry.ui.draft import Draft


def draft_from_file(content: bytes) -> tuple[Draft, tuple[str, ...]]:
    """Return the draft of a job file, and what of it could not be taken over.

    Raises `UsageError` or `JobError` naming everything that is wrong with the file.
    """
    data = load_mapping(content)
    if "source" in data or "output" in data or "version" in data:
        return Draft.of(Job.from_dict(data)), ()
    found = import_fink(content)
    return Draft.of(found.job), tuple(map(str, found.remarks))

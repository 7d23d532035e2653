"""A delivery that was complete before: recognised without its topic, which may be gone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from alertferry.consumer.commits import Commit, read_commits
from alertferry.consumer.folder import Folder, Label
from alertferry.consumer.shards import lacking, marked, portion
from alertferry.core.errors import UsageError


def finished(path: Path, asked: Label) -> Folder | None:
    """Return the folder, unlocked, when it holds all of a complete job; so a download outlives its topic.

    Files that were changed or removed since are named in ``spoiled``: nobody can fetch them again.
    """
    with suppress(UsageError):
        label = Label.read(path)
        receipt = label.receipt if label else None
        if label is None or receipt is None:
            return None
        held = marked(path)
        label = replace(label, shard=held[0] if len(held) == 1 else None)
        if not _same_files(label, asked):
            return None
        folder = Folder(path, label)
        items = read_commits(folder.records)
        commits = [item for item in items if isinstance(item, Commit) and item.topic == label.topic]
        for commit in commits:
            folder.add(commit)
        folder.found = folder.alerts
        folder.spoiled = tuple(name for commit in commits for name in folder.changed(commit))
        gaps = lacking(folder.coverage(), portion(label.shard, receipt.partitions))
        all_counted = label.shard is not None or folder.alerts == receipt.alerts
        if len(commits) == len(items) and not gaps and all_counted and not folder.bad:
            return folder
    return None


def _same_files(known: Label, asked: Label) -> bool:
    """Tell whether files as asked for are those of a folder; the order of selected columns is not asked for."""
    own_id = known.manifest.alert_id if known.manifest else None
    selected = [set(label.select) - {own_id} for label in (known, asked)]
    ours, theirs = (
        (label.topic, label.format, label.partition_by, label.shard, bool(label.select)) for label in (known, asked)
    )
    return ours == theirs and selected[0] == selected[1]

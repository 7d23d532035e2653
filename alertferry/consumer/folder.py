"""The delivery folder: one topic, one format, one consumer at a time; what is committed in it, and nothing else."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alertferry.consumer.commits import Commit, commits_folder, read_commits
from alertferry.consumer.durable import checksum, make_durably, storage_errors, sync_folder, write_durably
from alertferry.consumer.layout import (
    BAD_FOLDER,
    COMMITS_FOLDER,
    FORMATS,
    JOB_FILE,
    SHARDS_FOLDER,
    data_files,
    is_hidden,
    message_stem,
    parse_stem,
)
from alertferry.consumer.records import LOCK_SECONDS, Records, records_folder
from alertferry.consumer.selection import column_of
from alertferry.consumer.shards import Shard, mark, marked
from alertferry.consumer.spans import Span, coverage
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.receipt import RECEIPT_FILE, Manifest, Receipt


@dataclass(frozen=True)
class Label:
    """What a folder is for, kept in ``_job.json``: a topic, a file format, the job's newest manifest.

    ``topic_id`` is Kafka's own id of the topic: a topic deleted and made again under its name has another. ``select``
    holds the paths of the columns kept, all when empty. A ``shard`` has this label a second time in a file of its own.
    """

    topic: str
    format: str
    topic_id: str | None
    manifest: Manifest | None
    partition_by: str | None = None
    select: tuple[str, ...] = ()
    shard: Shard | None = None

    def to_json(self) -> str:
        """Return the manifest's own JSON, with what the folder adds under ``folder``."""
        data: dict[str, Any] = json.loads(self.manifest.to_json()) if self.manifest else {}
        own: dict[str, Any] = {"format": self.format, "topic_id": self.topic_id}
        own |= {"partition_by": self.partition_by} if self.partition_by else {}
        own |= {"select": self.select} if self.select else {}
        own |= {"shard": str(self.shard)} if self.shard else {}
        data |= {"topic": self.topic, "folder": own}
        return json.dumps(data, sort_keys=True, indent=1)

    @classmethod
    def read(cls, folder: Path) -> Label | None:
        """Return the label of a delivery folder; None when it has none. Raises `UsageError` when it is damaged."""
        return cls.read_file(records_folder(folder) / JOB_FILE)

    @classmethod
    def read_file(cls, path: Path) -> Label | None:
        """Read a label wherever it is."""
        try:
            text = path.read_bytes()
            data = json.loads(text)
            own = data["folder"]
            shard = Shard.parse(own["shard"]) if "shard" in own else None
            return cls(
                data["topic"],
                own["format"],
                own["topic_id"],
                Manifest.from_json(text),
                own.get("partition_by"),
                tuple(own.get("select", ())),
                shard,
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, UsageError) as error:
            raise UsageError(f"{path} cannot be read ({error}); choose another folder, or remove this one") from None

    @property
    def receipt(self) -> Receipt | None:
        """The receipt, once the job is complete."""
        return self.manifest.receipt if self.manifest else None

    @property
    def alert_id(self) -> str | None:
        """Where the files have the alert id, as a dotted path; None when they have none."""
        return column_of(self.select, self.manifest.alert_id if self.manifest else None)

    def clash(self, other: Label) -> str | None:
        """Return why files of ``other`` may not join this folder; None when they may."""
        if self.topic != other.topic:
            return f"holds alerts of the topic {self.topic}; choose another folder for {other.topic}"
        if _is_another(self, other):
            return (
                f"holds alerts of an earlier topic of the name {self.topic}, which was deleted and made again since; "
                "choose another folder, or replace them with --from-beginning"
            )
        if self.format != other.format:
            return (
                f"holds {self.format} files of this topic; use --format {self.format}, another folder for "
                f"{other.format}, or replace them with --from-beginning"
            )
        if self.partition_by != other.partition_by:
            divided = f"--partition-by {self.partition_by}" if self.partition_by else "no --partition-by"
            return f"holds files of this topic made with {divided}; use the same, or replace them with --from-beginning"
        if self.select != other.select:
            kept = f"--select {','.join(self.select)}" if self.select else "all columns (no --select)"
            return (
                f"holds files of this topic with {kept}; use the same, another folder, or replace them with "
                "--from-beginning"
            )
        return None


def _is_another(known: Label, now: Label) -> bool:
    if known.manifest and now.manifest:
        ours, theirs = known.manifest, now.manifest
        return (ours.job_hash, ours.created) != (theirs.job_hash, theirs.created)
    if known.manifest or now.manifest:
        return True
    return None not in (known.topic_id, now.topic_id) and known.topic_id != now.topic_id


class Folder:
    """A locked delivery folder. What is not committed is removed when it is opened.

    ``alerts`` is the number of alerts on disk, ``commits`` what they are proved by. ``found`` are those that were there
    already, ``spoiled`` names files that are not as they were committed and stay so, as their topic is gone.
    """

    def __init__(self, path: Path, label: Label, lock_seconds: float = LOCK_SECONDS) -> None:
        self.path = path
        self.label = label
        self._kept = Records(path)
        self._lock_seconds = lock_seconds
        self.commits: dict[Span | None, Commit] = {}
        self.alerts = self.found = 0
        self.spoiled: tuple[str, ...] = ()

    @property
    def records(self) -> Path:
        """The folder of the records."""
        return self._kept.path

    @property
    def former(self) -> Path | None:
        """Where the records of a delivery went whose files are gone from here; None without one."""
        return self._kept.former

    @property
    def lock(self) -> int:
        """Descriptor of the lock file; the folder stays locked while any process holds it."""
        return self._kept.lock

    def open(self, from_beginning: bool) -> None:
        """Lock the folder, check that it is this topic's, and bring it to its committed state.

        Raises `UsageError` for a folder of something else or one in use, `AlertferryError` when the disk refuses.
        """
        with storage_errors(self.path):
            if self.path.is_dir() and not self._kept.deserted:
                self._refuse_foreign(Label.read(self.path), from_beginning)
            self._kept.take(in_folder=self.label.shard is not None, seconds=self._lock_seconds)
            known = Label.read(self.path)
            self._refuse_foreign(known, from_beginning)
            commits_folder(self.records).mkdir(exist_ok=True)
            if from_beginning and known is not None:
                self._clear()
            self._recover()
            if self.label.shard is None:
                self._forget_shards()
            if known is None or from_beginning:
                self.relabel(self.label.manifest, anew=True)
            else:
                self.label = replace(self.label, topic_id=self.label.topic_id or known.topic_id)
                self.relabel(self.label.manifest or known.manifest)

    def close(self) -> None:
        """Give up the lock."""
        self._kept.release()

    def relabel(self, manifest: Manifest | None, anew: bool = False) -> None:
        """Keep the job's newest manifest; the file is left untouched when nothing changed."""
        label = replace(self.label, manifest=manifest)
        known = None if anew else Label.read(self.path)
        self.label = label
        if known is None or known.to_json() != label.to_json():
            with storage_errors(self.path):
                if label.shard is not None:
                    own = mark(self.path, label.shard)
                    make_durably(own.parent, self.path)
                    write_durably(own, [label.to_json().encode()])
                write_durably(self.records / JOB_FILE, [label.to_json().encode()])

    def add(self, commit: Commit) -> None:
        """Count a commit that was written."""
        known = self.commits.get(commit.span)
        self.commits[commit.span] = commit
        self.alerts += commit.rows - (known.rows if known else 0)

    def withdraw(self, commit: Commit) -> None:
        """Take a commit back: its offsets are fetched again."""
        with storage_errors(self.path):
            self._remove(commit)

    def coverage(self) -> dict[int, Any]:
        """Return the committed offsets of every partition."""
        return coverage(span for span in self.commits if span is not None)

    @property
    def bad(self) -> int:
        """Number of messages set aside."""
        return sum(len(commit.bad) for commit in self.commits.values())

    @property
    def dropped(self) -> int:
        """Number of repeated records left out."""
        return sum(commit.duplicates_dropped for commit in self.commits.values())

    @property
    def files(self) -> tuple[Path, ...]:
        """The data files, sorted."""
        return tuple(sorted(self.path / file.name for commit in self.commits.values() for file in commit.files))

    def strangers(self) -> list[str]:
        """Return the names of data files that no commit names: readers take them for alerts of this delivery."""
        own = set(self.files)
        return [str(path.relative_to(self.path)) for path in data_files(self.path) if path not in own]

    def _refuse_foreign(self, known: Label | None, from_beginning: bool) -> None:
        if known is not None:
            clash = known.clash(self.label)
            if clash and not (from_beginning and known.topic == self.label.topic):
                raise UsageError(f"the folder {self.path} {clash}")
            if not from_beginning:
                self._refuse_other_part()
            return
        if (self.records / RECEIPT_FILE).exists():
            raise UsageError(f"the folder {self.path} holds the result of a files job; choose another folder")
        if foreign := data_files(self.path):
            raise UsageError(
                f"the folder {self.path} already holds {foreign[0].relative_to(self.path)}, which is not of this "
                "topic; readers of the folder would mix them: choose an empty or a new folder"
            )

    def _refuse_other_part(self) -> None:
        """Refuse to go on with another part of the topic; what was merged by copying may be made whole."""
        shard, found = self.label.shard, marked(self.path)
        if shard is None and len(found) != 1:
            return
        if shard is not None and found == [shard]:
            return
        held = f"the shard {found[0]}" if len(found) == 1 else "the shards " + ", ".join(map(str, found))
        if not found:
            remedy = f"holds files of the whole topic; choose another folder for --shard {shard}"
        elif len(found) == 1:
            remedy = f"holds {held} of this topic; use --shard {found[0]}, or another folder: folders merge by copying"
        else:
            remedy = f"holds {held} of this topic; leave --shard out to fetch what is missing, or choose another folder"
        raise UsageError(f"the folder {self.path} {remedy}")

    def _forget_shards(self) -> None:
        for shard in marked(self.path):
            mark(self.path, shard).unlink()
        with suppress(OSError):
            (self.path / SHARDS_FOLDER).rmdir()

    def _clear(self) -> None:
        for item in read_commits(self.records):
            if isinstance(item, Commit):
                self._remove(item)
                for file in item.files:
                    self._prune((self.path / file.name).parent)
        self._forget_shards()
        (self.records / JOB_FILE).unlink(missing_ok=True)

    def _recover(self) -> None:
        """Keep the commits whose files are there; remove everything of ours that no commit names."""
        self.commits, self.alerts = {}, 0
        ends: dict[int, int] = {}
        for item in read_commits(self.records):
            if isinstance(item, Path):
                item.unlink()
            elif self.is_whole(item) and item.first >= ends.get(item.partition or 0, 0):
                self.add(item)
                ends[item.partition or 0] = item.last + 1
            else:
                self._remove(item)
        self.found = self.alerts
        named = {self.path / file.name for commit in self.commits.values() for file in commit.files}
        stray = [path for path in self._own_names() if path not in named]
        for path in stray:
            path.unlink()
        for folder in {path.parent for path in stray}:
            sync_folder(folder)

    def _own_names(self) -> Iterable[Path]:
        for path in data_files(self.path):
            if path.suffix.removeprefix(".") in FORMATS and parse_stem(path.stem):
                yield path
        for folder in (self.records, *(self.records / name for name in (COMMITS_FOLDER, BAD_FOLDER, SHARDS_FOLDER))):
            yield from folder.glob(".*.tmp")
        yield from (path for path in self.path.rglob(".*.tmp") if not is_hidden(path.parent, self.path))

    def _prune(self, folder: Path) -> None:
        """Remove a folder below this one, and those around it, as far as they are empty."""
        while folder != self.path and self.path in folder.parents:
            try:
                folder.rmdir()
            except OSError:  # something else is in it
                return
            folder = folder.parent

    def is_whole(self, commit: Commit) -> bool:
        """Tell whether all files of a commit are there, of this topic and, as far as `changed` looks, as committed."""
        return commit.topic == self.label.topic and not self.changed(commit)

    def changed(self, commit: Commit) -> list[str]:
        """Return the names of files that are not as they were committed.

        The size always tells. Bytes are read only where a file was touched after its record was written, as a copy or
        a change does; if they are right, the record gets the file's time, so that they are read once. Raises
        `AlertferryError` for a file that cannot be read.
        """
        record = commits_folder(self.records) / commit.name
        known = latest = record.stat().st_mtime_ns
        wrong = []
        for file in commit.files:
            path = self.path / file.name
            try:
                status = path.stat()
                if stat.S_ISDIR(status.st_mode):
                    raise UsageError(f"{path} is a folder, where a file was delivered; remove it and try again")
                same = stat.S_ISREG(status.st_mode) and status.st_size == file.bytes
                touched = same and status.st_ctime_ns > known
                if not same or (touched and checksum(path) != file.checksum):
                    wrong.append(file.name)
                elif touched:
                    latest = max(latest, status.st_ctime_ns)
            except (FileNotFoundError, NotADirectoryError):
                wrong.append(file.name)
            except OSError as error:
                raise AlertferryError(f"{path} cannot be read ({error.strerror}); see to that and try again") from None
        if latest > known and not wrong:
            with suppress(OSError):  # of another user; then they are read again the next time
                os.utime(record, ns=(latest, latest))
        return wrong

    def _remove(self, commit: Commit) -> None:
        # the record first: a file without a record is removed by the next start, a record without a file is a loss
        (commits_folder(self.records) / commit.name).unlink(missing_ok=True)
        sync_folder(commits_folder(self.records))
        for file in commit.files:
            (self.path / file.name).unlink(missing_ok=True)
        for offset in commit.bad:
            name = message_stem(commit.partition or 0, offset)
            for suffix in (".bin", ".json"):
                (self.records / BAD_FOLDER / f"{name}{suffix}").unlink(missing_ok=True)
        if self.commits.pop(commit.span, None) is not None:
            self.alerts -= commit.rows


def remove_empty_file(folder: Folder) -> None:
    """Withdraw the file of a topic without alerts, once there are alerts."""
    commit = folder.commits.get(None)
    if commit is not None and folder.alerts:
        folder.withdraw(commit)

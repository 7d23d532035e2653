"""`verify`: does a folder hold exactly what its job's receipt names? Answered from the files, without a broker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from alertferry.consumer.delivery import count_text
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.receipt import RECEIPT_FILE, Manifest, Receipt, format_digest
from alertferry.core.settings import Settings

if TYPE_CHECKING:
    from alertferry.consumer.commits import Commit, DataFile
    from alertferry.consumer.evidence import Facts
    from alertferry.consumer.folder import Label
    from alertferry.consumer.identity import Ids
    from alertferry.consumer.shards import Shard
    from alertferry.consumer.spans import Coverage, Span


_GOOD = "complete, each once, ids as in the receipt"


@dataclass(frozen=True)
class Verification:
    """Outcome of comparing a folder with its receipt.

    ``alerts`` are the rows that a reader of the folder finds, ``distinct`` the alert ids among them (None where the
    packet has none), ``duplicates`` the packets that are there twice, ``missing`` the alerts of the receipt that are
    not there. ``repeats`` counts the equal packets that the job left out, ``remarks`` says what is unusual.
    ``digest_ok`` tells whether the alert ids are those of the receipt; None when there is no receipt to compare with.
    ``problems`` name the files at fault. ``shard`` is the part of the topic that the folder holds (``2/5``), None for
    the whole: ids can be compared only once all parts are together.
    """

    folder: Path
    ok: bool
    alerts: int
    missing: int
    duplicates: int
    digest_ok: bool | None
    problems: tuple[str, ...]
    note: str = ""
    shard: str | None = None
    distinct: int | None = None
    repeats: int = 0
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        part = f" (shard {self.shard})" if self.shard else ""
        head = f"{count_text(self.alerts)} in {self.folder}{part}: "
        if self.ok:
            return head + "; ".join([self.note or _GOOD, *self.remarks])
        wrong = [f"{self.missing:,} missing"] if self.missing else []
        wrong += [f"{self.duplicates:,} repeated"] if self.duplicates else []
        wrong += ["ids are not those of the receipt"] if self.digest_ok is False else []
        return head + ", ".join([*wrong, count_text(len(self.problems), "problem")])


def verify(folder: str | Path, settings: Settings | None = None) -> Verification:
    """Compare the files of a folder with the receipt of their job: counts, duplicates, digest, checksums.

    The folder of a shard is compared with its part of the receipt, folders of shards copied into one with all of it.

    Works without a broker; with ``settings``, a receipt that came after the last run of the consumer is read from the
    broker. Raises `UsageError` for folders that neither `consume` nor a files job wrote.
    """
    path = Path(folder)
    try:
        return _verify(path, settings)
    except OSError as error:
        where, said = error.filename or path, error.strerror or error
        kind = UsageError if isinstance(error, PermissionError) else AlertferryError
        raise kind(f"{where} cannot be read ({said}); see to that, and verify again") from None


def _verify(path: Path, settings: Settings | None) -> Verification:
    from alertferry.consumer.folder import Label
    from alertferry.consumer.records import records_folder

    if not path.is_dir():
        raise UsageError(f"{path} is not a folder; name the folder that `alertferry consume` wrote")
    label = Label.read(path)
    if label is not None:
        return _verify_consumed(path, label, settings)
    records = records_folder(path)
    if (records / RECEIPT_FILE).is_file():
        return _verify_written(path)
    lack = f"no {RECEIPT_FILE}" if records == path else f"neither {records} nor a {RECEIPT_FILE}"
    raise UsageError(
        f"{path} has no receipt: there is {lack} in it, so there is nothing to compare its files with; name a folder "
        "that `alertferry consume` or a files job wrote (one that was moved or copied needs its records beside "
        "it)"
    )


def _new_ids() -> Ids:
    from alertferry.consumer.identity import Ids

    return Ids()


@dataclass
class _Findings:
    """Everything known about a folder, and what is wrong with it."""

    folder: Path
    receipt: Receipt | None
    files: list[Facts] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    digest: int = 0
    bad: int = 0
    bad_digest: int = 0
    copied_rows: int = 0
    note: str = ""
    shard: Shard | None = None
    ids: Ids = field(default_factory=_new_ids)
    id_of_whole: str | None = None
    """Where the alert id is, if files hold all of each packet."""

    def result(self) -> Verification:
        """Weigh the findings against the receipt; they are no more to be used."""
        with closing(self.ids):
            return self._weigh()

    def _weigh(self) -> Verification:
        rows, receipt = sum(facts.rows for facts in self.files), self.receipt
        twice = self._packets_twice()
        if twice and not self.problems:
            self.problems.append(f"packets that are there twice, the same in everything: {twice:,}")
        digest_ok = self._digest_ok()
        wrong = bool(self.problems) or digest_ok is False
        wrong = wrong or (receipt is not None and rows + self.bad != receipt.alerts)
        duplicates = max(self.ids.repeated if twice is None else twice, self.copied_rows) if wrong else 0
        missing = max(0, receipt.alerts - self.bad - (rows - duplicates)) if receipt else 0
        if wrong and not self.problems:
            self.problems.append(_unexplained(rows + self.bad, receipt, duplicates))
        found = Verification(
            self.folder, not wrong, rows, missing, duplicates, digest_ok, tuple(self.problems), self.note
        )
        if all(facts.has_ids for facts in self.files):
            found = replace(found, distinct=self.ids.distinct)
        if self.shard is None:
            return replace(found, remarks=self._remarks(found), repeats=receipt.repeats if receipt else 0)
        note = self.note or (
            f"the shard {self.shard} is complete, each alert once; the ids are compared with the receipt once the "
            f"folders of all {self.shard.count} shards are copied into one"
        )
        return replace(found, digest_ok=None, note=note, shard=str(self.shard))

    def _packets_twice(self) -> int | None:
        """Return how many packets are equal to another; None where ids alone tell, or not all of a packet is here."""
        from alertferry.consumer.identity import packets_twice

        if self.receipt is None or not (self.receipt.differing or self.receipt.null_ids) or self.id_of_whole is None:
            return None
        files = [self.folder / facts.name for facts in self.files if facts.has_ids and not facts.trouble]
        return packets_twice(files, self.id_of_whole, self.ids)

    def _remarks(self, found: Verification) -> tuple[str, ...]:
        """Return what is unusual; a receipt of 0.1.0 does not know that rows share an id."""
        told = self.receipt.remarks if self.receipt else ()
        if self.receipt is None or self.receipt.distinct is not None or found.distinct in (None, found.alerts):
            return told
        return (f"{found.alerts - (found.distinct or 0):,} with the id of another, or without one", *told)

    def _digest_ok(self) -> bool | None:
        if self.receipt is None:
            return None
        return format_digest(self.digest + self.bad_digest) == self.receipt.digest


def _unexplained(found: int, receipt: Receipt | None, duplicates: int) -> str:
    expected = receipt.alerts if receipt else 0
    repeated = f", {duplicates:,} of them repeated" if duplicates else ""
    same = "the number is right, but the alert ids differ" if found == expected else f"the receipt names {expected:,}"
    return f"the files hold {found:,} alerts{repeated}; {same}: a file was removed, added or rewritten"


def _verify_consumed(folder: Path, label: Label, settings: Settings | None) -> Verification:
    """Check every file against its commit record, and their sum against the receipt."""
    from alertferry.consumer.commits import Commit, read_commits, total_digest
    from alertferry.consumer.layout import BAD_FOLDER, data_files
    from alertferry.consumer.records import records_folder
    from alertferry.consumer.shards import marked

    held = marked(folder)
    label, differing = _merged(folder, label, held)
    label = replace(label, manifest=_newest(label, settings))
    findings = _Findings(folder, label.receipt, problems=differing, shard=held[0] if len(held) == 1 else None)
    findings.id_of_whole = None if label.select else label.alert_id
    commits: list[Commit] = []
    records = records_folder(folder)
    for item in read_commits(records):
        if isinstance(item, Commit):
            commits.append(item)
        else:
            findings.problems.append(
                f"{item.relative_to(records)}: the commit record cannot be read; consume the topic again"
            )
    for commit in commits:
        _check_commit(findings, commit, label)
    named = {file.name for commit in commits for file in commit.files}
    for path in data_files(folder):
        if str(path.relative_to(folder)) not in named:
            _check_stranger(findings, path, label)
    findings.bad = sum(len(commit.bad) for commit in commits)
    findings.bad_digest = total_digest(commit.bad_digest for commit in commits)
    if findings.bad:
        findings.problems.append(f"{BAD_FOLDER}: {findings.bad:,} messages could not be read and are set aside there")
    _check_extent(findings, commits, label, held)
    if findings.shard is not None and findings.receipt is not None:
        findings.receipt = _of_shard(findings.shard, findings.receipt, commits)
    return findings.result()


def _merged(folder: Path, label: Label, held: Sequence[Shard]) -> tuple[Label, list[str]]:
    """Return the label with the receipt if any shard has it, and which shards were not made alike.

    A copied folder brings its own ``_job.json``: the last one copied need not be the newest.
    """
    from alertferry.consumer.folder import Label
    from alertferry.consumer.shards import mark

    differing = []
    for shard in held:
        other = Label.read_file(mark(folder, shard))
        clash = label.clash(other) if other else None
        if clash:
            differing.append(f"the shard {shard} does not fit: {label.topic} here {clash}")
        elif other is not None and label.receipt is None:
            label = replace(label, manifest=other.manifest)
    return label, differing


def _of_shard(shard: Shard, receipt: Receipt, commits: Sequence[Commit]) -> Receipt:
    """Return what the receipt says of one shard; its ids must be those of the keys that were committed."""
    from alertferry.consumer.commits import total_digest
    from alertferry.consumer.shards import share_of

    alerts = share_of(receipt, shard)
    if alerts is None:
        alerts = sum(commit.rows + len(commit.bad) for commit in commits)
    digest = total_digest(value for commit in commits for value in (commit.digest, commit.bad_digest))
    own = {"alerts": alerts, "digest": format_digest(digest), "distinct": None, "null_ids": 0}
    return receipt.model_copy(update=own)


def _newest(label: Label, settings: Settings | None) -> Manifest | None:
    known = label.manifest
    if known is None or known.state != "publishing" or settings is None or not settings.bootstrap_servers:
        return known
    from alertferry.consumer.source import Source

    source = Source(label.topic, settings, timeout=5.0)
    try:
        now = source.manifest
    finally:
        source.close()
    same = now is not None and (now.job_hash, now.created) == (known.job_hash, known.created)
    return now if same else known


def _check_commit(findings: _Findings, commit: Commit, label: Label) -> None:
    if commit.topic != label.topic:
        findings.problems.append(f"_commits/{commit.name}: belongs to the topic {commit.topic}, not {label.topic}")
    intact = [_check_file(findings, file, label) for file in commit.files]
    found = [facts for facts in intact if facts is not None]
    if len(found) == len(commit.files) and not all(facts.has_ids for facts in found):
        # the packet holds no alert id: the keys' digest stands for files whose bytes are as they were committed
        findings.digest += int(commit.digest or "0", 16)
    else:
        findings.digest += sum(facts.digest for facts in found)


def _check_file(findings: _Findings, file: DataFile, label: Label) -> Facts | None:
    """Return what a committed file says; None when it is not as it was committed."""
    from alertferry.consumer.evidence import inspect, problem_of, read_container_ids

    path = findings.folder / file.name
    alert_id = label.alert_id
    if not path.exists():
        findings.problems.append(
            f"{file.name}: missing, with {file.rows:,} alerts; consume the topic again to get it back"
        )
        return None
    facts = inspect(path, findings.folder, alert_id, findings.ids)
    findings.files.append(facts)
    if problem := problem_of(facts, file, label.topic):
        findings.problems.append(problem)
        return None
    if path.suffix == ".avro" and alert_id is not None:
        read_container_ids(path, facts, alert_id, findings.ids)
    return facts


def _check_stranger(findings: _Findings, path: Path, label: Label) -> None:
    """Report a file that no commit names: readers of the folder would take it for alerts of this topic."""
    from alertferry.consumer.evidence import inspect

    facts = inspect(path, findings.folder, label.alert_id, findings.ids)
    twin = next((other for other in findings.files if other.checksum == facts.checksum), None)
    findings.files.append(facts)
    findings.digest += facts.digest
    if twin is not None:
        findings.copied_rows += facts.rows
        why = f"a copy of {twin.name}"
    elif facts.topic not in (None, label.topic):
        why = f"holds alerts of the topic {facts.topic}, not {label.topic}"
    else:
        why = "was not committed by `alertferry consume`"
    findings.problems.append(f"{facts.name}: {why}; remove it")


def _check_extent(findings: _Findings, commits: Sequence[Commit], label: Label, held: Sequence[Shard]) -> None:
    """Report what was never fetched, shards that are not here, and jobs that are not complete."""
    from alertferry.consumer.shards import absent
    from alertferry.consumer.spans import coverage, spans_of

    manifest = label.manifest
    if manifest is None:
        findings.note = "files are as they were committed; the topic carries no receipt to compare with"
        return
    if manifest.receipt is None:
        ended = manifest.state in ("failed", "cancelled")
        remedy = "it never will be: submit the job again" if ended else "consume the topic again to get its receipt"
        findings.problems.append(f"the job has not said that it is complete (it is {manifest.state}); {remedy}")
        return
    covered = coverage(commit.span for commit in commits if commit.span is not None)
    for shard in absent(held) if len(held) > 1 else ():
        own = _gaps(covered, shard, manifest.receipt)
        if own:
            size = sum(gap.size for gap in own)
            findings.problems.append(
                f"the shard {shard} is not here, with {size:,} alerts: copy its folder into this one, or fetch it with "
                f"--shard {shard} into a folder of its own"
            )
            covered = coverage([*spans_of(covered), *own])
    for gap in _gaps(covered, findings.shard, manifest.receipt):
        findings.problems.append(f"{gap}: not fetched; consume the topic again")


def _gaps(covered: Coverage, shard: Shard | None, receipt: Receipt) -> list[Span]:
    from alertferry.consumer.shards import lacking, portion

    return lacking(covered, portion(shard, receipt.partitions))


def _verify_written(folder: Path) -> Verification:
    """Check the parquet files of a files job, which has no commit records: every page, all ids, the receipt."""
    from alertferry.consumer.evidence import inspect, unread
    from alertferry.consumer.layout import data_files
    from alertferry.consumer.records import records_folder

    kept = records_folder(folder) / RECEIPT_FILE
    manifest = Manifest.from_json(kept.read_bytes())
    if manifest is None:
        raise UsageError(f"{kept} is not a receipt; it was changed, or another program wrote it")
    findings = _Findings(folder, manifest.receipt, id_of_whole=manifest.alert_id)
    if manifest.receipt is None:
        findings.problems.append(f"{RECEIPT_FILE}: the job is not complete, it is {manifest.state}")
    for path in data_files(folder):
        facts = inspect(path, folder, manifest.alert_id, findings.ids, every_page=True)
        if facts.trouble:
            findings.problems.append(unread(facts, "run the job again into another folder"))
        twin = next((other for other in findings.files if other.checksum == facts.checksum), None)
        if twin is not None and facts.rows:
            findings.copied_rows += facts.rows
            findings.problems.append(f"{facts.name}: a copy of {twin.name}; remove it")
        findings.files.append(facts)
        findings.digest += facts.digest
    _check_kin(findings)
    if manifest.alert_id is None:
        _trust_counts(findings)
    return findings.result()


def _check_kin(findings: _Findings) -> None:
    """Report files that do not look like the others, which Spark wrote in one go."""
    readable = [facts for facts in findings.files if not facts.trouble]
    common = Counter(facts.columns for facts in readable).most_common(1)
    for facts in readable:
        if facts.columns != common[0][0]:
            findings.problems.append(f"{facts.name}: has other columns than the rest; it is not of this job")
        elif facts.topic is not None:
            findings.problems.append(f"{facts.name}: holds alerts of the topic {facts.topic}, not of this job")


def _trust_counts(findings: _Findings) -> None:
    """Compare counts only: the packet holds no alert id."""
    if findings.receipt is not None:
        findings.digest = int(findings.receipt.digest or "0", 16)
    findings.note = "the packet holds no alert id, so alerts were counted but not compared"

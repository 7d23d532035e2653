"""How a run ended, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alertferry.consumer.commits import total_digest
from alertferry.consumer.delivery import GOOD, Delivery, State, count_text
from alertferry.consumer.folder import Folder
from alertferry.consumer.layout import BAD_FOLDER
from alertferry.consumer.pacing import Pacing
from alertferry.consumer.shards import lacking
from alertferry.consumer.source import Outlook
from alertferry.consumer.spans import Span
from alertferry.core.receipt import RECORDS_SUFFIX, Receipt, format_digest

if TYPE_CHECKING:
    from alertferry.consumer.fetch import Order

NAMES_SHOWN = 3

AGAIN = "run the same command again to continue"


def verdict(
    folder: Folder, outlook: Outlook, limit: int | None, todo: Sequence[Span], pacing: Pacing
) -> Delivery | None:
    """Return how the run ends, or None when it does not end yet."""
    manifest = outlook.manifest
    if manifest is not None and manifest.state in ("failed", "cancelled"):
        return _job_ended(folder, manifest.state, manifest.reason)
    if todo:
        return None
    lost = outlook.expired(folder.coverage())
    if limit is not None and folder.alerts >= limit and not _all_there(folder, outlook):
        return _delivery(folder, "limit", f"{_safe(folder)}, as asked for; without --limit, the same command continues")
    if lost and (outlook.receipt is not None or pacing.gave_up()):
        return _expired(folder, lost)
    if outlook.receipt is not None and not outlook.vanished:
        return _settle(folder, outlook.receipt) if outlook.shard is None else _settle_shard(folder, outlook)
    return _out_of_patience(folder, outlook) if pacing.gave_up() else None


def _all_there(folder: Folder, outlook: Outlook) -> bool:
    return outlook.receipt is not None and not lacking(folder.coverage(), outlook.portion)


def complete(folder: Folder, remark: str = "") -> Delivery:
    """Return the delivery of a folder that holds all of its job."""
    if folder.spoiled:
        said = f"not as delivered any more: {_listed(folder.spoiled)}; the others are{remark}; submit the job again"
        return _delivery(folder, "damaged", f"of {_safe(folder)}, some are {said}")
    shard = folder.label.shard
    whole = "all that the job's receipt names"
    if shard is not None:
        whole = f"all of the shard {shard}; copy the folders of all shards into one, and `alertferry verify` proves it"
    elif 0 < folder.found == folder.alerts:
        whole += f", as recorded before; `alertferry verify {folder.path}` proves the files"
    return _delivery(folder, "complete", f"{_safe(folder)}: {whole}{_dropped(folder)}{_remarks(folder)}{remark}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {len(names) - NAMES_SHOWN} more" * (len(names) > NAMES_SHOWN))


def interrupted(folder: Folder, outlook: Outlook, name: str) -> Delivery:
    """Return the delivery of a run that was told to stop."""
    return _delivery(folder, "interrupted", f"stopped by {name}; {_safe(folder)}{_of(outlook)}: {AGAIN}")


def silent(folder: Folder, outlook: Outlook, said: str) -> Delivery:
    """Return the delivery of a run whose broker stopped sending."""
    return _delivery(folder, "incomplete", f"{said}; {_safe(folder)}{_of(outlook)}: {AGAIN}")


def unreachable(folder: Folder, order: Order) -> Delivery:
    """Return the delivery of a run whose broker stopped answering."""
    servers, seconds = order.settings.bootstrap_servers, order.limits.timeout
    return _delivery(
        folder, "incomplete", f"the broker at {servers} has not answered for {seconds:g} s; {_safe(folder)}: {AGAIN}"
    )


def _delivery(folder: Folder, state: State, message: str, lost: int = 0) -> Delivery:
    strangers = folder.strangers() if state in GOOD else ()
    if strangers:
        state = "damaged"
        message += (
            f"; but not of this delivery: {_listed(strangers)}, which readers of the folder take for its alerts; "
            f"remove what is foreign, then `alertferry verify {folder.path}` proves the rest"
        )
    return Delivery(
        topic=folder.label.topic,
        folder=folder.path,
        state=state,
        alerts=folder.alerts,
        files=folder.files,
        duplicates_dropped=folder.dropped,
        bad=folder.bad,
        expired=lost,
        message=message + _former(folder),
    )


def _former(folder: Folder) -> str:
    """Return what became of the records of a delivery that was in the folder before."""
    if folder.former is None:
        return ""
    return (
        f"; the files delivered to {folder.path} before are gone from there, and their records are kept in "
        f"{folder.former}: if you moved the files to `new`, rename it to `_new{RECORDS_SUFFIX}`, beside them"
    )


def _safe(folder: Folder) -> str:
    return f"{count_text(folder.alerts)} in {folder.path}"


def _of(outlook: Outlook) -> str:
    return "" if outlook.expected is None else f" of {outlook.expected:,}"


def _dropped(folder: Folder) -> str:
    return f"; {count_text(folder.dropped, 'repeated record')} left out" if folder.dropped else ""


def _remarks(folder: Folder) -> str:
    """Return what the job says of alerts that are unusual."""
    receipt = folder.label.manifest.receipt if folder.label.manifest else None
    return "".join(f"; {remark}" for remark in receipt.remarks) if receipt else ""


def _bad(folder: Folder) -> str:
    return (
        f"{count_text(folder.bad, 'message')} cannot be read and {'is' if folder.bad == 1 else 'are'} kept in "
        f"{folder.records / BAD_FOLDER}, with the reasons: send them to whoever runs the broker's jobs"
    )


def _job_ended(folder: Folder, state: State, reason: str | None) -> Delivery:
    told = "was cancelled" if state == "cancelled" else "failed"
    because = f" ({reason})" if reason else ""
    return _delivery(
        folder,
        state,
        f"the job behind the topic {folder.label.topic} {told}{because}, so it will never be complete; {_safe(folder)} "
        "stay: submit the job again and fetch its new topic into another folder",
    )


def _expired(folder: Folder, lost: int) -> Delivery:
    return _delivery(
        folder,
        "expired",
        f"{count_text(lost)} of {folder.label.topic} expired on the broker before they were fetched, and cannot be "
        f"fetched any more; {_safe(folder)}: submit the job again to get them",
        lost,
    )


def _settle(folder: Folder, receipt: Receipt) -> Delivery:
    """Compare what is on disk with the receipt, now that everything was fetched."""
    digest = total_digest(value for commit in folder.commits.values() for value in (commit.digest, commit.bad_digest))
    counted = folder.alerts + folder.bad
    if counted != receipt.alerts or format_digest(digest) != receipt.digest:
        return _delivery(
            folder,
            "damaged",
            f"the topic {folder.label.topic} does not hold what its receipt says: {count_text(counted)} of "
            f"{receipt.alerts:,}, ids {'as' if format_digest(digest) == receipt.digest else 'not as'} in the receipt; "
            "somebody else wrote to it, or the job counted wrong: submit the job again",
        )
    if folder.bad:
        return _delivery(folder, "damaged", f"{_safe(folder)}; {_bad(folder)}")
    return complete(folder)


def _settle_shard(folder: Folder, outlook: Outlook) -> Delivery:
    """Compare a shard with its part of the receipt: the ids can only be compared once all shards are together."""
    counted = folder.alerts + folder.bad
    if outlook.expected is not None and counted + folder.dropped != outlook.expected:
        return _delivery(
            folder,
            "damaged",
            f"the topic {folder.label.topic} does not hold what its receipt says: {count_text(counted)} of "
            f"{outlook.expected:,} in the shard {outlook.shard}; submit the job again",
        )
    if folder.bad:
        return _delivery(folder, "damaged", f"{_safe(folder)}; {_bad(folder)}")
    return complete(folder)


def _out_of_patience(folder: Folder, outlook: Outlook) -> Delivery:
    if outlook.vanished:
        return _delivery(
            folder,
            "incomplete",
            f"the topic ends {count_text(outlook.vanished, 'record')} before its receipt says: the broker has lost "
            f"them or is not back in full; {_safe(folder)}: {AGAIN} once it is",
        )
    if outlook.manifest is None:
        remark = f"; {_bad(folder)}" if folder.bad else ""
        return _delivery(
            folder,
            "damaged" if folder.bad else "unconfirmed",
            f"{_safe(folder)}: all that the topic held. It carries no receipt, so its end was decided by waiting: "
            f"nothing new came for the whole timeout{remark}",
        )
    return _delivery(
        folder,
        "incomplete",
        f"the job behind {folder.label.topic} has not finished: it is still running, or stopped without reporting; "
        f"{_safe(folder)}, safe: {AGAIN}{_undivided(outlook)}",
    )


def _undivided(outlook: Outlook) -> str:
    if not outlook.undivided:
        return ""
    partitions = count_text(len(outlook.high), "partition")
    return f"; a topic of {partitions} is divided into so many shards by its receipt: nothing is fetched before"

"""`consume`: a topic to files, each alert exactly once, up to the job's receipt."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from alertferry.consumer import judge
from alertferry.consumer.connection import UnavailableError
from alertferry.consumer.delivery import Delivery, Progress
from alertferry.consumer.finished import finished
from alertferry.consumer.folder import Folder, Label, remove_empty_file
from alertferry.consumer.intake import Intake, Limits, OvertakenError, SilentBrokerError
from alertferry.consumer.layout import FORMATS, real
from alertferry.consumer.pacing import Pacing
from alertferry.consumer.signals import Interruption
from alertferry.consumer.source import Outlook, Source
from alertferry.consumer.spans import Span, missing, total, within
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.receipt import schema_fingerprint
from alertferry.core.settings import Settings

if TYPE_CHECKING:
    from alertferry.consumer.archive import FileFormat, Recipe
    from alertferry.consumer.crew import Crew, Task
    from alertferry.consumer.repeats import Offsets
    from alertferry.consumer.shards import Shard
    from alertferry.core.receipt import Manifest, Receipt

LOOK_SECONDS = 0.25
"""Pause between two looks at a topic that has nothing new."""


@dataclass(frozen=True)
class Order:
    """What was asked for. Raises `UsageError` for what cannot be meant."""

    topic: str
    folder: Path
    settings: Settings
    format: FileFormat
    limit: int | None
    workers: int | None
    from_beginning: bool
    dump_schemas: bool
    limits: Limits
    survey: str | None
    partition_by: str | None = None
    shard: Shard | None = None
    follow: bool = False
    select: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UsageError(f"no file format {self.format!r}; choose {' or '.join(FORMATS)}")
        if self.select and self.format == "avro":
            raise UsageError(
                "--select needs --format parquet: avro files hold the messages as they were published, byte for byte"
            )
        if not self.topic:
            raise UsageError("no topic is named; `alertferry run` prints it, and `alertferry jobs list` remembers it")
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"{self.folder} is a file; name a folder")
        numbers = {"limit": self.limit, "workers": self.workers, "timeout": self.limits.timeout}
        numbers |= {"batch_bytes": self.limits.batch_bytes, "batch_alerts": self.limits.batch_alerts}
        for name, value in numbers.items():
            if value is not None and not value > 0:
                raise UsageError(f"{name} must be greater than 0, got {value}")

    @property
    def group(self) -> str:
        """Kafka group under which this folder's progress is shown; the same for every run."""
        where = f"{real(self.folder)} {self.topic}" + (f" {self.shard}" if self.shard else "")
        return "alertferry-" + xxhash.xxh3_64_hexdigest(where.encode())

    def label(self, topic_id: str | None = None, manifest: Manifest | None = None) -> Label:
        """Return what the folder is for."""
        return Label(self.topic, self.format, topic_id, manifest, self.partition_by, self.select, self.shard)


def consume(order: Order, progress: Progress | None = None) -> Delivery:
    """Carry out an order. Raises `AlertferryError` for what stops it; ends that can be continued are deliveries."""
    with ExitStack() as stack:
        stop = stack.enter_context(Interruption())
        # no daemon: Python must not end in the middle of an import
        threading.Thread(target=_import_ahead, name="alertferry-imports").start()
        try:
            source = _source(order, stop)
        except AlertferryError as error:
            folder = None if order.from_beginning else finished(order.folder, order.label())
            if folder is None:
                raise
            return judge.complete(folder, f"; {error}")
        stack.callback(source.close)
        _check_source(order, source)
        order = _with_selection(order, source)
        recipe = _recipe(order, source)
        folder = Folder(order.folder, order.label(source.topic_id, source.manifest))
        stack.callback(folder.close)
        folder.open(order.from_beginning)
        run = stack.enter_context(_run(order, source, folder, recipe, stop))
        return run.deliver(progress or _silent)


def _import_ahead() -> None:
    """Import what decoding and writing need, while the broker is asked about the topic."""
    with suppress(ImportError):  # who needs it will say so
        from alertferry.consumer.fastpath import load

        import_module("pyarrow.parquet")
        load()


def _silent(_done: int, _expected: int | None) -> None:
    return


def _source(order: Order, stop: Interruption) -> Source:
    timeout = float("inf") if order.follow else order.limits.timeout
    return Source(order.topic, order.settings, timeout, order.shard, lambda: stop.requested)


def _check_source(order: Order, source: Source) -> None:
    known = source.manifest.survey if source.manifest else None
    if order.survey and known and order.survey != known:
        raise UsageError(f"the topic {order.topic} holds alerts of {known}, not {order.survey}; leave --survey out")
    partitions = len(source.partitions)
    if order.shard and source.manifest is None and order.shard.needs_receipt(partitions):
        raise UsageError(
            f"the topic {order.topic} carries no receipt, so it can be divided by partition only: use at most "
            f"{partitions} shards"
        )


def _with_selection(order: Order, source: Source) -> Order:
    """Return the order with the selection in the words of the topic: the alert id added, in the packet's order."""
    if not order.select:
        return order
    from alertferry.consumer import selection
    from alertferry.consumer.schemas import arrow_schema

    alert_id = source.manifest.alert_id if source.manifest else None
    return replace(order, select=selection.plan(order.select, arrow_schema(source.schema_json), alert_id))


def _recipe(order: Order, source: Source) -> Recipe:
    """Return the recipe of the files, once the schema is known to fit the format."""
    from alertferry.consumer.archive import Recipe
    from alertferry.consumer.partitioning import plan
    from alertferry.consumer.schemas import arrow_schema, parse_schema

    parse_schema(source.schema_json)
    divided = None
    if order.partition_by:
        divided = plan(order.partition_by, arrow_schema(source.schema_json), source.manifest, order.select)
    elif order.format == "parquet":
        arrow_schema(source.schema_json)
    return Recipe(
        folder=str(real(order.folder)),
        topic=order.topic,
        format=order.format,
        schema_json=source.schema_json,
        fingerprint=schema_fingerprint(source.schema_json),
        job_hash=source.manifest.job_hash if source.manifest else None,
        partitioning=divided,
        select=order.select,
        shard=str(order.shard) if order.shard else None,
    )


@contextmanager
def _run(order: Order, source: Source, folder: Folder, recipe: Recipe, stop: Interruption) -> Iterator[_Run]:
    from alertferry.consumer.crew import Task

    run = _Run(order, source, folder, Task(order.settings, recipe, order.group, order.limits), stop)
    try:
        yield run
    finally:
        if run.crew is not None:
            run.crew.close()


@dataclass
class _Run:
    """One run of the consumer: looks at the topic, fetches what is due, looks again, until the end is decided."""

    order: Order
    source: Source
    folder: Folder
    task: Task
    stop: Interruption
    crew: Crew | None = None
    skips: dict[int, Offsets] = field(default_factory=dict)
    looked_for_repeats: bool = False

    def deliver(self, progress: Progress) -> Delivery:
        if self.order.dump_schemas:
            from alertferry.consumer.dump import dump_schemas

            dump_schemas(self.order.topic, self.task.recipe, self.folder.records)
        pacing = Pacing(self.order.limits, self.order.follow)
        while True:
            outlook = self._look(pacing)
            if outlook is None:
                return judge.unreachable(self.folder, self.order)
            try:
                delivery = self._step(outlook, pacing, progress)
            except OvertakenError:
                continue  # the next look finds what expired
            except SilentBrokerError as error:
                return judge.silent(self.folder, outlook, str(error))
            if delivery is not None:
                return delivery

    def _step(self, outlook: Outlook, pacing: Pacing, progress: Progress) -> Delivery | None:
        """Do what is due after a look; return how the run ends, or None when it goes on."""
        self._expect(outlook)
        progress(self.folder.alerts, outlook.expected)
        todo = self._todo(outlook)
        verdict = judge.verdict(self.folder, outlook, self.order.limit, todo, pacing)
        if self.stop.requested:
            return judge.interrupted(self.folder, outlook, self.stop.name)
        if verdict is not None:
            return self._finish(verdict)
        if not pacing.due(todo, outlook) and not self._fills_limit(todo):
            self.stop.wait(LOOK_SECONDS)
            return None
        self._fetch(todo, outlook, progress)
        pacing.fetched(self.folder)
        return None

    def _look(self, pacing: Pacing) -> Outlook | None:
        """Return a new look at the topic; None when the broker has not answered for the whole timeout."""
        while not self.stop.requested:
            try:
                outlook = self.source.look()
            except UnavailableError:
                if pacing.unanswered():
                    return None
                self.stop.wait(LOOK_SECONDS)
                continue
            pacing.saw(outlook)
            return outlook
        return Outlook(self.source.manifest, {}, {}, self.order.shard)

    def _expect(self, outlook: Outlook) -> None:
        """Keep the newest manifest, and find the repeated records once the receipt says that there are some."""
        if outlook.manifest != self.folder.label.manifest:
            self.folder.relabel(outlook.manifest)
        receipt = outlook.receipt
        if receipt is None or self.looked_for_repeats:
            return
        surplus = receipt.records - receipt.alerts
        if surplus <= 0 or (self.folder.dropped == surplus and self.order.shard is None):
            return
        # a shard, too, reads all: which records are repetitions is decided by their number in the whole topic
        self._find_repeats(replace(outlook, shard=None), receipt)

    def _find_repeats(self, outlook: Outlook, receipt: Receipt) -> None:
        from alertferry.consumer.repeats import repeated_offsets

        intake = Intake(self.order.settings, self.order.topic, self.order.group, self.order.limits)
        try:
            spans = missing({}, outlook.starts, outlook.ends)
            self.skips = repeated_offsets(intake, spans, receipt, lambda: self.stop.requested, self.folder.path)
        finally:
            intake.close()
        if self.stop.requested:
            return
        self.looked_for_repeats = True
        for commit in list(self.folder.commits.values()):
            skipped = self.skips.get(commit.partition or 0)
            if commit.duplicates_dropped != (skipped.between(commit.first, commit.last) if skipped else 0):
                self.folder.withdraw(commit)

    def _todo(self, outlook: Outlook) -> list[Span]:
        """Return what is to be fetched and held by the broker, up to the limit."""
        spans = missing(self.folder.coverage(), outlook.starts, outlook.ends)
        limit = self.order.limit
        return within(spans, None if limit is None else max(0, limit - self.folder.alerts))

    def _fills_limit(self, todo: list[Span]) -> bool:
        limit = self.order.limit
        return limit is not None and bool(todo) and self.folder.alerts + total(todo) >= limit

    def _fetch(self, todo: list[Span], outlook: Outlook, progress: Progress) -> None:
        crew = self.crew = self.crew or self._new_crew(total(todo), outlook)
        for commit in crew.fetch(todo, self.skips, lambda: self.stop.requested):
            self.folder.add(commit)
            progress(self.folder.alerts, outlook.expected)
        remove_empty_file(self.folder)

    def _new_crew(self, alerts: int, outlook: Outlook) -> Crew:
        from alertferry.consumer.crew import Alone
        from alertferry.consumer.workers import Several, available_cores, useful_workers

        receipt = outlook.receipt
        size = receipt.bytes * alerts // receipt.alerts if receipt and receipt.alerts else 0
        workers = self.order.workers or useful_workers(self.order.format, alerts, size, available_cores())
        return Alone(self.task) if workers == 1 else Several(self.task, workers, self.folder.lock)

    def _finish(self, delivery: Delivery) -> Delivery:
        if delivery.state != "complete" or self.folder.files:
            return delivery
        from alertferry.consumer.archive import Archive

        self.folder.add(Archive(self.task.recipe).write_empty())
        return replace(delivery, files=self.folder.files)

"""`batches`: a topic's alerts as Arrow, nothing written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alertferry.consumer.archive import without
from alertferry.consumer.connection import GROUP, UnavailableError
from alertferry.consumer.decode import Decoder
from alertferry.consumer.delivery import count_text
from alertferry.consumer.intake import Chunk, Intake, Limits
from alertferry.consumer.pacing import Pacing
from alertferry.consumer.repeats import Offsets, repeated_offsets
from alertferry.consumer.source import Outlook, Source
from alertferry.consumer.spans import Span, coverage, missing
from alertferry.core.errors import DamagedError, IncompleteError
from alertferry.core.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

LOOK_SECONDS = 0.25


def stream(topic: str, settings: Settings, limits: Limits) -> Iterator[pa.RecordBatch]:
    """Yield every alert once, up to the receipt; one empty batch when there are none.

    Raises `IncompleteError` when the job did not finish, and `DamagedError`, after everything readable, when
    messages cannot be read or the receipt is not met.
    """
    with ExitStack() as stack:
        source = Source(topic, settings, limits.timeout)
        stack.callback(source.close)
        intake = Intake(settings, topic, GROUP, limits)
        stack.callback(intake.close)
        run = _Stream(source, intake, Decoder(source.schema_json), Pacing(limits))
        yield from run.batches()
        if not run.alerts:
            yield run.no_alerts()
        run.settle()


@dataclass
class _Stream:
    """What was given out so far."""

    source: Source
    intake: Intake
    decoder: Decoder
    pacing: Pacing
    alerts: int = 0
    dropped: int = 0
    covered: list[Span] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    skips: dict[int, Offsets] = field(default_factory=dict)
    outlook: Outlook | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        while True:
            outlook = self._look()
            self._refuse(outlook)
            covered = coverage(self.covered)
            todo = missing(covered, outlook.starts, outlook.ends)
            if todo:
                self._expect_repeats(outlook)
                for chunk in self.intake.fetch(todo, lambda: False):
                    yield from self._decode(chunk)
            elif outlook.receipt is not None and not outlook.vanished:
                return
            elif self.pacing.gave_up():
                if outlook.manifest is None:
                    return
                raise IncompleteError(
                    f"the job behind {self.source.topic} has not finished: {count_text(self.alerts)} were given out, "
                    "and nothing new came for the whole timeout"
                )
            else:
                time.sleep(LOOK_SECONDS)

    def no_alerts(self) -> pa.RecordBatch:
        """Return a batch with the topic's columns and no rows."""
        import pyarrow as pa

        return pa.RecordBatch.from_pylist([], schema=self.decoder.schema)

    def settle(self) -> None:
        """Raise `DamagedError` unless the alerts given out are those of the receipt."""
        if self.bad:
            raise DamagedError(
                f"{count_text(len(self.bad), 'message')} of {self.source.topic} cannot be read (the first: "
                f"{self.bad[0]}); all others were given out"
            )
        receipt = self.outlook.receipt if self.outlook else None
        if receipt is not None and receipt.alerts != self.alerts:
            raise DamagedError(
                f"the receipt of {self.source.topic} names {count_text(receipt.alerts)}, but {self.alerts:,} were "
                "given out: the topic holds repeated records that came before its receipt; read it again"
            )

    def _look(self) -> Outlook:
        while True:
            try:
                self.outlook = self.source.look()
            except UnavailableError:
                if self.pacing.gave_up():
                    raise
                time.sleep(LOOK_SECONDS)
                continue
            self.pacing.saw(self.outlook)
            return self.outlook

    def _refuse(self, outlook: Outlook) -> None:
        manifest = outlook.manifest
        if manifest is not None and manifest.state in ("failed", "cancelled"):
            raise IncompleteError(
                f"the job behind {self.source.topic} {manifest.state}: {manifest.reason or 'no reason given'}"
            )
        if lost := outlook.expired(coverage(self.covered)):
            raise DamagedError(
                f"{count_text(lost)} of {self.source.topic} expired on the broker before they were read; submit the "
                "job again"
            )

    def _expect_repeats(self, outlook: Outlook) -> None:
        receipt = outlook.receipt
        if receipt is None or self.covered or receipt.records <= receipt.alerts:
            return
        spans = missing({}, outlook.starts, outlook.ends)
        self.skips = repeated_offsets(self.intake, spans, receipt, lambda: False)

    def _decode(self, chunk: Chunk) -> Iterator[pa.RecordBatch]:
        kept = without(chunk, self.skips.get(chunk.span.partition, ()))
        decoded = self.decoder.decode(kept.values)
        self.covered.append(chunk.span)
        for index, reason in decoded.bad.items():
            self.bad.append(f"partition {chunk.span.partition}, offset {kept.offsets[index]}: {reason}")
        for batch in decoded.results:
            self.alerts += batch.num_rows
            yield batch

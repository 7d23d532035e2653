"""The two records that make delivery provable: the manifest of a job and the receipt of its result.

Both travel as JSON in the values of the companion topic ``<topic>_schema`` (keys hold the Avro schema) and,
for files, in ``_receipt.json`` among their records. This module imports neither Spark nor plugins: the consumer uses
it too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import xxhash
from pydantic import BaseModel, ConfigDict, Field

DIGEST_SEED = 42
"""Spark's own seed of ``xxhash64``, so that both sides compute the same number."""

SCHEMA_SUFFIX = "_schema"
RECEIPT_FILE = "_receipt.json"

RECORDS_SUFFIX = ".records"
"""The records of the delivery folder ``alerts`` are beside it, in ``_alerts.records``."""

MANIFEST_FORMAT = 1


class _Record(BaseModel):
    # made ready when first used: parts of a manifest are never used alone
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


Count = Annotated[int, Field(ge=0, lt=1 << 63)]
"""A number of things; whoever publishes a topic writes its receipt."""


class StepCount(_Record):
    """How many alerts were left after one named step."""

    name: str
    alerts: int


class Conversion(_Record):
    """A field (dotted) that some nights store as one type and the job read as another that holds the same values."""

    field: str
    stored: str
    read: str
    nights: tuple[str, ...] = ()


class Nights(_Record):
    """Which nights of the request the lake held, and which fields some of them lacked.

    ``lacking`` maps a night (``YYYY-MM-DD``) to the dotted fields that other nights have and it has not;
    these are null in its alerts. ``converted`` are the fields that were read as another type than they have.
    """

    found: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    lacking: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    converted: tuple[Conversion, ...] = ()


class AlertsPerSource(_Record):
    """How many alerts the matched sources have: least, median and most."""

    min: int
    median: float
    max: int


class CrossmatchReport(_Record):
    """What a crossmatch found, seen from the catalogue.

    ``name`` and ``sha256`` tell the catalogue; ``sources`` counts its usable rows, ``bad_rows`` those left out. Sources
    without an alert are split: ``unmatched_observed`` have an alert of the chosen nights, before any filter, in their
    HEALPix cell of order ``moc_order``; ``unmatched_never_observed`` have none. ``alerts_per_source`` is null when no
    source has an alert. For ``keep: nearest`` an alert belongs to its nearest source only.
    """

    name: str
    sha256: str
    keep: str
    sources: int
    bad_rows: int = 0
    matched_sources: int
    alerts_with_match: int
    alerts_per_source: AlertsPerSource | None = None
    unmatched_observed: int
    unmatched_never_observed: int
    moc_order: int


NAMED_ALERTS = 100
"""How many alerts a receipt names at most where it counts unusual ones."""


class Oversize(_Record):
    """Alerts whose packets were larger than the topic takes, and what became of them.

    ``action`` is ``drop-cutouts`` (sent without their cutouts) or ``skip`` (not sent, and not among the receipt's
    ``alerts``). ``ids`` names some of the ``alerts``, at most `NAMED_ALERTS`; a packet may have ``limit_bytes``.
    """

    action: Literal["drop-cutouts", "skip"]
    alerts: int
    ids: tuple[str, ...]
    limit_bytes: int

    def __str__(self) -> str:
        alerts = f"{self.alerts:,} alert{_s(self.alerts)}"
        what = "left out" if self.action == "skip" else "without cutouts"
        more = f" and {self.alerts - 5:,} more" if self.alerts > 5 else ""
        return f"{alerts} {what}, larger than {self.limit_bytes:,} bytes: {', '.join(self.ids[:5])}{more}"


class Receipt(_Record):
    """What was selected and what the destination holds.

    ``alerts`` counts packets. Several of one alert, equal in every byte, are one: ``repeats`` counts those that were
    left out. Packets of one alert that differ are all there: ``distinct`` counts the alert ids (None in receipts of
    0.1.0, which count every row), ``null_ids`` the packets of alerts that have none.

    ``digest`` is the order-free digest of the alert ids (see `ids_digest`), 16 hex digits. ``partitions``
    maps a Kafka partition to its end offset: the offset after the last record of the job. ``acknowledged`` maps it to
    the number of its records, fewer where transactions take offsets too. ``oversize`` is there when there were any.
    ``timings`` are seconds by part of the job.
    """

    alerts: Count
    bytes: Count
    digest: Annotated[str, Field(pattern="^[0-9a-f]{0,16}$")]
    schema_fingerprint: str
    job_hash: str
    partitions: dict[Count, Count] = Field(default_factory=dict)
    acknowledged: dict[Count, Count] = Field(default_factory=dict)
    distinct: Count | None = None
    repeats: Count = 0
    null_ids: Count = 0
    oversize: Oversize | None = None
    steps: tuple[StepCount, ...] = ()
    nights: Nights = Nights()
    crossmatch: tuple[CrossmatchReport, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0.0
    timings: dict[str, float] = Field(default_factory=dict)

    @property
    def records(self) -> int:
        """Number of records in the topic; more than ``alerts`` when a retried task sent some twice."""
        return sum((self.acknowledged or self.partitions).values())

    @property
    def differing(self) -> int | None:
        """Number of packets beyond the first of their alert, all different; None where nobody counted."""
        return None if self.distinct is None else self.alerts - self.null_ids - self.distinct

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is unusual of the alerts, in words; nothing usually."""
        said = [f"{self.repeats:,} equal packet{_s(self.repeats)} left out"] if self.repeats else []
        if self.differing:
            said.append(f"{self.differing:,} packet{_s(self.differing)} with the id of another, but not equal to it")
        if self.null_ids:
            said.append(f"{self.null_ids:,} alert{_s(self.null_ids)} without an id")
        return (*said, *([str(self.oversize)] if self.oversize else []))


def _s(count: int) -> str:
    return "" if count == 1 else "s"


class Manifest(_Record):
    """What a topic or a folder of files contains, and where its job stands.

    ``alert_id`` and ``time`` name columns of the packet (dotted paths of the Avro record), or are null when the
    packet has none. ``time_scale`` is one of `alertferry.core.time_scales.TIME_SCALES`.
    """

    format: int = MANIFEST_FORMAT
    state: Literal["publishing", "complete", "failed", "cancelled"] = "publishing"
    topic: str
    survey: str
    job: dict[str, Any]
    job_hash: str
    schema_fingerprint: str
    alert_id: str | None = None
    time: str | None = None
    time_scale: str | None = None
    created: str
    reason: str | None = None
    receipt: Receipt | None = None

    def to_json(self) -> str:
        """Return the canonical JSON text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest | None:
        """Read a manifest; None when the text is not one (the peer publishes other values)."""
        try:
            return cls.model_validate_json(text)
        except ValueError:
            return None


def schema_fingerprint(schema_json: str) -> str:
    """Return the SHA-256 of an Avro schema with insignificant white space removed, as hex."""
    canonical = json.dumps(json.loads(schema_json), separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def job_hash(job: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a job's canonical JSON, as hex."""
    canonical = json.dumps(job, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def ids_digest(ids: Iterable[bytes | None], start: int = 0) -> int:
    """Return the order-free digest of alert ids: the sum of XXH64(id, seed 42), modulo 2^64.

    Ids are the bytes of the Kafka keys (the alert id as decimal text). Equal to Spark's
    ``sum(xxhash64(key))`` with wrapping long arithmetic, which takes the seed for an id that is null; digests of
    disjoint parts add up.
    """
    total = start
    for key in ids:
        total += DIGEST_SEED if key is None else xxhash.xxh64_intdigest(key, DIGEST_SEED)
    return total & 0xFFFFFFFFFFFFFFFF


def format_digest(value: int) -> str:
    """Return a digest as 16 hex digits; negative numbers are Spark's signed longs."""
    return f"{value & 0xFFFFFFFFFFFFFFFF:016x}"

"""What an estimate and a preview say."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class FieldFacts(_Result):
    """What a field of a condition holds in the alerts that were looked at."""

    path: str
    """Dotted path; ``size(path)`` for arrays and maps, whose lengths are described."""

    min: float | int | str | bool | None = None
    """Least value; None where all are null or values have no order. NaN is left out."""

    max: float | int | str | bool | None = None
    """Greatest value."""

    null_share: float = 0.0
    """Share of alerts in which the field is null, from 0 to 1."""

    nan_share: float = 0.0
    """Share of alerts in which the field is NaN: not a number, and in a comparison unknown as null is."""


class LineDiagnosis(_Result):
    """One condition by itself, whatever the other filters say."""

    line: str
    """The condition as it was written."""

    passing: int
    """Alerts looked at that fulfil it."""

    share: float
    """The same as a share, from 0 to 1."""

    fields: tuple[FieldFacts, ...] = ()
    """Fields that stand in it."""


class Diagnosis(_Result):
    """Why no alert passes."""

    step: str
    """Name of the step that removed everything."""

    message: str
    """The finding as sentences."""

    lines: tuple[LineDiagnosis, ...] = ()
    """Every SQL condition of the job by itself."""


class EstimatedStep(_Result):
    """Alerts left after a step of the job, with a 95 % interval."""

    name: str
    alerts: int
    low: int
    high: int


class Estimate(_Result):
    """How much a job will carry, with 95 % intervals; ``exact`` when every alert was looked at."""

    alerts: int
    low: int
    high: int
    bytes: int
    bytes_low: int
    bytes_high: int
    bytes_per_alert: float | None = None
    """Mean size of a packet as the output writes it; None when there was none to measure."""

    steps: tuple[EstimatedStep, ...] = ()
    sampled: int = 0
    """Alerts that were looked at."""

    exact: bool = False
    """Whether the number of alerts is a count and no estimate: low, alerts and high are the same."""

    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """Sentences a user should read: nights that are absent, how few alerts the numbers rest on."""

    doctor: Diagnosis | None = None
    """Why nothing passes, when nothing of what was looked at does."""


class PreviewColumn(_Result):
    """A column of the packets."""

    name: str
    type: str
    """Its Avro type as text: ``long``, ``array of record``, ``bytes``; ``?`` at the end when it can be null."""


class Preview(_Result):
    """Some records exactly as the job would deliver them."""

    columns: tuple[PreviewColumn, ...]
    records: tuple[dict[str, Any], ...]
    """Values as JSON has them: bytes as their length, NaN and infinities as text, whole numbers exact."""

    avro_schema: str
    """The Avro schema of the packets, as JSON."""

    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    doctor: Diagnosis | None = None
    """Why there is no record, when there is none."""

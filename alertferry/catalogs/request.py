"""What is asked of a catalogue: the message from the caller's process to the one that reads the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alertferry.catalogs.angle_units import given_unit, is_hours
from alertferry.catalogs.model import MAX_BYTES, MAX_ROWS, OnBadRows
from alertferry.core.errors import UsageError

FIRST_YEAR, LAST_YEAR = 1800.0, 2200.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """Names of columns, limits, and how many rows to show (0: read the catalogue)."""

    ra: str | None = None
    dec: str | None = None
    id: str | None = None
    radius: str | None = None
    pmra: str | None = None
    pmdec: str | None = None
    epoch: str | float | None = None
    columns: Sequence[str] = ()
    on_bad_rows: OnBadRows = "fail"
    max_rows: int = MAX_ROWS
    max_bytes: int = MAX_BYTES
    preview_rows: int = 0
    table: str | int | None = None
    format: str | None = None
    unit: str | None = None
    ra_unit: str | None = None
    dec_unit: str | None = None

    @property
    def units(self) -> tuple[str, str]:
        """The units of right ascension and declination that the user says; hours are of right ascension only."""
        both = self.unit or ""
        return self.ra_unit or both, self.dec_unit or ("deg" if is_hours(both) else both)

    def check(self) -> None:
        """Raise `UsageError` for combinations that make no sense, whatever the file holds."""
        if self.on_bad_rows not in ("fail", "drop"):
            raise UsageError(f"on_bad_rows: must be 'fail' or 'drop', got {self.on_bad_rows!r}")
        if min(self.max_rows, self.max_bytes) < 1:
            raise UsageError("max_rows: and max_bytes: must be at least 1")
        if (self.ra is None) != (self.dec is None):
            raise UsageError("ra: and dec: go together: name both columns or neither")
        if (self.pmra is None) != (self.pmdec is None):
            raise UsageError("pmra: and pmdec: go together: name both columns or neither")
        if (self.pmra is None) != (self.epoch is None):
            raise UsageError("pmra:, pmdec: and epoch: go together: proper motions need the year of the positions")
        for name in ("unit", "ra_unit", "dec_unit"):
            try:
                given_unit(getattr(self, name) or "deg")
            except ValueError as error:
                raise UsageError(f"{name}: {error}") from None
        if isinstance(self.epoch, int | float) and not FIRST_YEAR <= self.epoch <= LAST_YEAR:
            raise UsageError(f"epoch: must be a column or a Julian year from 1800 to 2200, got {self.epoch}")

    def to_fields(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Request:
        """Read what `to_fields` returned."""
        return cls(**fields)

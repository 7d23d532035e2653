"""What is known of a catalogue beside its rows: the answer of the process that has read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from alertferry.catalogs.model import BadRow, Column, Guess


@dataclass
class Report:
    """Filled in as the reading goes on; travels as JSON."""

    format: str = ""
    rows: int = 0
    columns: Sequence[Column] = ()
    guess: Guess = field(default_factory=Guess)
    used: Mapping[str, str] = field(default_factory=dict)
    guessed: Sequence[str] = ()
    units: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bad_rows: Sequence[BadRow] = ()
    bad_row_count: int = 0
    warnings: Sequence[str] = ()
    first_rows: Sequence[Sequence[str | None]] = ()
    problem: str = ""
    statistics: Mapping[str, Any] = field(default_factory=dict)

    def to_fields(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Report:
        """Read what `to_fields` returned."""
        guess = dict(fields["guess"])
        guess["unclear"] = {role: tuple(names) for role, names in guess["unclear"].items()}
        return cls(
            **{
                **fields,
                "columns": tuple(Column(**column) for column in fields["columns"]),
                "guess": Guess(**guess),
                "bad_rows": tuple(BadRow(**row) for row in fields["bad_rows"]),
                "first_rows": tuple(tuple(row) for row in fields["first_rows"]),
            }
        )

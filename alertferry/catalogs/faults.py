"""Numbers read from a column, and for every row that failed the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alertferry.catalogs.angle_units import Understood
from alertferry.catalogs.display import shown
from alertferry.catalogs.model import BadRow

if TYPE_CHECKING:
    import pyarrow as pa

    from alertferry.catalogs.model import FloatArray

Mask = NDArray[np.bool_]

MAX_LISTED = 1000


@dataclass(frozen=True)
class Fault:
    """The rows (a mask) that are bad for one reason."""

    mask: Mask
    reason: str


@dataclass(frozen=True)
class Measured:
    """A column as numbers; where a fault's mask is set the number means nothing.

    ``read_as`` is the unit in which the file's values were taken; ``values`` are in the unit that their user wants.
    ``examples`` holds the first bad values by row once `in_parts` has let go of the rest.
    """

    column: str
    values: FloatArray
    source: pa.Array
    faults: tuple[Fault, ...] = ()
    read_as: Understood = field(default_factory=Understood)
    examples: Mapping[int, Any] = field(default_factory=dict)

    def scaled(self, factor: float) -> Measured:
        """Return the same column in another unit."""
        return self if factor == 1.0 else replace(self, values=self.values * factor)

    def bad(self) -> Mask:
        """Return the rows with any fault."""
        mask = np.zeros(len(self.values), dtype=bool)
        for fault in self.faults:
            mask |= fault.mask
        return mask

    def refuse(self, mask: Mask, reason: str) -> Measured:
        """Return the column with one more fault for the rows of ``mask`` that have none yet."""
        fresh = mask & ~self.bad()
        if not fresh.any():
            return self
        return replace(self, faults=(*self.faults, Fault(fresh, reason)))


def in_parts(values: pa.ChunkedArray, measure: Callable[[pa.Array], Measured]) -> Measured:
    """Measure a column chunk by chunk, so that texts and what is made of them are never there as a whole."""
    parts = [_slim(measure(chunk)) for chunk in values.chunks] or [measure(values.combine_chunks())]
    starts = np.cumsum([0, *(len(part.values) for part in parts)])
    reasons = dict.fromkeys(fault.reason for part in parts for fault in part.faults)
    faults = [Fault(np.concatenate([_mask(part, reason) for part in parts]), reason) for reason in reasons]
    examples: dict[int, Any] = {}
    for start, part in zip(starts.tolist(), parts, strict=False):
        if len(examples) < MAX_LISTED:
            examples |= {start + row: value for row, value in part.examples.items()}
    whole = np.concatenate([part.values for part in parts])
    return replace(parts[0], values=whole, faults=tuple(faults), examples=examples)


def _slim(part: Measured) -> Measured:
    """Return a part without its source, but for its first bad values."""
    rows = np.flatnonzero(part.bad())[:MAX_LISTED].tolist()
    return replace(part, source=part.source[:0], examples={row: part.source[row].as_py() for row in rows})


def _mask(part: Measured, reason: str) -> Mask:
    masks = [fault.mask for fault in part.faults if fault.reason == reason]
    return np.any(masks, axis=0) if masks else np.zeros(len(part.values), bool)


def list_bad_rows(columns: Sequence[Measured], bad: Mask, numbers: NDArray[np.int64]) -> list[BadRow]:
    """Return the first 1,000 bad rows, each with the first fault of its columns in the given order."""
    return [_bad_row(columns, int(row), int(numbers[row])) for row in np.flatnonzero(bad)[:MAX_LISTED]]


def _bad_row(columns: Sequence[Measured], row: int, number: int) -> BadRow:
    found = ((column, fault) for column in columns for fault in column.faults if fault.mask[row])
    column, fault = next(found)
    value = column.examples[row] if row in column.examples else column.source[row].as_py()
    return BadRow(number, shown(column.column), "" if value is None else shown(value, 40), fault.reason)

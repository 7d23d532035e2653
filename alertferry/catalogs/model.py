"""What a catalogue is once it has been read: plain data, positions in degrees, identifiers as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

ROW_NUMBER = "#"
"""Given as ``id``, makes the number of the data row (from 1) the identifier of a source."""

FORMATS = ("csv", "tsv", "ecsv", "mrt", "ipac", "simbad", "parquet", "votable", "fits")
"""What a catalogue can be; ``csv`` is any text table with a header and a delimiter, blanks among them."""

PREVIEW_OPTIONS = ("ra", "dec", "id", "table", "format", "unit", "ra_unit", "dec_unit")
"""Options of a crossmatch that decide how its catalogue is read, and that a preview takes as well."""

MAX_ROWS = 10_000_000
MAX_BYTES = 2 * 1024**3
MAX_RADIUS_ARCSEC = 3600.0

OnBadRows = Literal["fail", "drop"]


@dataclass(frozen=True)
class Column:
    """A column as the file declares it; ``type`` is the format's word for it, ``unit`` and ``ucd`` may be empty."""

    name: str
    type: str = "text"
    unit: str = ""
    ucd: str = ""


@dataclass(frozen=True)
class Guess:
    """Which columns hold right ascension, declination and identifier, as far as names and UCDs tell.

    A role that several columns could play alike is None, and ``unclear`` maps it to their names.
    """

    ra: str | None = None
    dec: str | None = None
    id: str | None = None
    unclear: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used: its number among the data rows (from 1), the column, its value as text, and why."""

    number: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.column!r}: " if self.column else ""
        return f"row {self.number}: {where}{self.value!r}: {self.reason}"


class ProperMotion(NamedTuple):
    """Proper motions in mas/yr; ``ra`` holds the rate in right ascension times cos(dec), as Gaia gives it.

    Sources without a measured proper motion have 0.
    """

    ra: FloatArray
    dec: FloatArray


@dataclass(frozen=True, eq=False)
class Catalog:
    """The usable rows of a catalogue, in the order of the file; all arrays have ``rows`` elements.

    Attributes
    ----------
    name
        How the file is called in messages; escaped, never a path to open.
    format
        One of `FORMATS`; followed by ``+gzip`` when it was compressed.
    sha256
        Digest of the file as it was given, 64 hex digits.
    ids
        Identifiers (pyarrow strings), exactly as they are written in the file; null where it has none.
    ra_deg, dec_deg
        Positions in degrees, 0 <= ra < 360; ICRS, to which FK5 is equal within 0.1 arcsec.
    radius_arcsec
        Matching radius of each source, 0 < radius <= 3600, or None without a column of radii.
    pm, epoch
        Proper motions and the Julian years of the positions, or None.
    columns
        The carried columns, with the types of the file.
    used
        Role (``ra``, ``dec``, ``id``, ``radius``, ``pmra``, ``pmdec``, ``epoch``) to the name of its column.
    guessed
        The roles whose columns were guessed.
    units
        Role (``ra``, ``dec``, ``radius``, ``pmra``, ``pmdec``) to the unit in which its column was read, and to what
        says so (``the file says``).
    bad_rows, bad_row_count
        The first 1,000 of the rows that were left out, and how many there are.
    warnings
        What looks wrong but was used as it is.
    duplicate_ids, duplicate_positions
        Number of rows whose identifier, or whose exact position, an earlier row has too.
    """

    name: str
    format: str
    sha256: str
    rows: int
    ids: pa.Array = field(repr=False)
    ra_deg: FloatArray = field(repr=False)
    dec_deg: FloatArray = field(repr=False)
    radius_arcsec: FloatArray | None = field(repr=False)
    pm: ProperMotion | None = field(repr=False)
    epoch: FloatArray | None = field(repr=False)
    columns: pa.Table = field(repr=False)
    used: Mapping[str, str]
    guessed: tuple[str, ...]
    units: Mapping[str, tuple[str, str]]
    bad_rows: tuple[BadRow, ...] = field(repr=False)
    bad_row_count: int
    warnings: tuple[str, ...]
    duplicate_ids: int
    duplicate_positions: int

    def remarks(self) -> tuple[str, ...]:
        """Return the warnings, and in words what was left out and what occurs twice."""
        found = list(self.warnings)
        if self.bad_row_count:
            what = "row was" if self.bad_row_count == 1 else "rows were"
            found.append(f"{self.bad_row_count:,} {what} left out (first {self.bad_rows[0]})")
        return (*found, *repeats_text(self.duplicate_ids, self.duplicate_positions))


def repeats_text(ids: int, positions: int) -> tuple[str, ...]:
    """Return in words how many rows repeat an identifier or a position."""
    counts = ((ids, "identifier"), (positions, "position"))
    return tuple(
        f"{count:,} {'row has' if count == 1 else 'rows have'} the {what} of an earlier row"
        for count, what in counts
        if count
    )


@dataclass(frozen=True, eq=False)
class Preview:
    """What a user wants to see of a catalogue before using it.

    Attributes
    ----------
    name, format, sha256, bad_rows, bad_row_count, warnings
        As in `Catalog`.
    rows, usable_rows
        Number of data rows, and of those that can be used with the chosen columns.
    columns
        All columns of the file.
    first_rows
        The first data rows as text, one tuple a row in the order of ``columns``; None where a value is missing.
    guess
        Which columns look like position and identifier.
    used, units
        As in `Catalog`; empty when ``problem`` is set.
    problem
        Why the catalogue cannot be used as it stands, else an empty string.
    duplicate_ids, duplicate_positions
        Number of rows whose identifier, or whose exact position, an earlier row has too.
    ra_range_deg, dec_range_deg, radius_range_arcsec
        Least and greatest value, or None.
    moc
        The cells of HEALPix order 6 that hold a source (a `mocpy.MOC`), or None.
    """

    name: str
    format: str
    sha256: str
    rows: int
    usable_rows: int
    columns: tuple[Column, ...]
    first_rows: tuple[tuple[str | None, ...], ...]
    guess: Guess
    used: Mapping[str, str]
    units: Mapping[str, tuple[str, str]]
    problem: str
    bad_rows: tuple[BadRow, ...]
    bad_row_count: int
    warnings: tuple[str, ...]
    duplicate_ids: int
    duplicate_positions: int
    ra_range_deg: tuple[float, float] | None
    dec_range_deg: tuple[float, float] | None
    radius_range_arcsec: tuple[float, float] | None
    moc: Any = field(repr=False)

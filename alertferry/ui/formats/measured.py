"""What must be known of a column before its first row is written: its nulls, its longest value, its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alertferry.ui.formats.layout import matrix
from alertferry.ui.formats.sheets import Sheet
from alertferry.ui.stamps import MOST_PIXELS, whole_image_of

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_BYTES = 100_000_000
IMAGE_SHARE = 20
"""Images as arrays take at most so many bytes, or so many times those of their stamps; else the stamps stay bytes."""

WRITTEN_BYTES = 32 << 20
"""Rows that are laid out at a time have about so many bytes."""

_SMALLEST = {2: -(2**15), 4: -(2**31), 8: -(2**63)}


@dataclass
class Measured:
    """A column; ``widest`` is the length of its longest value, in bytes of UTF-8 or items, and ``total`` that of all.

    ``images`` tells that each of its values is an image, ``height`` and ``width`` how large the largest is, ``ragged``
    that others are smaller, ``double`` that its pixels need 64 bits.
    """

    name: str
    kind: pa.DataType
    nulls: int = 0
    rows: int = 0
    widest: int = 0
    total: int = 0
    plain: bool = True
    """Whether its texts are printable ASCII."""
    images: bool = False
    height: int = 0
    width: int = 0
    ragged: bool = False
    double: bool = False
    _low: int | None = None
    _high: int | None = None
    _seen: list[tuple[int, int]] = field(default_factory=list)

    @property
    def item(self) -> pa.DataType:
        """The type of its numbers, in lists or not."""
        import pyarrow as pa

        return self.kind.value_type if pa.types.is_list(self.kind) else self.kind

    @property
    def is_list(self) -> bool:
        """Whether its values are lists of numbers."""
        import pyarrow as pa

        return bool(pa.types.is_list(self.kind))

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        import pyarrow as pa

        return bool(pa.types.is_string(self.kind))

    @property
    def is_binary(self) -> bool:
        """Whether its values are bytes."""
        import pyarrow as pa

        return bool(pa.types.is_binary(self.kind))

    @property
    def pixel(self) -> str:
        """The type of its pixels, as numpy has it."""
        return ">f8" if self.double else ">f4"

    @property
    def null(self) -> int | None:
        """The whole number that means null, one that no row has; None where it takes none, or there is none left."""
        import pyarrow as pa

        if not self.nulls or not pa.types.is_integer(self.item):
            return None
        least = _SMALLEST[self.item.bit_width // 8]
        free = [n for n in (least, -least - 1) if self._low is None or n not in (self._low, self._high)]
        return free[0] if free else None

    def add(self, array: Any) -> None:
        """Take the values of one batch into account."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self.rows += len(array)
        self.nulls += array.null_count
        if self.is_list or self.is_binary or self.is_text:
            lengths = pc.list_value_length(array) if self.is_list else pc.binary_length(array)
            self.widest = max(self.widest, pc.max(lengths).as_py() or 0)
            self.total += pc.sum(lengths).as_py() or 0
        if self.is_text:
            self.plain &= pc.all(pc.match_substring_regex(array, r"\A[ -~]*\z")).as_py() is not False
        elif self.is_binary:
            self._add_images(array)
        values = array.flatten() if self.is_list else array
        self.nulls += values.null_count if self.is_list else 0
        if pa.types.is_integer(self.item) and len(values) > values.null_count:
            ends = pc.min_max(values).as_py()
            self._low = ends["min"] if self._low is None else min(self._low, ends["min"])
            self._high = ends["max"] if self._high is None else max(self._high, ends["max"])

    def _add_images(self, array: Any) -> None:
        import numpy as np

        first = self.rows == len(array)
        self.images = self.images or first
        for value in array:
            content = value.as_py()
            if content is None or not self.images:
                continue
            image = whole_image_of(content)
            if image is None or max(image.shape) > MOST_PIXELS:
                self.images = False
                continue
            self._seen = self._seen or [image.shape]
            self.ragged |= image.shape != self._seen[0]
            self.height, self.width = max(self.height, image.shape[0]), max(self.width, image.shape[1])
            with np.errstate(over="ignore"):
                self.double |= not np.array_equal(image.astype("f4").astype("f8"), image, equal_nan=True)

    def settle(self) -> None:
        """Decide, once all rows are known, whether images become arrays."""
        size = self.rows * self.height * self.width * (8 if self.double else 4)
        self.images &= self.height > 0 and size <= max(IMAGE_BYTES, IMAGE_SHARE * self.total)

    def pixels_of(self, array: Any) -> Any:
        """Return images as one array (rows, height, width); what a smaller one lacks, and a null, is NaN."""
        import numpy as np

        found = np.full((len(array), self.height, self.width), np.nan, self.pixel)
        for row, value in enumerate(array):
            image = whole_image_of(value.as_py())
            if image is not None:
                found[row, : image.shape[0], : image.shape[1]] = image
        return found

    def side_of(self, axis: int, array: Any) -> Any:
        """Return the pixels on one side of each image, as the bytes of rows; 0 for a null."""
        import numpy as np

        images = (whole_image_of(value.as_py()) for value in array)
        return matrix(np.array([0 if image is None else image.shape[axis] for image in images], ">i4"), len(array))


def measure(sheet: Sheet) -> list[Measured]:
    """Return what must be known of the columns of a table. Reads all of it."""
    found = [Measured(field.name, field.type) for field in sheet.schema]
    for batch in sheet.batches():
        for column, array in zip(found, batch.columns, strict=True):
            column.add(array)
    for column in found:
        column.settle()
    return found


def pieces(sheet: Sheet, row_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table, a few megabytes of what is written at a time."""
    rows = max(1, WRITTEN_BYTES // max(1, row_bytes))
    for batch in sheet.batches():
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)

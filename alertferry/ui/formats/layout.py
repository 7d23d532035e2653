"""Values of a column as bytes in the order of FITS and VOTable: the highest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.uint8]

_TRUTH = {None: b"\0", True: b"T", False: b"F"}
SIZES = {"bool": 1, "int16": 2, "int32": 4, "int64": 8, "float": 4, "double": 8}


def numbers(array: Any, null: int | None, unknown: bytes = b"\0") -> NDArray[Any]:
    """Return numbers or truth values; null is NaN, the number given for it, or ``unknown``."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(array.type):
        codes = _TRUTH | {None: unknown}
        return np.frombuffer(b"".join(codes[value] for value in array.to_pylist()), "S1")
    if pa.types.is_integer(array.type):
        array = pc.fill_null(array, null or 0)
    found = np.asarray(array.to_numpy(zero_copy_only=False))
    return found.astype(found.dtype.newbyteorder(">"))


def matrix(values: NDArray[Any], rows: int) -> Matrix:
    """Return the bytes of each row's values."""
    import numpy as np

    size = values.dtype.itemsize * (values.size // rows if rows else 0)
    return np.frombuffer(values.tobytes(), np.uint8).reshape(rows, size)


def lengths(array: Any) -> NDArray[Any]:
    """Return how many items each list has; none where it is null."""
    import numpy as np
    import pyarrow.compute as pc

    found = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    return np.asarray(found, np.int64)

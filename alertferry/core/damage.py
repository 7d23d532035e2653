"""Which file of a lake is damaged, where Spark's error names none: each is read once, for a limited time."""

from __future__ import annotations

import time
from collections.abc import Sequence

from alertferry.core.errors import AlertferryError, DamagedError
from alertferry.core.lake_files import ListedFile
from alertferry.core.nights import shortened

LONGEST_SEARCH_SECONDS = 60.0


def blamed(
    told: AlertferryError, files: Sequence[ListedFile], is_local: bool, seconds: float = LONGEST_SEARCH_SECONDS
) -> AlertferryError:
    """Return what to say instead of an error that names no file: which one is damaged, else which were read."""
    end, read = time.monotonic() + seconds, 0
    for file in files if is_local else ():
        if time.monotonic() > end:
            break
        reason = _damage(file.path, end)
        if reason:
            return DamagedError(f"{file.path} cannot be read: it is damaged ({reason}); write it again or remove it")
        read += 1
    nights = shortened({file.night for file in files})
    seen = f"{read:,} of them were read again, and none is damaged" if read else "which of them is not known"
    return AlertferryError(f"{told}; it read {len(files):,} files of {nights}: {seen}")


def _damage(path: str, end: float) -> str:
    """Return what is wrong with the content of a file; empty when nothing was found until the time was over."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches(10_000):
                if time.monotonic() > end:
                    break
    except pa.ArrowNotImplementedError:
        return ""  # types that only Spark reads
    except (OSError, pa.ArrowException) as error:
        return (str(error).splitlines() or [type(error).__name__])[0][:200]
    return ""

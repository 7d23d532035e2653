"""The image stamps of an alert, where its packet has them."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.plotting import figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.float64]

COLUMNS = {"Science": "cutoutScience", "Template": "cutoutTemplate", "Difference": "cutoutDifference"}
_GZIP = b"\x1f\x8b"


def read_stamps(path: Path, row: int) -> tuple[tuple[str, Image], ...]:
    """Return the stamps of one alert of a result, by name; none where there are none, or none that can be read."""
    import pyarrow.parquet as pq

    there = {name: column for name, column in COLUMNS.items() if column in pq.read_schema(path).names}
    if not there:
        return ()
    alert = _row(path, list(there.values()), row)
    found = ((name, image_of(alert.get(column))) for name, column in there.items())
    return tuple((name, image) for name, image in found if image is not None)


def _row(path: Path, columns: list[str], row: int) -> dict[str, Any]:
    """Read one row without the rest of the file."""
    import pyarrow.parquet as pq

    file, before = pq.ParquetFile(path), 0
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if row < before + rows:
            at = row - before
            for batch in file.iter_batches(batch_size=16, row_groups=[group], columns=columns):
                if at < batch.num_rows:
                    alert: dict[str, Any] = batch.slice(at, 1).to_pylist()[0]
                    return alert
                at -= batch.num_rows
        before += rows
    return {}


def image_of(value: Any) -> Image | None:
    """Return the image in a stamp: FITS, gzipped or not, by itself or in a struct; None for anything else."""
    from astropy.io import fits

    content = value.get("stampData") if isinstance(value, dict) else value
    if not isinstance(content, bytes) or not content:
        return None
    try:
        plain = gzip.decompress(content) if content.startswith(_GZIP) else content
        with fits.open(BytesIO(plain)) as units:
            image = next(unit.data for unit in units if getattr(unit, "data", None) is not None)
            return np.asarray(image, float)
    except (OSError, ValueError, StopIteration, EOFError):
        return None


def picture(name: str, image: Image) -> Any:
    """Return a stamp as a small grey picture between its 1st and 99th percentile; north is where the file has it."""
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
    scaled = np.clip((image - low) / (high - low if high > low else 1.0), 0, 1)
    plot = figure(height=150, width=150, toolbar_location=None, tools="", title=name, match_aspect=True, min_border=0)
    plot.image([np.nan_to_num(scaled)], x=0, y=0, dw=image.shape[1], dh=image.shape[0], palette="Greys256")
    plot.axis.visible = False
    plot.grid.visible = False
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.outline_line_color = None
    return plot

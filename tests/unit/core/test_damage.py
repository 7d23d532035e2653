"""A damaged file that Spark's error does not name is found, or it is said what was read."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.core.damage import blamed
from alertferry.core.errors import AlertferryError, DamagedError
from alertferry.core.lake_files import list_files
from alertferry.core.spark_errors import from_spark_error, names_no_file

NIGHTS = date(2026, 3, 1), date(2026, 3, 2)
BARE = RuntimeError("Job aborted.\njava.lang.ArrayIndexOutOfBoundsException: Index 67 out of bounds for length 4")


@pytest.fixture
def lake(tmp_path) -> Path:
    for night in NIGHTS:
        folder = tmp_path / f"year={night.year}/month={night.month}/day={night.day}"
        folder.mkdir(parents=True)
        values = np.random.default_rng(night.day).normal(size=5000)
        pq.write_table(pa.table({"id": range(5000), "value": values}), folder / "part.parquet", compression="zstd")
    return tmp_path


def test_the_damaged_file_is_found(lake):
    files = list_files(str(lake), NIGHTS)
    told = from_spark_error(BARE)
    assert names_no_file(BARE)
    assert not names_no_file(RuntimeError(f"{BARE}: file:/lake/part.parquet"))
    whole = blamed(told, files, is_local=True)
    assert str(whole).startswith(str(told))
    assert str(whole).endswith(
        "it read 2 files of 2026-03-01..2026-03-02: 2 of them were read again, and none is damaged"
    )
    assert "which of them is not known" in str(blamed(told, files, is_local=False))
    assert "which of them is not known" in str(blamed(told, files, is_local=True, seconds=-1))
    path = Path(files[1].path)
    content = bytearray(path.read_bytes())
    content[3000:6000] = bytes(3000)
    path.write_bytes(content)
    found = blamed(told, files, is_local=True)
    assert isinstance(found, DamagedError)
    assert str(found).startswith(f"{path} cannot be read: it is damaged (")
    assert type(whole) is AlertferryError

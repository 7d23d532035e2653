"""The schema of nights, as their files' footers have it."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.core.lake_files import list_files
from alertferry.core.local_lake import glance
from alertferry.core.nights import expand, shortened

NIGHT = date(2026, 3, 1)


def put(folder, name, **columns):
    path = folder / "year=2026/month=3/day=1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": [1], **columns}), path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"year": [1]}, {"year": ["x"]}),
        ({"Day": pa.array([1], pa.time64("us"))}, {}),
        ({"month": [1], "Month": [1]}, {}),
        ({"day": [{"a": 1}]}, {"day": [2]}),
    ],
    ids=["two types", "a type that Spark has not", "twice", "a struct"],
)
def test_columns_that_are_not_read_refuse_no_job(tmp_path, one, other):
    """A file's own year, month and day: those of its folder are taken."""
    put(tmp_path, "a.parquet", **one)
    put(tmp_path, "b.parquet", **other)
    found = glance(tmp_path, [NIGHT])
    assert found.schema().names == ("id",)
    assert {change.read for change in found.converted()} == {"the folder's name"}
    assert len(list_files(str(tmp_path), [NIGHT])) == 2


def test_many_nights_are_named_shortly():
    nights = expand([f"2026-01-{day:02d}" for day in range(1, 20, 2)])
    assert shortened(nights[:5]) == "2026-01-01, 2026-01-03, 2026-01-05, 2026-01-07, 2026-01-09"
    assert shortened(nights) == "2026-01-01, 2026-01-03, 2026-01-05, 2026-01-07, 2026-01-09 and 5 more"

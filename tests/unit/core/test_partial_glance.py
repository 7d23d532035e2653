"""Of very many files only some are looked at before a job: what stands in the others is not refused."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.core import local_lake
from alertferry.core.check import examine_job
from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.core.settings import load_settings
from alertferry.testing.simulator import simulate

NIGHT = date(2026, 3, 1)


@pytest.fixture
def lake(tmp_path, monkeypatch):
    """A night of two files, one of which has a field more."""
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path / "home"))
    simulate("lsst", tmp_path / "lake", [NIGHT], 20, cutouts=False, history=False)
    for file in list((tmp_path / "lake").rglob("*.parquet"))[1:]:
        file.unlink()
    (first,) = (tmp_path / "lake").rglob("*.parquet")
    table = pq.read_table(first, partitioning=None)
    pq.write_table(table.append_column("rare", pa.array([1] * len(table))), first.with_name("zz.parquet"))
    return tmp_path / "lake"


def examined(lake, where=("rare > 0",), fields=("diaSourceId", "rare")):
    job = Job.from_dict(
        {
            "source": {"kind": "lsst", "nights": str(NIGHT), "lake": str(lake)},
            "filters": [{"kind": "any", "of": [{"kind": "sql", "where": list(where)}]}],
            "output": {"kind": "files", "path": str(lake.parent / "out"), "fields": list(fields)},
        }
    )
    found = examine_job(job, default_registry(), load_settings())
    return [item.path for item in found.problems], [item.path for item in found.unchecked]


def test_a_field_of_a_file_that_was_not_looked_at_is_not_refused(lake, monkeypatch):
    assert examined(lake) == ([], [])
    assert examined(lake, fields=["nowhere"]) == (["output.fields[0]"], [])
    monkeypatch.setattr(local_lake, "GLANCE_FILES", 1)
    monkeypatch.setenv("ALERTFERRY_HOME", str(lake.parent / "forgotten"))
    assert examined(lake) == ([], ["filters[0].of[0].where[0]", "output.fields[1]"])


def test_other_mistakes_are_refused_whatever_was_looked_at(lake, monkeypatch):
    monkeypatch.setattr(local_lake, "GLANCE_FILES", 1)
    assert examined(lake, ["diaSourceId + 1"])[0] == ["filters[0].of[0].where[0]"]
    assert examined(lake, ["reflect('a') > 1"])[0] == ["filters[0].of[0].where[0]"]


def test_tags_and_classes_that_lack_a_column_are_left_to_spark(lake, monkeypatch):
    table = pq.read_table(next(lake.rglob("*.parquet")), partitioning=None)
    for file in sorted(lake.rglob("*.parquet"))[:1]:
        pq.write_table(table.select(["diaSourceId"]), file)
    job = Job.from_dict(
        {
            "source": {"kind": "lsst", "nights": str(NIGHT), "lake": str(lake)},
            "filters": [{"kind": "tags", "all_of": ["in_tns"]}, {"kind": "tags", "all_of": ["no_such_tag"]}],
            "output": {"kind": "files", "path": str(lake.parent / "out"), "fields": ["diaSourceId"]},
        }
    )
    monkeypatch.setattr(local_lake, "GLANCE_FILES", 1)
    found = examine_job(job, default_registry(), load_settings())
    assert [item.path for item in found.problems] == ["filters[1].all_of[0]"]
    assert [item.path for item in found.unchecked] == ["filters[0].all_of[0]"]

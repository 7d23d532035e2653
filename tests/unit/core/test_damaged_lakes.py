"""What `check` and `nights` say of a lake with files that no job can read."""

import json
import os
from datetime import date
from pathlib import Path

import pytest

from alertferry.testing.simulator import simulate
from tests.commands import Shell

NIGHT = date(2026, 3, 1)


@pytest.fixture
def lake(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path / "home"))
    simulate("lsst", tmp_path / "lake", [NIGHT], 20, cutouts=False, history=False)
    (tmp_path / "job.yml").write_text(
        json.dumps(
            {
                "version": 1,
                "source": {"kind": "lsst", "nights": [str(NIGHT)], "lake": str(tmp_path / "lake")},
                "output": {"kind": "files", "path": str(tmp_path / "out"), "packet": "light-static"},
            }
        )
    )
    return tmp_path / "lake"


@pytest.mark.parametrize(
    ("name", "content", "said", "code"),
    [
        ("cut.parquet", b"PAR1 and no more", "cut.parquet is not a whole parquet file", 4),
        ("empty.parquet", b"", "empty.parquet is empty (0 bytes)", 4),
        ("notes.txt", b"seeing was poor that night", "notes.txt is no parquet file; move it out", 2),
        (os.fsdecode(b"part-\xff.parquet"), b"PAR1", "part-\ufffd.parquet has a name that is not UTF-8", 2),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_of_the_source(alertferry: Shell, lake, name, content, said, code):
    (lake / "year=2026/month=03/day=01" / name).write_bytes(content)
    checked = alertferry("check", str(lake.parent / "job.yml"))
    assert checked.code == code
    assert f"source: {lake}/year=2026/month=03/day=01/" in checked.err
    assert said in checked.err
    assert said in alertferry("nights", "lsst", "--lake", str(lake)).err


def test_hour_folders_and_hidden_files_are_no_problem(alertferry: Shell, lake):
    night = lake / "year=2026/month=03/day=01"
    (night / "hour=03").mkdir()
    for file in list(night.glob("*.parquet")):
        file.rename(night / "hour=03" / file.name)
    (night / "_SUCCESS").touch()
    assert alertferry("check", str(lake.parent / "job.yml")).code == 0
    assert json.loads(alertferry("nights", "lsst", "--lake", str(lake), "--json").out)["nights"] == [
        {"night": "2026-03-01", "alerts": 20}
    ]

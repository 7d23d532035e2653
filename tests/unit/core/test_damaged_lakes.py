"""What `check` and `nights` say of a lake with files that no job can read."""

import json
import os
from datetime import date
from pathlib import Path

import pytest

from alertferry.testing.simulator import simulate
from alertferry.ui import lakes
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


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("year=2026/month=03/day=03/cut.parquet", "2026-03-03: {} is not a whole parquet file"),
        ("year=2026/month=03/day=03/gone.parquet", "2026-03-03: {} is a link to what does not exist"),
        ("year=2026/month=03/day=03", "2026-03-03: {} is a link to what does not exist"),
        ("year=2026/month=04", "there may be more nights: {} is a link to what does not exist"),
    ],
)
def test_one_fault_hides_no_other_night(alertferry: Shell, lake, broken, said):
    """On the command line and on the page; whatever cannot be read is named."""
    (lake / "year=2026/month=03/day=02").mkdir()  # and the newest night that is whole has no file yet
    path = lake / broken
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"PAR1 and no more") if path.name == "cut.parquet" else path.symlink_to(lake / "nowhere")
    listed = [("2026-03-01", 20), ("2026-03-02", 0)] + [("2026-03-03", None)] * ("day=03" in broken)
    called = alertferry("nights", "lsst", "--lake", str(lake), "--json")
    assert (called.code, called.json["ok"]) == (4, False)
    assert [(item["night"], item["alerts"]) for item in called.json["nights"]] == listed
    (problem,) = called.json["problems"]
    assert f"{problem['path']}: {problem['message']}".removeprefix(": ").startswith(said.format(path))
    shown = alertferry("nights", "lsst", "--lake", str(lake))
    assert [line.split()[:2] for line in shown.out.splitlines()[:2]] == [["2026-03-01", "20"], ["2026-03-02", "0"]]
    assert said.format(path) in shown.err
    looked = lakes.look("lsst", str(lake))
    assert [(str(item.night), item.alerts) for item in looked.nights] == listed
    assert str(path) in looked.reason


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

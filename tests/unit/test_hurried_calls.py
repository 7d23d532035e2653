"""Commands as people in a hurry call them: a sentence and an exit code, whatever is wrong with files and streams."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.mangled import ENGINE
from tests.unit.test_commands import JOB

AF = [sys.executable, "-m", "alertferry.cli"]
ODD = "a[b]{c}#d%e&f=g;h:i j é~.yml"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / ODD).write_text(JOB)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.yml").touch()
    return tmp_path


def call(*arguments, redirect="", given="", **environ):
    line = ["sh", "-c", f'"$@" {redirect}', "sh", *AF, *arguments]
    return subprocess.run(
        line, input=given, capture_output=True, text=True, env=os.environ | environ, timeout=120, check=False
    )


def judged(called, code, *sentences):
    assert called.returncode == code, (called.stdout, called.stderr)
    for sentence in sentences:
        assert sentence in called.stdout + called.stderr
    found = ENGINE.search(called.stderr)
    assert found is None, (found, called.stderr)


def test_every_command_with_a_job_file_reads_standard_input(home):
    judged(call("check", "-", given=JOB), 0, "standard input: no problem found")
    judged(call("render", "-", given=JOB), 0, "def main(spark):")
    judged(call("check", "-", given="source: 1"), 2, "source: must be a mapping with a kind, got 1")
    for command in ("run", "estimate", "preview"):
        judged(call(command, "-", given="version: 2"), 2, "version: must be 1, got 2")
    fink = "dates: {startdate: 2026-03-01, stopdate: 2026-03-02}\ncontent: [Full packet]\n"
    judged(call("import-fink", "-", given=fink), 0, "nights: [2026-03-01..2026-03-02]")
    beside = JOB + "filters: [{kind: crossmatch, catalog: mine.csv, radius_arcsec: 1}]\n"
    (home / "mine.csv").write_text("id,ra,dec\na,1,2\n")
    judged(call("check", "-", given=beside), 0)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["check", ODD], 0, "no problem found"),
        (["check", "folder"], 2, "cannot read the job file folder: it is a folder; name the file in it"),
        (["check", "nowhere.yml"], 2, "No such file"),
        (["check", "empty.yml"], 2, "must be a mapping of keys to values, got nothing"),
        (["check", "/dev/zero"], 2, "is too long: at most 65,536 bytes are read"),
        (["check", "x" * 5000], 2, "cannot read the job file"),
        (["check", b"a\xff.yml"], 2, "cannot read the job file"),
        (["import-fink", "folder"], 2, "it is a folder"),
        (["nights", "lsst", "--lake", ODD], 2, "is not a folder"),
        (["lake", "simulate", "lsst", "x", "--nights", "1900-01-01..1960-01-01,2000-01-01..2060-01-01"], 2, "43,831"),
        (["jobs", "show", "zzz"], 2, "there is no job 'zzz'"),
    ],
)
def test_odd_files(home, arguments, code, sentence):
    judged(call(*arguments), code, sentence)


@pytest.mark.parametrize(
    ("environ", "code", "sentence"),
    [
        ({"ALERTFERRY_HOME": "/proc/x"}, 2, "cannot write the job store"),
        ({"ALERTFERRY_CONFIG": "folder"}, 2, "cannot read the settings file"),
        ({"ALERTFERRY_CONFIG": "nowhere.toml"}, 2, "which does not exist"),
        ({"ALERTFERRY_MAX_NIGHTS": "x"}, 2, "settings: max_nights: must be a whole number, got 'x'"),
        ({"ALERTFERRY_JOBS_URL": "nonsense"}, 2, "it is not a database URL"),
    ],
)
def test_wrong_settings(home, environ, code, sentence):
    judged(call("jobs", "list", **environ), code, sentence)


@pytest.mark.parametrize(
    ("arguments", "redirect", "code", "sentence"),
    [
        (["check", ODD], ">&-", 0, ""),
        (["check", "nowhere.yml"], "2>&-", 2, ""),
        (["check", "-"], "<&-", 2, "got nothing"),
        (["check", ODD], ">/dev/full", 1, "no space left on the disk"),
        (["fields", "lsst", "--json"], ">/dev/full", 1, "no space left on the disk"),
        (["fields", "lsst"], "| head -1", 0, ""),
        (["fields", "lsst", "--json"], "| true", 0, ""),
    ],
)
def test_streams_that_are_closed_full_or_not_read(home, arguments, redirect, code, sentence):
    judged(call(*arguments, redirect=redirect), code, sentence)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_interrupted_says_so(home, number):
    command = [*AF, "lake", "simulate", "lsst", "lake", "--nights", "2026-01-01..2026-12-31"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (home / "lake").exists():
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in out + err

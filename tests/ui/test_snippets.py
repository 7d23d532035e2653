"""Code to paste is run as it stands: by a shell, with programs that tell what they were given, and by Python."""

import json
import os
import subprocess
import sys

import pytest

from alertferry import uploads
from alertferry.core.access import COMMAND_LINE, Access, Site
from alertferry.core.job import Job
from alertferry.core.settings import Settings
from alertferry.ui.draft import Draft
from alertferry.ui.snippets import Place, as_python, fetch_commands, fetch_python, job_file, written
from alertferry.uploads import Upload

ANN = Access("ann", "page", Site(confined=True))
SQL = {"kind": "sql", "where": ["a.b > 'it''s'", "c = 'END'"]}
DRAFT = Draft({"kind": "lsst", "nights": ["2026-03-01"]}, {"kind": "kafka", "packet": "full"}, (SQL,), "my job (1)")
KAFKA = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "the site",
    "sasl.password": "canary-1",
    "ssl.key.password": "canary-2",
    "ssl.ca.location": "/etc/ssl/site.pem",
    "linger.ms": "20",
}
TELL = """#!{python}
import json, os, sys
told = {{"args": sys.argv, "env": {{k: v for k, v in os.environ.items() if k.startswith("ALERTFERRY")}}}}
open({log!r}, "a").write(json.dumps(told) + "\\n")
"""


def settings(lake="/srv/lake", **more):
    return Settings(bootstrap_servers="kafka.example.org:9094", lakes={"lsst": lake, "ztf": "/other"}, **more)


@pytest.fixture
def paste(tmp_path):
    """Return what a shell does with commands: each program called, with its arguments and settings."""
    log, programs = tmp_path / "log", tmp_path / "bin"
    programs.mkdir()
    for name in ("pip", "alertferry"):
        (programs / name).write_text(TELL.format(python=sys.executable, log=str(log)))
        (programs / name).chmod(0o755)

    def run(text):
        (tmp_path / ".kafka-password").write_text("secret\n")
        (tmp_path / ".kafka-ssl-key-password").write_text("key\n")
        environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        ran = subprocess.run(
            ["/bin/sh", "-eu"], check=False, input=text, text=True, cwd=tmp_path, env=environment, capture_output=True
        )
        assert ran.returncode == 0, ran.stderr
        return [json.loads(line) for line in log.read_text().splitlines()]

    return run


def test_the_commands_of_a_request_work_as_they_stand(paste, tmp_path):
    name, text = written(DRAFT, "cli", Place.of(ANN, settings("hdfs://nn/lake", kafka=KAFKA)))
    assert name == "my-job--1.sh"
    assert "canary" not in text
    assert "Java 17" in text
    for comment in (line for line in text.splitlines() if "#" in line):  # zsh takes them for words of a command
        assert comment.startswith("# ")
        assert not set("'\"`$()*?;&|") & set(comment)
    pip, *calls = paste(text)
    assert pip["args"][1:] == ["install", "alertferry[spark]"]
    assert [call["args"][1] for call in calls] == ["check", "estimate", "run"]
    file = tmp_path / calls[0]["args"][2]
    assert Job.from_yaml(file.read_text()) == DRAFT.to_job()
    assert calls[-1]["env"] == {
        "ALERTFERRY_BOOTSTRAP_SERVERS": "kafka.example.org:9094",
        "ALERTFERRY_LAKE_LSST": "hdfs://nn/lake",
        "ALERTFERRY_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "ALERTFERRY_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "ALERTFERRY_KAFKA_SASL_USERNAME": "ann",
        "ALERTFERRY_KAFKA_SASL_PASSWORD": "secret",
        "ALERTFERRY_KAFKA_SSL_KEY_PASSWORD": "key",
        "ALERTFERRY_KAFKA_SSL_CA_LOCATION": "ca.pem",
    }


def test_python_is_the_same_request_with_the_same_settings(monkeypatch):
    program = as_python(DRAFT.to_job(), Place.of(COMMAND_LINE, settings()))
    compile(program, "job.py", "exec")
    for name in ("ALERTFERRY_LAKE_LSST", "ALERTFERRY_BOOTSTRAP_SERVERS"):
        monkeypatch.setenv(name, "")  # so that undoing takes away what the program sets
        monkeypatch.delenv(name)
    scope = {}
    exec(program.split("outcome =")[0], scope)
    assert scope["job"] == DRAFT.to_job()
    found = {
        name: value
        for name, value in os.environ.items()
        if name in ("ALERTFERRY_LAKE_LSST", "ALERTFERRY_BOOTSTRAP_SERVERS")
    }
    monkeypatch.undo()
    assert found == {"ALERTFERRY_LAKE_LSST": "/srv/lake", "ALERTFERRY_BOOTSTRAP_SERVERS": "kafka.example.org:9094"}
    secret = as_python(DRAFT.to_job(), Place.of(ANN, settings(kafka=KAFKA)))
    assert "canary" not in secret
    assert "Path('~/.kafka-password').expanduser().read_text().strip()" in secret
    compile(secret, "job.py", "exec")
    files = Job.from_dict({**DRAFT.to_dict(), "output": {"kind": "files", "path": "out", "packet": "full"}})
    assert "consume" not in as_python(files)


def test_the_job_file_stays_a_job_file_and_says_how_to_run_it():
    text = job_file(DRAFT, Place.of(ANN, settings(kafka=KAFKA)))
    assert Job.from_yaml(text) == DRAFT.to_job()
    head = text.partition("version:")[0]
    assert "pip install 'alertferry[spark]'" in head
    assert "kafka.example.org:9094" in head
    assert "alertferry run my-job--1.yml" in head
    assert "canary" not in head


def test_users_of_a_site_see_neither_its_folders_nor_its_names():
    for place in ("/srv/lake", "file:///srv/lake"):
        text = written(DRAFT, "cli", Place.of(ANN, settings(place, kafka=KAFKA)))[1]
        assert not any(word in text for word in ("/srv", "the site", "/etc/ssl", "/other", "linger"))
        assert "name a copy of it, or run this there" in text
    mine = written(DRAFT, "cli", Place.of(COMMAND_LINE, settings(kafka=KAFKA)))[1]
    assert all(word in mine for word in ("/srv/lake", "'the site'", "/etc/ssl/site.pem"))
    assert "pw" not in written(DRAFT, "cli", Place.of(ANN, settings("s3a://key:pw@bucket/lake")))[1]


def test_tags_need_finks_package_and_plugins_their_own():
    tags = Draft(DRAFT.source, DRAFT.output, ({"kind": "any", "of": [{"kind": "tags", "all_of": ["x"]}]},))
    assert "'alertferry[fink]'" in written(tags, "cli", Place())[1]
    assert "'alertferry[spark]'" in written(DRAFT, "cli", Place())[1]


def test_what_was_uploaded_goes_by_its_own_name(monkeypatch, tmp_path):
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path))
    place = tmp_path / "uploads" / ("a" * 32)
    place.mkdir(parents=True)
    (place / ".owner").write_text('"ann"')
    (place / "blazars.csv").write_text("x")
    found = uploads.find("a" * 32, "ann")
    assert isinstance(found, Upload)
    step = {"kind": "crossmatch", "catalog": found.reference, "radius_arcsec": 1.5}
    draft = Draft(DRAFT.source, DRAFT.output, (step,))
    text = written(draft, "cli", Place(owner="ann"))[1]
    assert "catalog: blazars.csv" in text
    assert "# put your file blazars.csv beside this" in text
    assert found.reference not in text
    assert "'blazars.csv'" in written(draft, "python", Place(owner="ann"))[1]
    assert found.reference in written(draft, "yaml", Place(owner="ann"))[1]
    assert "blazars.csv" not in written(draft, "cli", Place(owner="ben"))[1]


def test_the_commands_that_fetch_a_topic_work_as_they_stand(paste):
    place = Place.of(ANN, settings(kafka=KAFKA))
    pip, consume, verify = paste(fetch_commands("ftransfer_x", place))
    assert pip["args"][1:] == ["install", "alertferry"]
    assert consume["args"][1:] == ["consume", "ftransfer_x", "--outdir", "ftransfer_x"]
    assert verify["args"][1:] == ["verify", "ftransfer_x"]
    assert consume["env"]["ALERTFERRY_KAFKA_SASL_PASSWORD"] == "secret"
    assert "ALERTFERRY_LAKE_LSST" not in consume["env"]
    program = fetch_python("ftransfer_x", "pd.read_parquet('ftransfer_x')", place)
    compile(program, "read.py", "exec")
    assert "canary" not in program

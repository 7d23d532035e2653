"""The warm worker: one for all who ask, safe, and gone when it is not wanted."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import alertferry as af
from alertferry import service
from alertferry.core.errors import AlertferryError, CancelledError, JobError
from alertferry.core.job import Job
from alertferry.core.settings import load_settings
from alertferry.estimates import ask_estimate, stop_worker, warm_up
from alertferry.estimates.client import _ask, _question
from alertferry.estimates.place import Place, connect
from alertferry.testing.contracts import NIGHTS
from alertferry.ui import lakes as ui_lakes
from alertferry.ui.session import Session, Site
from alertferry.ui.wizard import Wizard
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.spark

NIGHT = str(NIGHTS[0])
RELATIVE = ("ALERTFERRY_HOME", "ALERTFERRY_LAKE_LSST")


@pytest.fixture(scope="module")
def home(tmp_path_factory, jars_home):
    """Return a home whose worker is stopped in the end."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "jars").symlink_to(jars_home / "jars")
    settings, said = load_settings({**os.environ, "ALERTFERRY_HOME": str(folder)}), []
    warm_up(settings, said.append)
    assert said == ["starting Spark for estimates: some seconds once, later answers come at once"]
    yield folder
    stop_worker(settings)
    assert until(lambda: not workers(folder))


@pytest.fixture
def here(home, lakes, monkeypatch):
    """Let commands use this home and the simulated lakes."""
    monkeypatch.setenv("ALERTFERRY_HOME", str(home))
    for survey, lake in lakes.items():
        monkeypatch.setenv(f"ALERTFERRY_LAKE_{survey.upper()}", str(lake))
    return home


def job(*lines, packet="light-static", nights=NIGHT):
    filters = [{"kind": "sql", "where": list(lines)}] if lines else []
    return Job.from_dict(
        {
            "source": {"kind": "lsst", "nights": nights},
            "filters": filters,
            "output": {"kind": "kafka", "packet": packet},
        }
    )


def workers(home: Path) -> list[psutil.Process]:
    """Return the workers of a home."""
    found = []
    for process in psutil.process_iter():
        try:
            if "alertferry.estimates.worker" in process.cmdline() and process.environ().get("ALERTFERRY_HOME") == str(
                home
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_commands_and_python_share_one_worker(here, lakes, alertferry, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text(job("diaSource.snr > 8").to_yaml())
    command = [sys.executable, "-m", "alertferry.cli", "estimate", str(file), "--json"]
    relative = {name: os.path.relpath(os.environ[name], lakes["lsst"].parent) for name in RELATIVE}
    places = ({}, {"cwd": lakes["lsst"].parent, "env": os.environ | relative})
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **place) for place in places]
    answers = [process.communicate(timeout=PATIENCE_SECONDS) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    first, second = (json.loads(out) for out, _ in answers)
    assert {"alerts", "low", "high", "bytes", "steps"} <= set(first)
    assert [{"name", "alerts"} <= set(step) for step in first["steps"]] == [True, True]
    assert first["alerts"] == second["alerts"] == first["low"] == first["high"] > 0
    said = []
    assert af.estimate(job("diaSource.snr > 8"), say=said.append).alerts == first["alerts"]
    assert said == []
    assert len(workers(here)) == 1
    place = Place.of(load_settings())
    assert place.socket.stat().st_mode & 0o777 == 0o600
    assert place.folder.stat().st_mode & 0o777 == 0o700


def test_it_practises_while_nobody_asks_and_keeps_nobody_waiting(here):
    settings = load_settings()
    place = Place.of(settings)
    stage = place.scratch / "rehearsal"
    assert not stage.exists()
    warm_up(settings, rehearse=True)
    assert until(stage.exists)
    assert service.estimate(job("diaSource.snr > 8")).alerts > 0
    assert stage.exists(), "the question had to wait for the whole rehearsal"
    assert until(lambda: not stage.exists())
    assert "rehearsal.py" not in place.log.read_text(), "it ended with an error"
    assert not (here / "samples" / "ztf").exists(), "what is rehearsed stays out of the user's home"
    warm_up(settings, rehearse=True)
    assert service.estimate(job("diaSource.snr > 8")).alerts > 0
    assert not stage.exists(), "once is enough"


def test_commands_speak_to_people(here, alertferry, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text(job("diaSource.snr > 8").to_yaml())
    called = alertferry("estimate", file)
    assert called.code == 0, called.err
    assert "alerts, all counted" in called.out
    file.write_text(job("diaSource.ra > 500").to_yaml())
    called = alertferry("estimate", file)
    assert "no alert fulfils 'diaSource.ra > 500'" in called.out
    assert "fulfilled by 0 alone (0.00%)" in called.out
    assert "diaSource.ra: " in called.out
    file.write_text(job(packet="full").to_yaml())
    called = alertferry("preview", file, "--rows", 2)
    assert "diaSourceId (long?): " in called.out
    assert "cutoutScience (bytes?): " in called.out


def test_records_are_json_with_exact_numbers(here, alertferry, tmp_path):
    file = tmp_path / "job.yml"
    file.write_text(job(packet="full").to_yaml())
    found = alertferry("preview", file, "--rows", 3, "--json").json
    assert len(found["records"]) == 3
    ids = [record["diaSourceId"] for record in found["records"]]
    assert all(isinstance(number, int) and number > 2**53 for number in ids)
    assert {"columns", "records", "avro_schema"} <= set(found)
    assert json.loads(found["avro_schema"])["type"] == "record"


def test_mistakes_come_back_as_problems_of_the_job(here, alertferry, tmp_path):
    wrong = job("diaSource.snr > 8", "diaSource.snrr > 8")
    with pytest.raises(JobError) as error:
        service.estimate(wrong)
    # the worker refuses by itself what callers might not have looked at
    with pytest.raises(JobError) as same:
        ask_estimate(wrong, load_settings())
    assert same.value.problems == error.value.problems
    assert error.value.problems[0].path == "filters[0].where[1]"
    hostile = job("reflect('java.lang.System', 'getenv', 'HOME') = 'x'")
    with pytest.raises(JobError, match="reflect"):
        ask_estimate(hostile, load_settings())
    file = tmp_path / "job.yml"
    file.write_text(wrong.to_yaml())
    called = alertferry("estimate", file, "--json")
    assert called.code == 2
    assert called.json["problems"][0]["path"] == "filters[0].where[1]"


def test_a_damaged_night_is_named(here, lakes, tmp_path):
    lake = tmp_path / "lake"
    shutil.copytree(lakes["lsst"], lake)
    file = sorted(lake.rglob("*.parquet"))[0]
    file.write_bytes(b"PAR1")
    broken = job().model_copy(update={"source": job().source.model_copy(update={"lake": str(lake)})})
    with pytest.raises(AlertferryError, match=file.name):
        ask_estimate(broken, load_settings())


def test_a_query_that_takes_too_long_is_stopped_and_the_worker_lives(here, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_ESTIMATE_SECONDS", "0.01")
    with pytest.raises(
        AlertferryError, match=r"no answer after 0\.01 s, so the query was stopped: simplify its conditions"
    ):
        service.estimate(job("diaSource.snr > 7.5"))
    monkeypatch.delenv("ALERTFERRY_ESTIMATE_SECONDS")
    assert service.estimate(job("diaSource.snr > 7.5")).alerts > 0
    assert len(workers(here)) == 1


def test_who_hangs_up_is_not_waited_for(here):
    settings = load_settings()
    service.estimate(job())
    with connect(Place.of(settings).socket) as gone:
        question = _question("estimate", settings, job=job("diaSource.snr > 1").to_dict())
        gone.sendall(question.model_dump_json().encode() + b"\n")
    with connect(Place.of(settings).socket) as strange:
        strange.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert strange.recv(100) == b""
    assert service.estimate(job()).alerts > 0


def without_spark(settings):
    """Make a worker refuse a job, for which it needs no Spark."""
    with pytest.raises(JobError, match="nowhere"):
        ask_estimate(job("nowhere > 1"), settings)


def test_a_worker_ends_when_nobody_asks(tmp_path, lakes, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(lakes["lsst"]))
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path))
    monkeypatch.setenv("ALERTFERRY_ESTIMATE_IDLE_SECONDS", "1")
    without_spark(load_settings())
    place = Place.of(load_settings())
    assert until(lambda: not workers(tmp_path))
    assert not place.socket.exists()
    assert not place.scratch.exists()
    without_spark(load_settings())  # and another starts when it is asked again
    assert stop_worker(load_settings()) or not workers(tmp_path)


EDITION = """
from typing import ClassVar
from alertferry import Predicate, Problem, hookimpl
from editions_text import EDITION

class Sieve(Predicate):
    "Say which edition this is."
    kind: ClassVar[str] = "sieve"
    def problems(self, survey, schema):
        yield Problem("", EDITION)
    def condition(self, survey):
        raise NotImplementedError

@hookimpl
def register_filters():
    return [Sieve]
"""


def installed_sieve(folder, edition):
    """Install a plugin of two modules as pip would: the second holds what it says."""
    info = folder / "sieve-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (folder / "sieve_of_editions.py").write_text(EDITION)
    (folder / "editions_text.py").write_text(f"EDITION = {edition!r}")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sieve\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[alertferry]\nsieve = sieve_of_editions\n")
    (info / "RECORD").write_text("sieve_of_editions.py,,\neditions_text.py,,\n")


def edition_that_answers(settings):
    """Ask the worker about a job with the plugin's filter, which this process does not know."""
    request = job().to_dict() | {"filters": [{"kind": "sieve"}]}
    with pytest.raises(JobError) as error:
        _ask(_question("estimate", settings, job=request), settings, None)
    return error.value.problems[0].message


def test_a_plugin_that_is_edited_or_installed_is_asked_by_a_new_process(tmp_path, lakes, monkeypatch):
    home, site = tmp_path / "home", tmp_path / "site"
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(lakes["lsst"]))
    monkeypatch.setenv("ALERTFERRY_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    settings = load_settings()
    site.mkdir()
    assert "no filter 'sieve'" in edition_that_answers(settings)
    (first,) = workers(home)
    installed_sieve(site, "the first edition")
    assert edition_that_answers(settings) == "the first edition"
    installed_sieve(site, "the second edition")
    assert edition_that_answers(settings) == "the second edition"
    assert edition_that_answers(settings) == "the second edition"
    assert until(lambda: len(workers(home)) == 1), "a process with yesterday's code goes on"
    assert workers(home) != [first]
    assert stop_worker(settings)


def test_other_settings_have_a_process_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path))
    before = Place.of(load_settings())
    monkeypatch.setenv("AN_UNRELATED_VARIABLE", "1")
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", "/another/lake")  # each question tells it
    assert Place.of(load_settings()) == before
    for variable, value in (("ALERTFERRY_TNS_TABLE", "/x"), ("AWS_PROFILE", "me"), ("ALERTFERRY_SPARK_CONF", "a=b")):
        with monkeypatch.context() as more:
            more.setenv(variable, value)
            assert Place.of(load_settings()) != before, variable


LOOPING = """
from typing import ClassVar
from alertferry import Predicate, hookimpl
from pyspark.sql import functions as F

class Looping(Predicate):
    "Take minutes for each alert, in code of Java that looks at no cancellation."
    kind: ClassVar[str] = "looping"
    def condition(self, survey):
        rows = F.sequence(F.lit(1), F.lit(30_000))
        inner = lambda x: F.aggregate(rows, F.lit(0.0), lambda b, y: b + F.col("diaSource.snr") * x * y)
        return F.aggregate(rows, F.lit(0.0), lambda a, x: a + inner(x)) > -1

@hookimpl
def register_filters():
    return [Looping]
"""


def slow_job(folder, monkeypatch):
    """Install a plugin as pip would, and return a question whose tasks loop for minutes, deaf to their cancellation."""
    info = folder / "looping-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "looping.py").write_text(LOOPING)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: looping\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[alertferry]\nlooping = looping\n")
    (info / "RECORD").write_text("looping.py,,\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    return job().to_dict() | {"filters": [{"kind": "looping"}]}


def looping(process):
    """Return the Java processes of a worker that still compute."""
    javas = [child for child in process.children(recursive=True) if "java" in child.name()]
    return [java for java in javas if java.cpu_percent(1.0) > 50]


@pytest.mark.soak
def test_tasks_that_do_not_stop_end_their_process_and_the_next_question_is_answered(
    tmp_path, lakes, jars_home, monkeypatch
):
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(lakes["lsst"]))
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "jars").symlink_to(jars_home / "jars")
    request = slow_job(tmp_path / "site", monkeypatch)
    settings = load_settings()
    assert service.estimate(job("diaSource.snr > 8")).alerts > 0
    (process,) = workers(tmp_path / "home")
    hasty = settings.model_copy(update={"estimate_seconds": 4.0})
    with pytest.raises(AlertferryError, match="no answer after 4 s, so the query was stopped"):
        _ask(_question("estimate", hasty, job=request), hasty, None)
    ended = lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE  # noqa: E731
    assert until(lambda: ended() or not looping(process)), "tasks of a question that was stopped go on"
    assert service.estimate(job("diaSource.snr > 8")).alerts > 0
    assert len(workers(tmp_path / "home")) == 1
    asked = time.monotonic()
    with pytest.raises(CancelledError), service.while_wanted(lambda: time.monotonic() < asked + 2):
        _ask(_question("estimate", settings, job=request), settings, None)  # would end much later by itself
    assert service.estimate(job("diaSource.snr > 8")).alerts > 0
    assert stop_worker(settings)


def test_a_worker_ends_with_its_home(tmp_path, lakes, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(lakes["lsst"]))
    monkeypatch.setenv("ALERTFERRY_HOME", str(home))
    without_spark(load_settings())
    (process,) = workers(home)
    shutil.rmtree(home)
    assert until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def test_a_worker_that_was_killed_is_replaced(tmp_path, lakes, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(lakes["lsst"]))
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path))
    settings = load_settings()
    without_spark(settings)
    (process,) = workers(tmp_path)
    os.kill(process.pid, 9)
    assert until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert Place.of(settings).socket.exists()
    without_spark(settings)
    assert stop_worker(settings)
    assert not stop_worker(settings)


def test_a_page_that_is_opened_starts_it(tmp_path, lakes, jars_home, monkeypatch):
    (tmp_path / "jars").symlink_to(jars_home / "jars")
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(lakes["lsst"]))
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path))
    ui_lakes.forget()
    settings = load_settings()
    page = Session(None, Site())
    try:
        Wizard(page, lambda: None)
        assert until(Place.of(settings).scratch.joinpath("rehearsal").exists)
    finally:
        page.close()
        stop_worker(settings)
        ui_lakes.forget()

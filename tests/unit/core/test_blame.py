"""A plugin that fails is named, wherever it is called; its traceback is in the log, not on the screen."""

import subprocess
import sys

import pytest

from alertferry.core.blame import failure, named
from alertferry.core.check import check_job
from alertferry.core.errors import JobError
from alertferry.core.job import Job
from alertferry.core.nights import expand
from alertferry.core.registry import Registry
from alertferry.core.settings import Settings
from alertferry.core.spark_errors import from_spark_error

PLUGIN = """
from typing import ClassVar
from pydantic import field_validator
from alertferry import Predicate, hookimpl

class Fragile(Predicate):
    "Fail where it is told to."
    kind: ClassVar[str] = "fragile"
    where: str

    @field_validator("where")
    @classmethod
    def _checked(cls, where):
        if where == "validator":
            return {}[where]
        return where

    def problems(self, survey, schema):
        if self.where == "problems":
            yield from self.helper()

    def helper(self):
        raise RuntimeError("no such\\nthing")

    def mentions(self, name):
        return 1 / 0 if self.where == "mentions" else False

    def condition(self, survey):
        raise AttributeError("condition")

@hookimpl
def register_filters():
    return [Fragile]

@hookimpl
def check_job(job):
    if job.name == "policy":
        raise LookupError("no quota")
    return None
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    info = folder / "fragile-2.5.dist-info"
    info.mkdir(parents=True)
    (folder / "fragile.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text("[alertferry]\nfragile = fragile\n")
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("fragile", None)


def job(where, **more):
    source = {"kind": "lsst", "nights": "2026-01-01"}
    filters = [{"kind": "fragile", "where": where}]
    return {"source": source, "filters": filters, "output": {"kind": "kafka", "packet": "full"}} | more


@pytest.mark.parametrize(
    ("where", "name", "place", "expected"),
    [
        ("problems", None, "filters[0]", "failed in problems of 'fragile' (fragile.py, line 23: RuntimeError: no such)"),
        ("mentions", None, "", "failed in mentions of 'fragile' (fragile.py, line 26: ZeroDivisionError: division by zero)"),
        ("nowhere", "policy", "", "failed in check_job (fragile.py, line 38: LookupError: no quota)"),
    ],
)  # fmt: skip
def test_what_fails_while_a_job_is_checked_is_a_problem_that_names_it(plugin, caplog, where, name, place, expected):
    registry = Registry.load({})
    request = job(where) | ({"name": name} if name else {})
    (problem,) = check_job(Job.from_dict(request, registry), registry, Settings())
    assert problem.path == place
    assert problem.message.startswith(f"fragile 2.5 {expected}")
    assert "leave that plugin out with ALERTFERRY_PLUGINS" in problem.message
    assert any(record.exc_info for record in caplog.records), "the log has the traceback"


def test_a_validator_that_fails_is_named(plugin):
    with pytest.raises(JobError) as caught:
        Job.from_dict(job("validator"), Registry.load({}))
    (problem,) = caught.value.problems
    assert problem.path == "filters[0]"
    assert "fragile 2.5 failed in _checked of 'fragile' (fragile.py, line 15: KeyError: 'validator')" in problem.message


def test_a_condition_that_fails_names_it_as_the_reason_of_the_job(plugin):
    step = Registry.load({}).get("filter", "fragile")(where="x")
    with pytest.raises(AttributeError) as caught:
        step.condition(None)
    assert str(from_spark_error(caught.value)).startswith(
        "fragile 2.5 failed in condition of 'fragile' (fragile.py, line 29: AttributeError: condition)"
    )


def test_what_a_task_of_spark_tells_of_a_plugin_names_it(plugin):
    Registry.load({})
    told = (
        "An exception was thrown from the Python worker. Please see the stack trace below.\n"
        "Traceback (most recent call last):\n"
        '  File "/usr/lib/python3/pyspark/worker.py", line 12, in main\n'
        f'  File "{plugin}/fragile.py", line 26, in helper\n'
        "KeyError: 'mag'\n"
    )
    found = str(from_spark_error(Exception(told)))
    assert found.startswith("fragile 2.5 failed in helper (fragile.py, line 26: KeyError: 'mag')")


def test_our_own_errors_are_not_blamed_on_anybody(plugin):
    Registry.load({})
    try:
        expand(None)
    except TypeError as error:
        ours = error
    assert named(ours) is None
    assert "this should not have happened" in str(failure(ours))
    assert "please report it" in str(failure(ours))


def test_a_command_says_a_sentence_and_keeps_the_traceback(plugin, tmp_path, monkeypatch):
    (tmp_path / "job.yml").write_text(Job.from_dict(job("problems"), Registry.load({})).to_yaml())
    monkeypatch.setenv("PYTHONPATH", str(plugin))
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path / "home"))
    command = [sys.executable, "-m", "alertferry.cli", "check", str(tmp_path / "job.yml")]
    called = subprocess.run(command, capture_output=True, text=True, check=False)
    assert called.returncode == 2
    assert "filters[0]: fragile 2.5 failed in problems of 'fragile'" in called.stderr
    assert "Traceback" not in called.stderr + called.stdout
    assert "Traceback" in (tmp_path / "home" / "errors.log").read_text()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device", "/x/y"), "no space left on the disk; free some and try again (/x/y)"),
        (
            PermissionError(13, "Permission denied", "/x"),
            "no permission; choose another folder, or ask for access (/x)",
        ),
        (MemoryError(), "this machine has no memory left"),
    ],
)
def test_what_the_system_refuses_is_a_sentence(error, expected):
    assert str(failure(error)).startswith(expected)

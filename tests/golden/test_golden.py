"""Rendered scripts, kept as files so that a change of them is seen in review: ``--update-golden`` rewrites them."""

import ast
from pathlib import Path

import pytest

from alertferry.core.job import Job
from alertferry.core.render import render

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/job.yml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_job_renders_as_it_was_reviewed(case, request):
    script = render(Job.from_yaml((case / "job.yml").read_bytes()))
    if request.config.getoption("--update-golden"):
        (case / "job.py").write_text(script)
    assert script == (case / "job.py").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_script_has_one_step_a_line_and_a_main(case):
    script = (case / "job.py").read_text()
    main = next(node for node in ast.parse(script).body if isinstance(node, ast.FunctionDef))
    assert (main.name, [argument.arg for argument in main.args.args]) == ("main", ["spark"])
    assert all(statement.lineno == statement.end_lineno for statement in main.body)
    assert len(script.splitlines()) <= 60

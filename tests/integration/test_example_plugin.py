"""The example survey, as its author would have it: found by its entry points, its own tests passing."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent / "examples" / "starwatch"


@pytest.fixture
def installed(tmp_path):
    """Return an environment in which the example is installed, from what its pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    facts = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["alertferry"]
    lines = [f"{name} = {place}" for name, place in points.items()]
    (facts / "entry_points.txt").write_text("\n".join(["[alertferry]", *lines, ""]))
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}


def called(environment, *words):
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)


def test_it_is_found_and_documented(installed):
    listed = called(installed, "alertferry.cli", "plugins")
    assert "starwatch" in listed.stdout
    assert "brighter" in listed.stdout
    fields = called(installed, "alertferry.cli", "fields", "starwatch")
    assert "Magnitude" in fields.stdout, fields.stderr


@pytest.mark.spark
def test_its_own_tests_pass(installed):
    found = called(installed, "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-1000:]
    assert "passed" in found.stdout

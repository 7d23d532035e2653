"""Every example in the documentation is executed: jobs are checked, commands parsed, Python run."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import typer.main
import yaml

from alertferry.commands.app import application
from alertferry.core.check import check_job
from alertferry.core.hooks import hookspec
from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.core.settings import Settings
from tests.reader_folders import deliver

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)
NEEDS_MORE = "needs Spark"


def blocks(language):
    return [
        pytest.param(text, title, id=f"{page.name}-{number}")
        for page in PAGES
        if page.exists()
        for number, (kind, title, text) in enumerate(BLOCK.findall(page.read_text()))
        if kind == language
    ]


@pytest.mark.parametrize(("text", "title"), blocks("yaml"))
def test_jobs_are_right(text, title, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for item in blocks("csv"):
        content, heading = item.values
        Path(re.search(r'title="(.*)"', heading)[1]).write_text(content)
    data = yaml.safe_load(text)
    if "source" not in data:
        text = yaml.safe_dump(
            {"source": {"kind": "lsst", "nights": "2026-01-01"}, "output": {"kind": "kafka", "packet": "full"}} | data
        )
    job = Job.from_yaml(text)
    assert check_job(job, default_registry(), Settings()) == []
    assert Job.from_yaml(job.to_yaml()) == job


@pytest.mark.parametrize(("text", "title"), blocks("console"))
def test_commands_exist(text, title):
    for line in text.splitlines():
        assert line.startswith("$ "), line
        words = shlex.split(line[2:])
        if words[0] == "alertferry":
            parse(words[1:])
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), line
        else:
            assert words[0] in {"export", "pip"}, line


def parse(words):
    """Parse a command line as the command itself would, without running it."""
    command, context = typer.main.get_command(application()), None
    while hasattr(command, "commands"):
        context = command.context_class(command, parent=context)
        command = command.commands[words[0]]
        words = words[1:]
    command.make_context(command.name, list(words), parent=context)


@pytest.mark.parametrize(("text", "title"), blocks("python"))
def test_python_runs(text, title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deliver(tmp_path / "alerts", "nested")
    code = compile(text, title or "example", "exec")
    if NEEDS_MORE not in title:
        exec(code, {"__name__": "example"})


@pytest.mark.parametrize(("text", "title"), blocks("toml"))
def test_toml_is_right(text, title):
    import tomllib

    data = tomllib.loads(text)
    if "alertferry.toml" in title:
        Settings.model_validate(data)


def test_every_hook_is_documented():
    from alertferry.core import hooks

    page = (ROOT / "docs" / "plugins.md").read_text()
    specs = [name for name, value in vars(hooks).items() if hasattr(value, f"{hookspec.project_name}_spec")]
    assert len(specs) == 5
    for name in specs:
        assert f"`{name}(" in page, name


def test_every_setting_is_documented():
    page = (ROOT / "docs" / "settings.md").read_text()
    for name in Settings.model_fields:
        assert f"`{name}`" in page or f"`[{name}]`" in page, name

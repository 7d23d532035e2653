"""Plugins as other people ship them: real distributions in a folder on the path."""

import os
import subprocess
import sys

import pytest

from alertferry.core.blame import PluginError
from alertferry.core.errors import Problem, UsageError
from alertferry.core.registry import Registry

FILTER = """
from typing import ClassVar
from alertferry.core.hooks import hookimpl
from alertferry.core.steps import Filter

class Nothing(Filter):
    "Keep everything."
    kind: ClassVar[str] = {kind!r}
    def apply(self, alerts):
        return alerts

@hookimpl
def register_filters():
    return [Nothing]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    modules = []

    def install(name, code, point=None):
        module = f"plugin_{name}"
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[alertferry]\n{name} = {point or module}\n")

    yield install
    for module in modules:
        sys.modules.pop(module, None)


def test_built_in_steps_come_through_entry_points():
    registry = Registry.load({})
    assert {"ztf", "lsst"} <= set(registry.steps["source"])
    assert {"kafka", "files"} <= set(registry.steps["output"])
    assert registry.steps["source"]["lsst"].distribution == "alertferry"


def test_a_stranger_is_as_good_as_a_built_in(install):
    install("sieve", FILTER.format(kind="sieve"))
    entry = Registry.load({}).steps["filter"]["sieve"]
    assert (entry.distribution, entry.version, entry.plugin) == ("sieve", "1.5", "sieve")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_module", "plugin 'bad' of bad 1.5 cannot be loaded (ModuleNotFoundError: No module named"),
        (
            "from alertferry.core.hooks import hookimpl\n@hookimpl\ndef register_fitlers(): return []",
            "plugin 'bad' of bad 1.5: unknown hook 'register_fitlers'",
        ),
        (
            "from alertferry.core.hooks import hookimpl\n@hookimpl\ndef check_job(jobs): return []",
            "plugin 'bad' of bad 1.5:",
        ),
        (FILTER.format(kind="sql"), "two plugins offer the filter 'sql': 'sql' of alertferry and 'bad' of bad"),
        (FILTER.format(kind="a b"), "plugin 'bad' of bad: Nothing.kind must be a name, got 'a b'"),
        (FILTER.replace("def apply", "def applies").format(kind="x"), "plugin 'bad' of bad: Nothing lacks apply"),
        (FILTER.replace("(Filter)", "").format(kind="x"), "is not a subclass of Filter"),
    ],
)
def test_what_is_broken_names_the_culprit(install, code, message):
    install("bad", code)
    with pytest.raises(PluginError) as caught:
        Registry.load({})
    assert message in str(caught.value)


def test_a_class_as_entry_point_is_explained(install):
    install("bad", "class Plugin: pass", "plugin_bad:Plugin")
    with pytest.raises(PluginError, match="is the class Plugin; its entry point must name a module or an instance"):
        Registry.load({})


def test_loading_can_be_narrowed(install):
    install("bad", "import no_such_module")
    registry = Registry.load({"ALERTFERRY_PLUGINS": "lsst, kafka"})
    assert [plugin.name for plugin in registry.plugins] == ["kafka", "lsst"]
    with pytest.raises(UsageError, match="ALERTFERRY_PLUGINS names 'lst': no such plugin; did you mean 'lsst'"):
        Registry.load({"ALERTFERRY_PLUGINS": "lst"})


def test_a_site_can_object(install):
    install(
        "site",
        "from alertferry.core.hooks import hookimpl\nfrom alertferry.core.errors import Problem\n"
        "@hookimpl\ndef check_job(job): return [Problem('source.nights', 'too many nights')]",
    )
    assert Registry.load({}).check_job(None) == [Problem("source.nights", "too many nights")]


def test_unknown_kinds_get_suggestions():
    with pytest.raises(UsageError, match="no source 'ztff'; did you mean 'ztf'"):
        Registry.load({}).get("source", "ztff")


def test_all_that_work_are_listed_with_their_files_and_those_that_fail(install, tmp_path):
    install("sieve", FILTER.format(kind="sieve"))
    install("broken", "import no_such_module")
    install("shouting", FILTER.format(kind="SQL"))
    registry, broken = Registry.load_what_works()
    assert "sieve" in registry.steps["filter"]
    assert {item.distribution: item.version for item in broken} == {"broken": "1.5", "shouting": "1.5"}
    told = {item.distribution: item.message for item in broken}
    assert "cannot be loaded (ModuleNotFoundError: No module named 'no_such_module')" in told["broken"]
    assert "two plugins offer the filter 'SQL', which is 'sql' but for its letters' case" in told["shouting"]
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "alertferry.cli", "plugins"]
    called = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert called.returncode == 1
    assert f"sieve 1.5: plugin 'sieve', {tmp_path}/plugin_sieve.py" in called.stdout
    assert "failed: plugin 'broken' of broken 1.5 cannot be loaded" in called.stderr
    assert "Traceback" not in called.stderr


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("def register_filters(): return 5", "register_filters() must return a list of classes, and failed (TypeError"),
        (
            "def register_filters(): return {}[0]",
            "register_filters() must return a list of classes, and failed (KeyError",
        ),
        ("def register_filters(job): return []", "the hooks are register_sources(), register_filters()"),
        ("def check_job(user): return []", "check_job(job, context)"),
    ],
)
def test_hooks_that_are_wrong_are_sentences(install, hook, message):
    install("bad", f"from alertferry.core.hooks import hookimpl\n@hookimpl\n{hook}")
    with pytest.raises(PluginError) as caught:
        Registry.load({})
    assert "plugin 'bad' of bad 1.5" in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)

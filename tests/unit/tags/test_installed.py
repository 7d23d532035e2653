"""Reading installed packages as text."""

import sys

import pytest

from alertferry.tags import installed


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes files of a package ``fam_one`` and forgets what was read before."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**files):
        folder = tmp_path / "fam_one"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        installed.read_module.cache_clear()

    write(__init__="")
    yield write
    installed.read_module.cache_clear()


TAGS = '''"""What the module says.

More."""
import os
import numpy_that_nobody_has.linalg as linalg
from fam_one import lists
from fam_one.lists import GOOD as LABELS, near
from . import relative

DESCRIPTION = ("In two "
               "parts")
COMPUTED = os.environ
LIMIT = 3

try:
    import optional_thing
except ImportError:
    pass

def judge(a, b: int = 1):
    """Say something."""
    import only_when_called
    return near(a) & lists.far(b) & (a > LIMIT)  # a comment
'''
LISTS = (
    "GOOD = ['x']\n\ndef near(a):\n    return a in GOOD\n\ndef far(a):\n    return a\n\ndef unused(a):\n    return a\n"
)


def test_a_module_is_read_without_running_it(package):
    package(tags=TAGS, lists=LISTS, relative="import json\n")
    module = installed.read_module("fam_one.tags")
    assert module.doc.startswith("What the module says.")
    assert module.literals == {"DESCRIPTION": "In two parts", "LIMIT": 3}
    assert module.functions["judge"].arguments == ("a", "b")
    assert module.functions["judge"].doc == "Say something."
    assert "Say something" not in module.functions["judge"].text
    assert module.imports["LABELS"] == "fam_one.lists.GOOD"
    assert module.imports["relative"] == "fam_one.relative"
    assert "fam_one" not in sys.modules


def test_what_is_not_there_or_no_python_is_none(package):
    package(broken="def (")
    assert installed.read_module("fam_one.absent") is None
    assert installed.read_module("fam_one.broken") is None
    assert installed.read_module("no_such_package.x") is None
    assert installed.package_folder("no_such_package") is None


def test_imports_are_followed_inside_the_family(package):
    package(tags=TAGS, lists="import pandas\n" + LISTS, relative="import posting_thing.api\n")
    found = installed.imported_packages("fam_one.tags", "fam_", frozenset())
    assert found == {"os", "numpy_that_nobody_has", "pandas", "posting_thing"}
    assert "posting_thing" not in installed.imported_packages("fam_one.tags", "fam_", frozenset({"fam_one.relative"}))
    assert installed.is_installed("os")
    assert not installed.is_installed("numpy_that_nobody_has")


@pytest.mark.parametrize(
    ("files", "same"),
    [
        ({"tags": TAGS.replace("Say something.", "Say another thing.")}, True),
        ({"lists": LISTS.replace("def unused(a):\n    return a", "def unused(a):\n    return 1")}, True),
        ({"tags": TAGS.replace("a > LIMIT", "a >= LIMIT")}, False),
        ({"tags": TAGS.replace("LIMIT = 3", "LIMIT = 4")}, False),
        ({"lists": LISTS.replace("['x']", "['y']")}, False),
        ({"lists": LISTS.replace("def far(a):\n    return a", "def far(a):\n    return -a")}, False),
    ],
    ids=["docstring", "unused function", "own text", "own constant", "constant of a helper", "helper by its module"],
)
def test_the_fingerprint_changes_with_anything_that_is_used(package, files, same):
    package(tags=TAGS, lists=LISTS, relative="")
    before = installed.fingerprint("fam_one.tags", "judge", "fam_")
    package(**files)
    assert (installed.fingerprint("fam_one.tags", "judge", "fam_") == before) is same

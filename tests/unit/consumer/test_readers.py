"""A delivered folder opens by the plain call of every reader, with every digit and null; each in a Python of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from tests import read_folder
from tests.reader_folders import deliver

PROGRAM = Path(read_folder.__file__)

EVERY = ("flat", "nested", "classes", "empty")
HERE = (("pandas", ("flat", "empty")), ("pandas_arrow", EVERY), ("pyarrow", EVERY), ("polars", EVERY))
# pandas' own types have no null in a whole number inside a struct or list, whatever a file says: see `pandas_call`
ELSEWHERE = (
    # reader, what pip installs, what it can read
    ("pandas", ("pandas==2.2.*", "pyarrow==18.0.0", "numpy<2.3"), ("flat", "empty")),
    ("pandas_arrow", ("pandas==2.2.*", "pyarrow==18.0.0", "numpy<2.3"), EVERY),
    ("pyarrow", ("pyarrow==18.0.0",), EVERY),
    ("pandas", ("pandas>=3", "pyarrow"), ("flat", "empty")),
    ("pandas_arrow", ("pandas>=3", "pyarrow"), EVERY),
    ("pyarrow", ("pyarrow",), EVERY),
    ("polars", ("polars==1.0.0",), ("flat", "empty")),  # it has no null structs, and splits names of folders anew
    ("polars", ("polars==1.20.0",), EVERY),
    ("polars", ("polars",), EVERY),
    ("duckdb", ("duckdb",), EVERY),
    ("dask", ("dask[dataframe]",), ("flat", "empty")),
    ("nested_pandas", ("nested-pandas",), EVERY),
    ("fastparquet", ("fastparquet", "pandas<3"), ("flat",)),
    ("astropy", ("astropy", "pandas", "pyarrow"), ("flat",)),
)


def read(python: str, reader: str, folder: Path) -> list[dict[str, Any]]:
    ended = subprocess.run([python, PROGRAM, reader, folder], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, (reader, ended.stderr[-1500:])
    return sorted(json.loads(ended.stdout), key=lambda row: row["diaSourceId"])


def same(found: Any, wanted: Any) -> bool:
    """Whether a reader's value is an alert's; maps come as maps, as pairs or as structs of key and value."""
    if isinstance(wanted, dict) and isinstance(found, list):
        pairs = [tuple(item.values()) if isinstance(item, dict) else tuple(item) for item in found]
        found = dict(pairs)
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(same(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return found == str(wanted)
    return found == wanted


def assert_read(python: str, reader: str, kinds: tuple[str, ...], tmp_path: Path) -> None:
    for kind in kinds:
        folder = tmp_path / f"{reader} {kind}"
        wanted = deliver(folder, kind)
        found = read(python, reader, folder)
        assert len(found) == len(wanted), (reader, kind)
        for row, alert in zip(found, wanted, strict=True):
            for name, value in alert.items():
                assert same(row[name], value), (reader, kind, name, row[name], value)


@pytest.mark.parametrize(("reader", "kinds"), HERE)
def test_installed_readers(tmp_path, reader, kinds):
    assert_read(sys.executable, reader, kinds, tmp_path)


@pytest.fixture(scope="session")
def pythons(tmp_path_factory):
    """Return a function that gives a Python with some packages and nothing else."""
    made: dict[tuple[str, ...], str] = {}

    def python(packages: tuple[str, ...]) -> str:
        if packages not in made:
            home = tmp_path_factory.mktemp("reader")
            venv.create(home, with_pip=True)
            made[packages] = str(home / "bin/python")
            pip = [made[packages], "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
            subprocess.run(pip, check=True)
        return made[packages]

    return python


@pytest.mark.soak
@pytest.mark.parametrize(("reader", "packages", "kinds"), ELSEWHERE)
def test_readers_of_their_own(tmp_path, pythons, reader, packages, kinds):
    assert_read(pythons(packages), reader, kinds, tmp_path)

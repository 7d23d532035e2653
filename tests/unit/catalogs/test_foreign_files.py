"""Damaged and hostile files of every format: a sentence, never a traceback, and no damage to good data.

200 inputs a parser in each run, 10,000 with ``make soak``. They go through the functions of the confined process, in a
process with the same limits of memory.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.catalogs import read_catalog
from alertferry.catalogs.coverage import read_moc, read_skymap
from alertferry.catalogs.sandbox import Limits, explain_death
from alertferry.core.errors import AlertferryError, UsageError
from tests import foreign_files
from tests.foreign_files import CATALOGUES, COVERAGES, SKYMAPS
from tests.unit.catalogs.in_process import read_content

ALL = {**CATALOGUES, **COVERAGES, **SKYMAPS}
ENGINE = re.compile(r"Traceback|Error\b(?! -?\d)|Exception|object at 0x|<class")
SEED = 20_261_130


def outcome(kind: str, content: bytes) -> dict[str, Any]:
    """Return what the confined process would report of a file of this kind."""
    from alertferry.catalogs import parser
    from alertferry.catalogs.request import Request

    def task() -> dict[str, Any]:
        with tempfile.TemporaryFile() as scratch:
            plain = parser.plain(io.BytesIO(content), scratch, 64 * 2**20)
            if kind in CATALOGUES:
                request = Request(on_bad_rows="drop", preview_rows=5)
                return parser.read_catalogue(plain, io.BytesIO(), request.to_fields())
            return parser.read_map(plain, io.BytesIO(), {"credible_level": 0.9} if kind in SKYMAPS else {})

    return parser.outcome_of(task)


def faults(kind: str, seeds: range) -> list[str]:
    """Return what is wrong with the answers to damaged files."""
    found = []
    good = ALL[kind]()
    others = [make() for make in ALL.values()]
    for seed in seeds:
        content = foreign_files.damaged(good, others, seed)
        print(kind, seed, sep="\t", flush=True)
        try:
            said = outcome(kind, content)
        except BaseException as error:
            found.append(f"{kind} {seed}: {type(error).__name__}: {error}"[:300])
            continue
        text = said.get("error", "") + said.get("report", {}).get("problem", "")
        if ENGINE.search(text) or text.startswith("breaks the rules"):
            found.append(f"{kind} {seed}: {text}"[:300])
    return found


CHILD = """
import json, resource, sys, warnings
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
from tests.unit.catalogs.test_foreign_files import faults
kinds, begun, first, last = json.loads(sys.argv[1])
starts = [begun, *[first] * len(kinds)]
print(json.dumps([fault for kind, start in zip(kinds, starts) for fault in faults(kind, range(start, last))]))
"""


def run(kinds: list[str], first: int, last: int, seconds: int, begun: int | None = None) -> list[str]:
    """Return the faults of a process of its own; with the first kind it begins at ``begun``.

    A library may end that process over a damaged file: then what the server makes of such a death is judged, and
    another process goes on behind the file.
    """
    order = json.dumps([kinds, first if begun is None else begun, first, last])
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, order],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd=root,
        env=environment,
    )
    said = done.stdout.splitlines()[-1]
    if done.returncode == 0:
        found: list[str] = json.loads(said)
        return found
    kind, _, seed = said.partition("\t")
    fault: list[str] = []
    try:
        explain_death(done.returncode, Limits(), done.stderr)
    except (UsageError, AlertferryError) as error:
        if not isinstance(error, UsageError) or ENGINE.search(str(error)):
            fault = [f"{kind} {seed}: {error}"]
    return fault + run(kinds[kinds.index(kind) :], first, last, seconds, int(seed) + 1)


GROUPS = [list(CATALOGUES)[:5], list(CATALOGUES)[5:10], list(CATALOGUES)[10:], [*COVERAGES, *SKYMAPS]]


@pytest.mark.parametrize("kinds", GROUPS, ids=["text", "lines and XML", "binary", "maps"])
def test_damaged_files_get_a_sentence(kinds: list[str]) -> None:
    assert run(kinds, SEED, SEED + 200, 590) == []


@pytest.mark.soak
@pytest.mark.parametrize("kind", list(ALL))
def test_ten_thousand_damaged_files_get_a_sentence(kind: str) -> None:
    assert run([kind], 0, 10_000, 3600) == []


@pytest.mark.parametrize("kind", list(ALL))
def test_good_files_are_never_called_damaged(kind: str) -> None:
    said = outcome(kind, ALL[kind]())
    assert "report" in said, said
    assert not said["report"].get("problem"), said


@pytest.mark.parametrize("kind", list(CATALOGUES))
def test_good_files_are_read_the_same_by_what_is_named_of_them(kind: str) -> None:
    assert read_content(CATALOGUES[kind]()).report.rows >= foreign_files.ROWS - 1


HOSTILE = dict(foreign_files.hostile())
READERS: dict[str, Callable[..., Any]] = {
    "catalogue": partial(read_catalog, max_bytes=64 * 2**20),
    "moc": read_moc,
    "sky map": partial(read_skymap, credible_level=0.9),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_files_are_refused_by_the_functions_of_the_process(name: str) -> None:
    for kind in ("csv", "moc fits", "flat"):
        said = outcome(kind, HOSTILE[name])
        text = said.get("error", "") + said.get("report", {}).get("problem", "")
        assert not ENGINE.search(text), (kind, text)
        if kind != "csv" or not name.startswith(("lone", "ECSV", "FITS and CSV", "map", "MOC")):
            assert text, (kind, name)


@pytest.mark.parametrize(
    "name", ["MOC with 10000000000000 rows", "gzip bomb", "map with 9223372036854775807 rows", "deep XML"]
)
def test_hostile_files_end_no_process_of_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(HOSTILE[name])
    for reader in READERS.values():
        with pytest.raises(UsageError) as error:
            reader(str(tmp_path / "file"))
        assert not ENGINE.search(str(error.value))


def test_a_line_of_a_hundred_megabytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"id,ra,dec\n" + b"x" * 100_000_000)
    with pytest.raises(UsageError, match="has a line of more than 1024 KiB"):
        read_catalog(tmp_path / "file")


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UsageError, match="cannot be opened: Too many levels of symbolic links"):
        read_catalog(tmp_path / "loop")
    with pytest.raises(UsageError, match="no such file"):
        read_moc(str(tmp_path / "loop"))


def test_a_unit_that_is_a_number_is_told_not_a_mistake_of_ours() -> None:
    good = CATALOGUES["fits"]()
    at = good.index(b"TUNIT")
    card = good[at : at + 8] + b"= " + b"5".rjust(20) + b" " * 50
    said = outcome("fits", good[:at] + card + good[at + 80 :])
    assert said["report"]["problem"].startswith("column 'ra' has the unit '5', which is not an angle")


def test_bytes_that_are_no_text_in_a_column_of_parquet_are_told() -> None:
    table = pa.table({"id": pa.array([b"a\xc3(", b"b"]), "ra": [1.0, 2.0], "dec": [3.0, 4.0]})
    content = io.BytesIO()
    names = table.set_column(0, "id", pa.array(table["id"].to_pylist(), pa.binary()).view(pa.string()))
    pq.write_table(names, content)
    said = outcome("parquet", content.getvalue())
    assert said == {"error": "is damaged: column 'id' holds bytes that are no text in UTF-8"}


def test_a_chunk_of_parquet_whose_path_is_no_text_changes_nothing() -> None:
    content = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b"], "ra": [1.0, 2.0], "dec": [3.0, 4.0]}), content, store_schema=False)
    in_schema, in_chunk, rest = content.getvalue().split(b"\x03dec")
    said = outcome("parquet", in_schema + b"\x03dec" + in_chunk + b"\x03d\xe9c" + rest)
    assert said["report"]["rows"] == 2

"""Turns, limits and answers of the process that reads foreign files."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alertferry.catalogs import preview_catalog, sandbox
from alertferry.catalogs.sandbox import turn
from alertferry.core.errors import AlertferryError, UsageError


def test_two_are_read_at_once_and_the_others_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    lock, inside, most, order = threading.Lock(), 0, 0, list[int]()

    def read(number: int) -> None:
        nonlocal inside, most
        with turn(tmp_path, 2):
            with lock:
                inside, most = inside + 1, max(most, inside + 1)
                order.append(number)
            time.sleep(0.15)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)  # so that they come in this order
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 2)
    assert [number // 2 for number in order] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert list(tmp_path.iterdir()) == []


HOLD = "import sys, time; from alertferry.catalogs.sandbox import turn; from pathlib import Path\n"
HOLD += "with turn(Path(sys.argv[1]), 1): print('in', flush=True); time.sleep(600)"


def test_other_processes_count_and_dead_ones_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_PATIENCE_SECONDS", 0.3)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with pytest.raises(AlertferryError, match="have been read for ten minutes; try again later"), turn(tmp_path, 1):
            pass
        other.kill()
        other.wait()
        with turn(tmp_path, 1):
            pass
    assert list(tmp_path.iterdir()) == []


def test_time_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTFERRY_PARSER_SECONDS", "5")
    rows = "".join(f"<TR><TD>a{index}</TD><TD>{index % 360}</TD><TD>1</TD></TR>" for index in range(2_000_000))
    fields = "".join(f'<FIELD name="{name}" datatype="char" arraysize="*"/>' for name in ("id", "ra", "dec"))
    (tmp_path / "long.xml").write_text(
        f"<VOTABLE><RESOURCE><TABLE>{fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    with pytest.raises(
        UsageError, match="could not be read within 5 s; save it as Parquet, or have ALERTFERRY_PARSER_SEC"
    ):
        preview_catalog(tmp_path / "long.xml")


def test_memory_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTFERRY_PARSER_MEMORY_MB", "256")
    (tmp_path / "wide.csv").write_text(
        "id,ra,dec\n" + "".join(f"s{index},{index % 360},1\n" for index in range(3_000_000))
    )
    with pytest.raises(
        UsageError, match=r"cannot be read within 0\.2 GiB of memory.*ALERTFERRY_PARSER_MEMORY_MB raised"
    ):
        preview_catalog(tmp_path / "wide.csv")


def test_a_preview_brings_back_no_rows(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,ra,dec\n" + "".join(f"s{index},{index / 10},1\n" for index in range(3000)))
    answer = sandbox.parse(tmp_path / "x.csv", "catalogue", {"columns": [], "preview_rows": 3}, 10**9)
    assert answer.table is None
    assert answer.report["statistics"]["duplicate_positions"] == 0
    assert len(answer.report["first_rows"]) == 3

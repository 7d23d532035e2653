"""From a path to a catalogue, through the confined process."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from alertferry.catalogs import (
    PREVIEW_OPTIONS,
    BadRow,
    Catalog,
    ProperMotion,
    preview_catalog,
    read_catalog,
    sandbox,
)
from alertferry.catalogs.reading import PreviewOptions, ReadOptions
from alertferry.catalogs.request import Request
from alertferry.catalogs.sandbox import Limits, explain_death
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.plugins.filters import crossmatch
from tests.foreign_files import CATALOGUES

CONTENT = (
    b"Name,RAJ2000,DEJ2000,r,z\n00123,12:30:00,-01 30 00,1.5,0.5\n1e5,bad,00 00,2,\n x,-00:00:01,+90 00 00.0,3,0.75\n"
)
SHARED = Path(__file__).parents[4] / "shared" / "data" / "blazars_350.parquet"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "cat.csv"
    path.write_bytes(CONTENT)
    return path


def test_a_catalogue_as_a_whole(csv: Path) -> None:
    found = read_catalog(csv, radius="r", columns=["z", "DEJ2000"], on_bad_rows="drop")
    assert (found.name, found.format, found.rows) == ("cat.csv", "csv", 2)
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert isinstance(found.ids, pa.Array)
    assert found.ids.to_pylist() == ["00123", " x"]
    assert found.ra_deg.tolist() == [187.5, pytest.approx(360 - 15 / 3600)]
    assert found.dec_deg.tolist() == [-1.5, 90.0]
    assert found.radius_arcsec is not None
    assert found.radius_arcsec.tolist() == [1.5, 3.0]
    assert (found.pm, found.epoch) == (None, None)
    assert found.columns.to_pydict() == {"z": [0.5, 0.75], "DEJ2000": ["-01 30 00", "+90 00 00.0"]}
    assert found.used == {"ra": "RAJ2000", "dec": "DEJ2000", "id": "Name", "radius": "r"}
    assert found.guessed == ("ra", "dec", "id")
    assert found.bad_rows == (BadRow(2, "RAJ2000", "bad", "is not an angle"),)
    assert found.bad_row_count == 1
    assert all(values.dtype == np.float64 for values in (found.ra_deg, found.dec_deg, found.radius_arcsec))
    assert "00123" not in repr(found)


def test_the_same_catalogue_fails_by_default(csv: Path) -> None:
    with pytest.raises(UsageError) as error:
        read_catalog(csv)
    assert str(error.value) == (
        "catalogue cat.csv: 1 of 3 rows cannot be used:\n  row 2: 'RAJ2000': 'bad': is not an angle\n"
        "Correct them, or leave them out with on_bad_rows: drop"
    )


@pytest.mark.parametrize(
    ("kind", "compressed"),
    [
        ("ascii.csv", True),
        ("ascii.ecsv", False),
        ("votable", True),
        ("fits", False),
        ("fits", True),
        ("parquet", False),
    ],
)
def test_every_format_is_read_by_the_confined_process(tmp_path: Path, kind: str, compressed: bool) -> None:
    path = tmp_path / "anything"
    table = Table({"name": ["01", "b"], "ra": ["12h", "12.5h"], "dec": ["+1d30m", "-90d"]})
    if kind == "parquet":
        pq.write_table(pa.table({name: list(map(str, table[name])) for name in table.colnames}), path)
    else:
        table.write(path, format=kind)
    if compressed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    found = read_catalog(path)
    assert (found.ids.to_pylist(), found.ra_deg.tolist()) == (["01", "b"], [pytest.approx(180.0), pytest.approx(187.5)])
    assert found.dec_deg.tolist() == [1.5, -90.0]
    assert found.format == kind.replace("ascii.", "") + ("+gzip" if compressed else "")


def test_proper_motions_reach_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "gaia"
    table = {
        "source_id": [2**62 + 1],
        "ra": [1.0],
        "dec": [2.0],
        "pmra": [-3.5],
        "pmdec": [None],
        "ref_epoch": [2016.0],
    }
    pq.write_table(
        pa.table(table, schema=pa.schema({**dict.fromkeys(table, pa.float64()), "source_id": pa.int64()})), path
    )
    found = read_catalog(path, pmra="pmra", pmdec="pmdec", epoch="ref_epoch")
    assert isinstance(found.pm, ProperMotion)
    assert (found.pm.ra.tolist(), found.pm.dec.tolist()) == ([-3.5], [0.0])
    assert found.epoch is not None
    assert found.epoch.tolist() == [2016.0]
    assert found.ids.to_pylist() == [str(2**62 + 1)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("cat?op=DELETE.csv", "cat?op=DELETE.csv"),
        ("😀é.csv", "😀é.csv"),
        ("a\n\x1b[31mb.csv", "a\\n\\x1b[31mb.csv"),
        ("x" * 4096, "x" * 79 + "…"),
    ],
)
def test_names_are_only_shown(tmp_path: Path, name: str, shown: str) -> None:
    with pytest.raises(UsageError, match="^" + re.escape(f"catalogue {shown}: is a folder")):
        read_catalog(tmp_path, name=name)


def test_the_name_does_not_decide_the_format(tmp_path: Path) -> None:
    path = tmp_path / "😀 cat.fits"
    path.write_bytes(gzip.compress(CONTENT))
    assert read_catalog(path, on_bad_rows="drop").format == "csv+gzip"


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        ("nothing", "catalogue nothing: no such file"),
        ("", "is a folder; give one file"),
        ("empty", "catalogue empty: is empty"),
        ("pipe", "catalogue pipe: is not a regular file"),
        ("a\0b", "catalogue a\\x00b: cannot be opened: embedded null byte"),
    ):
        with pytest.raises(UsageError, match=re.escape(message)):
            read_catalog(f"{tmp_path}/{name}")


def test_too_large_a_file_is_not_even_opened_by_the_parser(csv: Path) -> None:
    with pytest.raises(UsageError, match=rf"has {len(CONTENT)} bytes; at most 50 are allowed"):
        read_catalog(csv, max_bytes=50)


def test_a_memory_bomb_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    rows = 20_000
    names = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(pa.table({"id": names, "ra": [1.0] * rows, "dec": [1.0] * rows}), path)
    assert path.stat().st_size < 200_000
    with pytest.raises(UsageError, match=r"bomb\.parquet: (cannot be read|column 'id' holds|expands)"):
        read_catalog(path, max_rows=rows)


def test_a_votable_cannot_read_another_file(tmp_path: Path) -> None:
    path = tmp_path / "spy.xml"
    path.write_text(
        '<VOTABLE><RESOURCE><TABLE><FIELD name="x" datatype="char" arraysize="8"/>'
        '<DATA><BINARY><STREAM href="file:///etc/passwd"/></BINARY></DATA></TABLE></RESOURCE></VOTABLE>'
    )
    for ask in (read_catalog, preview_catalog):
        with pytest.raises(UsageError, match="refers to another place"):
            ask(path)


def test_secrets_stay_with_the_caller(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTFERRY_KAFKA_SASL_PASSWORD", "hunter2")
    assert "hunter2" not in str(sandbox.environment())


LIMITS = Limits(2**30, 2**30, 30)


@pytest.mark.parametrize(
    ("code", "log", "kind", "message"),
    [
        (
            -24,
            "",
            UsageError,
            "could not be read within 30 s; save it as Parquet, or have ALERTFERRY_PARSER_SECONDS raised",
        ),
        (-11, "", UsageError, "cannot be read within 1.0 GiB of memory, or is damaged; save it as Parquet"),
        (-6, "terminate called\n  what():  size mismatch", UsageError, "is damaged: size mismatch"),
        (-6, "terminate called\n  what():  std::bad_alloc", UsageError, "cannot be read within 1.0 GiB of memory"),
        (-9, "", UsageError, "cannot be read within 1.0 GiB of memory"),
        (1, "Traceback\nMemoryError", UsageError, "cannot be read within 1.0 GiB of memory"),
        (
            1,
            "Traceback\nNameError: x",
            AlertferryError,
            "the process that reads foreign files ended with code 1: NameError: x",
        ),
        (1, "", AlertferryError, "ended with code 1: it said nothing"),
    ],
)
def test_a_parser_that_dies_is_explained(code: int, log: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)) as error:
        explain_death(code, LIMITS, log)
    assert type(error.value) is kind


def test_importing_the_package_is_light() -> None:
    script = (
        "import sys, alertferry.catalogs; print(sorted({'numpy', 'pyarrow', 'astropy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(not SHARED.exists(), reason="the folder with real data is not there")
def test_a_real_catalogue_without_positions() -> None:
    with pytest.raises(UsageError, match=r"catalogue blazars_350\.parquet: no column looks like right ascension"):
        read_catalog(SHARED)
    preview = preview_catalog(SHARED, 3)
    assert (preview.rows, preview.usable_rows, len(preview.first_rows)) == (350, 0, 3)
    assert preview.guess.unclear == {"id": ("3FGL Name", "ZTF Name")}
    assert preview.problem.startswith("no column looks like right ascension")


def test_a_preview(csv: Path) -> None:
    csv.write_bytes(CONTENT + b"00123,12:30:00,-01 30 00,1.5,=cmd()\n")
    preview = preview_catalog(csv, 2, radius="r")
    assert preview.problem == ""
    assert (preview.rows, preview.usable_rows, preview.bad_row_count) == (4, 3, 1)
    assert [column.name for column in preview.columns] == ["Name", "RAJ2000", "DEJ2000", "r", "z"]
    assert preview.first_rows == (("00123", "12:30:00", "-01 30 00", "1.5", "0.5"), ("1e5", "bad", "00 00", "2", None))
    assert (preview.duplicate_ids, preview.duplicate_positions) == (1, 1)
    assert preview.ra_range_deg == (187.5, pytest.approx(360 - 15 / 3600))
    assert preview.dec_range_deg == (-1.5, 90.0)
    assert preview.radius_range_arcsec == (1.5, 3.0)
    assert preview.moc.max_order == 6
    assert preview.moc.sky_fraction == pytest.approx(2 / (12 * 4**6))
    assert (preview.used["id"], preview.guess.id, preview.bad_rows[0].number) == ("Name", "Name", 2)


def test_a_preview_of_what_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,ra,dec\na,x,y\nb,z,1\n")
    preview = preview_catalog(path)
    assert preview.problem.startswith("none of its 2 rows can be used:\n  row 1: 'ra': 'x'")
    assert (preview.rows, preview.usable_rows, preview.bad_row_count, preview.moc) == (2, 0, 2, None)
    path.write_text("id,ra,dec\n")
    preview = preview_catalog(path)
    assert (preview.problem, preview.rows, preview.first_rows) == ("has no rows", 0, ())
    assert preview_catalog(path, ra="x", dec="dec").problem.startswith("ra: no column 'x'. Columns:")


def test_a_catalogue_outlives_its_file(csv: Path) -> None:
    found: Catalog = read_catalog(csv, on_bad_rows="drop")
    csv.unlink()
    assert found.ra_deg.sum() > 0
    assert not found.ra_deg.flags.writeable


def test_every_option_is_known_to_all_who_pass_it_on() -> None:
    """Options go by name from a job to the process that reads: a name that one of them lacks would be lost."""
    fields = {field.name for field in dataclasses.fields(Request)}
    read, preview = (set(get_type_hints(kind)) for kind in (ReadOptions, PreviewOptions))
    assert read == fields - {"preview_rows"}
    assert set(PREVIEW_OPTIONS) < preview
    assert preview == read - {"columns", "on_bad_rows"}
    assert set(crossmatch._READING) == read - {"max_bytes"}
    with pytest.raises(TypeError):
        Request("ra", "dec")  # type: ignore[misc]


@pytest.mark.parametrize("compressed", [False, True])
def test_what_a_preview_names_can_be_said(tmp_path: Path, compressed: bool) -> None:
    """Of every example of a format: a preview, then a reading with the format and the units that it names."""
    for kind in ("csv", "mrt", "simbad"):
        content = CATALOGUES[kind]()
        path = tmp_path / kind
        path.write_bytes(gzip.compress(content) if compressed else content)
        seen = preview_catalog(path)
        units = {f"{axis}_unit": seen.units[axis][0] for axis in ("ra", "dec")}
        found = read_catalog(path, format=seen.format, **units)
        assert (found.format, found.rows) == (seen.format, seen.usable_rows)
        named = crossmatch.Crossmatch.model_validate(
            {"catalog": str(path), "radius_arcsec": 1, "format": seen.format, **units}
        )
        assert named.format == kind

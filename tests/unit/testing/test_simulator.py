"""The simulator: the files it writes, their identifiers, and what it refuses."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.core.errors import UsageError
from alertferry.core.local_lake import SIMULATED
from alertferry.testing.simulator import SimulatedLake, simulate
from alertferry.testing.simulator import lsst as lsst_survey
from alertferry.testing.simulator import ztf as ztf_survey
from alertferry.testing.simulator.names import (
    designation,
    lsst_source_id,
    packed_designation,
    packed_number,
    ztf_candid,
    ztf_object_name,
)
from alertferry.testing.simulator.population import alerts_of_night
from tests.simulated import ALERTS, LAKE, NIGHTS, SAMPLES, needs_samples, read, rows

# --- files and schemas


@needs_samples
@pytest.mark.parametrize(("survey", "version", "night"), SAMPLES)
def test_schema_is_that_of_the_real_lake(tmp_path: Path, survey: str, version: str, night: str) -> None:
    simulate(survey, tmp_path, [date(2026, 1, 1)], 3, version=version, files_per_night=1)
    real = pq.read_schema(next((LAKE / survey / night).glob("*.parquet"))).remove_metadata()
    assert pq.read_schema(next(tmp_path.rglob("*.parquet"))).equals(real)


def test_newer_rubin_lake_adds_two_fields(tmp_path: Path) -> None:
    simulate("lsst", tmp_path / "old", NIGHTS[:1], 30, version="10.0")
    simulate("lsst", tmp_path / "new", NIGHTS[:1], 30, version="10.0+")
    old, new = read(tmp_path / "old"), read(tmp_path / "new")
    assert new.column_names == [*old.column_names, "timestamp"]
    assert {field.name for field in new.schema.field("xm").type} - {
        field.name for field in old.schema.field("xm").type
    } == {"tns_fullname"}
    # Features hold NaN, which is not equal to itself.
    assert new.drop_columns(["timestamp", "xm", "lc_features"]).equals(old.drop_columns(["xm", "lc_features"]))


def test_files_are_laid_out_as_the_lakes_are(ztf: SimulatedLake) -> None:
    files = sorted(path.relative_to(ztf.folder).as_posix() for path in ztf.folder.rglob("*.parquet"))
    assert [path.name for path in ztf.folder.iterdir() if path.is_file()] == [SIMULATED]
    assert files[:2] == [f"year=2026/month=01/day=01/part-0000{part}.snappy.parquet" for part in (0, 1)]
    assert len(files) == 8
    assert ztf.bytes == sum((ztf.folder / name).stat().st_size for name in files)
    assert (ztf.alerts, ztf.nights) == (4 * ALERTS, tuple(NIGHTS))
    file = pq.ParquetFile(ztf.folder / files[0])
    assert "optional int96" in str(file.schema)
    assert file.metadata.row_group(0).column(0).compression == "SNAPPY"


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        simulate("ztf", tmp_path / name, NIGHTS[:2], 20, seed=seed, cutouts=seed == 0)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.parquet"))
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    assert read(tmp_path / "one")["candid"] != read(tmp_path / "other")["candid"]


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_night_by_night_is_the_same_as_all_at_once(tmp_path: Path, survey: str) -> None:
    simulate(survey, tmp_path / "once", NIGHTS[:2], 25, cutouts=False)
    for night in reversed(NIGHTS[:2]):
        simulate(survey, tmp_path / "often", [night], 25, cutouts=False, files_per_night=1, row_group_rows=10)
    for night in NIGHTS[:2]:
        once, often = read(tmp_path / "once", night), read(tmp_path / "often", night)
        # Features and missing parallaxes are NaN, which is not equal to itself.
        plain = [name for name in once.column_names if not name.startswith(("lc_features", "Plx", "e_Plx"))]
        assert once.select(plain).equals(often.select(plain))
        assert len(once) == 25


def test_row_groups_and_files_are_as_asked(tmp_path: Path) -> None:
    simulate("ztf", tmp_path, NIGHTS[:1], 95, cutouts=False, files_per_night=3, row_group_rows=10)
    files = [pq.ParquetFile(path).metadata for path in sorted(tmp_path.rglob("*.parquet"))]
    assert [file.num_rows for file in files] == [31, 32, 32]
    assert [files[1].row_group(index).num_rows for index in range(files[1].num_row_groups)] == [10, 10, 10, 2]


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
@pytest.mark.parametrize("alerts", [0, 1])
def test_tiny_nights_write_one_valid_file(tmp_path: Path, survey: str, alerts: int) -> None:
    lake = simulate(survey, tmp_path, NIGHTS[:1], alerts)
    files = list(tmp_path.rglob("*.parquet"))
    assert [pq.read_table(file, partitioning=None).num_rows for file in files] == [alerts]
    assert lake.alerts == alerts


def test_progress_counts_alerts(tmp_path: Path) -> None:
    seen: list[int] = []
    simulate("ztf", tmp_path, NIGHTS[:2], 10, cutouts=False, progress=seen.append)
    assert seen == [5, 10, 15, 20]


def test_light_alerts_have_the_columns_but_no_weight(tmp_path: Path) -> None:
    simulate("lsst", tmp_path, NIGHTS[:1], 50, cutouts=False, history=False)
    table = read(tmp_path, stamps=True)
    empty = {name for name in table.column_names if table[name].null_count == 50}
    assert empty == {"prvDiaSources", "prvDiaForcedSources"} | {
        f"cutout{kind}" for kind in ("Science", "Template", "Difference")
    }


# --- identifiers


@pytest.mark.parametrize(("lake_name", "column"), [("ztf", "candid"), ("lsst", "diaSourceId")])
def test_alert_ids_are_unique_and_do_not_survive_floats(
    request: pytest.FixtureRequest, lake_name: str, column: str
) -> None:
    ids = read(request.getfixturevalue(lake_name))[column].to_pylist()
    assert len(set(ids)) == len(ids)
    assert {len(str(number)) for number in ids} == {19 if column == "candid" else 18}
    assert sum(int(float(number)) == number for number in ids) < 0.05 * len(ids)


def test_ids_stay_unique_in_large_lakes() -> None:
    numbers = np.arange(60_000)
    plan = ztf_survey.campaign(3, len(numbers))
    names, ids = [], []
    for night in (61041, 61042):
        alerts = alerts_of_night(plan, night, numbers)
        ids.append(ztf_candid(alerts, alerts.objects.slot % 2 == 0))
        names.append(ztf_object_name(alerts.objects.slot, alerts.objects.birth).to_numpy(zero_copy_only=False))
        assert len(np.unique(names[-1])) == len(np.unique(alerts.objects.key))
    assert len(np.unique(np.concatenate(ids))) == 2 * len(numbers)
    again = lsst_survey.campaign(3, len(numbers))
    both = [lsst_source_id(again, alerts_of_night(again, night, numbers)) for night in (61041, 61042)]
    assert len(np.unique(np.concatenate(both))) == 2 * len(numbers)


def test_ztf_names_have_the_surveys_formats(ztf: SimulatedLake) -> None:
    for row in read(ztf, NIGHTS[0], stamps=True).to_pylist():
        measured = row["candidate"]
        assert re.fullmatch(r"ZTF\d\d[a-z]{7}", row["objectId"])
        assert measured["candid"] == row["candid"]
        assert measured["pid"] == row["candid"] // 10**6
        assert str(measured["pid"]).startswith(str(measured["nid"]))
        assert measured["nid"] == int(measured["jd"] - 2457754.5)
        assert row["candid"] % 1000 == measured["tblid"] % 1000
        kind = "scimref" if measured["isdiffpos"] == "t" else "refmsci"
        assert row["cutoutDifference"]["fileName"].startswith(f"candid{row['candid']}_pid{measured['pid']}")
        assert row["cutoutDifference"]["fileName"].endswith(f"_targ_{kind}.fits.gz")


def test_solar_system_identifiers_follow_the_designation(lsst: SimulatedLake) -> None:
    assert packed_number(pa.array(["K02JE6P"])).tolist() == [21163615805847120]
    moving = [row for row in rows(lsst, "ssSource", "mpc_orbits", "diaSource") if row["ssSource"]]
    assert len(moving) > 10
    for row in moving:
        packed = row["mpc_orbits"]["packed_primary_provisional_designation"]
        assert row["ssSource"]["ssObjectId"] == int.from_bytes(packed.encode(), "big")
        assert row["diaSource"]["ssObjectId"] == row["ssSource"]["ssObjectId"]
        assert re.fullmatch(r"(19|20)\d\d [A-Y][A-Z]\d*", row["mpc_orbits"]["designation"])


def test_designations_are_packed_as_the_mpc_does() -> None:
    numbers = np.arange(0, 11_000_000, 1_234_567)
    for readable, packed in zip(designation(numbers).to_pylist(), packed_designation(numbers).to_pylist(), strict=True):
        year, letters = readable.split()
        cycle = int(letters[2:] or 0)
        tens = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[cycle // 10]
        assert packed == f"{'JK'[int(year) >= 2000]}{year[2:]}{letters[0]}{tens}{cycle % 10}{letters[1]}"


# --- what cannot be simulated


def test_unknown_survey_and_version(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no survey 'ztff' to simulate; there are ztf, lsst; did you mean 'ztf'"):
        simulate("ztff", tmp_path, NIGHTS, 1)
    with pytest.raises(UsageError, match=r"no schema version '2024' of ztf; there are 2021, 2025\.01, 2025\.06"):
        simulate("ztf", tmp_path, NIGHTS, 1, version="2024")


@pytest.mark.parametrize(
    ("nights", "alerts", "extra", "message"),
    [
        ([], 1, {}, "no nights to simulate: give at least one, such as 2026-01-01"),
        ([NIGHTS[0], NIGHTS[0]], 1, {}, "night 2026-01-01 is given twice"),
        (NIGHTS, -1, {}, "alerts per night must be from 0 to 10,000,000, got -1"),
        (NIGHTS, 10_000_001, {}, "alerts per night must be from 0 to 10,000,000, got 10000001"),
        (NIGHTS, 1, {"seed": -1}, "the seed must be from 0 to 9223372036854775807, got -1"),
        ([date(2016, 1, 1)], 1, {}, "night 2016-01-01 cannot be simulated for ztf: choose one from 2017-01-02 to"),
        (NIGHTS, 1, {"files_per_night": 0}, "files per night must be at least 1, got 0"),
        (NIGHTS, 1, {"row_group_rows": 0}, "rows of a row group must be at least 1, got 0"),
    ],
)
def test_requests_that_make_no_sense(
    tmp_path: Path, nights: list[date], alerts: int, extra: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        simulate("ztf", tmp_path / "lake", nights, alerts, **extra)
    assert not (tmp_path / "lake").exists()


def test_folder_of_another_survey_is_left_alone(tmp_path: Path) -> None:
    simulate("ztf", tmp_path, NIGHTS[:1], 1, cutouts=False)
    with pytest.raises(
        UsageError, match=r"holds a lake of ztf \(part-00000\.snappy\.parquet\), not lsst; choose another"
    ):
        simulate("lsst", tmp_path, NIGHTS[1:2], 1)
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    pq.write_table(pa.table({"ra": [1.0]}), tmp_path / "catalogue.parquet")
    with pytest.raises(UsageError, match=r"holds parquet files that are not alerts \(catalogue\.parquet\), not ztf"):
        simulate("ztf", tmp_path, NIGHTS[:1], 1)


def test_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"cannot read .*broken\.parquet as parquet"):
        simulate("ztf", tmp_path, NIGHTS[:1], 1)


def test_night_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    simulate("ztf", tmp_path, NIGHTS[1:2], 1, cutouts=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    with pytest.raises(UsageError, match="already holds night 2026-01-02; choose other nights or another folder"):
        simulate("ztf", tmp_path, NIGHTS[:2], 1)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write a lake into .*file: File exists; choose another folder"):
        simulate("ztf", tmp_path / "file", NIGHTS[:1], 1)
    with pytest.raises(UsageError, match=r"cannot write a lake into .*inside: Not a directory; choose another folder"):
        simulate("ztf", tmp_path / "file" / "inside", NIGHTS[:1], 1)


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Path]:
    tmp_path.chmod(0o500)
    yield tmp_path
    tmp_path.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_folder_without_permission(sealed: Path) -> None:
    with pytest.raises(UsageError, match="permission denied; choose another folder"):
        simulate("ztf", sealed, NIGHTS[:1], 1)

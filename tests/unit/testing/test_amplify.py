"""Amplified lakes: real alerts again and again, with new names that agree with each other."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alertferry.core.errors import UsageError
from alertferry.testing.simulator import SimulatedLake, amplify, simulate
from tests.simulated import LAKE, NIGHTS, SAMPLES, needs_samples, read

LATER = [date(2027, 3, day) for day in (1, 2)]


@pytest.fixture(scope="module", name="ztf")
def light_ztf(tmp_path_factory: pytest.TempPathFactory) -> SimulatedLake:
    return simulate("ztf", tmp_path_factory.mktemp("ztf"), NIGHTS, 60, cutouts=False)


@pytest.fixture(scope="module", name="lsst")
def light_lsst(tmp_path_factory: pytest.TempPathFactory) -> SimulatedLake:
    return simulate("lsst", tmp_path_factory.mktemp("lsst"), NIGHTS, 60, cutouts=False)


def test_counts_layout_and_progress(tmp_path: Path, ztf: SimulatedLake) -> None:
    seen: list[int] = []
    lake = amplify(ztf.folder, tmp_path, LATER, 250, files_per_night=3, row_group_rows=40, progress=seen.append)
    assert (lake.alerts, lake.nights, seen[-1]) == (500, tuple(LATER), 500)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet"))[0] == (
        "year=2027/month=03/day=01/part-00000.snappy.parquet"
    )
    assert [len(read(tmp_path, night)) for night in LATER] == [250, 250]
    first = pq.ParquetFile(next(tmp_path.rglob("*.parquet"))).metadata
    assert first.row_group(0).num_rows == 40


@needs_samples
@pytest.mark.parametrize(("survey", "_version", "night"), SAMPLES)
def test_schema_and_metadata_stay_as_they_are(tmp_path: Path, survey: str, _version: str, night: str) -> None:
    source = LAKE / survey / night
    amplify(source, tmp_path, LATER[:1], 30)
    real, made = (pq.read_schema(next(folder.rglob("*.parquet"))) for folder in (source, tmp_path))
    assert made.equals(real, check_metadata=True)


@needs_samples
def test_nights_take_turns_when_schemas_differ(tmp_path: Path) -> None:
    nights = [date(2027, 3, day) for day in (1, 2, 3, 4)]
    amplify(LAKE / "ztf", tmp_path, nights, 20)
    assert [read(tmp_path, night).num_columns for night in nights] == [18, 49, 52, 18]


@pytest.mark.parametrize(("lake_name", "column"), [("ztf", "candid"), ("lsst", "diaSourceId")])
def test_ids_are_new_and_unique(tmp_path: Path, request: pytest.FixtureRequest, lake_name: str, column: str) -> None:
    source = request.getfixturevalue(lake_name)
    amplify(source.folder, tmp_path, LATER, 700)
    made = read(tmp_path)[column].to_pylist()
    assert len(set(made)) == 1400
    assert not set(made) & set(read(source)[column].to_pylist())
    assert {len(str(number)) for number in made} == {19 if column == "candid" else 18}


def test_ztf_copies_agree_with_themselves(tmp_path: Path, ztf: SimulatedLake) -> None:
    originals = read(ztf)
    amplify(ztf.folder, tmp_path, LATER[:1], 2 * len(originals))
    made = read(tmp_path)
    for copy in (0, 1):
        part = made.slice(copy * len(originals), len(originals)).to_pylist()
        known = {row["candid"]: row for row in part}
        told = 0
        for row, before in zip(part, originals.to_pylist(), strict=True):
            assert row["candidate"]["candid"] == row["candid"]
            assert row["candidate"]["magpsf"] == before["candidate"]["magpsf"]
            assert row["candidate"]["dec"] == before["candidate"]["dec"]
            turn = row["candidate"]["ra"] - before["candidate"]["ra"]
            assert row["candidate"]["jd"] - before["candidate"]["jd"] == pytest.approx(
                (LATER[0] - before["timestamp"].date()).days, abs=1e-6
            )
            assert row["timestamp"].date() == LATER[0]
            for item, old in zip(row["prv_candidates"] or [], before["prv_candidates"] or [], strict=True):
                assert (item["candid"] is None) == (old["candid"] is None)
                if item["ra"] is not None:
                    assert (item["ra"] - old["ra"] - turn + 180) % 360 - 180 == pytest.approx(0, abs=1e-8)
                if item["candid"] in known:
                    told += 1
                    assert known[item["candid"]]["objectId"] == row["objectId"]
        assert told > 20
    assert len(set(made["objectId"].to_pylist())) == 2 * len(set(originals["objectId"].to_pylist()))
    assert all(re.fullmatch(r"ZTF\d\d[a-z]{7}", name) for name in made["objectId"].to_pylist())


def test_lsst_copies_keep_what_is_not_a_name(tmp_path: Path, lsst: SimulatedLake) -> None:
    originals = read(lsst)
    amplify(lsst.folder, tmp_path, LATER[:1], len(originals))
    made = read(tmp_path)
    untouched = ["observation_reason", "xm", "clf", "pred", "mpc_orbits", "fink_broker_version"]
    assert made.select(untouched).equals(originals.select(untouched))
    for row, before in zip(made.to_pylist(), originals.to_pylist(), strict=True):
        source, old = row["diaSource"], before["diaSource"]
        assert source["diaSourceId"] == row["diaSourceId"]
        shift = row["diaSourceId"] - before["diaSourceId"]
        assert source["ssObjectId"] == old["ssObjectId"]
        if row["pred"]["is_sso"]:
            assert source["diaObjectId"] == 0
            assert row["ssSource"]["diaSourceId"] == row["diaSourceId"]
            assert row["diaObject"] is None
        else:
            assert source["diaObjectId"] == row["diaObject"]["diaObjectId"] == old["diaObjectId"] + shift
            sources = [item["diaSourceId"] - shift for item in row["prvDiaSources"] or []]
            assert sources == [item["diaSourceId"] for item in before["prvDiaSources"] or []]
            assert (row["prvDiaSources"] is None) == (before["prvDiaSources"] is None)
            days = source["midpointMjdTai"] - old["midpointMjdTai"]
            assert days == pytest.approx(round(days), abs=1e-9)
            for item, was in zip(row["prvDiaForcedSources"], before["prvDiaForcedSources"], strict=True):
                assert item["midpointMjdTai"] - was["midpointMjdTai"] == pytest.approx(days, abs=1e-9)


def test_copies_differ_in_position(tmp_path: Path, lsst: SimulatedLake) -> None:
    amplify(lsst.folder, tmp_path, LATER, 700, seed=5)
    turned = pc.struct_field(read(tmp_path)["diaSource"], "ra").to_numpy()
    assert len(np.unique(turned)) == 1400
    assert ((turned >= 0) & (turned < 360)).all()


def test_same_seed_same_bytes(tmp_path: Path, ztf: SimulatedLake) -> None:
    for name in ("one", "two"):
        amplify(ztf.folder, tmp_path / name, LATER[:1], 40, seed=9)
    one, two = (sorted((tmp_path / name).rglob("*.parquet")) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_no_alerts_asked(tmp_path: Path, ztf: SimulatedLake) -> None:
    lake = amplify(ztf.folder, tmp_path, LATER[:1], 0)
    assert (lake.alerts, read(tmp_path).num_rows) == (0, 0)


def test_sources_that_cannot_be_copied(tmp_path: Path, ztf: SimulatedLake, lsst: SimulatedLake) -> None:
    with pytest.raises(UsageError, match=r"nowhere holds no parquet files; name the folder of a lake"):
        amplify(tmp_path / "nowhere", tmp_path / "out", LATER, 1)
    (tmp_path / "mixed").mkdir()
    for lake in (ztf, lsst):
        table = pq.ParquetFile(next(lake.folder.rglob("*.parquet"))).read().slice(0, 1)
        pq.write_table(table, tmp_path / "mixed" / f"{lake.folder.name}.parquet")
    with pytest.raises(UsageError, match="must hold the alerts of one survey"):
        amplify(tmp_path / "mixed", tmp_path / "out", LATER, 1)
    simulate("ztf", tmp_path / "empty", NIGHTS[:1], 0)
    with pytest.raises(UsageError, match="holds no alerts to copy; all its files are empty"):
        amplify(tmp_path / "empty", tmp_path / "out", LATER, 1)
    twice = pa.concat_tables([pq.ParquetFile(next(ztf.folder.rglob("*.parquet"))).read().slice(0, 1)] * 2)
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(UsageError, match="some alerts to copy share an identifier; remove the duplicates"):
        amplify(tmp_path / "twice.parquet", tmp_path / "out", LATER, 5)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.parquet"))

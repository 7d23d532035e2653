"""Simulated alerts look like real ones: nulls, sentinels, ranges, stamps."""

from __future__ import annotations

import gzip
import io
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alertferry.testing.simulator import SimulatedLake, simulate
from alertferry.testing.simulator.draws import Array
from alertferry.testing.simulator.sky import ecliptic, galactic
from tests.simulated import ALERTS, LAKE, NIGHTS, Row, needs_samples, read, rows

# --- what is null, and what stands for nothing


def test_static_and_solar_system_alerts_are_opposites(lsst: SimulatedLake) -> None:
    moving = 0
    for row in read(lsst).to_pylist():
        is_moving = row["pred"]["is_sso"]
        moving += is_moving
        assert (row["ssSource"] is not None) is (row["mpc_orbits"] is not None) is is_moving
        assert (row["diaObject"] is None) is is_moving
        assert (row["diaSource"]["diaObjectId"] == 0) is is_moving
        assert (row["diaSource"]["ssObjectId"] > 0) is is_moving
        assert (row["pred"]["is_first"] is None) is is_moving
        assert (row["clf"]["elephant_kstest_science"] is None) is is_moving
        assert (row["prvDiaForcedSources"] is None) is is_moving
        if is_moving:
            assert row["prvDiaSources"] is None
            assert row["ssSource"]["diaSourceId"] == row["diaSourceId"]
        else:
            assert row["prvDiaSources"] != []
    assert 0.02 < moving / (4 * ALERTS) < 0.12


def test_lsst_sentinels(lsst: SimulatedLake) -> None:
    table = read(lsst)
    scores = table["clf"].combine_chunks()
    assert -1 in pc.struct_field(scores, "cats_class").to_pylist()
    assert -1.0 in pc.struct_field(scores, "earlySNIa_score").to_pylist()
    assert -99.0 in pc.struct_field(scores, "elephant_kstest_template").to_pylist()
    otypes = pc.struct_field(table["xm"], "simbad_otype").to_pylist()
    assert 0.3 < otypes.count(None) / len(otypes) < 0.95
    assert "Unknown" not in otypes
    never = ("firstDiaSourceMjdTai", "r_fpFluxMean")
    objects = table["diaObject"].combine_chunks()
    assert all(pc.struct_field(objects, name).null_count == len(table) for name in never)
    source = table["diaSource"].combine_chunks()
    failed = pc.struct_field(source, "shape_flag")
    assert pc.struct_field(source, "extendedness").is_null().equals(failed)
    assert pc.struct_field(source, "trailFlux").is_null().equals(failed)
    dipole = pc.struct_field(source, "isDipole")
    assert pc.struct_field(source, "dipoleLength").is_valid().equals(dipole)


def test_ztf_sentinels(ztf: SimulatedLake) -> None:
    table = read(ztf)
    assert {"", "SN Ia"} <= set(table["tns"].to_pylist())
    for name, word in (("DR3Name", "nan"), ("vsx", "nan"), ("gcvs", "Unknown"), ("spicy_class", "Unknown")):
        assert word in table[name].to_pylist()
        assert table[name].null_count == 0
    assert np.isnan(table["Plx"].to_numpy()).any()
    assert -1 in table["spicy_id"].to_pylist()
    assert 0.3 < table["cdsxmatch"].to_pylist().count("Unknown") / len(table) < 0.8
    assert {tuple(name for name, _ in entry) for entry in table["mangrove"].to_pylist()} == {
        ("HyperLEDA_name", "2MASS_name", "lum_dist", "ang_dist")
    }
    assert "None" in {dict(entry)["lum_dist"] for entry in table["mangrove"].to_pylist()}
    assert set(table["roid"].to_pylist()) <= {0, 1, 2, 3}


def test_ztf_solar_system_alerts_are_named_and_new(ztf: SimulatedLake) -> None:
    known = [row for row in rows(ztf, "roid", "candidate", "nalerthist", "objectId") if row["roid"] == 3]
    assert 0.05 < len(known) / (4 * ALERTS) < 0.2
    assert {row["nalerthist"] for row in known} == {1}
    assert all(row["candidate"]["ndethist"] == 1 and row["candidate"]["ssdistnr"] >= 0 for row in known)
    assert all(row["candidate"]["ssnamenr"].isdigit() for row in known)
    names = [row["candidate"]["ssnamenr"] for row in known]
    assert len(set(names)) < len(names)
    assert len({row["objectId"] for row in known}) == len(known)
    others = [row["candidate"] for row in rows(ztf, "roid", "candidate") if row["roid"] != 3]
    assert {(item["ssnamenr"], item["ssdistnr"], item["ssmagnr"]) for item in others} == {("null", -999.0, -999.0)}


@pytest.mark.parametrize("version", ["2021", "2025.01"])
def test_older_ztf_lakes_speak_their_own_language(tmp_path: Path, version: str) -> None:
    simulate("ztf", tmp_path, NIGHTS[:1], 200, version=version, cutouts=False)
    table = read(tmp_path)
    words = set(table["cdsxmatch"].to_pylist())
    assert ("RRLyr" in words, "RRLyrae" in words) == (version == "2021", version != "2021")
    if version == "2025.01":
        assert table["lc_features_g"].null_count == 0
        shares = np.array([[share for _, share in entry] for entry in table["t2"].to_pylist()])
        assert shares.shape == (200, 14)
        assert set(np.round(shares.sum(axis=1), 4)) == {0.0, 1.0}


# --- what is measured


def test_ztf_values_are_possible(ztf: SimulatedLake) -> None:
    table = read(ztf)
    measured = table["candidate"].combine_chunks()
    values = {
        field.name: measured.field(index).to_numpy(zero_copy_only=False) for index, field in enumerate(measured.type)
    }
    assert ((values["ra"] >= 0) & (values["ra"] < 360)).all()
    assert ((values["dec"] > -35) & (values["dec"] < 90)).all()
    assert np.ptp(values["ra"]) > 300
    assert ((values["magpsf"] > 11) & (values["magpsf"] <= values["diffmaglim"] + 0.1)).all()
    assert ((values["sigmapsf"] > 0.005) & (values["sigmapsf"] < 0.22)).all()
    assert set(values["fid"]) == {1, 2}
    assert ((values["rcid"] >= 0) & (values["rcid"] < 64)).all()
    for score in ("rb", "drb", "classtar", "sumrat"):
        assert ((values[score] >= 0) & (values[score] <= 1)).all(), score
    for score in ("rf_snia_vs_nonia", "snn_snia_vs_nonia", "snn_sn_vs_all", "rf_kn_vs_nonkn", "mulens"):
        column = table[score].to_numpy()
        assert ((column >= 0) & (column <= 1)).all(), score
    assert (values["jdstarthist"] <= values["jd"]).all()
    assert (table["jdstarthist_dt"].to_numpy() >= 0).all()


def test_ztf_times_are_those_of_the_folder(ztf: SimulatedLake) -> None:
    for night in NIGHTS:
        table = read(ztf, night)
        assert {stamp.date() for stamp in table["timestamp"].to_pylist()} == {night}
        jd = pc.struct_field(table["candidate"], "jd").to_numpy()
        seconds = table["timestamp"].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
        assert np.abs(jd - 2440587.5 - seconds / 86400.0).max() * 86400 < 0.1
        ingest, end = table["brokerIngestTimestamp"].to_numpy(), table["brokerEndProcessTimestamp"].to_numpy()
        assert (ingest > table["timestamp"].to_numpy()).all()
        assert (end > ingest).all()


def test_lsst_values_are_possible(lsst: SimulatedLake) -> None:
    table = read(lsst)
    measured = table["diaSource"].combine_chunks()

    def column(name: str) -> Array:
        return pc.struct_field(measured, name).to_numpy(zero_copy_only=False)

    assert ((column("ra") >= 0) & (column("ra") < 360)).all()
    assert ((column("dec") > -80) & (column("dec") < 20)).all()
    assert np.allclose(np.abs(column("psfFlux")) / column("psfFluxErr"), column("snr"), rtol=1e-4)
    assert column("snr").min() >= 5
    assert ((column("reliability") >= 0) & (column("reliability") <= 1)).all()
    assert set(column("band")) == set("ugrizy")
    assert (column("isNegative") == (column("psfFlux") < 0)).all()
    assert ((column("detector") >= 0) & (column("detector") < 189)).all()
    orbits = [row for row in table.select(["ssSource", "mpc_orbits"]).to_pylist() if row["ssSource"]]
    for row in orbits:
        seen, orbit = row["ssSource"], row["mpc_orbits"]
        farthest = orbit["q"] * (1 + orbit["e"]) / (1 - orbit["e"])
        assert orbit["q"] - 1e-5 <= seen["helioRange"] <= farthest + 1e-5
        assert np.linalg.norm([seen[f"helio_{axis}"] for axis in "xyz"]) == pytest.approx(seen["helioRange"], rel=1e-5)
        assert 0 <= seen["phaseAngle"] < 45


def test_a_few_rubin_alerts_are_from_the_date_before(lsst: SimulatedLake) -> None:
    for night in NIGHTS:
        mjd = pc.struct_field(read(lsst, night)["diaSource"], "midpointMjdTai").to_numpy()
        days = np.floor(mjd - 37.0 / 86400.0) - (night - date(1858, 11, 17)).days
        assert set(days) == {-1.0, 0.0}
        assert 0 < np.mean(days == -1) < 0.15


def test_moving_objects_move(lsst: SimulatedLake) -> None:
    seen: dict[int, list[Row]] = {}
    for row in rows(lsst, "diaSource"):
        if row["diaSource"]["ssObjectId"]:
            seen.setdefault(row["diaSource"]["ssObjectId"], []).append(row["diaSource"])
    again = [pair for pair in seen.values() if len(pair) > 1]
    assert again
    for first, *_, last in again:
        days = abs(last["midpointMjdTai"] - first["midpointMjdTai"])
        degrees = np.hypot(last["dec"] - first["dec"], (last["ra"] - first["ra"]) * np.cos(np.radians(first["dec"])))
        assert 0.02 < degrees / days < 0.35


@needs_samples
def test_features_are_computed_as_the_broker_does() -> None:
    from alertferry.testing.simulator.features import Curves, light_curve_features

    checked = 0
    for row in pq.ParquetFile(next((LAKE / "ztf/year=2025/month=06/day=14").glob("*.parquet"))).read().to_pylist():
        points = [item for item in row["prv_candidates"] or [] if item["magpsf"] is not None]
        points = [item for item in [*points, row["candidate"]] if item["fid"] == 2]
        expected = row["lc_features_r"]
        if len(points) != row["nalerthist"] or not points or np.isnan(expected["mean"]):
            continue
        arrays = [np.array([item[name] for item in points]) for name in ("jd", "magpsf", "sigmapsf")]
        found = light_curve_features(Curves(*arrays, np.array([0])))
        checked += 1
        for name, value in expected.items():
            assert found[name][0] == pytest.approx(value, rel=1e-4, abs=1e-5, nan_ok=True), name
    assert checked >= 2


def test_coordinates_agree_with_astropy() -> None:
    from astropy import units
    from astropy.coordinates import BarycentricMeanEcliptic, SkyCoord

    ra, dec = np.meshgrid(np.linspace(0, 359, 25), np.linspace(-89, 89, 19))
    places = SkyCoord(ra.ravel(), dec.ravel(), unit="deg")
    for ours, theirs in (
        (galactic(ra.ravel(), dec.ravel()), places.galactic),
        (ecliptic(ra.ravel(), dec.ravel()), places.transform_to(BarycentricMeanEcliptic(equinox="J2000"))),
    ):
        there = SkyCoord(*ours, unit="deg")
        assert there.separation(SkyCoord(*(theirs.spherical.lon, theirs.spherical.lat))).max() < 0.2 * units.arcsec


# --- stamps


def test_ztf_stamps_open(ztf: SimulatedLake) -> None:
    from astropy.io import fits

    kinds = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
    row = read(ztf, NIGHTS[0], stamps=True).select(kinds).to_pylist()[5]
    images = {}
    for kind in kinds:
        with fits.open(io.BytesIO(gzip.decompress(row[kind]["stampData"]))) as file:
            images[kind] = file[0].data.astype(np.float64)
        assert images[kind].shape == (63, 63)
        assert len(row[kind]["stampData"]) > 5000
    assert np.allclose(images["cutoutScience"] - images["cutoutTemplate"], images["cutoutDifference"], atol=0.1)


def test_lsst_stamps_open(lsst: SimulatedLake) -> None:
    from astropy.io import fits

    table = read(lsst, NIGHTS[0], stamps=True)
    sizes = {len(data) for kind in ("Science", "Template", "Difference") for data in table[f"cutout{kind}"].to_pylist()}
    assert sizes == {34560, 40320}
    with fits.open(io.BytesIO(table["cutoutScience"][0].as_py())) as file:
        assert [unit.name for unit in file] == ["PRIMARY", "UNCERT", "PSFIMAGE"]
        assert file[0].data.shape == (30, 30)
        assert file["PSFIMAGE"].data.sum() == pytest.approx(1.0, abs=0.02)
        assert file[0].header["BUNIT"] == "nJy"


def test_stamps_are_not_all_alike(ztf: SimulatedLake) -> None:
    stamps = pc.struct_field(read(ztf, NIGHTS[0], stamps=True)["cutoutScience"], "stampData").to_pylist()
    assert len(set(stamps)) > 30

"""Types of the Transient Name Server: by our own match with a table that the settings name."""

import csv

import numpy as np
import pyarrow.dataset as ds
import pytest

from alertferry.core.errors import JobError
from alertferry.core.job import Job
from tests.crossmatching import offset
from tests.jobs import lake_rows, run_job

pytestmark = pytest.mark.spark


@pytest.fixture
def truth(lakes):
    return [(row["candid"], row["candidate"]["ra"], row["candidate"]["dec"]) for row in lake_rows(lakes["ztf"])]


@pytest.fixture
def table(tmp_path, truth, monkeypatch):
    """Name a table in the settings: types at the places of alerts, one too far away, one beside a nearer one."""
    rows = []
    for index, kind, arcsec in [(0, "SN Ia", 0.1), (1, "SN II", 1.4), (1, "AGN", 0.7), (2, "TDE", 1.6)]:
        _, ra, dec = truth[index]
        lon, lat = offset(*(np.array([value]) for value in (ra, dec, arcsec, 40.0)))
        rows.append((repr(float(lon[0])), repr(float(lat[0])), f"(TNS) {kind}"))
    path = tmp_path / "tns.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("ra", "declination", "type"), *rows])
    monkeypatch.setenv("ALERTFERRY_TNS_TABLE", str(path))
    return path


def job(lakes, out, filters=(), fields=("candid", "tnsclass"), survey="ztf"):
    return Job.from_dict(
        {
            "version": 1,
            "source": {"kind": survey, "nights": ["2026-03-01..2026-03-31"], "lake": str(lakes[survey])},
            "filters": list(filters),
            "output": {"kind": "files", "path": str(out), "fields": list(fields)},
        }
    )


def rows(folder):
    return ds.dataset(folder, partitioning=None).to_table().to_pylist()


def near(truth, index):
    """Return the alerts at the place of one: a simulated object may be seen several times."""
    _, ra, dec = truth[index]
    return {candid for candid, lon, lat in truth if abs(lon - ra) < 2e-4 and abs(lat - dec) < 2e-4}


def test_the_type_of_the_nearest_object_is_an_output_field(spark, lakes, truth, table, tmp_path):
    run_job(spark, job(lakes, tmp_path / "out"))
    found = {row["candid"]: row["tnsclass"] for row in rows(tmp_path / "out")}
    assert len(found) == len(truth)
    assert found[truth[0][0]] == "(TNS) SN Ia"
    assert found[truth[1][0]] == "(TNS) AGN"
    assert found[truth[2][0]] == "Unknown"
    assert {candid for candid, kind in found.items() if kind != "Unknown"} <= near(truth, 0) | near(truth, 1) | near(
        truth, 2
    )


@pytest.mark.parametrize(("option", "share"), [("any_of", "some"), ("none_of", "rest")])
def test_a_class_of_tns_selects(spark, lakes, truth, table, tmp_path, option, share):
    step = {"kind": "class", option: ["(TNS) SN Ia", "QSO"]}
    run_job(spark, job(lakes, tmp_path / "out", [step], fields=("candid", "tnsclass", "finkclass")))
    found = rows(tmp_path / "out")
    chosen = [row["tnsclass"] == "(TNS) SN Ia" or row["finkclass"] == "QSO" for row in found]
    assert found
    assert all(chosen) if share == "some" else not any(chosen)
    assert (truth[0][0] in {row["candid"] for row in found}) == (share == "some")


def test_conditions_may_use_it_on_both_surveys(spark, lakes, table, tmp_path):
    step = {"kind": "sql", "where": ["tns_type_recomputed = 'Unknown'"]}
    report = run_job(spark, job(lakes, tmp_path / "out", [step], ("diaSourceId", "tns_type_recomputed"), "lsst"))
    assert report.receipt.alerts > 0
    assert {row["tns_type_recomputed"] for row in rows(tmp_path / "out")} == {"Unknown"}


def test_without_a_table_it_says_what_to_set(spark, lakes, tmp_path, monkeypatch):
    monkeypatch.delenv("ALERTFERRY_TNS_TABLE", raising=False)
    for broken in (
        job(lakes, tmp_path / "a", [{"kind": "class", "any_of": ["(TNS) SN Ia"]}], ["candid"]),
        job(lakes, tmp_path / "b"),
    ):
        with pytest.raises(JobError, match=r"tnsclass'? cannot be derived: .* set ALERTFERRY_TNS_TABLE to a file"):
            run_job(spark, broken)


def test_an_unknown_type_names_the_nearest(spark, lakes, table, tmp_path):
    with pytest.raises(JobError, match=r"no class '\(TNS\) SN Iaa'; did you mean 'SN Ia'"):
        run_job(spark, job(lakes, tmp_path / "a", [{"kind": "class", "any_of": ["(TNS) SN Iaa"]}]))

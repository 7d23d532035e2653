"""The main job on real parts: lake, rendered script, Spark, Kafka, consumer, files."""

import os
from pathlib import Path

import fastavro
import pandas as pd
import pyarrow.dataset as ds
import pytest

from alertferry.consumer import consume, verify
from alertferry.core.job import Job
from alertferry.core.settings import load_settings
from tests.jobs import DATA, by, lake_rows, plain, run_job

pytestmark = [pytest.mark.spark, pytest.mark.kafka]

real_alerts = pytest.mark.skipif(not DATA.is_dir(), reason="real alerts (../shared/data) are not on this machine")

LAKES = {"lsst": ("diaSourceId", ["2026-01-01"]), "ztf": ("candid", ["2021-11-22", "2025-01-14..2025-06-14"])}


@pytest.fixture(autouse=True)
def here(broker, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    for survey in LAKES:
        monkeypatch.setenv(f"ALERTFERRY_LAKE_{survey.upper()}", str(DATA / "lake" / survey))


def job(survey, output, filters=()):
    return Job.from_dict({"source": {"kind": survey, "nights": LAKES[survey][1]}, "filters": filters, "output": output})


CLASSES = {"ztf": {"finkclass"}, "lsst": set()}
"""What packets have beside the columns of the lake."""


def rows_of(folder: Path, kind: str):
    if kind == "parquet":
        return [plain(row) for row in ds.dataset(folder).to_table().to_pylist()]
    found = []
    for file in sorted(folder.glob("*.avro")):
        with file.open("rb") as stream:
            found += [plain(row) for row in fastavro.reader(stream)]
    return found


@real_alerts
@pytest.mark.parametrize("survey", LAKES)
def test_what_is_consumed_equals_the_lake_value_for_value(spark, tmp_path, survey):
    key, _ = LAKES[survey]
    report = run_job(spark, job(survey, {"kind": "kafka", "packet": "full"}))
    source = by(key, lake_rows(DATA / "lake" / survey))
    assert report.receipt.alerts == len(source)
    union = {name for row in source.values() for name in row}
    for kind in ("parquet", "avro"):
        folder = tmp_path / kind
        delivery = consume(report.topic, folder, settings=load_settings(), format=kind)
        assert (delivery.state, delivery.alerts) == ("complete", len(source))
        arrived = by(key, rows_of(folder, kind))
        assert arrived.keys() == source.keys()
        for alert, row in source.items():
            assert set(arrived[alert]) == union | CLASSES[survey]
            for name in union:
                assert_same(arrived[alert][name], row.get(name), f"{alert}.{name}")
        assert verify(folder).ok


def assert_same(arrived, source, path):
    """Compare values; a field inside a struct that this night's schema lacks must have arrived as null."""
    if isinstance(arrived, dict) and isinstance(source, dict):
        for name in arrived.keys() | source.keys():
            assert_same(arrived.get(name), source.get(name), f"{path}.{name}")
    elif isinstance(arrived, list) and isinstance(source, list) and len(arrived) == len(source):
        for index, (one, other) in enumerate(zip(arrived, source, strict=True)):
            assert_same(one, other, f"{path}[{index}]")
    else:
        assert arrived == source, path


@real_alerts
def test_the_receipt_says_which_nights_lack_what(spark):
    nights = run_job(spark, job("ztf", {"kind": "kafka", "packet": "full"})).receipt.nights
    assert nights.found == ("2021-11-22", "2025-01-14", "2025-01-16", "2025-06-14")
    assert "2025-01-15" in nights.absent
    assert "lc_features_g" in nights.lacking["2021-11-22"]
    assert "2025-06-14" not in nights.lacking or "blazar_stats" not in nights.lacking["2025-06-14"]


@real_alerts
def test_null_structs_stay_null(spark, tmp_path):
    report = run_job(spark, job("lsst", {"kind": "kafka", "packet": "full"}))
    consume(report.topic, tmp_path, settings=load_settings())
    table = ds.dataset(tmp_path).to_table()
    assert table["diaObject"].null_count == 3
    assert table["ssSource"].null_count == table["mpc_orbits"].null_count == 24


PEER_LIGHT_STATIC = [
    *(
        [
            "diaObjectId",
            "snr",
            "psfFlux",
            "psfFluxErr",
            "scienceFlux",
            "scienceFluxErr",
            "templateFlux",
            "templateFluxErr",
            "band",
        ]
    ),
    *(["midpointMjdTai", "ra", "dec", "reliability"]),
]


@real_alerts
@pytest.mark.parametrize(
    ("survey", "packet", "some", "none"),
    [
        ("ztf", "medium", ["candidate", "prv_candidates", "objectId"], ["cutoutScience", "year"]),
        (
            "ztf",
            "light",
            ["magpsf", "sigmapsf", "fid", "jd", "ra", "dec", "ssnamenr", "objectId", "candid", "timestamp"],
            ["candidate", "prv_candidates", "cutoutScience", "month"],
        ),
        ("ztf", "cutouts", ["cutoutScience", "cutoutTemplate", "cutoutDifference"], ["candidate", "cdsxmatch"]),
        ("lsst", "medium", ["diaSource", "prvDiaSources", "diaObject", "xm"], ["cutoutScience", "day"]),
        (
            "lsst",
            "light-static",
            [*PEER_LIGHT_STATIC, "diaSourceId", "xm", "clf", "pred", "misc", "lc_features", "publisher"],
            [
                "diaSource",
                "diaObject",
                "prvDiaSources",
                "prvDiaForcedSources",
                "ssSource",
                "mpc_orbits",
                "cutoutScience",
            ],
        ),
        (
            "lsst",
            "light-sso",
            [
                *(["diaSourceId", "ssObjectId", "phaseAngle", "diaDistanceRank", "lsst_schema_version"]),
                *[name for name in PEER_LIGHT_STATIC if name != "diaObjectId"],
                *(["packed_primary_provisional_designation", "unpacked_primary_provisional_designation"]),
                *(["fink_broker_version", "fink_science_version"]),
            ],
            ["diaSource", "diaObjectId", "xm"],
        ),
    ],
)
def test_packets_have_the_columns_of_the_field(spark, tmp_path, survey, packet, some, none):
    output = {"kind": "files", "path": str(tmp_path / "out"), "packet": packet}
    run_job(spark, job(survey, output))
    columns = set(ds.dataset(tmp_path / "out").schema.names)
    assert set(some) <= columns
    assert not columns & set(none)
    if packet == "light-sso":
        assert columns == set(some)
    if packet == "cutouts":
        assert columns == {*some, "objectId", "candid"}


@real_alerts
def test_any_mix_of_fields(spark, tmp_path):
    fields = ["diaSource.ra", "diaObject.ra", "prvDiaSources.psfFlux", "xm", "diaSourceId", "year"]
    run_job(spark, job("lsst", {"kind": "files", "path": str(tmp_path / "out"), "fields": fields}))
    table = ds.dataset(tmp_path / "out").to_table()
    assert table.schema.names == ["diaSource_ra", "diaObject_ra", "psfFlux", "xm", "diaSourceId", "year"]
    source = by("diaSourceId", lake_rows(DATA / "lake" / "lsst"))
    for row in map(plain, table.to_pylist()):
        alert = source[row["diaSourceId"]]
        assert row["diaSource_ra"] == alert["diaSource"]["ra"]
        assert row["diaObject_ra"] == (alert["diaObject"] or {}).get("ra")
        history = alert["prvDiaSources"]
        assert row["psfFlux"] == (history if history is None else [point["psfFlux"] for point in history])
        assert row["year"] == 2026


@real_alerts
def test_files_carry_their_receipt(spark, tmp_path):
    out = tmp_path / "out"
    report = run_job(spark, job("ztf", {"kind": "files", "path": str(out), "packet": "light"}))
    found = verify(out)
    assert (found.ok, found.alerts, report.receipt.alerts) == (True, 135, 135)
    assert len(pd.read_parquet(out)) == 135
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_out.records", "out"]
    assert {path.suffix for path in out.iterdir()} == {".parquet"}, "readers that open every file find alerts only"


@real_alerts
def test_conditions_select_and_the_funnel_counts(spark, tmp_path):
    filters = [
        {"kind": "sql", "where": ["diaSource.psfFlux > 500"]},
        {"kind": "sql", "where": ["pred.is_sso", "diaSource.band IN ('g', 'r', 'i', 'z')"]},
    ]
    report = run_job(spark, job("lsst", {"kind": "kafka", "packet": "light-sso"}, filters))
    source = lake_rows(DATA / "lake" / "lsst")
    bright = [row for row in source if row["diaSource"]["psfFlux"] > 500]
    both = [row for row in bright if row["pred"]["is_sso"] and row["diaSource"]["band"] in "griz"]
    steps = {step.name: step.alerts for step in report.receipt.steps}
    assert steps == {"lsst": 27, "sql": len(bright), "sql-2": len(both)}
    assert report.receipt.alerts == len(both)


@pytest.mark.parametrize("survey", LAKES)
def test_a_condition_changes_no_byte_of_a_packet(spark, lakes, tmp_path, survey):
    """Spark knows after `candidate.jd > 0` that no candidate is null; the published schema must still hold."""
    key, nights = LAKES[survey][0], ["2026-03-01..2026-03-02"]
    where = ["candidate.jd > 0 and candid > 0"] if survey == "ztf" else ["diaSource.snr > 5 and diaObject.ra > 0"]
    request = Job.from_dict(
        {
            "source": {"kind": survey, "nights": nights, "lake": str(lakes[survey])},
            "filters": [{"kind": "sql", "where": where}],
            "output": {"kind": "kafka", "packet": "full"},
        }
    )
    report = run_job(spark, request)
    assert_timings(report.receipt)
    delivery = consume(report.topic, tmp_path, settings=load_settings())
    assert (delivery.state, delivery.bad) == ("complete", 0)
    source = by(key, lake_rows(lakes[survey]))
    arrived = by(key, rows_of(tmp_path, "parquet"))
    assert 0 < len(arrived) == report.receipt.alerts
    for alert, row in arrived.items():
        wanted = source[alert] | {name: row[name] for name in CLASSES[survey]}
        assert_same(row, wanted, str(alert))


def assert_timings(receipt):
    """The parts of a job that shares its session; together they are nearly all of its time."""
    parts = receipt.timings
    assert {"lake", "prepare_sql", "schema", "topic", "publish", "count_steps", "reports"} <= parts.keys()
    assert "start" not in parts, "the session did not start for this job"
    assert parts["task_cpu"] > 0
    told = sum(seconds for name, seconds in parts.items() if not name.startswith("task_"))
    assert receipt.seconds / 2 < told < receipt.seconds + 0.1


@real_alerts
def test_no_alert_is_a_result_too(spark, tmp_path):
    filters = [{"kind": "sql", "where": ["diaSource.psfFlux > 1e30"]}]
    report = run_job(spark, job("lsst", {"kind": "kafka", "packet": "full"}, filters))
    assert (report.receipt.alerts, report.receipt.records, report.receipt.digest) == (0, 0, "0" * 16)
    delivery = consume(report.topic, tmp_path, settings=load_settings())
    assert (delivery.state, delivery.alerts, delivery.exit_code) == ("complete", 0, 0)
    assert len(pd.read_parquet(tmp_path)) == 0
    assert verify(tmp_path).ok


@real_alerts
def test_times_are_read_from_neighbouring_nights(spark, tmp_path):
    rows = lake_rows(DATA / "lake" / "lsst")
    times = sorted(row["diaSource"]["midpointMjdTai"] for row in rows)
    middle = pd.Timestamp("1858-11-17") + pd.to_timedelta(times[len(times) // 2] - 37 / 86400, unit="D")
    span = f"{middle.floor('s').isoformat()}..{(middle + pd.Timedelta('1D')).floor('s').isoformat()}"
    request = Job.from_dict(
        {
            "source": {"kind": "lsst", "times": [span], "nights": ["2026-01-01"]},
            "output": {"kind": "files", "path": str(tmp_path / "out"), "packet": "light-static"},
        }
    )
    report = run_job(spark, request)
    start = (middle.floor("s") - pd.Timestamp("1858-11-17")) / pd.Timedelta("1D") + 37 / 86400
    expected = [time for time in times if start <= time < start + 1]
    assert report.receipt.alerts == len(expected) > 0


def test_the_environment_does_not_leak_into_the_script(monkeypatch):
    from alertferry.core.render import render

    monkeypatch.setenv("ALERTFERRY_KAFKA_SASL_PASSWORD", "canary-password")
    text = render(job("lsst", {"kind": "kafka", "packet": "full"}))
    assert "canary" not in text
    assert str(DATA) not in text
    assert os.environ["HOME"] not in text

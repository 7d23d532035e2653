"""The whole way by the command line, as a newcomer goes it; `--json` answers have the documented keys."""

import pandas as pd
import pyarrow as pa
import pytest

import alertferry as af
from alertferry.consumer.records import records_folder
from alertferry.core.job import Job
from alertferry.current import current_settings

pytestmark = [pytest.mark.spark, pytest.mark.kafka]


@pytest.fixture(autouse=True)
def here(broker, monkeypatch, tmp_path, jars_home):
    home = tmp_path / "home"
    home.mkdir()
    (home / "jars").symlink_to(jars_home / "jars")
    monkeypatch.setenv("ALERTFERRY_HOME", str(home))
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setenv("ALERTFERRY_SPARK_CONF", "spark.driver.memory=1g")


def test_from_a_simulated_lake_to_proved_files(alertferry, tmp_path, monkeypatch):
    lake, files, job = tmp_path / "lake", tmp_path / "files", tmp_path / "job.yml"
    nights = ["--nights", "2026-03-01..2026-03-02"]
    made = alertferry("lake", "simulate", "lsst", lake, *nights, "--alerts-per-night", 80, "--json")
    assert (made.code, made.json["alerts"]) == (0, 160)
    monkeypatch.setenv("ALERTFERRY_LAKE_LSST", str(lake))
    assert [night["alerts"] for night in alertferry("nights", "lsst", "--json").json["nights"]] == [80, 80]
    request = {
        "source": {"kind": "lsst", "nights": "2026-03-01..2026-03-03"},
        "filters": [{"kind": "sql", "where": ["diaSource.snr > 5"]}],
        "output": {"kind": "kafka", "packet": "light-static"},
    }
    job.write_text(Job.from_dict(request).to_yaml())
    assert alertferry("check", job).code == 0

    ran = alertferry("run", job, "--json")
    assert ran.code == 0, ran.err
    result = ran.json
    assert {"state", "topic", "alerts", "bytes", "seconds", "steps", "receipt"} <= set(result)
    assert [step["name"] for step in result["steps"]] == ["lsst", "sql"]
    assert result["steps"][0]["alerts"] == 160
    assert result["receipt"]["nights"]["absent"] == ["2026-03-03"]

    got = alertferry("consume", result["topic"], "--outdir", files, "--dump-schemas", "--json")
    assert got.code == 0, got.err
    assert {"state", "alerts", "files", "duplicates_dropped", "bad"} <= set(got.json)
    assert (got.json["state"], got.json["alerts"]) == ("complete", result["alerts"])
    assert (records_folder(files) / "_schemas" / f"avro_schema_{result['topic']}.json").exists()
    assert (records_folder(files) / "_schemas" / f"arrow_schema_{result['topic']}.metadata").exists()

    proof = alertferry("verify", files, "--json")
    assert proof.code == 0
    assert {"ok", "alerts", "missing", "duplicates", "digest_ok"} <= set(proof.json)
    assert (proof.json["ok"], proof.json["missing"], proof.json["digest_ok"]) == (True, 0, True)
    table = pd.read_parquet(files)
    assert len(table) == result["alerts"] == len(set(table["diaSourceId"]))

    assert pa.Table.from_batches(af.consume(result["topic"])).num_rows == result["alerts"]
    victim = next(path for path in files.glob("*.parquet"))
    rows = len(pd.read_parquet(victim))
    victim.unlink()
    broken = alertferry("verify", files, "--json")
    assert (broken.code, broken.json["ok"], broken.json["missing"]) == (4, False, rows)
    assert victim.name in broken.err or victim.name in str(broken.json["problems"])
    assert alertferry("consume", result["topic"], "--outdir", files).code == 0
    assert alertferry("verify", files).code == 0


def test_the_embedded_broker_is_found_without_settings(alertferry, monkeypatch):
    monkeypatch.delenv("ALERTFERRY_BOOTSTRAP_SERVERS")
    assert alertferry("broker", "status", "--json").json == {"running": False}
    started = alertferry("broker", "start", "--json").json
    try:
        assert started["running"] is True
        assert alertferry("broker", "status", "--json").json["bootstrap_servers"] == started["bootstrap_servers"]
        assert current_settings().bootstrap_servers == started["bootstrap_servers"]
    finally:
        assert alertferry("broker", "stop", "--json").json == {"running": False, "stopped": True}
    assert alertferry("broker", "status", "--json").json == {"running": False}


def test_an_unknown_topic_is_explained(alertferry, tmp_path):
    called = alertferry("consume", "ftransfer_nowhere", "--outdir", tmp_path / "out")
    assert called.code == 2
    assert "the broker has no topic 'ftransfer_nowhere'" in called.err

"""Columns that Avro cannot name travel under one that it can; parquet and conditions know their own."""

import json

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.consumer import consume, verify
from alertferry.core.check import check_job
from alertferry.core.encoder import column
from alertferry.core.errors import JobError
from alertferry.core.job import Job
from alertferry.core.registry import default_registry
from alertferry.core.settings import load_settings
from tests.jobs import run_job
from tests.repeating_lakes import simulated, write

pytestmark = [pytest.mark.spark, pytest.mark.kafka]

ODD = {
    "3hsp": "_3hsp",
    "x.y": "x_y",
    "ra-dec": "ra_dec",
    "mag (AB)": "mag__AB_",
    "tick`s": "tick_s",
    "α": "u03b1",
    "star*": "star_",
}


@pytest.fixture(scope="module")
def table():
    found = simulated(6)
    for number, name in enumerate(ODD):
        found = found.append_column(name, pa.array([number * 10 + row for row in range(len(found))]))
    inner = pa.array([[{"2nd": row, "a.b": [{"é": "x"}]}] for row in range(len(found))])
    return found.append_column("odd-list", inner)


@pytest.fixture
def lake(broker, monkeypatch, tmp_path, table):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    write(tmp_path / "lake", table)
    return tmp_path / "lake"


def job(lake, output, where=()):
    filters = [{"kind": "sql", "where": list(where)}] if where else []
    source = {"kind": "lsst", "nights": "2026-03-01", "lake": str(lake)}
    found = Job.from_dict({"source": source, "filters": filters, "output": output})
    assert check_job(found, default_registry(), load_settings()) == []
    return found


def avro_rows(folder):
    found = []
    for file in folder.glob("*.avro"):
        with file.open("rb") as stream:
            found += list(fastavro.reader(stream))
    return sorted(found, key=lambda row: row["_3hsp"])


@pytest.mark.parametrize("encoder", ["ours", "Spark's"])
def test_a_topic_has_names_of_avro(spark, lake, table, tmp_path, encoder, monkeypatch):
    if encoder != "ours":
        monkeypatch.setattr(column, "_java_encoder", lambda _: None)
    report = run_job(spark, job(lake, {"kind": "kafka", "packet": "medium"}))
    delivery = consume(report.topic, tmp_path / "avro", settings=load_settings(), format="avro", dump_schemas=True)
    assert delivery.state == "complete", delivery.message
    rows = avro_rows(tmp_path / "avro")
    for name, called in ODD.items():
        assert [row[called] for row in rows] == table[name].to_pylist()
    assert [row["odd_list"] for row in rows] == [[{"_2nd": row, "a_b": [{"u00e9": "x"}]}] for row in range(len(table))]
    (schema,) = tmp_path.rglob("avro_schema_*.json")
    docs = {field["name"]: field.get("doc") for field in json.loads(schema.read_text())["fields"]}
    assert {called: docs[called] for called in ODD.values()} == {called: name for name, called in ODD.items()}
    assert docs["diaSourceId"] is None
    assert verify(tmp_path / "avro").ok
    consume(report.topic, tmp_path / "parquet", settings=load_settings())
    assert set(ODD.values()) < set(pq.read_table(tmp_path / "parquet").column_names)
    assert verify(tmp_path / "parquet").ok


def test_files_keep_the_names(spark, lake, table, tmp_path):
    run_job(spark, job(lake, {"kind": "files", "packet": "medium", "path": str(tmp_path / "files")}))
    found = pq.read_table(tmp_path / "files").sort_by("3hsp")
    for name in (*ODD, "odd-list"):
        assert found[name].to_pylist() == table[name].to_pylist()
    assert verify(tmp_path / "files").ok


def test_fields_and_conditions_can_name_them(spark, lake, tmp_path):
    where = ["`3hsp` >= 1", "`x.y` < 15", "`ra-dec` != 22", "`odd-list`[0].`2nd` > 0", "`tick``s` > 0", "`α` > 0"]
    output = {
        "kind": "files",
        "path": str(tmp_path / "files"),
        "fields": ["diaSourceId", "`x.y`", "3hsp", "odd-list.2nd", "odd-list.`a.b`"],
    }
    report = run_job(spark, job(lake, output, where))
    found = pq.read_table(tmp_path / "files").sort_by("3hsp")
    assert found.column_names == ["diaSourceId", "x.y", "3hsp", "2nd", "a.b"]
    assert found["3hsp"].to_pylist() == [1, 3, 4]
    assert found["2nd"].to_pylist() == [[1], [3], [4]]
    assert report.receipt.alerts == 3
    assert verify(tmp_path / "files").ok


def test_names_that_clash_are_refused_before_the_job(spark, broker, tmp_path, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    table = simulated(6)
    numbers = pa.array(range(len(table)))
    lake = tmp_path / "lake"
    write(lake, table.append_column("ra-dec", numbers).append_column("RA_dec", numbers))
    source = {"kind": "lsst", "nights": "2026-03-01", "lake": str(lake)}
    asked = Job.from_dict({"source": source, "output": {"kind": "kafka", "packet": "medium"}})
    (problem,) = check_job(asked, default_registry(), load_settings())
    assert problem.path == "output.packet"
    assert "'ra-dec'" in problem.message
    assert "'RA_dec'" in problem.message
    with pytest.raises(JobError, match="'ra-dec' and 'RA_dec'"):
        run_job(spark, asked)
    fields = {"kind": "files", "path": str(tmp_path / "files"), "fields": ["diaSourceId", "ra-dec"]}
    assert run_job(spark, Job.from_dict({"source": source, "output": fields})).receipt.alerts == len(table)


def test_columns_of_a_catalogue_keep_the_letters_of_their_names(spark, lake, table, tmp_path):
    sources = tmp_path / "sources.csv"
    places = [(row["ra"], row["dec"]) for row in table["diaSource"].to_pylist()]
    rows = (f"s{number},{ra},{dec},1,2,3\n" for number, (ra, dec) in enumerate(dict.fromkeys(places)))
    sources.write_text("id,ra,dec,α,β,B-V\n" + "".join(rows))
    match = {"kind": "crossmatch", "catalog": str(sources), "radius_arcsec": 1, "columns": ["α", "β", "B-V"]}
    source = {"kind": "lsst", "nights": "2026-03-01", "lake": str(lake)}

    def carried(output):
        filters = [match, {"kind": "sql", "where": ["xmatch.`α` = 1", "xmatch.B_V > 0"]}]
        found = Job.from_dict({"source": source, "filters": filters, "output": output})
        assert check_job(found, default_registry(), load_settings()) == []
        return run_job(spark, found)

    carried({"kind": "files", "fields": ["diaSourceId"], "path": str(tmp_path / "files")})
    kept = pq.read_table(tmp_path / "files").schema.field("xmatch").type
    assert [field.name for field in kept][-3:] == ["α", "β", "B_V"]
    topic = carried({"kind": "kafka", "fields": ["diaSourceId"]}).topic
    assert consume(topic, tmp_path / "avro", settings=load_settings(), format="avro", dump_schemas=True).alerts
    (schema,) = tmp_path.rglob("avro_schema_*.json")
    docs = {item["name"]: item["doc"] for item in flat(json.loads(schema.read_text())) if "doc" in item}
    assert docs == {"u03b1": "α", "u03b2": "β", "B_V": "B-V"}


def flat(schema):
    """Every object within a schema."""
    if isinstance(schema, dict):
        yield schema
    for item in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from flat(item)

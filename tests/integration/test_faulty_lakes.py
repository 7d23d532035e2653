"""Random lakes full of faults: receipt, proof and folder against what pyarrow finds in the same files."""

import itertools
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from alertferry.consumer import consume, verify
from alertferry.core.errors import AlertferryError, UsageError
from alertferry.core.job import Job
from alertferry.core.naming import avro_name
from alertferry.core.settings import load_settings
from tests.faulty_lakes import NIGHTS, Expected, FaultyLake, content, expected, faulty_lake
from tests.jobs import plain, run_job

pytestmark = [pytest.mark.spark, pytest.mark.kafka]


@pytest.fixture(autouse=True)
def here(broker, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)


def test_a_few_faulty_lakes(spark, tmp_path):
    for seed in range(6):
        check_lake(spark, tmp_path / str(seed), seed)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(10))
def test_two_hundred_faulty_lakes(spark, tmp_path, part):
    for seed in range(100 + 20 * part, 120 + 20 * part):
        check_lake(spark, tmp_path / str(seed), seed)
        shutil.rmtree(tmp_path / str(seed))


def check_lake(spark, folder: Path, seed: int) -> None:
    lake = faulty_lake(folder / "lake", seed, lambda table, path: write_by_spark(spark, table, path))
    wanted, told = expected(lake), f"seed {seed}: {sorted(lake.faults)} by {lake.writers}"
    for delivery in ("files", "kafka") if seed % 3 == 0 else ("files",):
        refusal = None
        try:
            receipt, found = carry(spark, lake, folder / delivery, delivery)
        except AlertferryError as error:
            refusal = error
        if refusal is None:
            named = in_avro if delivery == "kafka" else lambda row: row
            check_delivery(receipt, found, [named(row) for row in wanted.packets], wanted, told)
            continue
        assert wanted.null_ids, f"{told}: refused: {refusal}"
        assert isinstance(refusal, UsageError), f"{told}: {refusal}"
        assert "diaSourceId" in str(refusal), f"{told}: {refusal}"


def in_avro(value):
    """Return a packet with the names that it has in a topic."""
    if isinstance(value, dict):
        return {avro_name(name): in_avro(item) for name, item in value.items()}
    return [in_avro(item) for item in value] if isinstance(value, list) else value


def check_delivery(receipt, found: list[str], rows: list, wanted: Expected, told: str) -> None:
    packets = sorted(map(content, rows))
    assert found == packets, f"{told}: other packets than pyarrow finds"
    counted = receipt.alerts, receipt.distinct, receipt.repeats
    assert counted == (len(packets), wanted.distinct, wanted.repeats), f"{told}: {counted}"


def carry(spark, lake: FaultyLake, folder: Path, delivery: str):
    """Run a job over the whole lake; return its receipt and the contents of the packets that arrived."""
    output = {"kind": "files", "path": str(folder)} if delivery == "files" else {"kind": "kafka"}
    source = {"kind": "lsst", "nights": [f"{NIGHTS[0]}..{NIGHTS[-1]}"], "lake": str(lake.folder)}
    report = run_job(spark, Job.from_dict({"source": source, "output": output | {"packet": "full"}}))
    if delivery == "kafka":
        consumed = consume(report.topic, folder, settings=load_settings())
        assert consumed.state == "complete", consumed.message
    proof = verify(folder)
    assert proof.ok, str(proof)
    assert proof.alerts == report.receipt.alerts
    rows = ds.dataset(folder, format="parquet").to_table().to_pylist()
    return report.receipt, sorted(content(plain(row)) for row in rows)


_folders = itertools.count()


def write_by_spark(spark, table: pa.Table, path: Path) -> None:
    """Write one file as parquet-mr does."""
    schema = ", ".join(f"`{item.name}` {_spark_type(item.type)}" for item in table.schema)
    rows = [tuple(_spark_value(row[name]) for name in table.column_names) for row in table.to_pylist()]
    scratch = path.parent / f".spark-{next(_folders)}"
    spark.createDataFrame(rows, schema).coalesce(1).write.parquet(str(scratch))
    (written,) = scratch.glob("*.parquet")
    written.rename(path)
    shutil.rmtree(scratch)


def _spark_value(value):
    return tuple(value.values()) if isinstance(value, dict) else value


def _spark_type(item: pa.DataType) -> str:
    if pa.types.is_struct(item):
        return f"struct<{', '.join(f'{part.name}: {_spark_type(part.type)}' for part in item)}>"
    if pa.types.is_list(item):
        return f"array<{_spark_type(item.value_type)}>"
    return {"int64": "bigint", "int32": "int", "float": "float", "bool": "boolean"}.get(str(item), str(item))

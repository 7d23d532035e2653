"""`verify` of folders whose alerts share ids or have none, of this version's jobs and of 0.1.0."""

import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.consumer import identity, verify
from alertferry.consumer.archive import Archive, Recipe
from alertferry.consumer.folder import Folder
from alertferry.core.receipt import Receipt, format_digest, ids_digest, schema_fingerprint
from tests.delivered import TOPIC, chunk, label, manifest
from tests.publishing import LIGHT, encode, light_alerts

NULLABLE = LIGHT | {"fields": [{"name": "diaSourceId", "type": ["long", "null"]}, *LIGHT["fields"][1:]]}
ALERTS = light_alerts(20)
ALTERED = [alert | {"band": "another"} for alert in ALERTS[:5]]
WITHOUT = [alert | {"diaSourceId": None} for alert in ALERTS[:2]]
ROWS = ALERTS + ALTERED + WITHOUT
NOW = {"distinct": 20, "repeats": 3, "null_ids": 2}
KEYS = [None if row["diaSourceId"] is None else str(row["diaSourceId"]).encode() for row in ROWS]


def about(keys=KEYS, partitions=None, **said):
    """Return the manifest of a complete job."""
    receipt = Receipt(
        alerts=len(keys),
        bytes=0,
        digest=format_digest(ids_digest(keys)),
        schema_fingerprint="",
        job_hash="0" * 64,
        partitions=partitions or {},
        **said,
    )
    return manifest(state="complete", receipt=receipt)


def deliver(path, kind, rows=ROWS, select=(), **said):
    """Write a folder as the consumer does, rows in two files."""
    messages = list(zip(KEYS, encode(NULLABLE, rows), strict=True))
    folder = Folder(path, label(kind, about(partitions={0: len(rows)}, **said), select=select))
    folder.open(from_beginning=False)
    text = json.dumps(NULLABLE)
    archive = Archive(Recipe(str(path), TOPIC, kind, text, schema_fingerprint(text), "0" * 64, select=select))
    for first in range(0, len(rows), 15):
        archive.write(chunk(0, first, messages[first : first + 15]))
    folder.close()


def written(path, rows=ROWS, **said):
    """Write a folder as a files job does."""
    path.mkdir(exist_ok=True)
    schema = pa.schema([("diaSourceId", pa.int64()), ("band", pa.string()), ("psfFlux", pa.float64())])
    table = pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in rows], schema)
    for number, start in enumerate(range(0, len(rows), 15)):
        pq.write_table(table.slice(start, 15), path / f"part-{number}.parquet")
    (path / "_receipt.json").write_text(about(**said).to_json())


@pytest.mark.parametrize("kind", ["parquet", "avro", "files"])
def test_packets_that_differ_and_alerts_without_an_id(tmp_path, kind):
    written(tmp_path, **NOW) if kind == "files" else deliver(tmp_path, kind, **NOW)
    found = verify(tmp_path)
    assert found.ok, found.problems
    assert (found.alerts, found.distinct, found.repeats, found.duplicates, found.missing) == (27, 20, 3, 0, 0)
    assert str(found).endswith(
        "complete, each once, ids as in the receipt; 3 equal packets left out; 5 packets with the id of another, but "
        "not equal to it; 2 alerts without an id"
    )


@pytest.mark.parametrize("lost", [-1, 21], ids=["without an id", "of one id"])
@pytest.mark.parametrize("kind", ["parquet", "avro", "files"])
def test_a_packet_in_place_of_another_of_its_id(tmp_path, kind, lost):
    """Number and ids are right, and yet one packet is there twice and one is not."""
    rows = list(ROWS)
    rows[lost] = ROWS[-2] if lost == -1 else ALERTS[1]
    written(tmp_path, rows, **NOW) if kind == "files" else deliver(tmp_path, kind, rows, **NOW)
    found = verify(tmp_path)
    assert (found.ok, found.alerts, found.digest_ok, found.duplicates, found.missing) == (False, 27, True, 1, 1)
    assert found.problems == ("packets that are there twice, the same in everything: 1",)


def test_some_columns_cannot_tell_packets_apart(tmp_path):
    deliver(tmp_path, "parquet", select=("diaSourceId", "psfFlux"), **NOW)
    found = verify(tmp_path)
    assert (found.ok, found.alerts, found.distinct) == (True, 27, 20), found.problems


@pytest.mark.parametrize("kind", ["parquet", "avro", "files"])
def test_receipts_of_0_1_0_count_rows(tmp_path, kind):
    written(tmp_path) if kind == "files" else deliver(tmp_path, kind)
    found = verify(tmp_path)
    assert (found.ok, found.alerts, found.distinct, found.repeats) == (True, 27, 20, 0), found.problems
    assert str(found).endswith("ids as in the receipt; 7 with the id of another, or without one")


def test_an_id_that_got_lost_is_found(tmp_path):
    rows = [*ROWS[:-2], ROWS[-1], ROWS[3] | {"diaSourceId": None}]
    rows[3] = ROWS[3] | {"diaSourceId": None}
    written(tmp_path, rows, **NOW)
    found = verify(tmp_path)
    assert (found.ok, found.digest_ok) == (False, False)


def test_an_id_of_any_name(tmp_path):
    """The column of a survey of somebody else's may be called anything."""
    written(tmp_path, **NOW)
    for file in tmp_path.glob("*.parquet"):
        table = pq.ParquetFile(file).read()
        pq.write_table(table.rename_columns(["obj.id", *table.column_names[1:]]), file)
    found = about(**NOW).model_copy(update={"alert_id": "`obj.id`"})
    (tmp_path / "_receipt.json").write_text(found.to_json())
    found = verify(tmp_path)
    assert (found.ok, found.distinct, found.digest_ok) == (True, 20, True), found.problems


def test_ids_that_repeat_take_no_more_memory_however_many(monkeypatch):
    monkeypatch.setattr(identity, "FILTER_BITS", 1 << 16, raising=False)
    ids = identity.Ids()
    for _ in range(2):
        ids.add(pa.array(range(50_000)))
    tell = next(getattr(ids, name) for name in ("may_have_several", "has_several") if hasattr(ids, name))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    assert tell(b"1")
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1 << 20
    ids.close()


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_ids_taken_for_some_that_repeat_are_compared_too(tmp_path, kind, monkeypatch):
    """What is kept of ids may be the same for all of them."""
    monkeypatch.setattr(identity, "FILTER_BITS", 8)
    deliver(tmp_path, kind, **NOW)
    assert verify(tmp_path).ok

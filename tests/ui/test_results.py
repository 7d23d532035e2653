"""One file of a result in every format holds the same alerts; plots read what packets have."""

import io
import json

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse_single_table
from pyarrow import csv

from alertferry.core.errors import UsageError
from alertferry.ui import flat, photometry, plots, results, stamps
from alertferry.ui.results import _plain
from alertferry.ui.text import clean_log, duration_text

BIG = 2**62 + 1
ROWS = [
    {
        "diaSourceId": BIG + index,
        "diaObjectId": 7 if index % 2 else None,
        "ra": 10.0 + index,
        "dec": -5.0,
        "psfFlux": float(index),
        "psfFluxErr": 0.5,
        "band": "g",
        "midpointMjdTai": 60000.0 + index,
        "inner": {"deep": {"flag": bool(index % 2)}, "word": None if index else 'a "b", c'},
        "stamp": b"\x00\x01",
        "prvDiaSources": [{"psfFlux": -1.0, "psfFluxErr": 0.1, "band": "r", "midpointMjdTai": 59990.0}],
    }
    for index in range(7)
]


@pytest.fixture
def parquet(tmp_path):
    parts = []
    for number, rows in enumerate((ROWS[:3], ROWS[3:])):
        parts.append(tmp_path / f"p{number}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.Table.from_pylist(ROWS).schema), parts[-1])
    whole = tmp_path / "alerts.parquet"
    flat.join_parquet(parts, whole)
    return whole


def test_parquet_is_joined_without_loss(parquet):
    assert pq.read_table(parquet).to_pylist() == ROWS


def test_csv_keeps_ids_exact_and_nulls_empty(parquet, tmp_path):
    target = tmp_path / "a.csv"
    flat.write_csv(parquet, target)
    found = csv.read_csv(target)
    assert found.column("diaSourceId").to_pylist() == [row["diaSourceId"] for row in ROWS]
    assert found.column("diaObjectId").to_pylist() == [row["diaObjectId"] for row in ROWS]
    assert found.column("inner.deep.flag").to_pylist() == [bool(i % 2) for i in range(7)]
    assert found.column("inner.word")[0].as_py() == 'a "b", c'
    assert "stamp" not in found.column_names
    assert json.loads(found.column("prvDiaSources")[0].as_py())[0]["band"] == "r"


def test_votable_keeps_ids_exact_nulls_masked_and_units(parquet, tmp_path):
    target = tmp_path / "a.vot"
    flat.write_votable(parquet, target, "lsst")
    found = parse_single_table(target).to_table()
    assert list(found["diaSourceId"]) == [row["diaSourceId"] for row in ROWS]
    assert [bool(masked) for masked in found["diaObjectId"].mask] == [row["diaObjectId"] is None for row in ROWS]
    assert str(found["psfFlux"].unit) == "nJy"


def test_avro_is_joined_without_decoding(tmp_path):
    schema = {"type": "record", "name": "a", "fields": [{"name": "id", "type": "long"}]}
    parts = []
    for number in range(3):
        buffer = io.BytesIO()
        fastavro.writer(buffer, schema, [{"id": number * 10 + i} for i in range(5)])
        parts.append(tmp_path / f"{number}.avro")
        parts[-1].write_bytes(buffer.getvalue())
    flat.join_avro(parts, tmp_path / "all.avro")
    with (tmp_path / "all.avro").open("rb") as stream:
        assert [r["id"] for r in fastavro.reader(stream)] == [n * 10 + i for n in range(3) for i in range(5)]


def test_a_result_without_alerts_has_its_columns(tmp_path):
    empty, target = tmp_path / "e.parquet", tmp_path / "e.csv"
    pq.write_table(pa.Table.from_pylist([], schema=pa.Table.from_pylist(ROWS).schema), empty)
    flat.write_csv(empty, target)
    assert "diaSourceId" in target.read_text()
    flat.write_votable(empty, tmp_path / "e.vot", "lsst")
    assert len(parse_single_table(tmp_path / "e.vot").to_table()) == 0


def test_plots_find_their_columns_in_a_light_packet(parquet):
    found = photometry.read(parquet, "lsst")
    assert found.ra == [row["ra"] for row in ROWS]
    assert found.object_id == "7"
    assert found.curve["time"] == [59990.0, 60001.0, 60003.0, 60005.0]
    assert found.curve["band"] == ["r", "g", "g", "g"]
    plots.light_curve(found.curve, ("t", "f"), False)
    plots.histogram(found.value, "flux")


def test_packets_without_positions_have_no_plots(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    found = photometry.read(tmp_path / "x.parquet", "ztf")
    assert (found.ra, found.value, found.curve) == (None, None, None)


def test_stamps_of_both_surveys_can_be_seen(ui_lakes, tmp_path):
    for survey, lake in ui_lakes.items():
        file = next(lake.rglob("*.parquet"))
        found = stamps.read_stamps(file, 3)
        assert [name for name, _ in found] == ["Science", "Template", "Difference"], survey
        assert all(image.ndim == 2 and image.size > 100 for _, image in found)
        stamps.picture(*found[0])
    pq.write_table(pa.table({"cutoutScience": [b"no image"]}), tmp_path / "x.parquet")
    assert stamps.read_stamps(tmp_path / "x.parquet", 0) == ()


def test_bytes_are_shown_as_their_length():
    assert _plain({"a": [b"123", {"b": 1}]}) == {"a": ["3 bytes", {"b": 1}]}


def test_logs_lose_what_could_disturb_a_page():
    assert clean_log("\x1b[31mred\x1b[0m\r\nnext\x00\x1b]0;title\x07 \u202eevil\tx") == "red\nnext0;title evil\tx"


@pytest.mark.parametrize(("seconds", "text"), [(3.4, "3 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations_for_people(seconds, text):
    assert duration_text(seconds) == text


def test_files_are_removed_when_nobody_asks_for_them(ui_home):
    import os

    for name in ("old", "new"):
        (results.folder(name)).mkdir(parents=True)
    os.utime(results.folder("old"), (0, 0))
    results.sweep()
    assert (results.folder("old").exists(), results.folder("new").exists()) == (False, True)


def test_a_large_result_is_for_the_command():
    class Record:
        bytes = results.MAX_BYTES + 1

    with pytest.raises(UsageError, match="command"):
        results.fetch(Record())

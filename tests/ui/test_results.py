"""One file of a result in every format holds the same alerts; plots read what packets have."""

import gzip
import io
import json
import tracemalloc
from types import SimpleNamespace

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

from alertferry.core.errors import UsageError
from alertferry.ui import flat, photometry, plots, results, stamps
from alertferry.ui.results import _plain
from alertferry.ui.steps.review import record_table
from alertferry.ui.text import clean_log, duration_text
from tests.publishing import light_alerts, publish

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


def test_one_long_text_does_not_make_all_texts_long(tmp_path):
    source, target = tmp_path / "long.parquet", tmp_path / "long.vot"
    pq.write_table(pa.table({"id": range(2000), "text": ["x" * 2_000_000, *["y"] * 1999]}), source)
    tracemalloc.start()
    flat.write_votable(source, target, "lsst")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 200_000_000  # as texts of one length they would take 16 GB
    texts = parse_single_table(target).to_table()["text"]
    assert (len(texts[0]), texts[1999]) == (2_000_000, "y")


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


def test_a_large_result_is_no_file_of_the_page():
    class Record:
        bytes = results.MAX_BYTES + 1

    with pytest.raises(UsageError, match="command"):
        results.lay_out(Record(), "csv")


@pytest.mark.kafka
def test_the_first_alerts_of_a_large_result_are_shown(broker, tmp_path, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path))
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    alerts = light_alerts(1_500)
    publish(broker.bootstrap_servers, "large-result", alerts)
    record = SimpleNamespace(id="j", topic="large-result", survey="lsst", bytes=results.MAX_BYTES + 1, alerts=1_500)
    found = results.fetch(record)
    assert (found.alerts, found.partial) == (results.FIRST_ALERTS, True)
    assert set(pq.read_table(found.path)["diaSourceId"].to_pylist()) <= {alert["diaSourceId"] for alert in alerts}
    assert found.call == "pd.read_parquet('large-result')"


STRUCTS = [
    {
        "diaSourceId": BIG + index,
        "diaSource": {"ra": 10.0 + index, "dec": -5.0, "psfFlux": 1.0 + index, "psfFluxErr": 0.5, "band": "g",
                      "midpointMjdTai": 60000.0 + index, "diaObjectId": 7 if index % 2 else None},
        "diaObject": {"ra": 1.0, "dec": 2.0} if index % 2 else None,
        "prvDiaSources": [{"psfFlux": -1.0, "psfFluxErr": 0.1, "band": "r", "midpointMjdTai": 59990.0}],
    }
    for index in range(7)
]  # fmt: skip


def test_packets_that_keep_structs_are_shown(tmp_path):
    """Two structs have columns of one name: of a table of single columns nobody could tell which is which."""
    pq.write_table(pa.Table.from_pylist(STRUCTS), tmp_path / "a.parquet")
    found = photometry.read(tmp_path / "a.parquet", "lsst")
    assert found.ra == [row["diaSource"]["ra"] for row in STRUCTS]
    assert found.value == [row["diaSource"]["psfFlux"] for row in STRUCTS]
    assert found.curve["time"] == [59990.0, 60001.0, 60003.0, 60005.0]


def test_columns_of_another_type_than_their_name_says_are_not_drawn(tmp_path):
    rows = [{"ra": "<script>", "dec": [1.0], "psfFlux": {"a": 1}, "diaObjectId": "\x1b[31m" * 2, "midpointMjdTai": 1.0}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = photometry.read(tmp_path / "a.parquet", "lsst")
    assert (found.ra, found.dec, found.value, found.curve) == (None, None, None, None)


def test_texts_of_a_topic_are_shown_for_what_they_are():
    shown = _plain({"a\u202e": ["\x1b[2J<b>" + "x" * 9_999, b"ab", *range(100)]})
    ((name, items),) = shown.items()
    assert name == "a\\u202e"
    assert items[0].startswith("\\x1b[2J<b>")
    assert len(items[0]) < 500
    assert items[1] == "2 bytes"
    assert items[-1] == "and 52 more"


def fits_bytes(image, **cards) -> bytes:
    unit = fits.PrimaryHDU(image)
    unit.header.update(cards)
    stream = io.BytesIO()
    unit.writeto(stream)
    return stream.getvalue()


IMAGE = np.arange(30.0 * 20).reshape(20, 30).astype("f4")


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "i4", "u1"])
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_stamps_are_read_as_astropy_reads_them(kind, packed):
    content = fits_bytes((IMAGE % 200).astype(kind))
    assert np.array_equal(stamps.image_of(packed(content)), fits.getdata(io.BytesIO(content)).astype(float))
    assert np.array_equal(stamps.image_of({"stampData": content}), stamps.image_of(content))


def test_scaled_and_blank_pixels_and_extensions():
    first = fits.PrimaryHDU()
    image = fits.ImageHDU(np.array([[1, 2], [3, -9]], "i2"))
    image.header.update(BSCALE=0.5, BZERO=10.0, BLANK=-9)
    stream = io.BytesIO()
    fits.HDUList([first, image]).writeto(stream, output_verify="ignore")
    wanted = fits.open(io.BytesIO(stream.getvalue()))[1].data
    assert np.array_equal(stamps.image_of(stream.getvalue()), wanted, equal_nan=True)


def _renamed(content: bytes, card: str, value: str) -> bytes:
    at = content.index(card.encode())
    return content[:at] + f"{card:<8}= {value:>20}".encode() + content[at + 30 :]


WHOLE = fits_bytes(IMAGE)
HOSTILE_STAMPS = {
    "a bomb": gzip.compress(b"\0" * (300 << 20)),
    "cut short": WHOLE[: 2880 + 100],
    "cut in the header": WHOLE[:500],
    "cut gzip": gzip.compress(WHOLE)[:200],
    "huge": _renamed(WHOLE, "NAXIS1", str(10**13)),
    "negative": _renamed(WHOLE, "NAXIS1", "-30"),
    "many axes": _renamed(WHOLE, "NAXIS ", "999"),
    "no number": _renamed(WHOLE, "NAXIS2", "'x'"),
    "odd pixels": _renamed(WHOLE, "BITPIX", "7"),
    "no image": b"no image",
    "not ASCII": b"\xff" * 5_000,
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE_STAMPS)
def test_hostile_stamps_are_no_images_and_cost_nothing(name):
    tracemalloc.start()
    try:
        assert stamps.image_of(HOSTILE_STAMPS[name]) is None
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=90), st.booleans())
@settings(max_examples=200, deadline=None)
def test_no_damage_to_a_stamp_is_an_error(at, put, packed):
    content = WHOLE[:at] + put + WHOLE[at + len(put) :]
    stamps.image_of(gzip.compress(content, 1)[:-3] if packed else content)


def test_a_table_shows_every_digit_that_a_type_has():
    kinds = [("time", "double"), ("flux", "float"), ("id", "long")]
    row = {"time": 2461101.73456789, "flux": float(np.float32(0.1)), "id": 2**63 - 1}
    _, rows = record_table([row], kinds)
    assert rows == [["2461101.73456789", "0.1", "9223372036854775807"]]

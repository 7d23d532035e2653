"""One file of a result in every format holds the same alerts; plots read what packets have."""

import base64
import gzip
import io
import tracemalloc
from types import SimpleNamespace

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.core.errors import UsageError
from alertferry.estimates.results import Diagnosis, FieldFacts, LineDiagnosis
from alertferry.ui import flat, outside, photometry, plots, reasons, results, stamps
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


@pytest.mark.kafka
def test_the_first_alerts_of_a_large_result_are_shown(broker, tmp_path, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_HOME", str(tmp_path))
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    alerts = light_alerts(1_500)
    publish(broker.bootstrap_servers, "large-result", alerts)
    record = SimpleNamespace(id="j", topic="large-result", survey="lsst", bytes=10**9, alerts=1_500, name="My SN, 2")
    found = results.fetch(record)
    assert (found.alerts, found.partial) == (results.FIRST_ALERTS, True)
    assert set(pq.read_table(found.path)["diaSourceId"].to_pylist()) <= {alert["diaSourceId"] for alert in alerts}
    assert found.call == "pd.read_parquet('large-result')"
    whole = results.lay_out(record, "parquet")
    assert sorted(pq.read_table(whole)["diaSourceId"].to_pylist()) == [alert["diaSourceId"] for alert in alerts]
    assert results.saved_as(record, whole) == "My-SN-2.parquet"
    assert results.saved_as(record, results.lay_out(record, "csv")) == "My-SN-2.zip"  # it has a table of its maps
    with pytest.raises(UsageError, match="500 MB"):
        results.lay_out(record, "votable")
    monkeypatch.setenv("ALERTFERRY_MAX_TABLE_BYTES", str(10**9))
    assert [item.name for item in parse(results.lay_out(record, "votable")).iter_tables()] == ["alerts", "features"]


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


def test_the_first_alerts_are_a_table_with_every_digit(parquet):
    found = photometry.overview(parquet, "lsst")
    names = [column["title"] for column in found.columns]
    assert names[:5] == ["diaSourceId", "diaObjectId", "ra", "dec", "midpointMjdTai"]
    assert [row[0] for row in found.rows] == [str(row["diaSourceId"]) for row in ROWS]
    assert found.rows[0][names.index("diaObjectId")] is None
    assert found.rows[0][names.index("prvDiaSources")] == "1"
    assert (found.columns[2]["note"], found.columns[0]["kind"], found.columns[2]["kind"]) == ("deg", "int", "float")
    assert found.ra == [row["ra"] for row in ROWS]
    assert found.left_out == 1  # bytes
    plots.histogram(found.value, "flux")
    plots.alerts_map(found.ra, found.dec)


def test_an_alert_opens_with_its_light_curve(parquet):
    found = photometry.open_alert(parquet, "lsst", 3)
    assert (found.title, found.object_id, found.ra) == (f"Alert {ROWS[3]['diaSourceId']}", "7", 13.0)
    assert found.curve["time"] == [59990.0, 60001.0, 60003.0, 60005.0]
    assert found.curve["band"] == ["r", "g", "g", "g"]
    assert found.curve["kind"] == [photometry.BEFORE, photometry.SAME, photometry.THIS, photometry.SAME]
    assert "g 3 ± 0.5 nJy" in found.facts
    plots.light_curve(found.curve, ("t", "f"), False)
    alone = photometry.open_alert(parquet, "lsst", 0)  # of no object
    assert (alone.object_id, alone.curve["time"]) == ("", [59990.0, 60000.0])


def test_forced_photometry_and_upper_limits_are_told_apart(tmp_path):
    lsst = {"diaSource": {"psfFlux": 5.0, "band": "g", "midpointMjdTai": 60000.0, "diaObjectId": 7}}
    lsst |= {"prvDiaSources": None}
    lsst |= {"prvDiaForcedSources": [{"psfFlux": -1.0, "psfFluxErr": 2.0, "band": "g", "midpointMjdTai": 60000.0}]}
    pq.write_table(pa.Table.from_pylist([lsst]), tmp_path / "l.parquet")
    found = photometry.open_alert(tmp_path / "l.parquet", "lsst", 0).curve
    assert (found["kind"], found["value"]) == ([photometry.THIS, photometry.FORCED], [5.0, -1.0])
    limit = {"jd": 2460000.5, "fid": 2, "magpsf": None, "sigmapsf": None, "diffmaglim": 20.5}
    seen = {"jd": 2460001.5, "fid": 1, "magpsf": 18.0, "sigmapsf": 0.1, "diffmaglim": 20.0}
    ztf = {"objectId": "ZTF21abcdefg", "candidate": {"jd": 2460002.5, "fid": 1, "magpsf": 17.5, "sigmapsf": 0.1}}
    pq.write_table(pa.Table.from_pylist([ztf | {"prv_candidates": [limit, seen]}]), tmp_path / "z.parquet")
    found = photometry.open_alert(tmp_path / "z.parquet", "ztf", 0).curve
    assert found["kind"] == [photometry.LIMIT, photometry.BEFORE, photometry.THIS]
    assert (found["value"], found["band"]) == ([20.5, 18.0, 17.5], ["r", "g", "g"])
    plots.light_curve(found, ("t", "mag"), True)


def test_packets_without_positions_have_no_plots(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    found = photometry.overview(tmp_path / "x.parquet", "ztf")
    assert (found.ra, found.value, found.rows) == (None, None, [["1"]])
    opened = photometry.open_alert(tmp_path / "x.parquet", "ztf", 0)
    assert (opened.title, opened.curve, opened.ra) == ("Alert 1", None, None)


def test_stamps_of_both_surveys_can_be_seen(ui_lakes, tmp_path):
    for survey, lake in ui_lakes.items():
        file = next(lake.rglob("*.parquet"))
        found = stamps.read_stamps(file, 3)
        assert [name for name, _ in found] == ["Science", "Template", "Difference"], survey
        assert all(image.ndim == 2 and image.size > 100 for _, image in found)
        shown = stamps.for_page(*found[0])
        pixels = np.frombuffer(base64.b64decode(shown["pixels"]), "<f4").reshape(shown["height"], shown["width"])
        assert np.array_equal(pixels, found[0][1].astype("f4"), equal_nan=True)
    pq.write_table(pa.table({"cutoutScience": [b"no image"]}), tmp_path / "x.parquet")
    assert stamps.read_stamps(tmp_path / "x.parquet", 0) == ()


def test_packets_that_keep_structs_are_shown(tmp_path):
    """Two structs have columns of one name: of a table of single columns nobody could tell which is which."""
    pq.write_table(pa.Table.from_pylist(STRUCTS), tmp_path / "a.parquet")
    found = photometry.overview(tmp_path / "a.parquet", "lsst")
    assert found.ra == [row["diaSource"]["ra"] for row in STRUCTS]
    assert found.value == [row["diaSource"]["psfFlux"] for row in STRUCTS]
    assert photometry.open_alert(tmp_path / "a.parquet", "lsst", 1).curve["time"] == [
        59990.0,
        60001.0,
        60003.0,
        60005.0,
    ]


def test_columns_of_another_type_than_their_name_says_are_not_drawn(tmp_path):
    rows = [{"ra": "<script>", "dec": [1.0], "psfFlux": {"a": 1}, "diaObjectId": "\x1b[31m" * 2, "midpointMjdTai": 1.0}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = photometry.overview(tmp_path / "a.parquet", "lsst")
    assert (found.ra, found.dec, found.value) == (None, None, None)
    assert "\\x1b[31m\\x1b[31m" in found.rows[0]
    opened = photometry.open_alert(tmp_path / "a.parquet", "lsst", 0)
    assert (opened.curve, opened.ra, opened.object_id) == (None, None, "\\x1b[31m\\x1b[31m")
    assert outside.links("lsst", opened.object_id, None, None) == []


def test_texts_of_a_topic_are_shown_for_what_they_are():
    shown = photometry.text_of("\x1b[2J<b>" + "x" * 9_999)
    assert shown.startswith("\\x1b[2J<b>")
    assert len(shown) < 200


def test_links_lead_to_the_position_and_the_object():
    found = {link["label"]: link["href"] for link in outside.links("ztf", "ZTF21abcdefg", 10.5, -5.25)}
    assert list(found) == ["SIMBAD", "NED", "TNS", "Legacy Survey", "Fink", "ALeRCE", "Lasair"]
    assert "Coord=10.500000%20-5.250000" in found["SIMBAD"]
    assert "ra=10.500000&dec=-5.250000" in found["Legacy Survey"]
    assert found["Fink"].endswith("/ZTF21abcdefg")
    lsst = {link["label"]: link["href"] for link in outside.links("lsst", "170059286935240883", 1.0, 2.0)}
    assert all("170059286935240883" in lsst[name] for name in ("Fink", "ALeRCE", "Lasair"))
    for survey, name in (("ztf", "x/../<b>"), ("lsst", ""), ("starwatch", "HR 1")):
        assert [link["label"] for link in outside.links(survey, name, 1.0, 2.0)][4:] == []
    assert outside.links("ztf", "ZTF21abcdefg", None, None)[0]["label"] == "Fink"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([("lsst", 0), ("sql", 0)], "The chosen nights hold no alert."),
        ([("lsst", 1234), ("tags", 99), ("sql-2", 0), ("region", 0)], "Conditions 2 left none of the 99 alerts"),
        ([("lsst", 1234), ("region", 0)], "Region left none of the 1,234 alerts"),
        ([], "No alert passed all filters."),
    ],
)
def test_no_alert_at_all_has_a_reason(steps, said):
    found, advice = reasons.emptied_by([{"name": name, "alerts": alerts} for name, alerts in steps], "lsst")
    assert found.startswith(said)
    assert advice


def test_conditions_are_told_with_what_their_fields_hold():
    field = FieldFacts(path="diaSource.snr", min=5.0, max=88.25, null_share=0.1)
    lines = [
        LineDiagnosis(line="diaSource.snr > 4", passing=90, share=0.9, fields=(field,)),
        LineDiagnosis(line="diaSource.snr > 2000", passing=0, share=0.0, fields=(field,)),
        LineDiagnosis(line="a > 1", passing=0, share=0.0, fields=(FieldFacts(path="a", null_share=1.0),)),
    ]
    assert reasons.conditions_text(Diagnosis(step="sql", message="", lines=tuple(lines))) == [
        "diaSource.snr > 2000: no alert fulfils it (diaSource.snr is 5 to 88.25, without a value in 10%).",
        "a > 1: no alert fulfils it (a has no value).",
        "diaSource.snr > 4: 90.00% of the alerts fulfil it by itself (diaSource.snr is 5 to 88.25, without a value in 10%).",
    ]


def test_a_table_shows_every_digit_that_a_type_has():
    kinds = [("time", "double"), ("flux", "float"), ("id", "long")]
    row = {"time": 2461101.73456789, "flux": float(np.float32(0.1)), "id": 2**63 - 1}
    _, rows = record_table([row], kinds)
    assert rows == [["2461101.73456789", "0.1", "9223372036854775807"]]

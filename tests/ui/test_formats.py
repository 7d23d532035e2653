"""A result as CSV, VOTable and FITS holds what the topic holds, value by value, whatever the packet."""

import base64
import gzip
import io
import json
import math
import subprocess
import sys
import tracemalloc
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from shutil import which

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import Table
from pyarrow import csv as arrow_csv

from alertferry.consumer.schemas import column_at, field_at
from alertferry.core.columns import name_columns
from alertferry.ui.formats import csv, measured, sheets
from alertferry.ui.formats.fits import write_fits
from alertferry.ui.formats.meaning import meanings
from alertferry.ui.formats.votable import write_votable
from alertferry.ui.lakes import surveys
from tests.ui.test_results import fits_bytes

PACKETS = [
    *(("lsst", name) for name in surveys()["lsst"].packets),
    *(("ztf", name) for name in surveys()["ztf"].packets),
    ("starwatch", "full"),
    ("starwatch", "light"),
    ("odd", "full"),
]
BIG = 2**62 + 1


def starwatch():
    sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "starwatch"))
    try:
        import starwatch

        return starwatch.SURVEY
    finally:
        sys.path.pop(0)


STARS = [
    {"alertId": BIG + i, "starId": f"HR {i}", "detection": {"ra": 36.0 * i, "dec": -4.0, "mjd": 61100.1, "mag": mag}}
    for i, mag in enumerate([2.5, None, 5.25])
]
STAR_TYPE = pa.schema(
    [
        pa.field("alertId", pa.int64(), False),
        ("starId", pa.string()),
        ("detection", pa.struct([("ra", pa.float64()), ("dec", pa.float64()), ("mjd", pa.float64()), ("mag", pa.float32())])),
    ]
)  # fmt: skip
ODD_TYPE = pa.schema(
    [
        ("alertId", pa.int64()), ("a.b", pa.int32()), ("A.B", pa.int32()), ("least", pa.int64()), ("sure", pa.bool_()),
        ("text", pa.string()), ("long", pa.string()), ("when", pa.timestamp("ns", "UTC")), ("day", pa.date32()),
        ("price", pa.decimal128(20, 3)), ("whole", pa.list_(pa.int32())), ("flags", pa.list_(pa.bool_())),
        ("words", pa.list_(pa.string())), ("raw", pa.binary()), ("stamp", pa.binary()), ("nothing", pa.null()),
        ("tree", pa.list_(pa.struct([("n", pa.int64()), ("leaves", pa.list_(pa.struct([("x", pa.float32())])))]))),
        ("by", pa.map_(pa.string(), pa.float64())),
        ("deep", pa.struct([("ids", pa.list_(pa.int64())), ("more", pa.list_(pa.struct([("y", pa.int32())])))])),
    ]
)  # fmt: skip
ODD = [
    {
        "alertId": BIG, "a.b": 1, "A.B": None, "least": -(2**63), "sure": True, "text": "", "long": "x" * 5000,
        "when": 1772323200123456789, "day": date(2026, 3, 1), "price": Decimal("12345678901234567.125"),
        "whole": [1, None, 3], "flags": [True, False], "words": ["é", None, ""], "raw": b"\x00\xff",
        "stamp": gzip.compress(fits_bytes(np.arange(12.0).reshape(3, 4))), "nothing": None,
        "tree": [{"n": 1, "leaves": [{"x": 1.5}, {"x": None}]}, {"n": None, "leaves": None}, None],
        "by": {"u": 1.5, "g": None}, "deep": {"ids": [2**60 + 1], "more": [{"y": 4}]},
    },
    dict.fromkeys(ODD_TYPE.names) | {"alertId": BIG + 1},
    {
        "alertId": BIG + 2, "a.b": None, "A.B": 7, "least": 5, "sure": False, "text": "naïve 🌟", "long": "y",
        "when": None, "day": None, "price": Decimal("0.001"), "whole": [], "flags": [], "words": [], "raw": b"",
        "stamp": fits_bytes(np.full((2, 5), 7, "f4")), "nothing": None, "tree": [], "by": {},
        "deep": {"ids": None, "more": None},
    },
]  # fmt: skip


def odd_survey():
    from dataclasses import replace

    return replace(starwatch(), name="odd", ra="ra", dec="dec", time="when", object_id="alertId", field_table=None)


@pytest.fixture(scope="module")
def packets(ui_lakes, tmp_path_factory):
    """Return a file of alerts of each packet, made as jobs make them, and what is known of its survey."""
    folder = tmp_path_factory.mktemp("packets")

    def packet(kind, name):
        path = folder / f"{kind}-{name}.parquet"
        if kind == "odd":
            pq.write_table(pa.Table.from_pylist(ODD, ODD_TYPE), path)
            return path, odd_survey()
        survey = starwatch() if kind == "starwatch" else surveys()[kind]
        if kind == "starwatch":
            lake = pa.Table.from_pylist(STARS, STAR_TYPE)
        else:
            file = pq.ParquetFile(next(ui_lakes[kind].rglob("*.parquet")))
            lake = next(file.iter_batches(5))
        paths = [item for item in survey.packets[name].paths(survey.documented) if field_at(lake.schema, item)]
        columns = {item.name: column_at(lake, item.path) for item in name_columns(paths)}
        pq.write_table(pa.table(columns), path)
        return path, survey

    return packet


def tables(path):
    """Return what each table must hold, as lists of rows; made of Python's values, without the code that is tested."""
    table = pq.ParquetFile(path).read()
    found: dict = {}

    def spread(place, kind, value, cells, name, keys):
        at = f"{place}.{name}" if place and name else name or place
        if pa.types.is_struct(kind):
            for field in kind:
                inner = None if value is None else value[field.name]
                spread(place, field.type, inner, cells, f"{name}.{field.name}" if name else field.name, keys)
        elif pa.types.is_map(kind) or (pa.types.is_list(kind) and not sheets.is_number(kind.value_type)):
            cells[name] = None if value is None else len(value)
            found.setdefault(at, [])
            for number, item in enumerate(value or (), 1):
                inside, here = {}, [*keys, number]
                if pa.types.is_map(kind):
                    inside["key"] = item[0]
                    label = "" if pa.types.is_struct(kind.item_type) else "value"
                    spread(at, kind.item_type, item[1], inside, label, here)
                else:
                    label = "" if pa.types.is_struct(kind.value_type) else "value"
                    spread(at, kind.value_type, item, inside, label, here)
                found[at].append((here, inside))
        else:
            cells[name] = value

    found["alerts"] = []
    identifier = next(name for name in ("diaSourceId", "candid", "alertId") if name in table.schema.names)
    for number in range(table.num_rows):
        cells: dict = {}
        row = {name: table.column(name)[number] for name in table.schema.names}
        for name, scalar in row.items():
            spread("", table.schema.field(name).type, plain(scalar), cells, name, [row[identifier].as_py()])
        found["alerts"].append(([], cells))
    return found


def plain(scalar):
    if pa.types.is_timestamp(scalar.type) and scalar.is_valid:
        return str(scalar.cast(pa.string())).replace(" ", "T", 1)
    value = scalar.as_py()
    return str(value) if isinstance(value, date | Decimal) else value


def same(value, wanted, kind):
    """Tell whether a file's cell is the topic's value, as far as the format can hold it."""
    if np.ma.is_masked(value) and np.ndim(value) == 0:
        return wanted is None or wanted != wanted or (wanted == "" and kind == "text")  # noqa: PLR0124
    if wanted is None:
        return np.size(value) == 0 or (np.ndim(value) == 0 and (value is None or str(value) in ("", "nan")))
    if isinstance(wanted, float):
        value = float(value)
        return math.isnan(value) if math.isnan(wanted) else value == wanted
    if isinstance(wanted, bytes):
        return bytes(np.asarray(value, np.uint8)) == wanted
    if isinstance(wanted, list):
        value = np.ma.asarray(value)
        return len(value) == len(wanted) and all(
            item is None or found == item or found == str(item)[:1].encode()
            for found, item in zip(value, wanted, strict=True)
        )
    if isinstance(wanted, bool):
        return (value in (True, "T", b"T")) == wanted
    if isinstance(wanted, str):
        value = "".join(value) if np.ndim(value) else value
        value = value.decode() if isinstance(value, bytes) else str(value)
        return value.strip() == wanted or value.strip() == wanted.encode("unicode_escape").decode()
    return int(value) == wanted


def compare(found, wanted, rename=lambda name: name):
    """Hold the tables of a file against those of the topic."""
    assert set(found) == set(wanted)
    for name, rows in wanted.items():
        table = found[name]
        assert len(table) == len(rows), name
        names = table.colnames
        lines = list(zip(*(table[label] for label in names), strict=True)) if rows else []
        for values, (keys, cells) in zip(lines, rows, strict=True):
            assert [int(value) for value in values[: len(keys)]] == keys
            at = dict(zip(sheets.unique([rename(cell) for cell in cells]), cells, strict=True))
            for label, value in zip(names[len(keys) :], values[len(keys) :], strict=True):
                if label not in at:
                    assert label.endswith(("height", "width")), label
                    continue
                cell = cells[at[label]]
                if np.ndim(value) == 2:
                    same_image(value, cell)
                else:
                    assert same(value, cell, "text" if isinstance(cell, str) else ""), (name, label, value, cell)


def same_image(value, stamp):
    value = np.ma.filled(np.ma.asarray(value, float), np.nan)
    if stamp is None:
        assert np.isnan(value).all()
        return
    image = fits.getdata(io.BytesIO(gzip.decompress(stamp) if stamp[:2] == b"\x1f\x8b" else stamp)).astype(float)
    assert np.array_equal(value[: image.shape[0], : image.shape[1]], image, equal_nan=True)
    assert np.isfinite(value).sum() == np.isfinite(image).sum()


@pytest.mark.parametrize(("kind", "name"), PACKETS)
def test_a_votable_holds_what_the_topic_holds(packets, kind, name, tmp_path):
    path, survey = packets(kind, name)
    write_votable(path, tmp_path / "a.vot", meanings(survey))
    found = {table.name: table.to_table() for table in parse(tmp_path / "a.vot", verify="exception").iter_tables()}
    compare(found, tables(path))


@pytest.mark.parametrize(("kind", "name"), PACKETS)
def test_fits_holds_what_the_topic_holds(packets, kind, name, tmp_path):
    path, survey = packets(kind, name)
    write_fits(path, tmp_path / "a.fits", meanings(survey))
    with fits.open(tmp_path / "a.fits", logical_as_bytes=True) as units:
        found = {unit.name: Table.read(unit) for unit in units[1:]}
    compare(found, tables(path), lambda cell: "".join(c if c.isalnum() else "_" for c in cell))
    if which("fitsverify"):
        said = subprocess.run(["fitsverify", "-q", tmp_path / "a.fits"], capture_output=True, text=True, check=False)
        assert said.stdout.startswith("verification OK"), said.stdout


@pytest.mark.parametrize(("kind", "name"), PACKETS)
def test_csv_holds_what_the_topic_holds(packets, kind, name, tmp_path):
    path, survey = packets(kind, name)
    known = meanings(survey)
    target = tmp_path / f"a{csv.ending_of(path, known)}"
    csv.write_csv(path, target, known)
    wanted, files = tables(path), {}
    if target.suffix == ".zip":
        with zipfile.ZipFile(target) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    else:
        files = {"alerts.csv": target.read_bytes()}
    assert {name.removesuffix(".csv") for name in files if name.endswith(".csv")} == set(wanted)
    for place, rows in wanted.items():
        for (keys, cells), line in zip(rows, texts_of(files[f"{place}.csv"]), strict=True):
            assert [int(value) for value in line[: len(keys)]] == keys
            for cell, value in zip(cells.values(), line[len(keys) :], strict=True):
                assert same_text(value, cell, files), (place, cells, value)


def texts_of(content):
    """Return the rows of a CSV file; None where a cell is empty and not in quotes."""
    head = arrow_csv.read_csv(io.BytesIO(content)).column_names
    options = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(head, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    table = arrow_csv.read_csv(io.BytesIO(content), convert_options=options)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def same_text(value, wanted, files):
    if value is None or wanted is None:
        return value is wanted
    if isinstance(wanted, bytes):
        return files[value] == wanted if value.startswith("cutouts/") else base64.b64decode(value) == wanted
    if isinstance(wanted, list):
        return json.loads(value) == wanted
    if isinstance(wanted, bool):
        return value == str(wanted).lower()
    if isinstance(wanted, float):
        return math.isnan(float(value)) if math.isnan(wanted) else wanted in (float(value), float(np.float32(value)))
    return value == str(wanted)


@pytest.mark.skipif(which("stilts") is None, reason="needs stilts")
@pytest.mark.parametrize(("kind", "name"), [("lsst", "full"), ("ztf", "full"), ("odd", "full")])
def test_stilts_finds_no_fault_in_a_votable(packets, kind, name, tmp_path):
    path, survey = packets(kind, name)
    write_votable(path, tmp_path / "a.vot", meanings(survey))
    said = subprocess.run(["stilts", "votlint", tmp_path / "a.vot"], capture_output=True, text=True, check=False)
    heard = [line for line in said.stderr.splitlines() if not line.startswith("Picked up JAVA_TOOL_OPTIONS")]
    assert (said.returncode, said.stdout, heard) == (0, "", [])


def test_units_ucds_and_descriptions_whatever_a_packet_calls_its_columns(tmp_path):
    """A column keeps its last name, or gets that of its section before it where two share one."""
    columns = {"ra": [1.0], "diaObject_ra": [1.0], "psfFlux": [1.0], "midpointMjdTai": [1.0], "diaSourceId": [1]}
    columns |= {"diaObject": [{"u_psfFluxMean": 1.0}], "prvDiaSources": [[{"psfFluxErr": 0.5}]], "new": [1]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    write_votable(tmp_path / "a.parquet", tmp_path / "a.vot", meanings(surveys()["lsst"]))
    alerts, history = parse(tmp_path / "a.vot").iter_tables()
    told = {field.name: (str(field.unit or ""), field.ucd or "") for field in [*alerts.fields, *history.fields]}
    assert told["ra"] == ("deg", "pos.eq.ra;meta.main")
    assert told["diaObject_ra"] == ("deg", "pos.eq.ra")
    assert told["psfFlux"] == ("nJy", "phot.flux.density")
    assert told["midpointMjdTai"] == ("d", "time.epoch;meta.main")
    assert told["diaSourceId"] == ("", "meta.id;meta.main")
    assert told["diaObject.u_psfFluxMean"] == ("nJy", "phot.flux.density")
    assert told["psfFluxErr"] == ("nJy", "stat.error;phot.flux.density")
    assert told["new"] == ("", "")
    assert "MJD TAI" in alerts.get_field_by_id_or_name("midpointMjdTai").description
    write_fits(tmp_path / "a.parquet", tmp_path / "a.fits", meanings(surveys()["lsst"]))
    with fits.open(tmp_path / "a.fits") as units:
        header = units[1].header
        assert (header["TUNIT1"], header["TUCD1"], header["TIMESYS"]) == ("deg", "pos.eq.ra;meta.main", "TAI")
        assert units[2].header["EXTNAME"] == "prvDiaSources"


@pytest.mark.parametrize("kind", ["lsst", "ztf"])
def test_a_result_without_alerts_has_its_tables(packets, kind, tmp_path):
    path, survey = packets(kind, "full")
    pq.write_table(pq.ParquetFile(path).read().slice(0, 0), tmp_path / "e.parquet")
    known = meanings(survey)
    write_votable(tmp_path / "e.parquet", tmp_path / "e.vot", known)
    write_fits(tmp_path / "e.parquet", tmp_path / "e.fits", known)
    csv.write_csv(tmp_path / "e.parquet", tmp_path / "e.zip", known)
    names = [sheet.name for sheet in sheets.sheets_of(tmp_path / "e.parquet", survey.alert_id)]
    assert [table.name for table in parse(tmp_path / "e.vot").iter_tables()] == names
    with fits.open(tmp_path / "e.fits") as units:
        assert [unit.header["EXTNAME"] for unit in units[1:]] == names


def test_packets_without_an_id_are_joined_by_number(tmp_path):
    rows = [{"x": 1, "past": [{"y": 1}, {"y": 2}]}, {"x": 2, "past": [{"y": 3}]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=1)
    main, past = sheets.sheets_of(tmp_path / "a.parquet", "diaSourceId")
    alerts = pa.Table.from_batches(main.batches()).to_pylist()
    assert alerts == [{"alert_number": 1, "x": 1, "past": 2}, {"alert_number": 2, "x": 2, "past": 1}]
    below = pa.Table.from_batches(past.batches()).to_pylist()
    assert [(row["alert_number"], row["item"], row["y"]) for row in below] == [(1, 1, 1), (1, 2, 2), (2, 1, 3)]


def test_one_long_text_does_not_make_all_texts_long(tmp_path):
    columns = {"alertId": range(2000), "text": ["x" * 2_000_000, *["y"] * 1999]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    known = meanings(starwatch())
    tracemalloc.start()
    write_votable(tmp_path / "a.parquet", tmp_path / "a.vot", known)
    write_fits(tmp_path / "a.parquet", tmp_path / "a.fits", known)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100_000_000  # as texts of one length they would take 4 GB
    found = parse(tmp_path / "a.vot").get_first_table().to_table()["text"]
    assert (len(found[0]), found[1999]) == (2_000_000, "y")
    with fits.open(tmp_path / "a.fits") as units:
        found = units[1].data["text"]
        assert (bytes(found[1]), len(found[0])) == (b"y", 2_000_000)


def test_stamps_that_would_fill_the_disk_stay_bytes(tmp_path):
    bomb = gzip.compress(fits_bytes(np.zeros((512, 512))))
    pq.write_table(pa.table({"alertId": range(120), "stamp": [bomb] * 120}), tmp_path / "a.parquet")
    (sheet,) = sheets.sheets_of(tmp_path / "a.parquet", "alertId")
    assert [column.images for column in measured.measure(sheet)] == [False, False]

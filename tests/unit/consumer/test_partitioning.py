"""Folders by value: every value finds one, none finds its way out, readers take them as they are."""

import math
from pathlib import PurePosixPath
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from alertferry.consumer.partitioning import NULL, encoded, plan
from alertferry.core.errors import UsageError
from alertferry.core.receipt import Manifest
from alertferry.core.time_scales import TIME_SCALES

NESTED = pa.struct([("fid", pa.int32()), ("jd", pa.float64()), ("note", pa.string())])
SCHEMA = pa.schema(
    [("candid", pa.int64()), ("finkclass", pa.string()), ("candidate", NESTED), ("list", pa.list_(pa.int8()))]
)


def folders(by, schema, columns, manifest=None):
    return plan(by, schema, manifest).folders([pa.record_batch(columns, schema=schema)])


@given(st.text())
def test_no_text_names_another_place(text):
    name = encoded(text)
    assert PurePosixPath(f"class={name}").parts == (f"class={name}",)
    assert len(name.encode()) <= 200
    assert name.isascii()
    assert not set(name) & set("/\\\0*?:\"'<>|{}[]= ")
    assert name != NULL
    if len(name) < 160:
        assert unquote(name) == text or (text, name) == ("", "__empty__")


def test_nothing_is_taken_for_another_value():
    texts = ["", None, NULL, "__empty__", "%5F_null__", "a/b", "a%2Fb", "..", "AM_CVn?*", "SN candidate"]
    assert len({encoded(text) for text in texts}) == len(texts)
    assert encoded("SN candidate") == "SN%20candidate"
    assert encoded("AM_CVn?*") == "AM_CVn%3F%2A"


def test_different_long_values_have_different_folders():
    assert len({encoded("é" * 300 + end) for end in ("a", "b", "")}) == 3


def test_times_of_every_scale_divide_and_others_are_refused():
    schema = pa.schema([("when", pa.float64())])
    about = {"topic": "t", "survey": "x", "job": {}, "job_hash": "", "schema_fingerprint": "", "created": ""}
    moment = Time("2026-03-01T00:00:05", scale="utc")
    for scale in TIME_SCALES:
        form, _, of = scale.partition("-")
        value = float(getattr(getattr(moment, of), form))
        manifest = Manifest(**about, time="when", time_scale=scale)
        batch = [[value, value - 10 / 86400, math.nan]]
        assert folders("time", schema, batch, manifest) == [
            "year=2026/month=03/day=01",
            "year=2026/month=02/day=28",
            f"year={NULL}/month={NULL}/day={NULL}",
        ]
    with pytest.raises(UsageError, match="the topic's times are 'jd', and known are jd-utc"):
        plan("time", schema, Manifest(**about, time="when", time_scale="jd"))


@pytest.mark.parametrize("scale", ["jd-utc", "mjd-tai"])
def test_time_is_the_date_in_utc(scale):
    moments = ["2026-01-01T00:00:00.5", "2025-12-31T23:59:59.5", "2026-11-21T12:00:00", "2018-06-01T23:59:58"]
    times = Time(moments, scale="utc")
    values = times.jd if scale == "jd-utc" else times.tai.mjd
    name = "jd" if scale == "jd-utc" else "midpointMjdTai"
    schema = pa.schema([(name, pa.float64())])
    found = folders("time", schema, [pa.array([*values, np.nan, None, np.inf])])
    dates = [text[:10].split("-") for text in moments]
    assert found[:4] == [f"year={y}/month={m}/day={d}" for y, m, d in dates]
    assert set(found[4:]) == {f"year={NULL}/month={NULL}/day={NULL}"}


def test_the_manifest_says_where_the_time_is():
    schema = pa.schema([("when", pa.float64()), ("jd", pa.float64())])
    manifest = Manifest(
        topic="t", survey="x", job={}, job_hash="", schema_fingerprint="", created="", time="when", time_scale="mjd-tai"
    )
    assert folders("time", schema, [[61100.5], [0.0]], manifest) == ["year=2026/month=03/day=01"]


def test_columns_and_their_keys():
    batch = [[1, 2, 3], ["SN Ia", None, "../x"], [{"fid": 1}, {"fid": None}, None], [[], [], []]]
    assert folders("class", SCHEMA, batch) == ["class=SN%20Ia", f"class={NULL}", "class=..%2Fx"]
    assert folders("finkclass", SCHEMA, batch)[0] == "by_finkclass=SN%20Ia"
    assert folders("candidate.fid", SCHEMA, batch) == [
        "candidate_fid=1",
        f"candidate_fid={NULL}",
        f"candidate_fid={NULL}",
    ]
    assert folders("candid", SCHEMA, batch)[1] == "by_candid=2"


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("finkclas", "did you mean 'finkclass'"),
        ("candidate.fud", "did you mean 'candidate.fid'"),
        ("candidate.jd", "holds double"),
        ("candidate", "holds struct"),
        ("list", "holds list"),
    ],
)
def test_columns_that_divide_nothing(by, said):
    with pytest.raises(UsageError, match=f"--partition-by {by}: ") as caught:
        plan(by, SCHEMA, None)
    assert said in str(caught.value)


def test_packets_without_time_or_class():
    schema = pa.schema([("a", pa.int64())])
    with pytest.raises(UsageError, match="hold no time of observation"):
        plan("time", schema, None)
    with pytest.raises(UsageError, match=r"no class.*fields name finkclass"):
        plan("class", schema, None)


@pytest.mark.parametrize("by", ["`candidate`.`fid`", "candidate.`fid`", "`candid`"])
def test_names_may_stand_in_back_quotes(by):
    column = {"`candid`": "candid"}.get(by, "candidate_fid")
    batch = {"candid": [7], "finkclass": [None], "candidate": [{"fid": 7, "jd": 1.0, "note": ""}], "list": [None]}
    [folder] = folders(by, SCHEMA, batch_of(batch))
    assert folder == f"{'by_' if column in SCHEMA.names else ''}{column}=7"


def batch_of(columns):
    return [pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()]

"""Whether a topic's batches are compressed follows what compression did for the same columns in the lake."""

from types import SimpleNamespace

import pytest

from alertferry.core.columns import Content
from alertferry.plugins.outputs.packing import _codec

LAKE = {"cutoutScience": 13_000.0, "prv_candidates": 5_000.0, "objectId": 16.0}


@pytest.mark.parametrize(
    ("columns", "stored", "codec"),
    [
        (["cutoutScience", "objectId"], {"cutoutScience": 13_000.0, "objectId": 8.0}, "none"),
        (["prv_candidates.jd", "objectId"], {"cutoutScience": 13_000.0, "prv_candidates": 2_600.0}, "lz4"),
        (["objectId"], {"cutoutScience": 13_000.0, "objectId": 8.0}, "lz4"),
        (["objectId"], {"objectId": 16.2}, "none"),
        (["cutoutScience", "prv_candidates.jd"], {"cutoutScience": 13_000.0, "prv_candidates": 3_300.0}, "none"),
        (["cutoutScience", "prv_candidates.jd"], {"cutoutScience": 13_000.0, "prv_candidates": 3_100.0}, "lz4"),
    ],
    ids=["images", "history", "columns elsewhere do not count", "nothing gained", "above nine tenths", "below"],
)
def test_what_the_lake_gains_decides(columns, stored, codec):
    alerts = SimpleNamespace(root_bytes=LAKE, stored_bytes=stored)
    assert _codec(alerts, tuple(Content(path, path) for path in columns)) == codec


@pytest.mark.parametrize("sizes", [LAKE, {}], ids=["a lake without compression", "a source that tells no sizes"])
def test_what_is_not_known_to_be_useless_is_compressed(sizes):
    alerts = SimpleNamespace(root_bytes=sizes, stored_bytes={})
    assert _codec(alerts, (Content("cutoutScience", "cutoutScience"),)) == "lz4"

"""How columns are kept in parquet files: dictionaries, extremes and compression where they are of use."""

import io
import json

import fastavro
import pyarrow.parquet as pq

from alertferry.consumer.archive import Archive, Recipe
from alertferry.consumer.intake import Chunk
from alertferry.consumer.records import records_folder
from alertferry.consumer.spans import Span
from alertferry.core.receipt import schema_fingerprint

SCHEMA = {
    "type": "record",
    "name": "topLevelRecord",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["string", "null"]},
        {"name": "band", "type": ["string", "null"]},
        {"name": "flux", "type": ["float", "null"]},
        {"name": "stamp", "type": ["bytes", "null"]},
    ],
}
ALERTS = [
    {
        "id": number,
        "name": f"object-{number:04d}",
        "band": "gr"[number % 2] if number % 3 else None,
        "flux": number / 2 if number % 5 else None,
        "stamp": bytes([number % 256]) * 100,
    }
    for number in range(300)
]


def message(alert) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMA), alert)
    return out.getvalue()


def test_each_kind_of_column_is_kept_as_suits_it(tmp_path):
    text = json.dumps(SCHEMA)
    recipe = Recipe(str(tmp_path), "topic", "parquet", text, schema_fingerprint(text), None)
    (records_folder(tmp_path) / "_commits").mkdir(parents=True)
    count = len(ALERTS)
    keys = [str(alert["id"]).encode() for alert in ALERTS]
    chunk = Chunk(Span(0, 0, count), list(range(count)), keys, [message(alert) for alert in ALERTS])
    (file,) = Archive(recipe).write(chunk).files
    path = tmp_path / file.name
    assert pq.read_table(path).to_pylist() == ALERTS
    group = pq.read_metadata(path).row_group(0)
    columns = {column["path_in_schema"]: column for column in group.to_dict()["columns"]}
    said = {
        name: (column["compression"], column["dictionary_page_offset"] is not None, column["is_stats_set"])
        for name, column in columns.items()
    }
    assert said == {
        "id": ("SNAPPY", False, True),
        "name": ("SNAPPY", False, False),  # all differ: neither says anything
        "band": ("SNAPPY", True, True),
        "flux": ("SNAPPY", False, True),
        "stamp": ("ZSTD", False, False),
    }
    assert (columns["band"]["statistics"]["min"], columns["band"]["statistics"]["max"]) == ("g", "r")
    assert (columns["id"]["statistics"]["min"], columns["id"]["statistics"]["max"]) == (0, 299)

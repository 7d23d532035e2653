"""Keeping some columns: exact paths, a job's names, nulls as they are, the alert id always there."""

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from alertferry.consumer import consume, verify
from alertferry.consumer.archive import Archive, Recipe
from alertferry.consumer.folder import Folder
from alertferry.consumer.partitioning import plan as divide
from alertferry.consumer.selection import Selection, column_of, plan
from alertferry.core.errors import UsageError
from tests.delivered import chunk, complete, label, recipe
from tests.publishing import keyed, light_alerts

SOURCE = pa.struct(
    [
        pa.field("diaSourceId", pa.int64(), nullable=False),
        pa.field("ra", pa.float64()),
        pa.field("place", pa.struct([pa.field("ra", pa.float32(), nullable=False)])),
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("diaSource", SOURCE, nullable=False),
        pa.field("diaObject", pa.struct([pa.field("ra", pa.float64(), nullable=False)])),
        pa.field("prvDiaSources", pa.list_(pa.struct([pa.field("psfFlux", pa.float64())]))),
        pa.field("score", pa.float32()),
    ]
)
ID = "diaSource.diaSourceId"


def test_the_alert_id_is_kept_and_the_order_is_the_packets():
    assert plan(["score", "diaSource.ra", "score"], SCHEMA, ID) == (ID, "diaSource.ra", "score")
    assert plan(["diaSource"], SCHEMA, ID) == ("diaSource",)
    assert plan(["score"], SCHEMA, None) == ("score",)


def test_the_alert_id_is_found_again():
    assert column_of((), ID) == ID
    assert column_of((ID, "score"), ID) == "diaSourceId"
    assert column_of(("diaSource",), ID) == ID
    assert column_of(("score",), None) is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("scor", "no field 'scor'; did you mean 'score'"),
        ("psfFlux", "no field 'psfFlux'"),
        ("prvDiaSources.psfFlux", "'prvDiaSources' is a list, which is kept as a whole: name 'prvDiaSources'"),
        ("diaSource.raa", "did you mean 'diaSource.ra'"),
    ],
)
def test_unknown_fields_have_neighbours(path, said):
    with pytest.raises(UsageError, match=said):
        plan([path], SCHEMA, ID)


def test_every_unknown_field_is_named():
    with pytest.raises(UsageError, match=r"(?s)'one'.*'two'"):
        plan(["one", "score", "two"], SCHEMA, ID)
    with pytest.raises(UsageError, match="names no field"):
        plan([" "], SCHEMA, ID)


def test_columns_have_a_jobs_names_and_nulls_stay_nulls():
    selection = Selection((ID, "diaSource.ra", "diaSource.place.ra", "diaObject.ra", "score"), SCHEMA)
    assert selection.schema.names == ["diaSourceId", "diaSource_ra", "diaSource_place_ra", "diaObject_ra", "score"]
    assert [field.nullable for field in selection.schema] == [False, True, True, True, True]
    rows = [
        {"diaSource": {"diaSourceId": 2**60 + 1, "ra": 1.5, "place": None}, "diaObject": {"ra": 3.5}, "score": None},
        {"diaSource": {"diaSourceId": 2, "ra": None, "place": {"ra": 0.5}}, "diaObject": None, "score": 0.25},
    ]
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
    assert selection.apply(batch).to_pylist() == [
        {"diaSourceId": 2**60 + 1, "diaSource_ra": 1.5, "diaSource_place_ra": None, "diaObject_ra": 3.5, "score": None},
        {"diaSourceId": 2, "diaSource_ra": None, "diaSource_place_ra": 0.5, "diaObject_ra": None, "score": 0.25},
    ]
    assert Selection((), SCHEMA).apply(batch) is batch


def test_a_selected_folder_is_proved(tmp_path):
    messages = keyed(light_alerts(60))
    select = ("diaSourceId", "psfFlux")
    folder = Folder(tmp_path, label(about=complete(messages, {0: 60}), select=select))
    folder.open(from_beginning=False)
    Archive(recipe(tmp_path, select=select)).write(chunk(0, 0, messages))
    folder.close()
    assert ds.dataset(tmp_path).schema.names == list(select)
    found = verify(tmp_path)
    assert (found.ok, found.digest_ok) == (True, True)
    for other in ((), ("diaSourceId", "band")):
        with pytest.raises(UsageError, match="with --select diaSourceId,psfFlux; use the same"):
            Folder(tmp_path, label(about=complete(messages, {0: 60}), select=other)).open(from_beginning=False)


def test_folders_are_not_called_like_a_selected_column():
    schema = pa.schema([("a", pa.struct([("band", pa.string())])), ("b", pa.struct([("band", pa.string())]))])
    assert divide("a.band", schema, None).keys == ("a_band",)
    assert divide("a.band", schema, None, ("a.band", "b.band")).keys == ("by_a_band",)


def test_avro_keeps_the_messages_as_they_are(tmp_path):
    with pytest.raises(UsageError, match=r"--select needs --format parquet.*byte for byte"):
        consume("t", tmp_path, format="avro", select=["ra"])


def test_a_recipe_travels_as_json(tmp_path):
    import json
    from dataclasses import asdict

    divided = divide("class", pa.schema([("finkclass", pa.string())]), None)
    made = recipe(tmp_path, partitioning=divided, select=("a", "b.c"), shard="2/5")
    assert Recipe.from_dict(json.loads(json.dumps(asdict(made)))) == made
    assert Recipe.from_dict(json.loads(json.dumps(asdict(recipe(tmp_path))))) == recipe(tmp_path)

"""Topics that somebody made to do harm: a sentence and the right exit code, whatever they hold."""

from __future__ import annotations

import json

import pytest

from alertferry.consumer import verify
from alertferry.consumer.records import records_folder
from tests.commands import Shell
from tests.consuming import Case
from tests.publishing import Publisher, keyed, light_alerts, produce
from tests.unit.consumer.test_hostile_schemas import BOMBS, BROKEN, record

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("name", ["brackets", "items without size", "doubled", "without end", "unknown type", "deep"])
def test_a_bad_schema_ends_with_a_sentence(case: Case, alertferry: Shell, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALERTFERRY_BOOTSTRAP_SERVERS", case.servers)
    schema, _ = BROKEN[name]
    job = Publisher.create(case.servers, case.topic)
    text = schema if isinstance(schema, str) else json.dumps(schema)
    produce(case.servers, f"{case.topic}_schema", [(text.encode(), job.manifest.to_json().encode())], None, 0)
    for kind in ("parquet", "avro"):
        called = alertferry("consume", case.topic, "--outdir", case.folder, "--format", kind, "--timeout", 5)
        assert called.code == 4, called
        assert "Traceback" not in called.err
        assert "the topic's schema" in called.err


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_messages_that_would_grow_are_set_aside_and_all_others_delivered(case: Case, kind: str):
    schema, bomb, _ = BOMBS["nulls of wide structs"]
    job = Publisher.create(case.servers, case.topic, schema=record(diaSourceId="long", a=schema["fields"][0]["type"]))
    alerts = [{"diaSourceId": alert["diaSourceId"], "a": []} for alert in light_alerts(30)]
    messages = keyed(alerts, job.schema)
    messages[7] = (messages[7][0], messages[7][1][:-1] + bomb)
    job.begin()
    job.send(messages)
    job.finish([key for key, _ in messages])
    found = case.consume(format=kind)
    assert (found.state, found.alerts, found.bad, found.exit_code) == ("damaged", 29, 1, 4)
    (story,) = (records_folder(case.folder) / "_bad").glob("*.json")
    assert "memory once decoded" in json.loads(story.read_text())["error"]
    assert not verify(case.folder).ok

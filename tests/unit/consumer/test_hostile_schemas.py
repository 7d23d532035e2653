"""Whoever publishes a topic writes its schema and its messages: neither may cost memory, end a download or be misread."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from alertferry.consumer.archive import Archive, Recipe
from alertferry.consumer.decode import Checker, Decoder
from alertferry.consumer.folder import Folder
from alertferry.consumer.framing import varint
from alertferry.consumer.partitioning import Partitioning
from alertferry.consumer.schema_check import MOST_TYPES, judge
from alertferry.consumer.schemas import UnsupportedSchemaError, arrow_schema
from alertferry.consumer.source import Outlook
from alertferry.core.errors import DamagedError
from alertferry.core.receipt import Manifest
from tests.delivered import TOPIC, chunk, label, manifest
from tests.hostile_topics import NESTED, attack, nested_alerts
from tests.publishing import LIGHT, encode, light_alerts

ROOT = Path(__file__).parents[3]


def record(**fields):
    return {"type": "record", "name": "top", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


def doubled(levels: int) -> dict:
    """A schema of a few hundred bytes that has 2^levels types when it is written out."""
    kind: object = "long"
    for level in range(levels):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"r{level - 1}" if level else "long"}]
        kind = {"type": "record", "name": f"r{level}", "fields": fields}
    return record(a=kind)


def deep(levels: int) -> dict:
    kind: object = "long"
    for _ in range(levels):
        kind = {"type": "array", "items": kind}
    return record(a=kind)


def chained(count: int) -> dict:
    """Types that are not deep as they are written, each of which holds the one before."""
    kind: object = "long"
    fields = {}
    for number in range(count):
        for _ in range(50):
            kind = {"type": "array", "items": kind}
        fields[f"f{number}"] = {"type": "record", "name": f"r{number}", "fields": [{"name": "a", "type": kind}]}
        kind = f"r{number}"
    return record(**fields)


WIDE = {"type": "record", "name": "w", "fields": [{"name": f"f{n}", "type": ["double", "null"]} for n in range(200)]}

BROKEN = {
    "no JSON": ("{", "not JSON"),
    "brackets": ("[" * 100_000, "nested too deeply"),
    "no record": ('"long"', "not an Avro record"),
    "no fields": ({"type": "record", "name": "top"}, "no list of fields"),
    "a field without type": ({"type": "record", "name": "top", "fields": [{"name": "a"}]}, "no list of fields"),
    "unknown type": (record(a="lnog"), "'a'.*uses the type 'lnog'"),
    "no type": (record(a={"items": "long"}), "'a'.*neither a name"),
    "a number as type": (record(a=7), "'a'.*neither a name"),
    "twice the same field": (
        {"type": "record", "name": "top", "fields": [{"name": "a", "type": "long"}, {"name": "a", "type": "int"}]},
        "same name",
    ),
    "twice the same type": (record(a=WIDE, b=WIDE), "'w' is defined twice"),
    "a long name": (record(a={"type": "record", "name": "x" * 999}), "no list of fields"),
    "a name of a type": (record(a={"type": "record", "name": "a b", "fields": []}), "'a b'"),
    "a name of a field": (record(**{"a\nb": "long"}), r"'a\\nb'"),
    "no text": (record(a={"type": "enum", "name": "e", "symbols": ["\ud800"]}), "symbol"),
    "no symbols": (record(a={"type": "enum", "name": "e", "symbols": []}), "symbols"),
    "empty union": (record(a=[]), "a union is empty"),
    "union in a union": (record(a=[["null"], "long"]), "another union"),
    "a wrapped union in a union": (record(a=[{"type": {"type": ["null", "int"]}}, "long"]), "another union"),
    "the same in a union": (record(a=["null", "null"]), "same type twice"),
    "negative size": (record(a={"type": "fixed", "name": "f", "size": -1}), "size"),
    "huge size": (record(a={"type": "fixed", "name": "f", "size": 2**40}), "size"),
    "items without size": (record(a={"type": "array", "items": "null"}), "no size"),
    "empty records": (record(a={"type": "array", "items": {"type": "record", "name": "e", "fields": []}}), "no size"),
    "without end": (record(a="top"), "without end"),
    "doubled": (doubled(40), f"more than {MOST_TYPES:,} types"),
    "deep": (deep(80), "deep"),
    "deep by names": (chained(40), "deep"),
    "long": (" " * (5 << 20), "bytes"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_schema_is_refused_with_a_sentence_that_names_the_place(name):
    schema, said = BROKEN[name]
    text = schema if isinstance(schema, str) else json.dumps(schema)
    for use in (judge, Decoder, Checker, arrow_schema):
        with pytest.raises(DamagedError, match=said) as refused:
            use(text)
        assert len(str(refused.value)) < 600


@pytest.mark.parametrize(
    "logical",
    [
        {"type": "long", "logicalType": {}},
        {"type": "long", "logicalType": "decimal", "precision": 4},
        {"type": "bytes", "logicalType": "decimal", "precision": True},
        {"type": "bytes", "logicalType": "decimal", "precision": 0},
        {"type": "string", "logicalType": "timestamp-micros"},
    ],
)
def test_logical_types_that_mean_nothing_are_ignored_as_the_specification_says(logical):
    plain = logical["type"]
    assert arrow_schema(json.dumps(record(a=logical))) == arrow_schema(json.dumps(record(a=plain)))


def test_schemas_of_surveys_pass():
    for schema, alerts in ((LIGHT, light_alerts(3)), (NESTED, nested_alerts(3))):
        assert arrow_schema(judge(json.dumps(schema)).schema) == arrow_schema(json.dumps(schema))
        assert not Decoder(json.dumps(LIGHT)).decode(encode(LIGHT, light_alerts(9))).bad
        assert alerts


BOMBS = {
    # a schema, a message of few bytes, what is said of it
    "nulls of wide structs": (
        record(a={"type": "array", "items": [WIDE, "null"]}),
        varint(3_000_000) + b"\x02" * 3_000_000 + b"\0",
        "memory once decoded",
    ),
    "nulls of long fixed values": (
        record(a={"type": "array", "items": ["null", {"type": "fixed", "name": "f", "size": 1 << 20}]}),
        varint(60_000) + b"\0" * 60_000 + b"\0",
        "memory once decoded",
    ),
    "more items than bytes": (record(a={"type": "array", "items": "long"}), varint(1 << 40) + b"\2", ""),
    "more entries than bytes": (record(a={"type": "map", "values": "long"}), varint(1 << 40) + b"\2", ""),
    "a text longer than the message": (record(a="string"), varint(1 << 40) + b"x", ""),
    "a text of negative length": (record(a="string"), varint(-7) + b"x", ""),
    "a long decimal": (
        record(a={"type": "bytes", "logicalType": "decimal", "precision": 9}),
        varint(9_000_000) + b"\x7f" * 9_000_000,
        "decimal number has 9,000,000 bytes|cannot be represented",
    ),
}

DECODING = """
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from alertferry.consumer.archive import Archive, Recipe
from alertferry.consumer.decode import Checker, Decoder
from tests.unit.consumer.test_hostile_schemas import BOMBS
for name, (schema, message, said) in BOMBS.items():
    good = message[:0]
    decoder = Decoder(json.dumps(schema))
    found = decoder.decode([message] * 3)
    assert found.bad.keys() == {0, 1, 2}, (name, found.bad)
    assert re.search(said, found.bad[0]), (name, found.bad)
    Checker(json.dumps(schema)).bad([message])
# not ru_maxrss, which begins with that of the process that started this one
print(next(int(line.split()[1]) >> 10 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def in_little_memory(program: str) -> str:
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-2000:])
    return ended.stdout


def test_small_messages_that_would_become_large_ones_are_set_aside():
    assert int(in_little_memory(DECODING)) < 1024


CHAIN = """
import json
from alertferry.consumer.archive import Archive, Recipe
from alertferry.consumer.decode import Checker
schema = {"type": "record", "name": "top", "fields": [{"name": "next", "type": ["null", "top"]}]}
good, endless = b"\\x02" * 50 + b"\\0", b"\\x02" * 5_000_000 + b"\\0"
bad = Checker(json.dumps(schema)).bad([good, endless, good])
assert bad.keys() == {1} and "nested" in bad[1], bad
"""


ARRAYS = """
import json
from alertferry.consumer.decode import Checker
kind = ["null", "top"]
for _ in range(40):
    kind = {"type": "array", "items": kind}
schema = {"type": "record", "name": "top", "fields": [{"name": "next", "type": kind}]}
level = b"\\x02" * 41
bad = Checker(json.dumps(schema)).bad([b"\\0", level * 120, level * 3])
assert bad.keys() == {1, 2} and "nested" in bad[1] and "nested" not in bad[2], bad
"""


def test_what_lies_between_records_that_contain_themselves_is_counted_too():
    in_little_memory(ARRAYS)


def test_a_chain_of_records_in_each_other_ends_no_process():
    in_little_memory(CHAIN)
    with pytest.raises(UnsupportedSchemaError, match="contains itself"):
        arrow_schema(json.dumps(record(next=["null", "top"])))


def test_many_messages_that_grow_are_decoded_a_few_at_a_time():
    """Each is harmless; all that arrive together would not be."""
    program = """
import json, resource
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from alertferry.consumer.encoding import ParquetEncoder
from alertferry.consumer.archive import Recipe
from alertferry.consumer.folder import Folder
from alertferry.consumer.framing import varint
from alertferry.consumer.partitioning import Partitioning
from tests.unit.consumer.test_hostile_schemas import WIDE, record
schema = record(a={"type": "array", "items": [WIDE, "null"]})
messages = [varint(20_000) + b"\\x02" * 20_000 + b"\\0" for _ in range(60)]
recipe = Recipe("/nowhere", "t", "parquet", json.dumps(schema), "0", None)
encoded = ParquetEncoder(recipe).encode(messages, {})
for _ in encoded.parts[0].content:
    pass
assert encoded.parts[0].rows == 60 and not encoded.bad, encoded.bad
# not ru_maxrss, which begins with that of the process that started this one
print(next(int(line.split()[1]) >> 10 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    assert int(in_little_memory(program)) < 1024


def test_broken_topics_end_with_a_sentence():
    ends = attack(0, 200)
    assert ends["DamagedError"] > 20
    assert ends["some bad"] > 20


@pytest.mark.soak
def test_ten_thousand_broken_topics_end_with_a_sentence():
    assert sum(attack(1_000_000, 10_000).values()) == 10_000


def _hostile(**changes) -> bytes:
    receipt = {
        "alerts": 3,
        "bytes": 9,
        "digest": "0" * 16,
        "schema_fingerprint": "",
        "job_hash": "",
        "partitions": {"0": 3},
    }
    whole = {"state": "complete", "topic": "t", "survey": "x", "job": {}, "job_hash": "", "schema_fingerprint": ""}
    return json.dumps(whole | {"created": "", "receipt": receipt | changes}).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"{" * 100_000,
        b'{"job": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"\xff\xfe",
        _hostile(alerts=-1),
        _hostile(alerts=float("nan")),
        _hostile(alerts=2**70),
        _hostile(alerts="many"),
        _hostile(digest="not hexadecimal!"),
        _hostile(digest=7),
        _hostile(partitions={"-1": 3}),
        _hostile(partitions={"0": -3}),
        _hostile(partitions={"zero": 3}),
        _hostile(partitions=[[0, 3]]),
        _hostile(acknowledged={"0": 1e400}),
    ],
)
def test_a_receipt_that_cannot_be_one_is_none(text):
    assert Manifest.from_json(text) is None


def test_a_receipt_of_partitions_that_are_not_there_is_never_complete():
    manifest = Manifest.from_json(_hostile(partitions={"0": 3, "99": 10**15}))
    outlook = Outlook(manifest, {0: 0}, {0: 3})
    assert outlook.vanished == 10**15
    assert outlook.ends == {0: 3, 99: 0}


def test_what_is_divided_into_folders_is_decoded_in_portions_where_it_grows(tmp_path):
    schema = json.dumps(record(a={"type": "array", "items": [WIDE, "null"]}, band="string"))
    bomb = varint(20_000) + b"\x02" * 20_000 + b"\0" + varint(1) + b"g"
    usual = b"\0" + varint(1) + b"g"
    path = tmp_path / "alerts"
    folder = Folder(path, label(about=manifest(), partition_by="band"))
    folder.open(from_beginning=False)
    divided = Partitioning("band", "band", ("by_band",))
    archive = Archive(Recipe(str(path), TOPIC, "parquet", schema, "0", None, divided))
    whole = chunk(0, 5, [(b"1", usual)] * 400)
    assert archive.portions(whole) == [whole]
    parts = archive.portions(chunk(0, 5, [(b"1", bomb)] * 60))
    assert len(parts) > 5
    spans = [part.span for part in parts]
    assert (spans[0].start, spans[-1].end) == (5, 65)
    assert all(left.end == right.start for left, right in pairwise(spans))
    assert sum(len(part.values) for part in parts) == 60
    commits = [archive.write(part) for part in parts[:2]]
    assert [commit.rows for commit in commits] == [len(part.offsets) for part in parts[:2]]
    folder.close()

"""Schemas and messages that somebody broke: by chance in a process of its own with little memory, or on purpose.

``python -m tests.hostile_topics SEED COUNT`` prints what became of them, and ends with 1 if anything but a sentence did.
"""

from __future__ import annotations

import copy
import json
import random
import resource
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from alertferry.consumer.decode import Checker, Decoder
from alertferry.consumer.fastpath import ReadError
from alertferry.consumer.framing import varint
from alertferry.consumer.schema_check import judge
from alertferry.consumer.slowpath import SlowReader
from alertferry.core.errors import DamagedError, UsageError
from tests.publishing import LIGHT, encode, light_alerts

MEMORY_BYTES = 3 << 30

POINT = {
    "type": "record",
    "name": "point",
    "fields": [
        {"name": "candid", "type": ["long", "null"]},
        {"name": "when", "type": [{"type": "long", "logicalType": "timestamp-micros"}, "null"]},
        {"name": "flux", "type": ["null", "double"]},
        {"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    ],
}
NESTED: dict[str, Any] = {
    "type": "record",
    "name": "top",
    "namespace": "survey",
    "fields": [
        {"name": "diaSourceId", "type": "long"},
        {"name": "now", "type": POINT},
        {"name": "past", "type": [{"type": "array", "items": ["survey.point", "null"]}, "null"]},
        {"name": "kind", "type": {"type": "enum", "name": "kind", "symbols": ["star", "galaxy"]}},
        {"name": "mark", "type": ["null", {"type": "fixed", "name": "mark", "size": 4}]},
        {"name": "scores", "type": {"type": "map", "values": ["float", "null"]}},
        {"name": "stamp", "type": ["bytes", "null"]},
    ],
}


def nested_alerts(count: int) -> list[dict[str, Any]]:
    def point(number: int) -> dict[str, Any]:
        return {"candid": None if number % 3 else 2**60 + number, "when": number, "flux": 0.5, "sum": number}

    for_avro = [
        {
            "diaSourceId": 2**60 + number,
            "now": point(number),
            "past": None if number % 4 == 0 else [point(item) if item % 2 else None for item in range(number % 6)],
            "kind": "star" if number % 2 else "galaxy",
            "mark": b"abcd" if number % 3 else None,
            "scores": {"a": 0.5, "b": None},
            "stamp": b"x" * (number % 50),
        }
        for number in range(count)
    ]
    for alert in for_avro:
        for each in [alert["now"], *filter(None, alert["past"] or [])]:
            each["sum"] = each["sum"].to_bytes(2, "big")
    return for_avro


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without logical types: what is encoded is then what is given."""
    return json.loads(json.dumps(schema).replace('"logicalType"', '"said"'))


SEEDS = (
    (LIGHT, encode(LIGHT, light_alerts(12))),
    (NESTED, encode(_plain(NESTED), nested_alerts(12))),
)

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**70, 1.5, float("nan"), "", "null", "long", "point", "survey.top", "a b", "é", "\ud800", "x" * 999,
    [], {}, ["null"], ["null", "null"], [["null"]], {"type": "record"}, {"type": []}, {"type": {}},
    {"type": "array"}, {"type": "array", "items": "null"}, {"type": "map", "values": "nothing"},
    {"type": "fixed", "name": "f", "size": -3}, {"type": "enum", "name": "e", "symbols": []},
    {"type": "bytes", "logicalType": "decimal", "precision": "x"}, {"type": "long", "logicalType": {}},
)  # fmt: skip


def broken_schema(chance: random.Random, schema: dict[str, Any]) -> str:
    """Return a schema with one to three things in it replaced, removed, exchanged or, as a text, cut or garbled."""
    tree = copy.deepcopy(schema)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(tree))
        holder, key = chance.choice(places)
        what = chance.random()
        if what < 0.5:
            holder[key] = copy.deepcopy(chance.choice(ODD))
        elif what < 0.65:
            del holder[key]
        elif what < 0.85:
            other, its = chance.choice(places)
            holder[key] = copy.deepcopy(other[its])
        else:
            holder[key] = {"type": "array", "items": copy.deepcopy(holder[key])}
    text = json.dumps(tree)
    if chance.random() < 0.2:
        at = chance.randrange(len(text))
        text = (
            text[:at] + chance.choice(["", "\x00", "}", '"', "\\u0000", "[" * 3000]) + text[at + chance.randrange(9) :]
        )
    return text


def _places(node: Any) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, inner in list(items):
        yield node, key
        yield from _places(inner)


def broken_message(chance: random.Random, messages: list[bytes]) -> bytes:
    """Return a message with bytes changed, added, removed, or taken from another one."""
    message = bytearray(chance.choice(messages))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(message) + 1)
        what = chance.randrange(6)
        if what == 0:
            del message[at:]
        elif what == 1 and at < len(message):
            message[at] ^= 1 << chance.randrange(8)
        elif what == 2:
            message[at:at] = varint(chance.choice([-(2**63), -5, 2**20, 2**31, 2**40, 2**62]))
        elif what == 3:
            message[at:at] = bytes([chance.choice([0, 1, 2, 0xFF])]) * chance.choice([1, 10, 3000])
        elif what == 4:
            message[at : at + 4] = chance.choice(messages)[: chance.randrange(30)]
        else:
            message = bytearray(chance.randbytes(chance.randrange(40)))
    return bytes(message)


def what_becomes_of(schema: str, messages: list[bytes | None]) -> str:
    """Decode and check messages in every way the consumer has; return how it ended. Raises for anything unforeseen."""
    try:
        judge(schema)
        checked = Checker(schema).bad(messages)
        decoder = Decoder(schema)
    except (DamagedError, UsageError) as error:
        _assert_sentence(str(error))
        return type(error).__name__
    found = decoder.decode(messages)
    assert sum(batch.num_rows for batch in found.results) + len(found.bad) == len(messages)
    for reason in (*checked.values(), *found.bad.values()):
        _assert_sentence(reason)
    slow = SlowReader(judge(schema).schema)
    for index, message in enumerate(messages):
        if message is not None and index not in decoder.sizes.refused(messages):
            with suppress(ReadError):
                slow.read([message])
    return "some bad" if found.bad else "all good"


def _assert_sentence(text: str) -> None:
    assert text
    assert len(text) < 600, text[:900]
    assert "\n" not in text
    assert "Traceback" not in text


def _main(seed: int, count: int) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    ends: Counter[str] = Counter()
    for number in range(seed, seed + count):
        chance = random.Random(number)
        schema, messages = SEEDS[number % 2]
        text = broken_schema(chance, schema) if number % 4 < 2 else json.dumps(schema)
        given = [broken_message(chance, messages) for _ in range(3)] + [chance.choice([*messages, None])]
        if number % 3 == 0:
            given = list(SEEDS[(number + 1) % 2][1])  # of another topic
        try:
            ends[what_becomes_of(text, given)] += 1
        except BaseException as error:
            print(f"case {number}: {type(error).__name__}: {error!s:.400}", flush=True)
            return 1
    print(json.dumps(ends))
    return 0


def attack(seed: int, count: int) -> Counter[str]:
    """Decode ``count`` broken topics in a process of little memory; return how often each end came."""
    command = [sys.executable, "-m", "tests.hostile_topics", str(seed), str(count)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    assert ended.returncode == 0, (ended.returncode, ended.stdout[-600:], ended.stderr[-1500:])
    return Counter(json.loads(ended.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1]), int(sys.argv[2])))

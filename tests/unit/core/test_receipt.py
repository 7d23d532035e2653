import random

from hypothesis import given
from hypothesis import strategies as st

from alertferry.core.receipt import (
    Manifest,
    Oversize,
    Receipt,
    format_digest,
    ids_digest,
    job_hash,
    schema_fingerprint,
)


@given(st.lists(st.binary(max_size=20)), st.randoms())
def test_the_digest_has_no_order_and_adds_up(ids, rng: random.Random):
    shuffled = rng.sample(ids, len(ids))
    cut = rng.randint(0, len(ids))
    assert ids_digest(shuffled) == ids_digest(ids) == ids_digest(ids[cut:], start=ids_digest(ids[:cut]))


def test_the_digest_sees_a_repeat_and_a_loss():
    assert len({ids_digest([b"1", b"2"]), ids_digest([b"1", b"2", b"2"]), ids_digest([b"1"]), ids_digest([])}) == 4


def test_signed_and_unsigned_digests_read_the_same():
    assert format_digest(-1) == "ffffffffffffffff" == format_digest(2**64 - 1)


def test_a_fingerprint_ignores_white_space_only():
    assert schema_fingerprint('{"a": 1, "b":2}') == schema_fingerprint('{"a":1,"b":2}')
    assert schema_fingerprint('{"a": 1}') != schema_fingerprint('{"a": 2}')


def test_a_hash_ignores_the_order_of_keys():
    assert job_hash({"a": 1, "b": [1, 2]}) == job_hash({"b": [1, 2], "a": 1}) != job_hash({"a": 1, "b": [2, 1]})


def test_a_value_that_is_no_manifest_is_none():
    assert Manifest.from_json(b"\x00\x10some bytes") is None
    assert Manifest.from_json(b"{}") is None


def receipt(**more):
    return Receipt(alerts=3, bytes=1, digest="0" * 16, schema_fingerprint="", job_hash="", **more)


def test_records_are_counted_where_offsets_are_not_counts():
    assert receipt(partitions={0: 2, 1: 1}).records == 3
    assert receipt(partitions={0: 4, 1: 3}, acknowledged={0: 2, 1: 1}).records == 3


def test_oversize_alerts_are_named_and_survive_a_manifest():
    found = Oversize(action="skip", alerts=7, ids=tuple("abcdefg"), limit_bytes=1234)
    assert str(found) == "7 alerts left out, larger than 1,234 bytes: a, b, c, d, e and 2 more"
    one = Oversize(action="drop-cutouts", alerts=1, ids=("a",), limit_bytes=9)
    assert str(one) == "1 alert without cutouts, larger than 9 bytes: a"
    whole = Manifest(
        topic="t", survey="ztf", job={}, job_hash="", schema_fingerprint="", created="", receipt=receipt(oversize=one)
    )
    assert Manifest.from_json(whole.to_json()) == whole

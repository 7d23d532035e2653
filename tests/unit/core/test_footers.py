"""Footers: read exactly, once, and remembered in a file that may be lost, damaged or shared."""

import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.core import footers
from alertferry.core.errors import AlertferryError, DamagedError, UsageError
from alertferry.core.footers import FooterMemory, from_end, read_local
from alertferry.core.lake_files import ListedFile, list_files
from alertferry.core.lake_nights import LakeNights
from alertferry.core.parquet_schema import first_fields, stored_schema
from alertferry.core.schema import Array, Field, Map, Primitive, Struct

NIGHT = date(2026, 1, 1)
FOLDER = "year=2026/month=01/day=01"
TYPES = {
    "byte": pa.int8(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.large_string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ns": pa.timestamp("ns"),
    "decimal(20,0)": pa.uint64(),
    "decimal(12,3)": pa.decimal128(12, 3),
    "void": pa.null(),
    "time": pa.time64("us"),
    "float16": pa.float16(),
}


def of_arrow(kinds):
    """Draw a type of ours with Arrow's of the same."""
    pair = st.sampled_from(sorted(kinds)).map(lambda name: (Primitive(name), kinds[name]))
    return st.recursive(
        pair,
        lambda inner: st.one_of(
            inner.map(lambda item: (Array(item[0]), pa.list_(item[1]))),
            inner.map(lambda item: (Map(Primitive("string"), item[0]), pa.map_(pa.string(), item[1]))),
            st.dictionaries(st.sampled_from("abcd"), inner, min_size=1).map(
                lambda parts: (
                    Struct(tuple(Field(name, item[0]) for name, item in parts.items())),
                    pa.struct([(name, item[1]) for name, item in parts.items()]),
                )
            ),
        ),
        max_leaves=6,
    )


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=5), of_arrow(TYPES), min_size=1, max_size=6))
def test_the_schema_of_any_file_is_understood(columns):
    table = pa.schema([(name, arrow) for name, (_, arrow) in columns.items()]).empty_table()
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    raw = sink.getvalue().to_pybytes()
    schema, alerts = first_fields(raw[-8 - int.from_bytes(raw[-8:-4], "little") : -8])
    assert alerts == 0
    assert stored_schema(schema) == Struct(tuple(Field(name, ours) for name, (ours, _) in columns.items()))


def write(root, name, rows, **columns):
    path = root / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": list(range(rows)), **columns}), path)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def listed(root):
    return list_files(str(root), [NIGHT])


def test_a_footer_larger_than_the_first_look_is_read_whole(tmp_path):
    write(tmp_path, "wide.parquet", 3, **{f"column_with_a_long_name_{n}": [n] * 3 for n in range(2000)})
    (footer,) = read_local(listed(tmp_path))
    assert (footer.alerts, len(footer.schema.fields)) == (3, 2001)


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("a.parquet", b"", DamagedError, "is empty (0 bytes); remove it"),
        ("a.parquet", b"PAR1", DamagedError, "is not a whole parquet file (is too short); write it again"),
        ("a.parquet", b"PAR1" + b"x" * 50, DamagedError, "is not a whole parquet file (does not end as one); write it"),
        ("A.PARQUET", b"x" * 50, DamagedError, "is not a whole parquet file (does not end as one); write it"),
        (
            "notes.txt",
            b"x" * 50,
            UsageError,
            "is no parquet file; move it out of the night's folder, or give it a name",
        ),
        ("a.parquet", b"PAR1" + b"x" * 50 + b"PARE", UsageError, "is encrypted, and cannot be read without its keys"),
        ("a", b"PAR1" + b"\xff" * 50 + b"\x32\0\0\0PAR1", DamagedError, "(its footer cannot be understood)"),
        ("a", b"PAR1" + b"\xff" * 50 + b"\xff\0\0\0PAR1", DamagedError, "(its footer is longer than the file)"),
    ],
)
def test_what_is_no_alert_file_is_said(tmp_path, name, content, error, said):
    write(tmp_path, name, 1).write_bytes(content)
    with pytest.raises(error) as caught:
        read_local(listed(tmp_path))
    assert str(caught.value).startswith(f"{tmp_path}/{FOLDER}/{name} ")
    assert said in str(caught.value)


def test_ten_thousand_broken_files_are_refused_in_a_sentence(tmp_path):
    """Cut, changed, and joined from two: never an error of another kind, nor without end."""
    whole = [write(tmp_path, f"{n}.parquet", 5, **{f"c{i}": ["x"] * 5 for i in range(n)}).read_bytes() for n in (1, 4)]
    draw, kinds = random.Random(1), set()
    for _ in range(10_000):
        data = bytearray(draw.choice(whole))
        for _ in range(draw.randrange(1, 6)):
            data[-draw.randrange(1, 600)] = draw.randrange(256)
        if draw.random() < 0.2:
            data = data[: draw.randrange(len(data))]
        file = ListedFile("/lake/a.parquet", NIGHT, len(data), 0, "")
        try:
            from_end(file, lambda size, data=data: bytes(data[-size:]))
        except AlertferryError as error:
            kinds.add((type(error), str(error).partition(" ")[0]))
    assert kinds <= {(kind, "/lake/a.parquet") for kind in (DamagedError, UsageError)}
    assert (DamagedError, "/lake/a.parquet") in kinds


def refuse(files):
    assert not files, "read again"
    return []


def test_footers_are_remembered_by_the_next_process(tmp_path):
    for number in range(5):
        write(tmp_path, f"{number}.parquet", number, x=[1.5] * number)
    files, home = listed(tmp_path), tmp_path / "home"
    first = FooterMemory(home).footers(files, read_local)
    assert FooterMemory(home).footers(files, refuse) == first
    assert [footer.alerts for footer in first] == [0, 1, 2, 3, 4]
    assert FooterMemory(home).remembered(files) == files
    (store,) = home.glob("footers*")
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_a_file_that_was_written_again_is_read_again(tmp_path):
    write(tmp_path, "a.parquet", 1)
    memory = FooterMemory(tmp_path / "home")
    memory.footers(listed(tmp_path), read_local)
    write(tmp_path, "a.parquet", 7)
    for again in (memory, FooterMemory(tmp_path / "home")):
        assert again.footers(listed(tmp_path), read_local)[0].alerts == 7


def test_a_file_that_was_only_just_written_is_not_remembered(tmp_path):
    """It may be written again within the resolution of the disk's clock."""
    os.utime(write(tmp_path, "a.parquet", 1))
    FooterMemory(tmp_path / "home").footers(listed(tmp_path), read_local)
    assert FooterMemory(tmp_path / "home").remembered(listed(tmp_path)) == []


def test_a_file_that_was_young_when_it_was_listed_is_not_remembered_later(tmp_path, monkeypatch):
    """What was read of it may be what was written after the listing, within the resolution of the disk's clock."""
    os.utime(write(tmp_path, "a.parquet", 1))
    files, memory = listed(tmp_path), FooterMemory(tmp_path / "home")
    nights = LakeNights(str(tmp_path), tuple(files), tuple(read_local(files)))
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)
    assert memory.footers(files, read_local)[0].alerts == 1
    assert memory.remembered(files) == []
    assert FooterMemory(tmp_path / "home").remembered(files) == []
    assert nights.identity == ""
    assert LakeNights(str(tmp_path), tuple(listed(tmp_path)), nights.footers).identity


def test_schemas_that_are_alike_are_held_once(tmp_path):
    """More of them than the reader of footers knows at a time, and the same again from another call."""
    for number in range(160):
        write(tmp_path, f"{number:03d}.parquet", 1, **{f"c{number % 80}": [1]})
    found = [*read_local(listed(tmp_path)), *read_local(listed(tmp_path))]
    assert len({id(footer.described) for footer in found}) == len({footer.described for footer in found}) == 80


def test_looking_into_the_memory_leaves_the_locks_of_this_process(tmp_path):
    """By POSIX, who closes a file loses the locks that his process has on it: another would write between our writes."""
    memory = FooterMemory(tmp_path)
    memory.note("a fact")
    (store,) = tmp_path.glob("footers*")
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    assert memory.noted("a fact")
    done = subprocess.run([sys.executable, "-c", other, str(store)], capture_output=True, text=True, check=False)
    connection.close()
    assert "database is locked" in done.stderr


@pytest.mark.parametrize("damage", [b"", b"no database" * 500, None], ids=["empty", "text", "pages"])
def test_a_damaged_memory_is_none(tmp_path, damage):
    write(tmp_path, "a.parquet", 3)
    files, home = listed(tmp_path), tmp_path / "home"
    FooterMemory(home).footers(files, read_local)
    (store,) = home.glob("footers*")
    content = bytearray(store.read_bytes())
    if damage is None:
        content[4096:] = os.urandom(len(content) - 4096)
    store.write_bytes(content if damage is None else damage)
    for _ in range(2):
        assert FooterMemory(home).footers(files, read_local)[0].alerts == 3
    assert FooterMemory(home).footers(files, refuse)[0].alerts == 3


def test_a_home_that_cannot_be_written_costs_only_time(tmp_path):
    write(tmp_path, "a.parquet", 3)
    (tmp_path / "home").write_text("a file")
    memory = FooterMemory(tmp_path / "home")
    assert memory.footers(listed(tmp_path), read_local)[0].alerts == 3
    assert memory.footers(listed(tmp_path), refuse)[0].alerts == 3


def test_facts_are_kept_and_the_oldest_go(tmp_path, monkeypatch):
    monkeypatch.setattr(footers, "REMEMBERED_FACTS", 10)
    for number in range(30):
        FooterMemory(tmp_path).note(f"fact {number}")
    assert FooterMemory(tmp_path).noted("fact 29")
    assert not FooterMemory(tmp_path).noted("fact 3")
    assert not FooterMemory(tmp_path).noted("another")


def test_many_at_once_agree(tmp_path):
    for number in range(40):
        write(tmp_path, f"{number:02d}.parquet", number, **{f"c{number % 4}": [1] * number})
    files, home, found = listed(tmp_path), tmp_path / "home", []

    def run():
        found.append([footer.alerts for footer in FooterMemory(home).footers(files, read_local)])

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [list(range(40))] * 8
    assert [footer.alerts for footer in FooterMemory(home).footers(files, refuse)] == list(range(40))

"""The ids of a lake without Spark: as pyarrow reads them, whoever wrote the files; and remembered."""

import os
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.core.footers import FooterMemory, read_local
from alertferry.core.lake_files import list_files
from alertferry.core.lake_ids import LakeIds
from alertferry.core.lake_nights import LakeNights
from alertferry.core.parquet_schema import first_fields, only_chunk, root_leaf

NIGHT = date(2026, 3, 1)
BIG = 2**60


def write(folder: Path, *ids, column="id", kind=None, **options):
    """Write one file of a night for each list of ids, with columns before and after."""
    path = folder / "year=2026" / "month=3" / "day=1"
    path.mkdir(parents=True, exist_ok=True)
    for number, some in enumerate(ids):
        values = some if isinstance(some, pa.Array) else pa.array(some, kind or pa.int64())
        before = pa.array(
            [{"ra": float(row), "ids": [row]} for row in range(len(values))],
            pa.struct([("ra", pa.float64()), ("ids", pa.list_(pa.int64()))]),
        )
        table = pa.table({"before": before, column: values, "after": pa.array(["x"] * len(values))})
        pq.write_table(table, path / f"{len(list(path.iterdir())):04}-{number}.parquet", **options)


def ids_of(folder, column="id", home=None):
    files = list_files(str(folder), [NIGHT])
    nights = LakeNights(str(folder), tuple(files), tuple(read_local(files)))
    return LakeIds(nights, column, FooterMemory(home or folder / "home"), True)


def read(ids):
    return sorted((value for array in ids._read() for value in array.to_pylist()), key=str)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dictionary": False},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"compression": "none", "column_encoding": {"id": "DELTA_BINARY_PACKED"}, "use_dictionary": False},
        {"row_group_size": 3},
        {"write_statistics": False, "write_page_index": True, "write_page_checksum": True},
        {"store_schema": False, "data_page_size": 40, "use_dictionary": False},
    ],
    ids=str,
)
def test_ids_are_those_that_pyarrow_reads(tmp_path, options):
    chosen = random.Random(2)
    lists = [[BIG + chosen.randrange(10**9) for _ in range(chosen.randrange(30))] for _ in range(20)]
    write(tmp_path, *lists, **options)
    ids = ids_of(tmp_path)
    assert read(ids) == sorted((value for some in lists for value in some), key=str)
    assert ids.all_differ()
    write(tmp_path, [7, lists[0][0]], **options)
    assert ids_of(tmp_path).all_differ() is False


@pytest.mark.parametrize(("kind", "values"), [
    (pa.int32(), [1, 2, 3]), (pa.int16(), [1, 2, 3]), (pa.uint64(), [1, 2**63, 3]), (pa.string(), ["a", "b", "1"]),
    (pa.large_string(), ["a", "b", "1"]), (pa.dictionary(pa.int32(), pa.string()), ["a", "b", "c"]),
    (pa.float64(), [1.5, 2.5, 3.0]), (pa.binary(3), [b"abc", b"abd", b"abe"]), (pa.decimal128(20, 0), [1, 2, 3]),
])  # fmt: skip
def test_ids_of_any_type(tmp_path, kind, values):
    write(tmp_path, values[:2], values[2:], kind=kind)
    assert ids_of(tmp_path).all_differ() in (True, None)
    write(tmp_path, values[1:2], kind=kind)
    assert ids_of(tmp_path).all_differ() in (False, None)


def test_what_spark_would_take_for_equal_is_left_to_it(tmp_path):
    """The text of a number may be that of a text: only one of them is the type of the column."""
    write(tmp_path, [1, 2])
    write(tmp_path, ["1", "3"], kind=pa.string())
    assert ids_of(tmp_path).all_differ() is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([3_000_000_000], pa.uint32()), pa.array([3_000_000_000], pa.int64())),
        (pa.array([Decimal("1.00")], pa.decimal128(9, 2)), pa.array([Decimal("1.0")], pa.decimal128(9, 1))),
        (pa.array([1_000], pa.timestamp("ms")), pa.array([1_000_000], pa.timestamp("us"))),
        (pa.array([None, 1.0]), pa.array([float("nan"), 2.0])),
    ],
    ids=["unsigned", "decimal", "time", "no number"],
)
def test_what_is_not_stored_as_its_value_is_left_to_spark(tmp_path, one, other):
    """The same id, which other types store as other bytes."""
    for ids in (one, other):
        write(tmp_path, ids, store_decimal_as_integer=True)
    assert ids_of(tmp_path).all_differ() is None


def test_what_was_remembered_before_the_comparison_changed_is_forgotten(tmp_path):
    write(tmp_path / "lake", [1, 1])
    for file in (tmp_path / "lake").rglob("*.parquet"):
        os.utime(file, (1e9, 1e9))
    ids = ids_of(tmp_path / "lake", home=tmp_path / "home")
    ids.memory.note(f"no id twice in {ids.nights.identity}")
    assert ids.all_differ() is False


def test_alerts_without_an_id(tmp_path):
    write(tmp_path, [1, None, 3])
    assert ids_of(tmp_path).all_differ()
    write(tmp_path, [None])
    assert ids_of(tmp_path).all_differ() is False


def test_a_file_without_the_column_is_left_to_spark(tmp_path):
    write(tmp_path, [1, 2])
    write(tmp_path, [3, 4], column="ID")
    assert ids_of(tmp_path).all_differ() is None


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 40) | st.none(), max_size=6), min_size=1, max_size=6))
def test_repeats_are_those_of_a_list(tmp_path_factory, lists):
    folder = tmp_path_factory.mktemp("lake")
    write(folder, *lists)
    every = [value for some in lists for value in some]
    assert ids_of(folder).all_differ() is (len(every) == len(set(every)))


def test_what_was_found_is_remembered_while_files_stay(tmp_path, monkeypatch):
    write(tmp_path / "lake", [1, 2], [3])
    ids = ids_of(tmp_path / "lake", home=tmp_path / "home")
    ids.remember()
    assert not (tmp_path / "home").exists(), "files that were just written may be written again unseen"
    for file in (tmp_path / "lake").rglob("*.parquet"):
        os.utime(file, (1e9, 1e9))
    ids = ids_of(tmp_path / "lake", home=tmp_path / "home")
    ids.remember()
    monkeypatch.setattr(LakeIds, "_read", lambda _: pytest.fail("read again"))
    assert ids_of(tmp_path / "lake", home=tmp_path / "home").all_differ()
    monkeypatch.undo()
    write(tmp_path / "lake", [3])
    assert ids_of(tmp_path / "lake", home=tmp_path / "home").all_differ() is False


def test_broken_footers_are_never_taken_for_good_ones(tmp_path):
    write(tmp_path, list(range(50)))
    (file,) = tmp_path.rglob("*.parquet")
    data = file.read_bytes()
    size = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - size : -8]
    leaf, _ = root_leaf(first_fields(footer)[0], "id")
    chosen = random.Random(3)
    for _ in range(2_000):
        broken = bytearray(footer[: chosen.randrange(len(footer))] if chosen.random() < 0.2 else footer)
        for _ in range(chosen.randrange(1, 4)):
            broken[chosen.randrange(len(broken))] = chosen.randrange(256) if broken else 0
        try:
            found = only_chunk(bytes(broken), leaf)
        except ValueError:
            continue
        assert found is None or isinstance(found, dict)

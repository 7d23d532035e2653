"""Lakes on disk, as strangers leave them, read by a real Spark."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.core.errors import DamagedError, UsageError
from alertferry.core.lake import open_nights, read_nights

pytestmark = pytest.mark.spark

ONE, TWO, THREE = date(2026, 1, 1), date(2026, 1, 2), date(2026, 11, 3)


def write(
    root: Path, folder: str, rows: list[dict], schema: pa.Schema | None = None, name="part-0.parquet", **options
) -> Path:
    path = root / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, **options)
    return path


def ids(frame) -> list[int]:
    return sorted(row["id"] for row in frame.select("id").collect())


def test_padded_and_unpadded_folders_are_one_night(spark, tmp_path):
    write(tmp_path, "year=2026/month=01/day=01", [{"id": 1}])
    write(tmp_path, "year=2026/month=1/day=1", [{"id": 2}])
    write(tmp_path, "year=2026/month=1/day=2", [{"id": 3}])
    write(tmp_path, "year=2026/month=11/day=03", [{"id": 4}])
    found = open_nights(spark, str(tmp_path), [ONE, TWO, THREE])
    frame = read_nights(spark, found)
    assert (found.found, found.alerts, ids(frame)) == ((ONE, TWO, THREE), 4, [1, 2, 3, 4])
    rows = frame.select("id", "year", "month", "day").collect()
    assert {(row.id, row.year, row.month, row.day) for row in rows} == {
        (1, 2026, 1, 1),
        (2, 2026, 1, 1),
        (3, 2026, 1, 2),
        (4, 2026, 11, 3),
    }


def test_only_the_nights_asked_for_are_read(spark, tmp_path):
    for day in range(1, 5):
        write(tmp_path, f"year=2026/month=01/day={day:02d}", [{"id": day}])
    found = open_nights(spark, str(tmp_path), [ONE, date(2026, 1, 4), THREE])
    assert (ids(read_nights(spark, found)), found.absent) == ([1, 4], (THREE,))


def test_schemas_of_different_nights_are_united(spark, tmp_path):
    old = pa.schema([("id", pa.int32()), ("s", pa.struct([("a", pa.float32())])), ("gone", pa.string())])
    new = pa.schema(
        [("id", pa.int64()), ("s", pa.struct([("b", pa.int32()), ("a", pa.float64())])), ("xs", pa.list_(pa.int32()))]
    )
    write(tmp_path, "year=2026/month=01/day=01", [{"id": 1, "s": {"a": 0.5}, "gone": "x"}], old)
    write(tmp_path, "year=2026/month=01/day=02", [{"id": 2**40, "s": {"b": 7, "a": 0.1}, "xs": [1]}], new)
    found = open_nights(spark, str(tmp_path), [ONE, TWO])
    rows = {row.id: row for row in read_nights(spark, found).collect()}
    assert (rows[1].s.a, rows[1].s.b, rows[1].gone, rows[1].xs) == (0.5, None, "x", None)
    assert (rows[2**40].s.a, rows[2**40].s.b, rows[2**40].gone, rows[2**40].xs) == (0.1, 7, None, [1])
    assert found.lacking() == {"2026-01-01": ("s.b", "xs"), "2026-01-02": ("gone",)}


def test_a_null_struct_of_an_older_night_stays_null(spark, tmp_path):
    old = pa.schema([("id", pa.int64()), ("s", pa.struct([("a", pa.float32())]))])
    new = pa.schema([("id", pa.int64()), ("s", pa.struct([("a", pa.float32()), ("b", pa.float32())]))])
    write(tmp_path, "year=2026/month=01/day=01", [{"id": 1, "s": None}, {"id": 2, "s": {"a": None}}], old)
    write(tmp_path, "year=2026/month=01/day=02", [{"id": 3, "s": {"a": 1.0, "b": None}}], new)
    frame = read_nights(spark, open_nights(spark, str(tmp_path), [ONE, TWO]))
    rows = {row.id: row.s for row in frame.collect()}
    assert rows[1] is None
    assert (rows[2].a, rows[2].b, rows[3].a, rows[3].b) == (None, None, 1.0, None)


def test_types_that_contradict_are_refused_by_name(spark, tmp_path):
    write(tmp_path, "year=2026/month=01/day=01", [{"id": 1, "s": {"a": "text"}}])
    write(tmp_path, "year=2026/month=01/day=02", [{"id": 1, "s": {"a": 1.5}}])
    with pytest.raises(
        UsageError,
        match=r"s\.a is string in \S+day=01/part-0\.parquet and double in \S+day=02/part-0\.parquet, and nei",
    ):
        open_nights(spark, str(tmp_path), [ONE, TWO]).schema()


def test_hidden_files_are_not_data(spark, tmp_path):
    write(tmp_path, "year=2026/month=01/day=01", [{"id": 1}])
    folder = tmp_path / "year=2026/month=01/day=01"
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.parquet.crc").write_bytes(b"x")
    assert open_nights(spark, str(tmp_path), [ONE]).alerts == 1


def test_a_file_of_no_rows_is_a_night_of_no_alerts(spark, tmp_path):
    write(tmp_path, "year=2026/month=01/day=01", [], pa.schema([("id", pa.int64())]))
    found = open_nights(spark, str(tmp_path), [ONE])
    assert (found.found, found.alerts, ids(read_nights(spark, found))) == ((ONE,), 0, [])


def test_an_empty_file_is_named(spark, tmp_path):
    path = write(tmp_path, "year=2026/month=01/day=01", [{"id": 1}])
    path.write_bytes(b"")
    with pytest.raises(DamagedError, match=r"day=01/part-0\.parquet is empty \(0 bytes\); remove it from the lake"):
        open_nights(spark, str(tmp_path), [ONE])


def test_a_truncated_file_is_named(spark, tmp_path):
    path = write(tmp_path, "year=2026/month=01/day=01", [{"id": number} for number in range(1000)])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DamagedError, match=r"day=01/part-0\.parquet is not a whole parquet file .*write it again"):
        open_nights(spark, str(tmp_path), [ONE])


def test_a_missing_lake_and_missing_nights_are_said(spark, tmp_path):
    with pytest.raises(UsageError, match=r"the lake .*nowhere is not a folder; set source.lake"):
        open_nights(spark, str(tmp_path / "nowhere"), [ONE])
    with pytest.raises(
        UsageError, match="cannot look at the lake nosuch://x/y: Spark knows no filesystem nosuch; give Spark its jars"
    ):
        open_nights(spark, "nosuch://x/y", [ONE])
    write(tmp_path, "year=2025/month=01/day=01", [{"id": 1}])
    with pytest.raises(UsageError, match=r"has none of the 2 nights asked for: 2026-01-01..2026-01-02"):
        open_nights(spark, str(tmp_path), [ONE, TWO])


def test_bytes_of_columns_are_measured(spark, tmp_path):
    rows = [{"id": number, "blob": bytes([number % 256]) * 1000 + bytes(str(number), "ascii")} for number in range(50)]
    write(tmp_path, "year=2026/month=01/day=01", rows)
    sizes = open_nights(spark, str(tmp_path), [ONE]).root_bytes
    assert 900 < sizes["blob"] < 1200
    assert sizes["id"] < 30


def test_bytes_that_compression_leaves_are_measured_where_there_is_any(spark, tmp_path):
    rows = [{"plain": str(number) * 50, "same": bytes(1000) + bytes([number])} for number in range(50)]
    codecs = {"plain": "NONE", "same": "SNAPPY"}
    file = write(tmp_path, "year=2026/month=01/day=01", rows, compression=codecs, use_dictionary=False)
    found = open_nights(spark, str(tmp_path), [ONE])
    columns = {part["path_in_schema"]: part for part in pq.read_metadata(file).row_group(0).to_dict()["columns"]}
    assert found.stored_bytes == {"same": columns["same"]["total_compressed_size"] / 50}
    assert found.stored_bytes["same"] < 0.2 * found.root_bytes["same"]

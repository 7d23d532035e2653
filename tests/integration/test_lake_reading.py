"""What Spark reads of a lake: all of its files, nothing else, every value as it is stored."""

import os
import random
import shutil
from datetime import date
from pathlib import Path
from weakref import WeakKeyDictionary

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.core import spark_files
from alertferry.core.errors import AlertferryError, DamagedError, JobError, UsageError
from alertferry.core.lake import open_nights, read_nights, refuse_changed_files
from alertferry.core.lake_source import LakeSource
from alertferry.core.local_lake import glance
from alertferry.core.run import Run
from alertferry.core.schema import Field, Primitive, Struct
from alertferry.core.spark_errors import from_spark_error
from alertferry.core.spark_files import SparkLake
from alertferry.core.steps import Output
from alertferry.core.survey import Packet, Survey
from alertferry.plugins.outputs.files import Files
from tests.random_lakes import DOCUMENTED, NIGHTS, RandomLake

pytestmark = pytest.mark.spark

ONE, TWO = date(2026, 1, 1), date(2026, 1, 2)
LONG = Primitive("long")


def put(root: Path, day: int, name="p.parquet", **columns):
    """Write a file of a night; columns are arrays of Arrow or lists."""
    path = root / f"year=2026/month=01/day={day:02d}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def rows(spark, root, *, documented=None, nights=(ONE, TWO), columns="*"):
    found = open_nights(spark, str(root), list(nights), documented=documented)
    return [tuple(row) for row in read_nights(spark, found).orderBy("day").select(columns).collect()]


def refused(spark, root, **options):
    """Return the error that reading ends with, as users see it."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Spark's own, which is turned into ours
        rows(spark, root, **options)
    return from_spark_error(caught.value)


@pytest.fixture(params=[True, False], ids=["in batches", "row by row"])
def reader(spark, request):
    """Give each of Spark's two parquet readers."""
    before = spark.conf.get("spark.sql.parquet.enableVectorizedReader")
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", str(request.param).lower())
    yield
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", before)


@pytest.fixture(params=["helper", "compiled now"])
def helper(request, monkeypatch):
    """Give each way to reach the files: Java from the jar, compiled in the session."""
    if request.param == "compiled now":
        monkeypatch.setattr(spark_files, "java", lambda *_: None)
        monkeypatch.setattr(spark_files, "_HELPERS", WeakKeyDictionary())


def compare(spark, lake: RandomLake):
    from pyspark.sql import functions as F

    found = open_nights(spark, str(lake.root), NIGHTS, documented=DOCUMENTED)
    frame = read_nights(spark, found)
    names = {name.lower(): name for name in frame.columns}
    if "time" in names:
        frame = frame.withColumn(names["time"], F.unix_micros(names["time"]))
    read = [{name.lower(): value for name, value in row.asDict(recursive=True).items()} for row in frame.collect()]
    assert len(read) == len(lake.rows) == found.alerts
    for row in read:
        expected = lake.rows[row["id"]]
        assert date(row["year"], row["month"], row["day"]) == expected["night"]
        for name in names.keys() - {"id", "year", "month", "day"}:
            assert plain(row[name], expected.get(name)) == expected.get(name), (row["id"], name)


def plain(value, like):
    """Return a value of Spark, fields of structs that the file has not left out where they are null."""
    match value, like:
        case dict(), dict():
            fields = {name.lower(): item for name, item in value.items()}
            assert all(fields[name] is None for name in fields.keys() - like.keys())
            return {name: plain(fields[name], item) for name, item in like.items()}
        case list(), list() if len(value) == len(like):
            return [plain(*pair) for pair in zip(value, like, strict=True)]
    return value


@pytest.mark.parametrize("seed", range(10))
def test_every_value_of_a_random_lake_is_read_as_it_was_written(spark, tmp_path, seed):
    compare(spark, RandomLake.made(tmp_path, seed))


@pytest.mark.soak
def test_every_value_of_200_random_lakes_is_read_as_it_was_written(spark, tmp_path):
    for seed in range(10, 210):
        spark.conf.set("spark.sql.parquet.enableVectorizedReader", "false" if seed % 3 == 0 else "true")
        compare(spark, RandomLake.made(tmp_path / str(seed), seed))
    spark.conf.unset("spark.sql.parquet.enableVectorizedReader")


@pytest.mark.parametrize("seed", range(3))
def test_a_random_lake_is_the_same_whoever_looks(spark, tmp_path, seed, helper):
    """Python's listing and footers, and Java's."""
    lake = RandomLake.made(tmp_path, 1000 + seed)
    here, there = SparkLake(spark, str(tmp_path)), SparkLake(spark, str(tmp_path))
    there.is_local = False
    ours, theirs = here.files(NIGHTS), there.files(NIGHTS)
    assert [(f"file:{f.path}", f.night, f.size, f.changed_ms) for f in ours] == [
        (f.path, f.night, f.size, f.changed_ms) for f in theirs
    ]
    later = SparkLake(spark, str(tmp_path))
    later.is_local = False
    assert here.read(ours) == later.read(theirs)
    assert (
        glance(tmp_path, NIGHTS, DOCUMENTED).schema()
        == open_nights(spark, str(tmp_path), NIGHTS, documented=DOCUMENTED).schema()
    )
    compare(spark, lake)


def test_java_says_of_broken_files_what_python_says(spark, tmp_path):
    path = put(tmp_path, 1, id=[1, 2])
    whole, draw = path.read_bytes(), random.Random(1)
    for _ in range(100):
        data = bytearray(whole)
        for _ in range(draw.randrange(1, 4)):
            data[-draw.randrange(1, 300)] = draw.randrange(256)
        path.write_bytes(data[: draw.randrange(len(data)) if draw.random() < 0.2 else len(data)])
        lakes = SparkLake(spark, str(tmp_path)), SparkLake(spark, str(tmp_path))
        lakes[1].is_local = False
        assert outcome(lakes[0]) == outcome(lakes[1])


def outcome(lake):
    try:
        return lake.read(lake.files([ONE]))
    except AlertferryError as error:
        return type(error), str(error).replace("file:", "")


def test_a_streaming_log_hides_no_file(spark, tmp_path):
    """A folder that was once a sink of structured streaming, whose log names one of its two files, at another place."""
    first = put(tmp_path, 1, id=[1])
    put(tmp_path, 1, "q.parquet", id=[2])
    log = first.parent / "_spark_metadata"
    log.mkdir()
    (log / "0").write_text(
        f'v1\n{{"path":"file://{first}","size":1,"isDir":false,"modificationTime":1,"action":"add"}}'
    )
    assert sorted(rows(spark, tmp_path, columns="id")) == [(1,), (2,)]


@pytest.mark.parametrize("name", ["a[b]", "c{d,e}", "f*g", "h?i", "j#k", "l%41", "m n", "o:p", "q=r&s;t", "ünï cödé"])
def test_a_path_is_a_path(spark, tmp_path, name):
    put(tmp_path / name, 1, f"{name}.parquet", id=[1])
    put(tmp_path / name, 1, "other.parquet", id=[2])
    assert sorted(rows(spark, tmp_path / name, columns="id")) == [(1,), (2,)]
    assert sorted(rows(spark, (tmp_path / name).as_uri(), columns="id")) == [(1,), (2,)]


def test_columns_in_another_letter_case_are_one(spark, tmp_path, reader):
    put(tmp_path, 1, publisher=["a"], s=pa.array([{"Ab": 1}]))
    put(tmp_path, 2, PUBLISHER=["b"], s=pa.array([{"aB": 2}]))
    assert rows(spark, tmp_path, columns="publisher") == [("a",), ("b",)]
    assert rows(spark, tmp_path, columns="s.ab") == [(1,), (2,)]


def test_documented_longs_become_longs_exactly(spark, tmp_path, reader):
    history = pa.list_(pa.struct([("candid", pa.float64()), ("z", pa.int32())]))
    nan, largest = float("nan"), 2**53 - 1
    put(
        tmp_path,
        1,
        candid=[1.0, None, nan, float(largest)],
        history=pa.array([[{"candid": 5.0}], None, [], [None]], history),
    )
    put(tmp_path, 2, candid=[2**60], history=[[{"candid": 2**61 + 1, "z": 1}]])
    found = rows(spark, tmp_path, documented=DOCUMENTED, columns=["candid", "history"])
    assert [row[0] for row in found] == [1, None, None, largest, 2**60]
    assert [row[1] for row in found] == [[(5, None)], None, [], [None], [(2**61 + 1, 1)]]
    converted = open_nights(spark, str(tmp_path), [ONE, TWO], documented=DOCUMENTED).converted()
    assert [(c.field, c.stored, c.read, c.nights) for c in converted] == [
        ("candid", "double", "long", ("2026-01-01",)),
        ("history.candid", "double", "long", ("2026-01-01",)),
        ("history.z", "int", "long", ("2026-01-01",)),
    ]


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (pa.array([1.5]), "candid holds 1.5, no whole number"),
        (pa.array([2.0**53]), "candid holds 9.007199254740992E15, too large to be exact as a double"),
        (pa.array([2.0**24], pa.float32()), "candid holds 1.6777216E7, too large to be exact as a float"),
        (pa.array([2.0**53 + 2]), "candid holds 9.007199254740994E15, too large to be exact as a double"),
        (pa.array([2.0**25], pa.float32()), "candid holds 3.3554432E7, too large to be exact as a float"),
        (pa.array([float("inf")]), "candid holds Infinity, no whole number"),
        (pa.array([2**63 + 5], pa.uint64()), "candid holds 9223372036854775813, more than a long holds"),
    ],
)
def test_what_no_long_can_be_is_refused_with_file_and_column(spark, tmp_path, stored, said):
    path = put(tmp_path, 1, "a [b].parquet", candid=stored, id=[1])
    put(tmp_path, 2, candid=[1], id=[2])
    error = refused(spark, tmp_path, documented=DOCUMENTED)
    assert isinstance(error, UsageError)
    assert str(error).startswith(f"file:{path}: {said}")
    assert rows(spark, tmp_path, documented=DOCUMENTED, columns="id") == [(1,), (2,)], "who does not ask is not refused"


def test_nanoseconds_are_read_where_they_are_whole_microseconds(spark, tmp_path, reader):
    from pyspark.sql import functions as F

    put(tmp_path, 1, t=pa.array([1_700_000_000_123_456_000, None, -1_000], pa.timestamp("ns")))
    put(tmp_path, 2, t=pa.array([7], pa.timestamp("us", "UTC")))
    found = rows(spark, tmp_path, columns=F.unix_micros("t"))
    assert found == [(1_700_000_000_123_456,), (None,), (-1,), (7,)]
    put(tmp_path, 2, t=pa.array([1_001], pa.timestamp("ns")))
    error = refused(spark, tmp_path)
    assert str(error).startswith(f"file:{tmp_path}/year=2026/month=01/day=02/p.parquet: t holds 1001, in nanoseconds")


def test_the_folder_says_which_night_it_is(spark, tmp_path):
    """Whatever columns of these names the files have."""
    put(tmp_path, 1, id=[1], Day=["x"], year=[1999])
    assert rows(spark, tmp_path) == [(1, 2026, 1, 1)]
    converted = open_nights(spark, str(tmp_path), [ONE]).converted()
    assert [(c.field, c.read) for c in converted] == [("Day", "the folder's name"), ("year", "the folder's name")]


def test_a_damaged_page_ends_the_job_whatever_the_site_has_set(spark, tmp_path):
    path = put(tmp_path, 1, id=list(range(10_000)))
    data = bytearray(path.read_bytes())
    data[200:2000] = bytes(1800)
    path.write_bytes(data)
    for name in ("ignoreCorruptFiles", "ignoreMissingFiles"):
        spark.conf.set(f"spark.sql.files.{name}", "true")
    try:
        error = refused(spark, tmp_path)
    finally:
        for name in ("ignoreCorruptFiles", "ignoreMissingFiles"):
            spark.conf.set(f"spark.sql.files.{name}", "false")
    assert isinstance(error, DamagedError)
    assert str(path) in str(error)


class Small(LakeSource):
    """A survey of few columns."""

    kind = "small"
    survey = Survey(
        name="small",
        title="Small",
        alert_id="id",
        object_id="id",
        ra="ra",
        dec="dec",
        time="mjd",
        time_scale="mjd-tai",
        packets={"all": Packet(description="everything", roots=True)},
    )


def alerts(*ids):
    return {"id": list(ids)} | {name: [1.0] * len(ids) for name in ("ra", "dec", "mjd")}


def carry(spark, lake, out, between):
    """Run a job over a lake in which something happens when Spark has planned to read."""
    run = Run(spark)
    alerts = run.read(Small(nights=["2026-01-01..2026-01-02"], lake=str(lake)))
    between()
    return run.write(alerts, Files(path=str(out), packet="all"))


def test_no_result_is_written_into_the_lake_that_is_read(spark, tmp_path):
    put(tmp_path / "lake", 1, **alerts(1))
    with pytest.raises(JobError, match=r"output\.path: .* is in the lake that is read"):
        carry(spark, tmp_path / "lake", tmp_path / "lake/out", lambda: None)


class Stumbling(Output):
    """Fails as Spark does when a decoder of its own stumbles over a damaged page: no file is named."""

    kind = "stumbling"

    def write(self, alerts, run):
        raise RuntimeError("java.lang.ArrayIndexOutOfBoundsException: Index 67 out of bounds for length 4")


def test_a_damaged_file_that_spark_does_not_name_is_named(spark, tmp_path):
    path = put(tmp_path / "lake", 1, **alerts(*range(1000)))
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    run = Run(spark)
    with pytest.raises(DamagedError, match=f"{path} cannot be read: it is damaged"):
        run.write(run.read(Small(nights=["2026-01-01"], lake=str(tmp_path / "lake"))), Stumbling())


@pytest.mark.parametrize("what", ["vanished", "appeared", "changed"])
def test_files_that_change_during_a_job_fail_it_by_name(spark, tmp_path, what):
    lake, out = tmp_path / "lake", tmp_path / "out"
    path = put(lake, 1, **alerts(1))
    put(lake, 2, **alerts(2))
    steps = {
        "vanished": path.unlink,
        "appeared": lambda: put(lake, 2, "new.parquet", **alerts(3)),
        "changed": lambda: put(lake, 1, **alerts(1, 4)),
    }
    with pytest.raises(AlertferryError) as caught:
        carry(spark, lake, out, steps[what])
    assert f"{what}: {path.parent if what != 'appeared' else lake}" in str(from_spark_error(caught.value))
    assert not out.exists()
    assert carry(spark, lake, out, lambda: None).receipt.alerts == {"vanished": 1, "appeared": 3, "changed": 3}[what]


def test_an_output_path_is_a_path(spark, tmp_path, alertferry):
    put(tmp_path / "lake", 1, **alerts(1, 2))
    out = tmp_path / "o[u]t {a,b} *? #%41 &=;: ü"
    carry(spark, tmp_path / "lake", out, lambda: None)
    assert alertferry("verify", out).code == 0
    assert sorted(row for file in out.glob("*.parquet") for row in pq.ParquetFile(file).read()["id"].to_pylist()) == [
        1,
        2,
    ]
    url = (tmp_path / "another out").as_uri()
    carry(spark, tmp_path / "lake", url, lambda: None)
    assert (tmp_path / "another out").is_dir()


def test_a_lake_that_is_moved_away_during_a_job_is_said(spark, tmp_path):
    put(tmp_path / "lake", 1, id=[1])
    found = open_nights(spark, str(tmp_path / "lake"), [ONE])
    refuse_changed_files(spark, found)
    shutil.move(tmp_path / "lake", tmp_path / "other")
    with pytest.raises(AlertferryError, match=r"the lake changed while it was read: the lake .* is not a folder"):
        refuse_changed_files(spark, found)


def test_other_rows_than_the_footers_have_fail_the_job(spark, tmp_path, monkeypatch):
    """As if Spark had left some out: here what is remembered of a footer is wrong."""
    path = put(tmp_path / "lake", 1, **alerts(1, 2, 3))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    from dataclasses import replace

    from alertferry.core.lake_nights import footer_memory
    from alertferry.core.settings import load_settings

    memory = footer_memory(load_settings().home)
    open_nights(spark, str(tmp_path / "lake"), [ONE])
    (key,) = [key for key in memory._known if key[0] == str(path)]
    monkeypatch.setitem(memory._known, key, replace(memory._known[key], alerts=4))
    with pytest.raises(AlertferryError, match="hold 4 alerts by their footers, but Spark read 3"):
        carry(spark, tmp_path / "lake", tmp_path / "out", lambda: None)
    assert not (tmp_path / "out").exists()


def test_sizes_that_java_cannot_tell_fail_no_job(spark, tmp_path):
    path = put(tmp_path, 1, id=[1])
    lake = SparkLake(spark, str(tmp_path))
    (file,) = lake.files([ONE])
    assert lake.described(file)
    path.unlink()
    assert lake.described(file) == []


def test_a_file_is_the_one_that_was_listed_whoever_lists_it_again(spark, tmp_path):
    """Java keeps what Hadoop said of files, and another thread may have listed the night anew, with another file."""
    path = put(tmp_path, 1, id=[1])
    lake = SparkLake(spark, str(tmp_path))
    lake.is_local = False
    (before,) = lake.files([ONE])
    os.utime(path, (1_000_000_000, 1_000_000_000))
    (same_size,) = lake.files([ONE])
    put(tmp_path, 1, id=list(range(1000)))
    (after,) = lake.files([ONE])
    for file in (before, same_size, after):
        frame = spark_files.frame_of(spark, [file], Struct((Field("id", LONG),)), "", lake._helper)
        seen = frame._jdf.queryExecution().optimizedPlan().relation().location().allFiles().head()
        assert (seen.getLen(), seen.getModificationTime()) == (file.size, file.changed_ms)
    with pytest.raises(DamagedError):
        lake.read([before])
    assert lake.read([after])[0].alerts == 1000


def test_a_spark_that_compiles_nothing_is_refused_in_a_sentence(spark, tmp_path, monkeypatch):
    put(tmp_path, 1, id=[1])
    broken = tmp_path / "Broken.java"
    broken.write_text("no Java")
    monkeypatch.setattr(spark_files, "java", lambda *_: None)
    monkeypatch.setattr(spark_files, "_HELPERS", WeakKeyDictionary())
    monkeypatch.setattr(spark_files, "LAKE_FILES", broken)
    with pytest.raises(
        AlertferryError, match=r"^the reader of lakes cannot be compiled in this Spark \(.*of 'no'\); install"
    ):
        SparkLake(spark, str(tmp_path))

"""Samples: random, complete alerts, drawn again when a night changes, whole or not there."""

import os
import threading
from datetime import date
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.core.errors import AlertferryError, DamagedError
from alertferry.core.lake_files import ListedFile, list_files
from alertferry.core.schema import from_arrow
from alertferry.estimates import listing
from alertferry.estimates import samples as samples_module
from alertferry.estimates.drawing import draw, unreadable
from alertferry.estimates.finding import find_alerts
from alertferry.estimates.listing import NightFiles, by_night
from alertferry.estimates.samples import SampleStore, Wanted
from alertferry.estimates.tiers import MEGABYTE, TIERS, chunk_ends, left_out, rows_of, tier_with
from alertferry.plugins.sources import lsst, ztf
from alertferry.testing.simulator import lake_schema

NIGHT = date(2026, 2, 3)
EVERYTHING = 2**40
NOTHING = frozenset()


def write(root, rows, files=2, group=50, folder="year=2026/month=02/day=03", start=0):
    """Write a small lake whose alerts know their number."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(files):
        ids = list(range(start + number * rows // files, start + (number + 1) * rows // files))
        table = pa.table(
            {"id": ids, "inner": [{"name": f"a{i}", "pad": b"x" * 500} for i in ids], "heavy": ["y" * 100] * len(ids)}
        )
        pq.write_table(table, root / folder / f"part-{number}.parquet", row_group_size=group)


def ids(drawn):
    return sorted(value for table in drawn.tables for value in table["id"].to_pylist())


@pytest.fixture
def lake(tmp_path):
    write(tmp_path / "lake", 1000)
    return tmp_path / "lake"


def nights(lake):
    return listed(lake, [NIGHT, date(2026, 2, 4)])


def listed(lake, wanted):
    return by_night(str(lake), str(lake), list_files(str(lake), wanted))


def test_a_sample_holds_whole_alerts_once_each(lake):
    drawn = draw(nights(lake)[0], NOTHING, 200, EVERYTHING)
    assert (drawn.alerts, drawn.rows, drawn.groups) == (1000, 200, 0)
    assert len(set(ids(drawn))) == 200
    for row in (row for table in drawn.tables for row in table.to_pylist()):
        assert row["inner"]["name"] == f"a{row['id']}"


def test_every_alert_has_the_same_chance(tmp_path):
    """Drawn from many nights of the same alerts, each is chosen about equally often, at whatever place of a file."""
    seen = dict.fromkeys(range(100), 0)
    for day in range(1, 29):
        for month in (1, 3, 5, 7):
            folder = f"year=2025/month={month:02d}/day={day:02d}"
            write(tmp_path, 100, files=3, group=7, folder=folder)
            found = listed(tmp_path, [date(2025, month, day)])[0]
            for number in ids(draw(found, NOTHING, 50, EVERYTHING)):
                seen[number] += 1
    assert sum(seen.values()) == 112 * 50
    chi_square = sum((count - 56) ** 2 / 28 for count in seen.values())
    assert chi_square < 150  # 99.9 % of 99 degrees of freedom


def test_the_same_files_give_the_same_sample_elsewhere(lake, tmp_path):
    write(tmp_path / "copy", 1000)
    assert ids(draw(nights(lake)[0], NOTHING, 100, EVERYTHING)) == ids(
        draw(nights(tmp_path / "copy")[0], NOTHING, 100, EVERYTHING)
    )


def test_parts_of_a_sample_are_random_too(lake, tmp_path):
    store = SampleStore(tmp_path / "home", "zoo", str(lake))
    sample = store.samples(nights(lake), Wanted(TIERS[0], NOTHING, 400), print)[NIGHT]
    assert [part.rows for part in sample.parts] == [100, 60, 240]
    assert sample.rows == 400
    first = pq.ParquetFile(sample.parts[0].files[0]).read()["id"].to_pylist()
    assert 350 < sum(first) / len(first) < 650
    assert first != sorted(first)
    assert sample.first(250).rows == 160
    assert sample.first(1).rows == 100


def test_columns_are_left_out_and_large_nights_read_in_part(lake):
    drawn = draw(nights(lake)[0], frozenset({"heavy"}), 64, 1)
    assert drawn.tables[0].column_names == ["id", "inner"]
    assert drawn.groups == 16
    assert drawn.alerts == 1000
    assert len({number // 50 for number in ids(drawn)}) <= 16


def test_more_than_there_is_gives_all(lake):
    drawn = draw(nights(lake)[0], NOTHING, 5000, EVERYTHING)
    assert ids(drawn) == list(range(1000))


def test_files_of_different_schemas_keep_theirs(tmp_path):
    write(tmp_path, 100)
    other = pa.table({"id": list(range(100, 200)), "new": [1.5] * 100})
    pq.write_table(other, tmp_path / "year=2026/month=02/day=03/part-9.parquet")
    found = nights(tmp_path)
    drawn = draw(found[0], NOTHING, 200, EVERYTHING)
    assert sorted(tuple(table.column_names) for table in drawn.tables) == [("id", "inner", "heavy"), ("id", "new")]
    sample = SampleStore(tmp_path / "home", "zoo", "x").samples(found, Wanted(TIERS[0], NOTHING, 200), print)[NIGHT]
    assert sorted(
        i for part in sample.parts for f in part.files for i in pq.ParquetFile(f).read()["id"].to_pylist()
    ) == list(range(200))


def test_kept_samples_are_used_until_the_night_changes(lake, tmp_path):
    store = SampleStore(tmp_path / "home", "zoo", str(lake))
    wanted, said = Wanted(TIERS[0], NOTHING, 100), []
    first = store.samples(nights(lake), wanted, said.append)
    assert len(said) == 1
    assert store.ready(nights(lake), wanted)
    assert store.samples(nights(lake), wanted, said.append) == first
    assert len(said) == 1
    write(lake, 600, start=5000)
    assert not store.ready(nights(lake), wanted)
    second = store.samples(nights(lake), wanted, said.append)[NIGHT]
    assert (len(said), second.alerts) == (2, 600)
    assert min(pq.ParquetFile(second.parts[0].files[0]).read()["id"].to_pylist()) >= 5000
    touched = lake / "year=2026/month=02/day=03/part-0.parquet"
    os.utime(touched, ns=(1, 1))
    assert not store.ready(nights(lake), wanted)


def test_a_sample_that_lost_a_file_is_drawn_again(lake, tmp_path):
    store = SampleStore(tmp_path / "home", "zoo", str(lake))
    wanted = Wanted(TIERS[0], NOTHING, 100)
    (file,) = store.samples(nights(lake), wanted, print)[NIGHT].parts[0].files
    os.unlink(file)
    assert not store.ready(nights(lake), wanted)
    store.samples(nights(lake), wanted, print)
    assert os.path.exists(file)


def test_what_is_out_of_date_goes_and_what_is_half_written_is_not_seen(lake, tmp_path):
    store = SampleStore(tmp_path / "home", "zoo", str(lake))
    wanted = Wanted(TIERS[0], NOTHING, 100)
    old = store.samples(nights(lake), wanted, print)[NIGHT].parts[0].files[0]
    long_ago = samples_module.time.time() - samples_module.STALE_SECONDS - 60
    folder = store.folder(TIERS[0]) / "year=2026/month=02/day=03"
    (folder / ".half.parquet.1").write_bytes(b"PAR1")
    for item in folder.iterdir():
        os.utime(item, (long_ago, long_ago))
    write(lake, 500)
    store.samples(nights(lake), wanted, print)
    assert not os.path.exists(old)
    assert sorted(item.suffix for item in folder.iterdir()) == [".json", ".parquet"]


def test_samples_nobody_asks_for_go(lake, tmp_path):
    store = SampleStore(tmp_path / "home", "zoo", str(lake))
    other = SampleStore(tmp_path / "home", "zoo", "elsewhere")
    wanted = Wanted(TIERS[0], NOTHING, 100)
    other.samples(nights(lake), wanted, print)
    folder = other.folder(TIERS[0]) / "year=2026/month=02/day=03"
    long_ago = samples_module.time.time() - samples_module.UNUSED_SECONDS - 60
    for item in folder.iterdir():
        os.utime(item, (long_ago, long_ago))
    store.samples(nights(lake), wanted, print)
    assert not folder.exists()


def test_many_at_once_draw_once(lake, tmp_path):
    wanted, said, found = Wanted(TIERS[0], NOTHING, 100), [], []

    def ask():
        store = SampleStore(tmp_path / "home", "zoo", str(lake))
        found.append(store.samples(nights(lake), wanted, said.append)[NIGHT])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(sample == found[0] for sample in found)
    files = list((tmp_path / "home").rglob("*.parquet"))
    assert len(files) == len(found[0].parts)


def test_a_damaged_file_is_named(lake):
    (lake / "year=2026/month=02/day=03/part-1.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DamagedError, match=r"part-1\.parquet is not a whole parquet file"):
        draw(nights(lake)[0], NOTHING, 10, EVERYTHING)


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (FileNotFoundError(2, "Failed to open local file"), "was removed while the lake was sampled"),
        (OSError(24, "Failed to open local file"), "cannot be read now: Too many open files; ask again"),
        (OSError(5, "Error reading bytes"), "cannot be read now: Input/output error; ask again"),
        (PermissionError(13, "Failed to open local file"), "cannot be read now: Permission denied"),
        (pa.ArrowNotImplementedError("Support for codec 'lzo' not built"), "the job itself may"),
        (pa.ArrowMemoryError("malloc of size 9 failed"), "no memory left"),
    ],
)
@pytest.mark.parametrize("place", ["read_metadata", "ParquetFile"])
def test_a_file_is_not_damaged_because_the_system_fails(lake, monkeypatch, raised, said, place):
    def fail(*_, **__):
        raise raised

    monkeypatch.setattr(pq, place, fail)
    with pytest.raises(AlertferryError, match=said) as caught:
        draw(nights(lake)[0], NOTHING, 10, EVERYTHING)
    assert not isinstance(caught.value, DamagedError)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (OSError("Corrupt snappy compressed data."), DamagedError, "not a whole parquet file"),
        (OSError("AWS Error NETWORK_CONNECTION during GetObject"), AlertferryError, "cannot be read now"),
        (OSError(255, "HDFS OpenFile failed: Connection refused"), AlertferryError, "its server refuses connections"),
        (pa.ArrowInvalid("Parquet magic bytes not found in footer"), DamagedError, "not a whole parquet file"),
    ],
)
def test_a_server_that_fails_damages_no_file(error, kind, said):
    found = unreadable(NightFiles(NIGHT, (), None), "b/p.parquet", error)
    assert type(found) is kind
    assert said in str(found)


def test_ids_of_several_widths_in_one_night_are_found(tmp_path):
    folder = tmp_path / "year=2026/month=02/day=03"
    folder.mkdir(parents=True)
    for number, kind in enumerate((pa.int32(), pa.int64(), pa.uint64())):
        largest = {0: 7, 1: 2**62, 2: 2**63 + 1}[number]
        pq.write_table(pa.table({"id": pa.array([number, largest], kind)}), folder / f"p{number}.parquet")
    found = find_alerts(nights(tmp_path), {NIGHT: [7, 2**62, 2**63 + 1]}, "id")
    assert [row["id"] for _, table in found for row in table.to_pylist()] == [7, 2**62, 2**63 + 1]


@pytest.mark.parametrize("scheme", ["s3", "s3a", "S3A", "s3n"])
def test_hadoops_names_of_s3_are_known(monkeypatch, scheme):
    asked = []

    def from_uri(location):
        asked.append(location)
        return None, location.removeprefix("s3://").rstrip("/")

    monkeypatch.setattr(listing.fs, "FileSystem", SimpleNamespace(from_uri=from_uri))
    root = f"{scheme}://bucket/lake"
    file = ListedFile(f"{root}/year=2026/month=02/day=03/p.parquet", NIGHT, 1, 1, "1")
    (night,) = by_night(root, root, [file])
    assert [path.lower() for path in asked] == ["s3://bucket/lake"]
    assert night.files[0].path == "bucket/lake/year=2026/month=02/day=03/p.parquet"


def test_a_lake_that_cannot_be_looked_at_is_named():
    with pytest.raises(AlertferryError, match="cannot look at the files of the lake nowhere://lake"):
        by_night("nowhere://lake", "nowhere://lake", [])


def test_padded_and_unpadded_folders_are_one_night(tmp_path):
    write(tmp_path, 10, files=1)
    write(tmp_path, 10, files=1, folder="year=2026/month=2/day=3")
    (tmp_path / "year=2026/month=2/day=3/_SUCCESS").write_text("")
    (night,) = nights(tmp_path)
    assert len(night.files) == 2


def test_single_alerts_are_found_by_their_ids(lake):
    found = list(find_alerts(nights(lake), {NIGHT: [3, 777, 778, 10**9]}, "id"))
    assert sorted(row["id"] for _, table in found for row in table.to_pylist()) == [3, 777, 778]
    nested = list(find_alerts(nights(lake), {NIGHT: ["a5"]}, "inner.name"))
    assert [row["id"] for _, table in nested for row in table.to_pylist()] == [5]


@pytest.mark.parametrize(
    ("survey", "version", "light", "medium"),
    [
        (ztf.SURVEY, "2025.06", {"prv_candidates", "cutoutScience", "cutoutTemplate", "cutoutDifference"}, 3),
        (
            lsst.SURVEY,
            "10.0",
            {"prvDiaSources", "prvDiaForcedSources", "cutoutScience", "cutoutTemplate", "cutoutDifference"},
            3,
        ),
    ],
)
def test_tiers_leave_out_what_is_heavy(survey, version, light, medium):
    schema = from_arrow(lake_schema(survey.name, version))
    assert left_out(TIERS[0], survey, schema) == light
    assert len(left_out(TIERS[1], survey, schema)) == medium
    assert left_out(TIERS[2], survey, schema) == frozenset()
    assert [tier_with(roots, survey, schema).name for roots in (set(), set(survey.history), {"cutoutScience"})] == [
        "light",
        "medium",
        "full",
    ]


def test_heavy_alerts_make_small_samples():
    heavy = {"a": 1000.0, "b": 1.0 * MEGABYTE}
    assert rows_of(TIERS[0], 20_000, heavy, {"b"}) == 20_000
    assert rows_of(TIERS[0], 20_000, heavy, set()) == 100
    assert rows_of(TIERS[2], 20_000, {}, set()) == 250
    assert chunk_ends(20_000) == (500, 2000, 8000, 20_000)
    assert chunk_ends(40) == (40,)
    assert chunk_ends(0) == (0,)

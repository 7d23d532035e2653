"""What a night's files are on this disk, and that changes are seen."""

import os
import random
from datetime import date, timedelta

import pytest

from alertferry.core.errors import UsageError
from alertferry.core.lake_files import FileChangedError, all_nights, list_files, refuse_changes
from alertferry.core.local_lake import local_path
from alertferry.core.places import absolute, for_hadoop, on_this_disk
from alertferry.core.working_folder import is_url

ONE, TWO = date(2026, 1, 1), date(2026, 1, 2)
NIGHT = "year=2026/month=01/day=01"


def make(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x" * len(path))


def names(root, *nights):
    return [os.path.relpath(file.path, root) for file in list_files(str(root), nights or [ONE])]


def test_padded_or_not_in_any_case_at_any_depth_and_nothing_hidden(tmp_path):
    seen = [
        f"{NIGHT}/PART.PARQUET",
        f"{NIGHT}/hour=03/a",
        f"{NIGHT}/deep/deeper/b.parquet",
        f"{NIGHT}/_hour=3/c",
        "year=2026/month=1/day=1/d.parquet",
        "Year=2026/MONTH=01/Day=1/e.parquet",
    ]
    unseen = [
        f"{NIGHT}/_SUCCESS",
        f"{NIGHT}/.part.crc",
        f"{NIGHT}/_temporary/0/f.parquet",
        f"{NIGHT}/_spark_metadata/0",
        f"{NIGHT}/g.parquet._COPYING_",
        "year=2026/month=01/day=01.parquet",
        "year=2026/month=01/day=١/h.parquet",
        "year=2026/month=13/day=01/i.parquet",
        "year=2026/i.parquet",
    ]
    make(tmp_path, *seen, *unseen)
    assert sorted(names(tmp_path)) == sorted(seen)
    assert all_nights(str(tmp_path)) == ((ONE,), ())


@pytest.mark.parametrize(
    "name", ["a[b]", "a{b,c}", "a*b", "a?b", "a#b", "a%41", "a b", "a:b", "a;b=c&d", "ünï", "a\nb"]
)
def test_a_name_is_taken_as_it_is(tmp_path, name):
    make(tmp_path / name, f"{NIGHT}/{name}.parquet", f"{NIGHT}/ab.parquet")
    assert sorted(names(tmp_path / name)) == sorted([f"{NIGHT}/{name}.parquet", f"{NIGHT}/ab.parquet"])
    assert absolute(str(tmp_path / name)) == str(tmp_path / name)
    assert on_this_disk((tmp_path / name).as_uri()) == tmp_path / name
    assert for_hadoop((tmp_path / name).as_uri()) == f"file://{tmp_path / name}"


def test_urls_are_told_from_paths():
    assert all(map(is_url, ["s3a://bucket/a", "hdfs:///a", "file:/a", "FILE:///a"]))
    assert not any(map(is_url, ["/a", "a:b/c", "night:3", "2026-01-01T00:00/a", "c:a", "", "file:a"]))
    assert on_this_disk("s3a://bucket/a") is None
    with pytest.raises(UsageError, match="is not UTF-8"):
        absolute("/lake\udcff")


def test_what_cannot_be_read_is_named(tmp_path):
    make(tmp_path, f"{NIGHT}/a.parquet")
    night = tmp_path / NIGHT
    (night / "gone.parquet").symlink_to(tmp_path / "nowhere")
    with pytest.raises(
        UsageError, match=r"gone\.parquet is a link to what does not exist; remove the link or restore what it leads"
    ):
        names(tmp_path)
    (night / "gone.parquet").unlink()
    (night / "again").symlink_to(night)
    with pytest.raises(UsageError, match="nested too deeply: does a link in it lead back"):
        names(tmp_path)
    (night / "again").unlink()
    os.mkfifo(night / "pipe")
    with pytest.raises(UsageError, match="pipe is neither a file nor a folder"):
        names(tmp_path)
    (night / "pipe").unlink()
    (tmp_path / os.fsdecode(NIGHT.encode() + b"/part-\xff.parquet")).write_bytes(b"x")
    with pytest.raises(
        UsageError, match="part-\ufffd\\.parquet has a name that is not UTF-8, and Spark cannot open it; rename it"
    ):
        names(tmp_path)


def test_links_are_followed(tmp_path):
    make(tmp_path, "elsewhere/year=2026/month=01/day=01/a.parquet", "b.parquet")
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "year=2026").symlink_to(tmp_path / "elsewhere" / "year=2026")
    (tmp_path / "elsewhere" / NIGHT / "b.parquet").symlink_to(tmp_path / "b.parquet")
    assert names(tmp_path / "lake") == [f"{NIGHT}/a.parquet", f"{NIGHT}/b.parquet"]


@pytest.mark.parametrize("level", ["year=2026", "year=2026/month=01", NIGHT])
def test_a_night_behind_a_link_that_leads_nowhere_is_no_night_without_data(tmp_path, level):
    """At any level; who asks for other nights does not meet it."""
    make(tmp_path, "year=2025/month=1/day=1/a.parquet")
    link = tmp_path / level
    link.parent.mkdir(parents=True, exist_ok=True)
    for target, said in [
        (tmp_path / "nowhere", "link to what does not exist"),
        (link, "Too many levels of symbolic li"),
    ]:
        link.symlink_to(target)
        with pytest.raises(UsageError, match=f"{link} .*{said}"):
            names(tmp_path)
        nights, hidden = all_nights(str(tmp_path))
        assert (nights, len(hidden)) == (((date(2025, 1, 1), ONE), 0) if level == NIGHT else ((date(2025, 1, 1),), 1))
        assert all(str(link) in str(error) and said in str(error) for error in hidden)
        assert names(tmp_path, date(2025, 1, 1)) == ["year=2025/month=1/day=1/a.parquet"]
        link.unlink()


def test_a_lake_that_cannot_be_looked_at_is_no_folder(tmp_path):
    for name in ("a" * 300, "circle"):
        place = tmp_path / name
        if name == "circle":
            place.symlink_to(place)
        with pytest.raises(UsageError, match="is not a folder"):
            local_path(place.as_uri())


def test_changes_are_named(tmp_path):
    make(tmp_path, *(f"{NIGHT}/{name}.parquet" for name in "abcdef"))
    before = list_files(str(tmp_path), [ONE, TWO])
    refuse_changes(before, list_files(str(tmp_path), [ONE, TWO]))
    night = tmp_path / NIGHT
    (night / "a.parquet").unlink()
    make(tmp_path, "year=2026/month=1/day=2/new.parquet")
    os.utime(night / "b.parquet", ns=(1, 1))
    with pytest.raises(
        FileChangedError, match=r"vanished: \S+a\.parquet; appeared: \S+new\.parquet; changed: \S+b\.pa"
    ):
        refuse_changes(before, list_files(str(tmp_path), [ONE, TWO]))


def test_a_file_put_in_the_place_of_another_of_its_size_and_time_is_seen(tmp_path):
    make(tmp_path, f"{NIGHT}/a.parquet")
    before = list_files(str(tmp_path), [ONE])
    status = (tmp_path / NIGHT / "a.parquet").stat()
    make(tmp_path, f"{NIGHT}/b.parquet")
    os.utime(tmp_path / NIGHT / "b.parquet", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / NIGHT / "b.parquet").replace(tmp_path / NIGHT / "a.parquet")
    with pytest.raises(FileChangedError, match=r"changed: \S+a\.parquet\)"):
        refuse_changes(before, list_files(str(tmp_path), [ONE]))


def test_only_the_nights_asked_for_are_entered(tmp_path):
    nights = [ONE + timedelta(days=number) for number in range(400)]
    for night in nights:
        make(tmp_path, f"year={night.year}/month={night.month}/day={night.day:02d}/a.parquet")
    wanted = random.Random(1).sample(nights, 40)
    (tmp_path / "year=2026/month=3").chmod(0)
    try:
        found = list_files(str(tmp_path), [night for night in wanted if (night.year, night.month) != (2026, 3)])
    finally:
        (tmp_path / "year=2026/month=3").chmod(0o755)
    assert [file.night for file in found] == sorted(n for n in wanted if (n.year, n.month) != (2026, 3))

"""A folder after every partial state that a kill, a full disk or a stranger can leave."""

import fcntl
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import fastavro
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertferry.commands.data import how_to_open
from alertferry.consumer import fastpath, judge
from alertferry.consumer.archive import Archive
from alertferry.consumer.commits import Commit, commits_folder, read_commits
from alertferry.consumer.durable import checksum, storage_errors, write_durably
from alertferry.consumer.encoding import ROW_GROUP_BYTES
from alertferry.consumer.finished import finished
from alertferry.consumer.folder import Folder, Label
from alertferry.consumer.records import beside, records_folder
from alertferry.consumer.spans import Covered
from alertferry.consumer.verify import verify
from alertferry.core.errors import AlertferryError, UsageError
from tests.delivered import TOPIC, chunk, complete, deliver, label, manifest, recipe
from tests.publishing import keyed, light_alerts

FORMATS = ["parquet", "avro"]


def opened(path, mark=None, from_beginning=False) -> Folder:
    folder = Folder(path, mark or label(about=manifest()))
    folder.open(from_beginning)
    return folder


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def change(victim: Path) -> None:
    """Change one byte, and put back the time at which the file was written."""
    before, data = victim.stat(), bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))


def ids(path: Path) -> list[int]:
    if any(path.glob("*.avro")):
        found = []
        for file in path.glob("*.avro"):
            with file.open("rb") as stream:
                found += [row["diaSourceId"] for row in fastavro.reader(stream)]
        return sorted(found)
    return sorted(ds.dataset(path, format="parquet").to_table(columns=["diaSourceId"])["diaSourceId"].to_pylist())


@pytest.mark.parametrize("kind", FORMATS)
def test_a_chunk_is_one_file_and_one_commit(tmp_path, kind):
    messages = keyed(light_alerts(20))
    folder = opened(tmp_path, label(kind))
    commit = Archive(recipe(tmp_path, kind)).write(chunk(3, 12_000, messages))
    folder.close()
    [file] = commit.files
    assert file.name == f"p03-000000012000-000000012019.{kind}"
    assert (file.rows, file.bytes) == (20, (tmp_path / file.name).stat().st_size)
    assert file.checksum == checksum(tmp_path / file.name)
    assert file.checksum.startswith("xxh3-128:")
    assert read_commits(records_folder(tmp_path)) == [commit]
    assert (commits_folder(records_folder(tmp_path)) / "p03-000000012000-000000012019.json").is_file()
    assert len(ids(tmp_path)) == 20


def test_files_say_what_they_are(tmp_path):
    expected = {"alertferry.topic": TOPIC, "alertferry.job_hash": "0" * 64, "alertferry.offsets": "3:12000-12019"}
    for kind in FORMATS:
        folder = tmp_path / kind
        opened(folder, label(kind)).close()
        Archive(recipe(folder, kind)).write(chunk(3, 12_000, keyed(light_alerts(20))))
    metadata = pq.read_metadata(tmp_path / "parquet/p03-000000012000-000000012019.parquet").metadata
    with (tmp_path / "avro/p03-000000012000-000000012019.avro").open("rb") as stream:
        header = fastavro.reader(stream).metadata
    for key, value in expected.items():
        assert metadata[key.encode()].decode() == header[key] == value
    assert metadata[b"alertferry.schema_fingerprint"].decode() == header["alertferry.schema_fingerprint"]


def test_what_is_not_committed_is_removed(tmp_path):
    deliver(tmp_path)
    keep = contents(tmp_path)
    shutil.copy(tmp_path / "p03-000000000000-000000000014.parquet", tmp_path / "p07-000000000000-000000000014.parquet")
    (tmp_path / ".p08-000000000000-000000000001.parquet.tmp").write_bytes(b"half")
    (records_folder(tmp_path) / "_commits" / ".p08-000000000000-000000000001.json.tmp").write_bytes(b"{")
    opened(tmp_path, Label.read(tmp_path)).close()
    assert contents(tmp_path) == keep


@pytest.mark.parametrize("spoil", ["missing", "shorter", "longer", "changed", "unreadable commit", "renamed commit"])
def test_a_commit_whose_file_is_not_whole_is_fetched_again(tmp_path, spoil):
    deliver(tmp_path)
    victim = tmp_path / "p00-000000000015-000000000029.parquet"
    record = commits_folder(records_folder(tmp_path)) / "p00-000000000015-000000000029.json"
    if spoil == "missing":
        victim.unlink()
    elif spoil == "shorter":
        victim.write_bytes(victim.read_bytes()[:-1])
    elif spoil == "longer":
        victim.write_bytes(victim.read_bytes() + b"x")
    elif spoil == "changed":
        change(victim)
    elif spoil == "unreadable commit":
        record.write_text("{")
    else:
        record.rename(record.with_name("p00-000000000015-000000000028.json"))
    folder = opened(tmp_path, Label.read(tmp_path))
    assert folder.coverage() == {0: [Covered(0, 15), Covered(30, 45)], 3: [Covered(0, 15)]}
    assert folder.alerts == 45
    assert not victim.exists()
    folder.close()


def test_overlapping_commits_are_not_counted_twice(tmp_path):
    deliver(tmp_path)
    archive = Archive(recipe(tmp_path))
    archive.write(chunk(0, 10, keyed(light_alerts(10))))
    folder = opened(tmp_path, Label.read(tmp_path))
    assert folder.coverage() == {0: [Covered(0, 45)], 3: [Covered(0, 15)]}
    assert len(set(ids(tmp_path))) == len(ids(tmp_path)) == folder.alerts == 60
    folder.close()


@given(st.lists(st.sampled_from(["file", "temporary", "commit", "nothing"]), min_size=4, max_size=4), st.booleans())
@settings(max_examples=25, deadline=None)
def test_any_mixture_of_partial_states_comes_back_consistent(tmp_path_factory, states, half_label):
    path = tmp_path_factory.mktemp("folder")
    commits = deliver(path)
    for commit, state in zip(commits, states, strict=True):
        data, record = path / commit.files[0].name, commits_folder(records_folder(path)) / commit.name
        if state == "file":
            record.unlink()
        elif state == "temporary":
            record.unlink()
            data.rename(path / f".{data.name}.tmp")
        elif state == "commit":
            data.unlink()
    if half_label:
        (records_folder(path) / "._job.json.tmp").write_text("{")
    folder = opened(path, Label.read(path))
    whole = [commit for commit, state in zip(commits, states, strict=True) if state == "nothing"]
    assert list(folder.commits.values()) == whole
    assert {file.name for file in path.iterdir() if not file.name.startswith("_")} == {
        commit.files[0].name for commit in whole
    }
    folder.close()


def test_opening_a_finished_folder_changes_nothing(tmp_path):
    deliver(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    opened(tmp_path, Label.read(tmp_path)).close()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (label(about=manifest("other"), topic="other"), f"holds alerts of the topic {TOPIC}.*other"),
        (label("avro", manifest()), "holds parquet files.*--format parquet"),
        (label(about=manifest(created="2026-12-01")), "deleted and made again.*--from-beginning"),
        (label(about=manifest(job_hash="1" * 64)), "deleted and made again"),
        (label(about=None), "deleted and made again"),
    ],
)
def test_a_folder_is_for_one_topic_and_format(tmp_path, mark, said):
    deliver(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=said):
        opened(tmp_path, mark)
    assert contents(tmp_path) == before


def test_topics_without_manifest_are_told_apart_by_their_id(tmp_path):
    opened(tmp_path, Label(TOPIC, "parquet", "one", None)).close()
    opened(tmp_path, Label(TOPIC, "parquet", None, None)).close()
    with pytest.raises(UsageError, match="made again"):
        opened(tmp_path, Label(TOPIC, "parquet", "two", None))


def test_from_beginning_removes_only_our_own_files(tmp_path):
    deliver(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    shutil.copy(tmp_path / "p03-000000000000-000000000014.parquet", tmp_path / "selected.parquet")
    folder = opened(tmp_path, label("avro", manifest(created="2026-12-01")), from_beginning=True)
    assert (folder.alerts, folder.commits) == (0, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "selected.parquet"]
    assert sorted(path.name for path in beside(tmp_path).iterdir()) == ["_commits", "_job.json", "_lock"]
    assert Label.read(tmp_path).format == "avro"
    folder.close()


def test_from_beginning_does_not_touch_another_topic(tmp_path):
    deliver(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="holds alerts of the topic"):
        opened(tmp_path, label(topic="other"), from_beginning=True)
    assert contents(tmp_path) == before


def test_folders_with_somebody_elses_data_are_refused(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mine.parquet").touch()
    with pytest.raises(UsageError, match=r"already holds sub/mine\.parquet"):
        opened(tmp_path)
    assert not (records_folder(tmp_path) / "_job.json").exists()


def test_results_of_a_files_job_are_refused(tmp_path):
    (tmp_path / "_receipt.json").write_text("{}")
    with pytest.raises(UsageError, match="files job"):
        opened(tmp_path)


def test_a_damaged_label_is_named(tmp_path):
    (tmp_path / "_job.json").write_text("{")
    with pytest.raises(UsageError, match=r"_job\.json cannot be read"):
        opened(tmp_path)


def test_two_consumers_cannot_share_a_folder(tmp_path):
    folder = opened(tmp_path)
    with pytest.raises(UsageError, match="another `alertferry consume` is at work"):
        Folder(tmp_path, label(about=manifest()), lock_seconds=0.3).open(from_beginning=False)
    folder.close()
    opened(tmp_path).close()


def _hold(descriptor, seconds):
    import time

    time.sleep(seconds)
    os.close(descriptor)


def test_a_lock_outlives_its_folder_while_a_worker_holds_it(tmp_path):
    folder = opened(tmp_path)
    worker = multiprocessing.get_context("fork").Process(target=_hold, args=(folder.lock, 1.0))
    worker.start()
    folder.close()
    opened(tmp_path).close()
    assert worker.exitcode is not None or not worker.join(0.2)
    worker.join()


def test_the_label_reads_as_a_manifest(tmp_path):
    deliver(tmp_path)
    data = json.loads((records_folder(tmp_path) / "_job.json").read_text())
    assert data["receipt"]["alerts"] == 60
    assert data["folder"] == {"format": "parquet", "topic_id": "id-of-the-topic"}
    assert Label.read(tmp_path).receipt.alerts == 60


def test_a_finished_folder_is_recognised_without_a_broker(tmp_path):
    deliver(tmp_path)
    assert finished(tmp_path, label()).alerts == 60
    assert finished(tmp_path, label(topic="other")) is None
    assert finished(tmp_path, label("avro")) is None
    assert finished(tmp_path / "absent", label()) is None


@pytest.mark.parametrize("spoil", ["missing", "changed"])
def test_a_finished_folder_vouches_for_no_file_that_is_not_as_delivered(tmp_path, spoil):
    deliver(tmp_path)
    assert "`alertferry verify" in judge.complete(finished(tmp_path, label())).message
    victim = tmp_path / "p03-000000000000-000000000014.parquet"
    victim.unlink() if spoil == "missing" else change(victim)
    ended = judge.complete(finished(tmp_path, label()), "; no such topic")
    assert (ended.state, ended.exit_code) == ("damaged", 4)
    assert f"not as delivered any more: {victim.name}; " in ended.message
    assert "; no such topic" in ended.message


def test_a_finished_folder_names_the_files_that_are_not_its_own(tmp_path):
    deliver(tmp_path)
    (tmp_path / "sub").mkdir()
    shutil.copy(tmp_path / "p03-000000000000-000000000014.parquet", tmp_path / "sub" / "mine.parquet")
    ended = judge.complete(finished(tmp_path, label()))
    assert (ended.state, ended.exit_code) == ("damaged", 4)
    assert "not of this delivery: sub/mine.parquet, " in ended.message
    assert how_to_open(ended) is None  # nobody is invited to read what is not to be trusted


def test_a_copied_folder_is_read_once(tmp_path):
    deliver(tmp_path / "alerts")
    shutil.copytree(tmp_path / "alerts", tmp_path / "copy", copy_function=shutil.copy)
    shutil.copytree(records_folder(tmp_path / "alerts"), records_folder(tmp_path / "copy"))
    folder = finished(tmp_path / "copy", label())
    assert judge.complete(folder).state == "complete"
    for commit in folder.commits.values():
        record = commits_folder(folder.records) / commit.name
        assert record.stat().st_mtime_ns == (tmp_path / "copy" / commit.files[0].name).stat().st_ctime_ns


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    deliver(tmp_path)
    victim = tmp_path / "p03-000000000000-000000000014.parquet"
    victim.unlink()
    victim.mkdir()
    with pytest.raises(UsageError, match=f"{victim.name} is a folder, where a file was delivered; remove it"):
        opened(tmp_path, Label.read(tmp_path))


def test_bad_messages_are_kept_raw_with_the_reason(tmp_path):
    messages = keyed(light_alerts(10))
    messages[4] = (b"1152921504606846981", b"junk")
    messages[7] = (None, None)
    opened(tmp_path).close()
    commit = Archive(recipe(tmp_path)).write(chunk(3, 100, messages))
    assert commit.bad == (104, 107)
    assert commit.rows == 8
    assert (records_folder(tmp_path) / "_bad/p03-000000000104.bin").read_bytes() == b"junk"
    story = json.loads((records_folder(tmp_path) / "_bad/p03-000000000104.json").read_text())
    assert (story["partition"], story["offset"], story["key"]) == (3, 104, "1152921504606846981")
    assert story["error"]
    assert len(pd.read_parquet(tmp_path)) == 8


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_written_in_many_pieces_with_bad_messages_among_them(tmp_path, kind):
    alerts = [alert | {"band": "r" * (3 * ROW_GROUP_BYTES // 500)} for alert in light_alerts(200)]  # 1.2 row groups
    messages = keyed(alerts)
    messages[0] = (messages[0][0], b"\xff" * (ROW_GROUP_BYTES + 1))  # the first piece has no rows
    messages[130] = (messages[130][0], b"junk")
    messages[199] = (None, None)
    opened(tmp_path, label(kind, manifest())).close()
    whole = chunk(3, 100, messages)
    commit = Archive(recipe(tmp_path, kind)).write(whole)
    assert (commit.rows, commit.bad, commit.files[0].rows) == (197, (100, 230, 299), 197)
    assert not any(whole.values)  # let go while the file was written
    assert ids(tmp_path) == [alert["diaSourceId"] for number, alert in enumerate(alerts) if number not in (0, 130, 199)]
    assert (records_folder(tmp_path) / "_bad/p03-000000000230.bin").read_bytes() == b"junk"
    if kind == "parquet":
        assert pq.ParquetFile(tmp_path / commit.files[0].name).num_row_groups == 2


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("fast", [True, False])
def test_several_threads_write_with_one_archive(tmp_path, kind, fast, monkeypatch):
    if not fast:
        monkeypatch.setattr(fastpath, "_packet_type", lambda _: None)
    messages = keyed(light_alerts(400))
    opened(tmp_path, label(kind, manifest())).close()
    archive = Archive(recipe(tmp_path, kind))
    chunks = [chunk(0, first, messages[first : first + 25]) for first in range(0, 400, 25)]
    with ThreadPoolExecutor(8) as pool:
        commits = list(pool.map(archive.write, chunks))
    assert [commit.rows for commit in commits] == [25] * 16
    assert ids(tmp_path) == [alert["diaSourceId"] for alert in light_alerts(400)]


def test_every_column_is_compressed_images_by_zstd(tmp_path):
    point = {"type": "record", "name": "point", "fields": [{"name": "x", "type": "double"}]}
    kinds = {
        "diaSourceId": "long",
        "cutout": ["null", "bytes"],
        "sum": {"type": "fixed", "name": "sum", "size": 4},
        "band": {"type": "enum", "name": "band", "symbols": ["g", "r"]},
        "history": {"type": "array", "items": ["null", point]},
        "features": {"type": "map", "values": ["null", "float"]},
    }
    schema = {"type": "record", "name": "top", "fields": [{"name": name, "type": kind} for name, kind in kinds.items()]}
    alert = {"diaSourceId": 1, "cutout": b"image", "sum": b"1234", "band": "r", "history": [{"x": 1.0}]}
    opened(tmp_path).close()
    own = replace(recipe(tmp_path), schema_json=json.dumps(schema))
    Archive(own).write(chunk(0, 0, keyed([alert | {"features": {"mean": 1.0}}], schema)))
    [path] = tmp_path.glob("*.parquet")
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    found = {column.path_in_schema: column.compression for column in columns}
    images = {"cutout", "sum"}
    assert len(found) == 7
    assert found == {name: "ZSTD" if name in images else "SNAPPY" for name in found}


def test_texts_that_repeat_are_written_as_dictionaries_others_as_they_are(tmp_path):
    entry = {"type": "map", "values": "string"}
    kinds = {"diaSourceId": "long", "band": ["null", "string"], "name": "string", "nothing": ["null", "string"]}
    fields = [{"name": name, "type": kind} for name, kind in (kinds | {"labels": entry}).items()]
    schema = {"type": "record", "name": "top", "fields": fields}
    alerts = [
        {"diaSourceId": n, "band": "gr"[n % 2], "name": f"object {n}", "nothing": None, "labels": {"kind": str(n)}}
        for n in range(2_500)
    ]
    opened(tmp_path).close()
    archive = Archive(replace(recipe(tmp_path), schema_json=json.dumps(schema)))
    for first in (0, 500, 1_000):  # what the first rows told holds for later files
        archive.write(chunk(0, first, keyed(alerts[first : first + 500], schema)))
    archive.write(chunk(1, 0, keyed(alerts[1_500:], schema)))
    for path in tmp_path.glob("*.parquet"):
        group = pq.ParquetFile(path).metadata.row_group(0)
        columns = [group.column(index) for index in range(group.num_columns)]
        found = {column.path_in_schema for column in columns if "RLE_DICTIONARY" in column.encodings}
        assert found == {"band", "nothing", "labels.key_value.key"}
    rows = ds.dataset(tmp_path, format="parquet").to_table().sort_by("diaSourceId").to_pylist()
    assert [row | {"labels": dict(row["labels"])} for row in rows] == alerts


def test_writing_files_imports_no_pandas(tmp_path):
    script = "import sys; from pathlib import Path; from tests.delivered import deliver\n"
    script += "deliver(Path(sys.argv[1])); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_chunk_of_bad_messages_only_has_no_file(tmp_path):
    opened(tmp_path).close()
    for offset, kind in enumerate(FORMATS):
        commit = Archive(recipe(tmp_path, kind)).write(chunk(0, offset, [(b"1", b"junk")]))
        assert (commit.files, commit.bad) == ((), (offset,))
        assert list(tmp_path.glob(f"*.{kind}")) == []


def test_withdrawing_a_commit_removes_its_traces(tmp_path):
    folder = opened(tmp_path)
    before = sorted(contents(tmp_path))
    commit = Archive(recipe(tmp_path)).write(chunk(0, 0, [*keyed(light_alerts(3)), (b"9", b"junk")]))
    folder.add(commit)
    folder.withdraw(commit)
    assert sorted(contents(tmp_path)) == before
    assert folder.coverage() == {}
    folder.close()


def test_repeated_records_are_left_out_but_covered(tmp_path):
    opened(tmp_path).close()
    commit = Archive(recipe(tmp_path)).write(chunk(0, 0, keyed(light_alerts(10))), {0: frozenset({3, 4})})
    assert (commit.rows, commit.duplicates_dropped, commit.first, commit.last) == (8, 2, 0, 9)
    assert len(ids(tmp_path)) == 8


@pytest.mark.parametrize("kind", FORMATS)
def test_a_topic_without_alerts_gives_a_file_with_columns(tmp_path, kind):
    folder = opened(tmp_path, label(kind, complete([], {0: 0})))
    folder.add(Archive(recipe(tmp_path, kind)).write_empty())
    assert [path.name for path in folder.files] == [f"empty.{kind}"]
    folder.close()
    if kind == "parquet":
        frame = pd.read_parquet(tmp_path)
        assert list(frame.columns) == ["diaSourceId", "band", "psfFlux", "reliability", "features"]
        assert len(frame) == 0
    again = opened(tmp_path, Label.read(tmp_path))
    assert (again.alerts, len(again.files), again.coverage()) == (0, 1, {})
    again.close()


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    def parts():
        yield b"first"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_durably(tmp_path / "a.parquet", parts())
    assert list(tmp_path.iterdir()) == []
    write_durably(tmp_path / "a.parquet", [b"first", memoryview(b"second")])
    assert (tmp_path / "a.parquet").read_bytes() == b"firstsecond"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(28, "disk is full; free some space"), (30, "read-only"), (13, "permissions"), (27, "ulimit")],
)
def test_disk_errors_name_the_folder_and_the_remedy(tmp_path, number, remedy):
    with pytest.raises(AlertferryError, match=remedy) as caught, storage_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert str(tmp_path) in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AlertferryError, match="cannot write to"):
        opened(tmp_path / "file" / "folder")


def test_commits_travel_as_plain_data(tmp_path):
    commit = deliver(tmp_path)[0]
    assert Commit.model_validate_json(commit.model_dump_json()) == commit


@pytest.mark.parametrize("file_format", FORMATS)
def test_nothing_but_alerts_is_in_the_folder_at_any_time(tmp_path, file_format):
    """Some readers open every file that they find: what is being written, and records, are beside the folder."""
    folder = opened(tmp_path / "alerts", label(file_format, manifest()))
    seen = []
    archive = Archive(recipe(folder.path, file_format))
    encode = archive._encoder.encode

    def watched(*args):
        encoded = encode(*args)
        for part in encoded.parts:
            part.content = _watched(part.content, folder.path, seen)
        return encoded

    archive._encoder.encode = watched
    commit = archive.write(chunk(0, 0, [*keyed(light_alerts(5)), (b"1", b"junk")]))
    assert seen
    assert not any(seen)
    assert [path.name for path in folder.path.iterdir()] == [commit.files[0].name]
    assert (folder.records / "_bad/p00-000000000005.bin").exists()
    folder.close()
    assert [path.name for path in folder.path.iterdir()] == [commit.files[0].name]


def _watched(content, folder, seen):
    for part in content:
        seen.append(list(folder.iterdir()))
        yield part


def as_version_0_1_0(path) -> None:
    """Lay a delivery out as the first version did: records in the folder itself."""
    for item in beside(path).iterdir():
        item.rename(path / item.name)
    beside(path).rmdir()


def test_folders_of_the_first_version_are_verified_and_resumed(tmp_path):
    path = tmp_path / "alerts"
    commits = deliver(path)
    as_version_0_1_0(path)
    assert verify(path).ok
    (path / commits[1].files[0].name).unlink()
    assert not verify(path).ok
    folder = opened(path, Label.read(path))
    assert folder.records == path
    assert folder.coverage() == {0: [Covered(0, 15), Covered(30, 45)], 3: [Covered(0, 15)]}
    messages = keyed(light_alerts(60))
    Archive(recipe(path)).write(chunk(0, 15, messages[15:30]))
    folder.close()
    assert verify(path).ok
    assert not beside(path).exists()
    assert finished(path, Label.read(path)) is not None


def test_records_are_in_the_folder_where_nothing_can_be_renamed_into_it(tmp_path, monkeypatch):
    """As where the folder is a disk of its own: readers that skip such names still open it."""
    path = tmp_path / "alerts"

    def refuse(self, target):
        raise OSError(18, "Invalid cross-device link")

    with monkeypatch.context() as patched:
        patched.setattr(type(path), "rename", refuse)
        folder = Folder(path, label(about=manifest()))
        with pytest.raises(
            AlertferryError
        ):  # nothing at all can be renamed here; where the records go is decided before
            folder.open(from_beginning=False)
        folder.close()
    assert folder.records == path
    assert not beside(path).exists()


def test_a_folder_that_was_removed_is_a_new_one(tmp_path):
    path = tmp_path / "alerts"
    deliver(path)
    shutil.rmtree(path)
    folder = opened(path, label("avro", manifest("other"), topic="other"))
    assert (folder.alerts, folder.label.topic) == (0, "other")
    folder.close()


def test_records_of_a_folder_that_was_moved_are_kept_and_prove_it(tmp_path):
    path = tmp_path / "alerts"
    for number in (1, 2):
        deliver(path)
        path.rename(tmp_path / f"old{number}")
        folder = opened(path, label(about=manifest("other"), topic="other"))
        assert folder.former == tmp_path / f"_alerts.records.{number}"
        assert judge.complete(folder).message.count(str(folder.former)) == 1
        folder.close()
        shutil.rmtree(path)
        folder.former.rename(beside(tmp_path / f"old{number}"))
        assert verify(tmp_path / f"old{number}").ok
        (tmp_path / "_alerts.records.1").mkdir(exist_ok=True)


def test_a_folder_removed_before_its_first_file_is_a_new_one(tmp_path):
    path = tmp_path / "alerts"
    opened(path).close()
    shutil.rmtree(path)
    folder = opened(path, label(about=manifest("other"), topic="other"))
    assert (folder.label.topic, folder.former) == ("other", None)
    assert [item.name for item in tmp_path.iterdir() if "records" in item.name] == ["_alerts.records"]
    folder.close()


def test_who_waits_for_records_that_are_put_aside_gets_those_that_are_there(tmp_path):
    path = tmp_path / "alerts"
    deliver(path)
    shutil.rmtree(path)
    lock = os.open(beside(path) / "_lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(opened, path)
        time.sleep(0.3)
        beside(path).rename(tmp_path / "aside")
        beside(path).mkdir()
        os.close(lock)
        folder = waiting.result()
    assert os.path.samestat(os.fstat(folder.lock), (folder.records / "_lock").stat())
    folder.close()


@pytest.mark.parametrize("name", ["", "a" * 247, "ä" * 124], ids=["root", "long", "long-in-bytes"])
def test_records_are_in_a_folder_beside_which_none_can_be(tmp_path, name):
    path = tmp_path / name if name else Path("/")
    assert beside(path) is None
    assert records_folder(path) == path
    if not name:
        with pytest.raises(UsageError, match=r"/ has no receipt: there is no _receipt\.json in it"):
            verify(path)
        return
    deliver(path)
    assert (path / "_job.json").is_file()
    assert verify(path).ok
    opened(path, Label.read(path)).close()
    assert verify(path).ok


def test_a_folder_without_its_records_says_where_they_were(tmp_path):
    deliver(tmp_path / "alerts")
    (tmp_path / "alerts").rename(tmp_path / "moved")
    with pytest.raises(UsageError, match=r"_moved\.records.*beside it"):
        verify(tmp_path / "moved")
    beside(tmp_path / "alerts").rename(beside(tmp_path / "moved"))
    assert verify(tmp_path / "moved").ok


def test_a_folder_whose_link_leads_in_a_circle_has_a_name(tmp_path):
    """It is refused when it is opened, by one sentence: not when its name is asked for."""
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    assert beside(circle).parent == tmp_path

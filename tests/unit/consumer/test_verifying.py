"""`verify` finds every planted defect and names the file."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alertferry.consumer import evidence, repeats, verify
from alertferry.consumer.archive import Archive
from alertferry.consumer.commits import commits_folder
from alertferry.consumer.folder import Folder, Label
from alertferry.consumer.partitioning import Partitioning
from alertferry.consumer.records import records_folder
from alertferry.core.errors import AlertferryError, UsageError
from tests.another_user import open_folder, unprivileged
from tests.delivered import chunk, complete, deliver, label, manifest, recipe
from tests.publishing import FIRST_ID, keyed, light_alerts

FORMATS = ["parquet", "avro"]
FIRST, SECOND, THIRD, LAST = (
    "p00-000000000000-000000000014",
    "p00-000000000015-000000000029",
    "p00-000000000030-000000000044",
    "p03-000000000000-000000000014",
)


def only_problem(found, *words):
    assert not found.ok
    assert len(found.problems) == 1, found.problems
    for word in words:
        assert word in found.problems[0]


@pytest.mark.parametrize("alert_id", ["diaSourceId", None])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_good_folder(tmp_path, kind, alert_id):
    deliver(tmp_path, kind, alert_id=alert_id)
    found = verify(tmp_path)
    assert (found.ok, found.alerts, found.missing, found.duplicates) == (True, 60, 0, 0)
    assert found.digest_ok is True
    assert found.problems == ()
    assert str(found) == f"60 alerts in {tmp_path}: complete, each once, ids as in the receipt"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_temporary_folder_says_nothing_of_the_files(tmp_path, kind, monkeypatch):
    deliver(tmp_path / "alerts", kind)
    monkeypatch.setattr(repeats, "HELD_BYTES", 1)
    opening = partial(Path.open, Path("/dev/full"), "r+b", buffering=0)
    monkeypatch.setattr(repeats.tempfile, "TemporaryFile", lambda **_: opening())
    with pytest.raises(AlertferryError, match=r"cannot write to .*: the disk is full"):
        verify(tmp_path / "alerts")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_the_disk_refuses_is_named(tmp_path, kind, monkeypatch):
    deliver(tmp_path, kind)
    refused = sorted(tmp_path.glob(f"*.{kind}"))[0]

    def checksum(path):
        if path == refused:
            raise OSError(5, "Input/output error")
        return known(path)

    known = evidence.checksum
    monkeypatch.setattr(evidence, "checksum", checksum)
    found = verify(tmp_path)
    assert not found.ok
    assert f"{refused.name}: cannot be read (Input/output error); see to that" in found.problems[0]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_is_cut_short_is_told_in_plain_words(tmp_path, kind):
    deliver(tmp_path, kind)
    victim = tmp_path / f"{SECOND}.{kind}"
    whole = victim.stat().st_size
    os.truncate(victim, whole - 7)
    said = f"cannot be read: {whole - 7:,} of its {whole:,} bytes are there; remove it and consume the topic again"
    assert verify(tmp_path).problems == (f"{victim.name}: {said}",)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_opened(tmp_path, kind, make):
    deliver(tmp_path, kind)
    victim = tmp_path / f"{SECOND}.{kind}"
    victim.unlink()
    make(victim)
    only_problem(verify(tmp_path), f"{victim.name}: cannot be read: it is ", "; remove it and consume")


def test_what_this_user_may_not_read_is_named():
    with open_folder() as place:
        folder = place / "alerts"
        deliver(folder)
        assert verify(folder).ok
        folder.chmod(0o755)
        (folder / f"{SECOND}.parquet").chmod(0)
        with unprivileged():
            found = verify(folder)
        only_problem(found, f"{SECOND}.parquet: cannot be read (Permission denied); see to that")
        (folder / "sub").mkdir(0)
        with (
            unprivileged(),
            pytest.raises(UsageError, match=r"alerts/sub cannot be read \(Permission denied\); see to"),
        ):
            verify(folder)
        folder.chmod(0)
        with unprivileged(), pytest.raises(UsageError, match=r"cannot be read \(Permission denied\)"):
            verify(folder / "sub")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_missing_file(tmp_path, kind):
    deliver(tmp_path, kind)
    (tmp_path / f"{SECOND}.{kind}").unlink()
    found = verify(tmp_path)
    only_problem(found, SECOND, "missing", "15 alerts")
    assert (found.alerts, found.missing, found.duplicates, found.digest_ok) == (45, 15, 0, False)
    assert str(found).endswith(": 15 missing, ids are not those of the receipt, 1 problem")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["copy", "p09-000000000000-000000000014", "sub/copy"])
def test_a_copied_file(tmp_path, kind, name):
    deliver(tmp_path, kind)
    (tmp_path / "sub").mkdir()
    shutil.copy(tmp_path / f"{SECOND}.{kind}", tmp_path / f"{name}.{kind}")
    found = verify(tmp_path)
    only_problem(found, f"{name}.{kind}", f"a copy of {SECOND}.{kind}")
    assert (found.alerts, found.missing, found.duplicates) == (75, 0, 15)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_renamed_file(tmp_path, kind):
    deliver(tmp_path, kind)
    (tmp_path / f"{SECOND}.{kind}").rename(tmp_path / f"mine.{kind}")
    found = verify(tmp_path)
    assert not found.ok
    assert any(SECOND in problem and "missing" in problem for problem in found.problems)
    assert any(problem.startswith(f"mine.{kind}") for problem in found.problems)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_flipped_byte(tmp_path, kind, place):
    deliver(tmp_path, kind, count=400)
    [victim] = tmp_path.glob(f"p03-*.{kind}")
    data = bytearray(victim.read_bytes())
    data[int(len(data) * place)] ^= 0x10
    victim.write_bytes(data)
    only_problem(verify(tmp_path), victim.name, "bytes are not those")


def test_a_row_less_in_a_rewritten_file(tmp_path):
    deliver(tmp_path)
    victim = tmp_path / f"{THIRD}.parquet"
    table = pq.read_table(victim)
    pq.write_table(table.slice(1), victim)
    found = verify(tmp_path)
    only_problem(found, THIRD, "holds 14 alerts, but 15 were committed")
    assert (found.alerts, found.missing) == (59, 1)


def test_a_row_less_in_a_rewritten_container(tmp_path):
    deliver(tmp_path, "avro")
    victim = tmp_path / f"{THIRD}.avro"
    with victim.open("rb") as stream:
        reader = fastavro.reader(stream)
        schema, rows = reader.writer_schema, list(reader)
    with victim.open("wb") as stream:
        fastavro.writer(stream, schema, rows[1:])
    found = verify(tmp_path)
    only_problem(found, THIRD, "holds 14 alerts, but 15 were committed")
    assert (found.alerts, found.missing, found.digest_ok) == (59, 1, False)


@pytest.mark.parametrize("defect", ["missing", "copy", "byte"])
def test_defects_in_folders_by_value(tmp_path, defect):
    messages = keyed(light_alerts(60))
    divided = Partitioning("band", "band", ("by_band",))
    folder = Folder(tmp_path, label(about=complete(messages, {0: 60}), partition_by="band"))
    folder.open(False)
    folder.close()
    Archive(recipe(tmp_path, partitioning=divided)).write(chunk(0, 0, messages))
    assert verify(tmp_path).ok
    victim = next((tmp_path / "by_band=g").iterdir())
    rows = pq.read_metadata(victim).num_rows
    if defect == "missing":
        victim.unlink()
    elif defect == "copy":
        shutil.copy(victim, tmp_path / "by_band=r" / "again.parquet")
    else:
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 0x10
        victim.write_bytes(data)
    found = verify(tmp_path)
    only_problem(found, "by_band=")
    assert found.missing in {"missing": (rows,), "copy": (0,), "byte": (0, rows)}[defect]
    assert found.duplicates == (rows if defect == "copy" else 0)


def test_a_changed_id_in_a_rewritten_file_with_its_commit_forged(tmp_path):
    commits = deliver(tmp_path)
    victim = tmp_path / f"{LAST}.parquet"
    table = pq.read_table(victim)
    changed = [FIRST_ID + 999, *table["diaSourceId"].to_pylist()[1:]]
    pq.write_table(table.set_column(0, table.schema.field(0), [pa.array(changed, pa.int64())]), victim)
    record = commits_folder(records_folder(tmp_path)) / commits[-1].name
    data = json.loads(record.read_text())
    from alertferry.consumer.durable import checksum

    data["files"][0] |= {"checksum": checksum(victim), "bytes": victim.stat().st_size}
    record.write_text(json.dumps(data))
    found = verify(tmp_path)
    assert not found.ok
    assert found.digest_ok is False
    assert "alert ids differ" in found.problems[0]


def test_files_of_two_topics(tmp_path):
    deliver(tmp_path / "a")
    deliver(tmp_path / "b")
    Archive(recipe(tmp_path / "b", topic="another")).write(chunk(5, 0, keyed(light_alerts(7, FIRST_ID + 500))))
    shutil.copy(tmp_path / "b/p05-000000000000-000000000006.parquet", tmp_path / "a")
    found = verify(tmp_path / "a")
    only_problem(found, "p05-000000000000-000000000006.parquet", "topic another")
    assert (found.alerts, found.missing, found.duplicates) == (67, 0, 0)


def test_a_file_replaced_by_one_of_another_topic(tmp_path):
    deliver(tmp_path)
    (tmp_path / f"{FIRST}.parquet").unlink()
    other = Folder(tmp_path / "other", label(topic="another"))
    other.open(False)
    other.close()
    Archive(recipe(tmp_path / "other", topic="another")).write(chunk(0, 0, keyed(light_alerts(15))))
    shutil.copy(tmp_path / f"other/{FIRST}.parquet", tmp_path)
    shutil.rmtree(tmp_path / "other")
    only_problem(verify(tmp_path), FIRST, "topic another")


def test_a_foreign_file(tmp_path):
    deliver(tmp_path)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "mine.parquet")
    only_problem(verify(tmp_path), "mine.parquet", "was not committed")


def test_a_file_that_is_no_parquet(tmp_path):
    deliver(tmp_path)
    (tmp_path / f"{FIRST}.parquet").write_bytes(b"not parquet at all")
    only_problem(verify(tmp_path), FIRST, "cannot be read")


def test_a_damaged_commit_record(tmp_path):
    deliver(tmp_path)
    (commits_folder(records_folder(tmp_path)) / f"{FIRST}.json").write_text("{")
    found = verify(tmp_path)
    assert any(f"_commits/{FIRST}.json" in problem for problem in found.problems)


def test_offsets_that_were_never_fetched(tmp_path):
    deliver(tmp_path)
    (commits_folder(records_folder(tmp_path)) / f"{SECOND}.json").unlink()
    (tmp_path / f"{SECOND}.parquet").unlink()
    found = verify(tmp_path)
    only_problem(found, "partition 0, offsets 15 to 29", "consume the topic again")
    assert found.missing == 15


def test_bad_messages_are_not_forgotten(tmp_path):
    messages = keyed(light_alerts(10))
    damaged = [*messages[:9], (messages[9][0], b"junk")]
    folder = Folder(tmp_path, label(about=complete(messages, {0: 10})))
    folder.open(False)
    folder.close()
    Archive(recipe(tmp_path)).write(chunk(0, 0, damaged))
    found = verify(tmp_path)
    only_problem(found, "_bad", "1 messages")
    assert (found.alerts, found.missing, found.digest_ok) == (9, 0, True)


def test_a_job_that_has_not_finished(tmp_path):
    folder = Folder(tmp_path, label(about=manifest()))
    folder.open(False)
    folder.close()
    Archive(recipe(tmp_path)).write(chunk(0, 0, keyed(light_alerts(5))))
    found = verify(tmp_path)
    only_problem(found, "publishing", "consume the topic again")
    assert found.digest_ok is None


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_never_will_be_complete(tmp_path, state):
    folder = Folder(tmp_path, label(about=manifest(state=state)))
    folder.open(False)
    folder.close()
    only_problem(verify(tmp_path), f"(it is {state}); it never will be: submit the job again")


def test_a_topic_without_receipt_is_checked_for_damage_only(tmp_path):
    folder = Folder(tmp_path, label(about=None))
    folder.open(False)
    folder.close()
    Archive(recipe(tmp_path)).write(chunk(0, 0, keyed(light_alerts(5))))
    found = verify(tmp_path)
    assert (found.ok, found.alerts, found.digest_ok) == (True, 5, None)
    assert "no receipt" in str(found)
    (tmp_path / "p00-000000000000-000000000004.parquet").unlink()
    only_problem(verify(tmp_path), "p00-000000000000-000000000004", "missing")


def test_an_empty_topic(tmp_path):
    folder = Folder(tmp_path, label(about=complete([], {0: 0})))
    folder.open(False)
    folder.close()
    Archive(recipe(tmp_path)).write_empty()
    found = verify(tmp_path)
    assert (found.ok, found.alerts) == (True, 0)


def written(folder, count=60, alert_id="diaSourceId"):
    """A folder as a files job leaves it: Spark's part files and a receipt."""
    folder.mkdir(exist_ok=True)
    alerts = light_alerts(count)
    schema = pa.schema([("diaSourceId", pa.int64()), ("psfFlux", pa.float64())])
    for number in range(3):
        part = alerts[number * count // 3 : (number + 1) * count // 3]
        rows = [{name: row[name] for name in schema.names} for row in part]
        name = folder / f"part-0000{number}-abc-c000.zstd.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema), name, write_page_checksum=True)
    (folder / "_receipt.json").write_text(complete(keyed(alerts), {}, alert_id=alert_id).to_json())
    return sorted(folder.glob("*.parquet"))


def test_the_folder_of_a_files_job(tmp_path):
    written(tmp_path)
    found = verify(tmp_path)
    assert (found.ok, found.alerts, found.digest_ok) == (True, 60, True)


def test_defects_in_the_folder_of_a_files_job(tmp_path):
    first, second, _ = written(tmp_path / "missing")
    second.unlink()
    found = verify(tmp_path / "missing")
    assert (found.ok, found.alerts, found.missing) == (False, 40, 20)
    first, *_ = written(tmp_path / "copy")
    shutil.copy(first, first.with_name("again.parquet"))
    found = verify(tmp_path / "copy")
    assert (found.missing, found.duplicates) == (0, 20)
    assert "a copy of" in found.problems[0]
    first, *_ = written(tmp_path / "foreign")
    pq.write_table(pa.table({"x": [1]}), first.with_name("mine.parquet"))
    only_problem(verify(tmp_path / "foreign"), "mine.parquet", "other columns")
    first, *_ = written(tmp_path / "row")
    pq.write_table(pq.read_table(first).slice(1), first)
    found = verify(tmp_path / "row")
    assert (found.alerts, found.missing) == (59, 1)
    assert "receipt names 60" in found.problems[0]


def test_a_row_that_is_there_twice_in_another_file(tmp_path):
    first, second, _ = written(tmp_path)
    table = pq.read_table(second)
    pq.write_table(pa.concat_tables([pq.read_table(first), table.slice(0, 2)]), first)
    found = verify(tmp_path)
    assert (found.alerts, found.missing, found.duplicates, found.digest_ok) == (62, 0, 2, False)


def test_a_flipped_byte_in_the_folder_of_a_files_job(tmp_path):
    first, *_ = written(tmp_path)
    chunk_info = pq.read_metadata(first).row_group(0).column(1)
    data = bytearray(first.read_bytes())
    data[chunk_info.data_page_offset + chunk_info.total_compressed_size // 2] ^= 0x10
    first.write_bytes(data)
    found = verify(tmp_path)
    assert not found.ok
    assert first.name in found.problems[0]


def test_a_packet_without_alert_id_is_counted(tmp_path):
    written(tmp_path, alert_id=None)
    found = verify(tmp_path)
    assert found.ok
    assert "not compared" in str(found)


def test_folders_that_nobody_wrote(tmp_path):
    with pytest.raises(UsageError, match="nothing to compare"):
        verify(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        verify(tmp_path / "absent")
    (tmp_path / "_receipt.json").write_text("{}")
    with pytest.raises(UsageError, match="not a receipt"):
        verify(tmp_path)


def test_importing_the_consumer_is_light():
    heavy = ("pyarrow", "polars", "confluent_kafka", "pyspark", "numpy", "pandas", "panel", "pluggy", "fastavro")
    code = f"import sys, alertferry.consumer; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_label_of_a_delivery_is_read_back(tmp_path):
    deliver(tmp_path)
    assert Label.read(tmp_path).receipt is not None

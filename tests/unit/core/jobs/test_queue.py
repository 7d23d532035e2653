"""The queue with real processes and a real database file, without Spark."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest

from alertferry.core.errors import UsageError
from alertferry.core.jobs.entry import Context, handle_text
from alertferry.core.jobs.events import EVENTS_FILE
from alertferry.core.jobs.processes import Process, process_of, this_process
from alertferry.core.jobs.retention import sweep
from alertferry.core.steps import Handle
from tests.small_jobs import small_job
from tests.waiting import PATIENCE_SECONDS, until

LOOKS = """
import os, time
from alertferry.core.jobs.queue import Queue
from alertferry.core.jobs.store import Store
from alertferry.core.registry import default_registry
from alertferry.core.settings import load_settings
settings = load_settings()
queue = Queue(Store.open(settings), settings, default_registry())
(settings.home / f"ready-{os.getpid()}").touch()
while len(list(settings.home.glob("ready-*"))) < 3:
    time.sleep(0.001)
while queue.store.newest(states=("queued", "starting", "running")):
    queue.look()
"""


def look_until_over(installation, job_id):
    def look():
        installation.queue.look()
        record = installation.queue.store.get(job_id).record
        return record if record.over else None

    return until(look)


def running(installation, job_id):
    """Look until the job's script runs, and return its entry."""

    def look():
        installation.queue.look()
        entry = installation.queue.store.get(job_id)
        return entry if entry.record.state == "running" else None

    return until(look)


def test_a_job_goes_from_queued_to_complete(installation):
    submitted = installation.submit()
    assert (submitted.state, submitted.over, submitted.started) == ("queued", False, None)
    assert "def main(spark" in submitted.script
    record = look_until_over(installation, submitted.id)
    assert (record.state, record.alerts, record.bytes, record.destination) == ("complete", 7, 70, "file:/small")
    assert (record.exit_code, record.seconds, record.problems) == (0, 0.25, ())
    assert [step["alerts"] for step in record.steps] == [20, 7]
    assert record.receipt.alerts == 7
    assert record.submitted <= record.started <= record.ended
    assert record.progress["alerts_read"] == 10


def test_a_running_job_shows_how_far_it_is(installation):
    job_id = installation.submit("complete 30").id
    entry = running(installation, job_id)
    record = until(lambda: (found := installation.queue.show(entry)).progress and found)
    assert (record.state, record.progress["alerts_read"]) == ("running", 10)
    assert record.steps == ({"name": "lsst", "alerts": 20},)
    assert record.seconds > 0
    events, position = installation.queue.events(entry, 0)
    assert [event["event"] for event in events] == ["step", "progress"]
    assert installation.queue.events(entry, position) == ([], position)
    installation.queue.cancel(job_id)


def test_a_job_that_dies_is_failed_with_its_last_words(installation):
    record = look_until_over(installation, installation.submit("die").id)
    assert (record.state, record.exit_code, record.alerts) == ("failed", 1, None)
    assert "ended without a result" in record.reason
    assert record.steps == ({"name": "lsst", "alerts": 20},)


def test_a_job_that_finds_a_mistake_keeps_its_problems(installation):
    record = look_until_over(installation, installation.submit("refuse").id)
    assert (record.state, record.exit_code) == ("failed", 2)
    assert record.problems == ({"path": "output.fields[0]", "message": "no field 'x'"},)


def test_a_job_that_cannot_be_started_says_why(installation):
    job_id = installation.submit().id
    (installation.home / "jobs" / job_id).mkdir()  # the launcher will find its place taken
    installation.queue.look()
    record = installation.queue.store.get(job_id).record
    assert record.state == "failed"
    assert "FileExistsError" in record.reason


def test_an_unknown_launcher_is_refused_at_once(installation):
    with pytest.raises(UsageError, match="no launcher 'smal'; did you mean 'small'"):
        installation.queue.submit(small_job(), Context(working_folder="/"), owner=None, launcher="smal")
    assert installation.queue.store.newest() == []


def test_jobs_start_in_turn(installation):
    ids = [installation.submit("complete 0.05").id for _ in range(3)]
    for job_id in ids:
        look_until_over(installation, job_id)
    starts, ends = installation.lines("starts.txt"), installation.lines("ends.txt")
    assert [job for job, _ in starts] == ids
    assert all(ended <= started for (_, ended), (_, started) in zip(ends, starts[1:], strict=False))


def test_many_processes_start_each_job_once_and_never_too_many(installation, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_MAX_RUNNING_JOBS", "2")
    ids = {installation.submit("complete 0.1").id for _ in range(12)}
    lookers = [subprocess.Popen([sys.executable, "-c", LOOKS], stderr=subprocess.PIPE) for _ in range(2)]
    exec(LOOKS, {})
    said = [looker.communicate(timeout=PATIENCE_SECONDS)[1].decode() for looker in lookers]
    assert [looker.returncode for looker in lookers] == [0] * 2, said
    starts, ends = installation.lines("starts.txt"), dict(installation.lines("ends.txt"))
    assert sorted(job for job, _ in starts) == sorted(ids)
    for _, moment in starts:
        assert sum(begun <= moment < ends[job] for job, begun in starts) <= 2
    assert {entry.record.state for entry in installation.queue.store.newest()} == {"complete"}


def test_a_queued_job_is_cancelled_without_being_started(installation):
    job_id = installation.submit().id
    assert installation.queue.cancel(job_id).state == "cancelled"
    installation.queue.look()
    assert installation.lines("starts.txt") == []
    assert installation.queue.cancel(job_id).state == "cancelled"


def test_a_running_job_is_stopped_and_says_so(installation):
    entry = running(installation, installation.submit("complete 30").id)
    record = installation.queue.cancel(entry.record.id)
    assert (record.state, record.reason) == ("cancelled", "the job was cancelled")
    assert not psutil.pid_exists(entry.handle.details["pid"])
    assert not installation.lines("ends.txt")


def test_a_job_deaf_to_signals_is_ended(installation):
    entry = running(installation, installation.submit("stubborn 30").id)
    record = installation.queue.cancel(entry.record.id)
    assert (record.state, record.reason) == ("cancelled", "it was cancelled")
    assert not psutil.pid_exists(entry.handle.details["pid"])


def test_cancelling_what_is_over_changes_nothing(installation):
    record = look_until_over(installation, installation.submit().id)
    assert installation.queue.cancel(record.id) == record


def test_whoever_starts_a_job_may_die_before_saying_so(installation):
    """The process is found again by its script, or the job goes back into the queue."""
    submitted, lost = installation.submit("complete 1"), installation.submit()
    entry = running(installation, submitted.id)
    gone = Process(host=this_process().host, pid=2**22 + 1, birth="never").model_dump_json()
    store = installation.queue.store
    (entry.handle.folder / "handle.json").unlink()
    store.change(submitted.id, ["running"], state="starting", handle=None, starter=gone)
    found = installation.queue.settle(store.get(submitted.id))
    assert found.handle.details == entry.handle.details
    assert look_until_over(installation, submitted.id).state == "complete"
    (installation.home / "jobs" / lost.id).mkdir(exist_ok=True)  # as far as it came
    store.change(lost.id, ["queued", "starting", "running"], state="starting", starter=gone, handle=None)
    assert look_until_over(installation, lost.id).state == "complete"


def test_who_recovers_a_job_late_leaves_it_alone(installation):
    """What one process has started again, another that saw it lost does not touch."""
    job_id, store = installation.submit("complete 30").id, installation.queue.store
    gone = Process(host=this_process().host, pid=2**22 + 1, birth="never").model_dump_json()
    store.change(job_id, ["queued"], state="starting", starter=gone)
    stale = store.get(job_id)
    entry = running(installation, job_id)
    (entry.handle.folder / "handle.json").unlink()
    assert installation.queue.settle(stale).record.state == "running"
    assert entry.handle.folder.exists()
    store.change(job_id, ["running"], state="starting", handle=None)
    assert installation.queue.settle(stale).starter == this_process()
    assert entry.handle.folder.exists()
    store.change(job_id, ["starting"], handle=handle_text(entry.handle))
    installation.queue.cancel(job_id)


def test_after_a_restart_of_the_machine_a_lost_job_is_found_and_a_finished_one_is_complete(installation):
    """No process of before is there; what the job wrote last decides."""
    store = installation.queue.store
    folders = {}
    for name in ("lost", "finished"):
        job_id = installation.submit(name).id
        folders[job_id] = installation.home / "jobs" / job_id
        folders[job_id].mkdir(parents=True)
        (folders[job_id] / "log.txt").write_text("java.lang.OutOfMemoryError: Java heap space\n")
        (folders[job_id] / EVENTS_FILE).write_text('{"event":"step","name":"lsst","alerts":20}\n')
        before = {"host": this_process().host, "pid": 4711, "birth": "another-start-of-this-machine:99"}
        handle = Handle(job_id, "small", folders[job_id], before)
        store.change(job_id, ["queued"], state="running", started=time.time() - 60, handle=handle_text(handle))
    lost, finished = folders
    receipt = '{"alerts":1,"bytes":2,"digest":"0","schema_fingerprint":"f","job_hash":"h"}'
    with (folders[finished] / EVENTS_FILE).open("a") as events:
        events.write(
            '{"event":"result","state":"complete","topic":null,"destination":"d","alerts":1,"bytes":2,'
            f'"seconds":3.5,"steps":[],"receipt":{receipt}}}\n'
        )
    installation.queue.look()
    assert store.get(finished).record.state == "complete"
    record = store.get(lost).record
    assert record.state == "failed"
    assert "OutOfMemoryError" in record.reason


def test_a_process_number_given_to_a_stranger_is_not_the_job(installation):
    job_id = installation.submit().id
    folder = installation.home / "jobs" / job_id
    folder.mkdir(parents=True)
    stranger = this_process().model_copy(update={"birth": "earlier:1"})
    handle = Handle(job_id, "small", folder, stranger.model_dump())
    installation.queue.store.change(job_id, ["queued"], state="running", handle=handle_text(handle))
    installation.queue.look()
    assert installation.queue.store.get(job_id).record.state == "failed"
    os.kill(os.getpid(), 0)  # and the stranger is unharmed


def test_a_job_on_another_machine_is_given_up_only_when_it_is_silent(installation):
    job_id = installation.submit().id
    folder = installation.home / "jobs" / job_id
    folder.mkdir(parents=True)
    for name in ("log.txt", EVENTS_FILE):
        (folder / name).write_text("")
    handle = Handle(job_id, "small", folder, {"host": "elsewhere", "pid": 1, "birth": "b"})
    installation.queue.store.change(job_id, ["queued"], state="running", handle=handle_text(handle))
    installation.queue.look()
    assert not installation.queue.store.get(job_id).record.over
    with pytest.raises(UsageError, match="runs on elsewhere; cancel it there"):
        installation.queue.cancel(job_id)
    for name in ("log.txt", EVENTS_FILE):
        os.utime(folder / name, (0, 0))
    installation.queue.look()
    assert installation.queue.store.get(job_id).record.state == "cancelled"


def test_a_job_that_a_command_waits_for_is_started_by_no_other_process(installation):
    waiter = subprocess.Popen(["sleep", "60"])
    try:
        reserved = installation.submit(waiter=process_of(waiter.pid)).id
        other = installation.submit().id
        assert look_until_over(installation, other).state == "complete"
        assert installation.queue.store.get(reserved).record.state == "queued"
    finally:
        waiter.send_signal(signal.SIGKILL)
        waiter.wait()
    installation.queue.look()
    record = installation.queue.store.get(reserved).record
    assert (record.state, record.reason) == ("cancelled", "the command that waited for its turn is gone")


def test_a_stop_that_was_asked_for_is_carried_out_though_the_asker_died(installation):
    entry = running(installation, installation.submit("complete 30").id)
    installation.queue.store.change(entry.record.id, ["running"], cancel_asked=time.time() - 120)
    installation.queue.look()
    assert installation.queue.store.get(entry.record.id).record.state == "cancelled"


def test_a_log_never_shows_a_secret(installation, monkeypatch):
    monkeypatch.setenv("ALERTFERRY_KAFKA_SASL_PASSWORD", "canary-9")
    record = look_until_over(installation, installation.submit().id)
    entry = installation.queue.store.get(record.id)
    assert "canary-9" in (entry.handle.folder / "log.txt").read_text()
    assert "small job" in installation.queue.log(entry, 10_000)
    assert "canary-9" not in installation.queue.log(entry, 10_000)
    assert not [file for file in installation.home.glob("jobs.sqlite*") if b"canary-9" in file.read_bytes()]


def test_a_user_who_submits_too_much_is_told_when_to_go_on(installation, monkeypatch):
    settings = installation.queue.settings.model_copy(update={"max_jobs_per_hour": 2})
    queue = replace(installation.queue, settings=settings)

    def submit(owner):
        return queue.submit(small_job(), Context(working_folder="/"), owner=owner, launcher="small")

    first = [submit("ann"), submit("ann")]
    with pytest.raises(UsageError, match=r"2 jobs were submitted within an hour.*submit this one in 60 min"):
        submit("ann")
    submit("bob")
    submit(None)
    submit(None)
    submit(None)
    queue.store.change(first[0].id, ["queued"], submitted=time.time() - 3601)
    assert submit("ann").owner == "ann"


def test_who_deletes_jobs_may_submit_no_more_of_them(installation):
    settings = installation.queue.settings.model_copy(update={"max_jobs_per_hour": 2})
    queue = replace(installation.queue, settings=settings)

    def submit():
        return queue.submit(small_job(), Context(working_folder="/"), owner="ann", launcher="small").id

    for job in (submit(), submit()):
        queue.cancel(job)
        queue.delete(queue.store.get(job))
    sweep(queue.store, settings, time.time())
    with pytest.raises(UsageError, match="2 jobs were submitted within an hour"):
        submit()
    sweep(queue.store, settings, time.time() + 3601)  # nothing of them is left
    assert queue.store.get(submit()).record.state == "queued"


def test_a_job_runs_for_its_owner(installation):
    for owner, expected in (("alice", "alice"), (None, None)):
        entry = installation.queue.store.get(installation.submit(owner=owner).id)
        assert installation.queue._settings_for(entry).spark_conf.get("spark.alertferry.owner") == expected


def test_submitting_side_by_side_does_not_raise_the_limit(installation):
    settings = installation.queue.settings.model_copy(update={"max_jobs_per_hour": 2})
    queue = replace(installation.queue, settings=settings)

    def submit(_):
        try:
            return queue.submit(small_job(), Context(working_folder="/"), owner="ann", launcher="small").id
        except UsageError:
            return None

    with ThreadPoolExecutor(8) as pool:
        assert len(list(filter(None, pool.map(submit, range(16))))) == 2
